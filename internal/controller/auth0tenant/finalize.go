package auth0tenant

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
)

// lookAgain is how soon it is asked again whether the access of those that are gone has ended.
const lookAgain = time.Second

// manyUsers is how many ClientGrants are believed to be there without asking the API server for all of them.
const manyUsers = 20

// finalize lets an Auth0Tenant go once no ClientGrant owns a grant in it; until then it is needed to revoke them. It
// returns nil when it is gone.
func (r *Reconciler) finalize(ctx context.Context, obj *v1alpha1.Auth0Tenant) (*outcome.Outcome, error) {
	key := client.ObjectKeyFromObject(obj)
	cached, err := r.grants().of(ctx, key)
	if err != nil {
		return nil, err
	}
	count, first := users(cached, key)
	ending := len(r.Pending(key)) > 0
	if count < manyUsers { // The cache lags behind; of many, some are there still, and each wakes this object when it goes.
		live, name, served, err := r.liveUsers(ctx, key)
		if err != nil {
			return nil, err
		}
		ending = ending || served && count > 0 // Those that only the cache shows are gone, and their end was not looked at.
		count, first = live, name
	}
	if count == 0 && ending {
		inUse := outcome.Waiting(v1alpha1.ReasonInUse, "Grants of ClientGrants that are gone already are still being revoked.")
		inUse.After = lookAgain
		return inUse, nil
	}
	if count > 0 {
		what := "their grants are revoked. To keep the access instead, set spec.deletionPolicy to Orphan before that."
		if obj.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan {
			what = "their grants stay in the tenant (spec.deletionPolicy is Orphan)."
		}
		return outcome.Waiting(v1alpha1.ReasonInUse,
			"ClientGrants that own grants in this tenant: %d, such as %s. Delete them while this object waits: %s", count, first, what), nil
	}
	released := obj.DeepCopy()
	controllerutil.RemoveFinalizer(released, v1alpha1.TenantFinalizer)
	err = client.IgnoreNotFound(r.Patch(ctx, released, client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})))
	if err == nil || apierrors.IsConflict(err) {
		return nil, err
	}
	refused := outcome.Waiting(v1alpha1.ReasonAPIUnavailable, "The Kubernetes API server does not let the operator take its finalizer off this object: %s", err)
	refused.After = lastUnavailable
	return refused, nil
}

// liveUsers is users of what the API server has. One that does not serve the kind has none: its CRD was deleted, which
// ends only when the last ClientGrant is gone.
func (r *Reconciler) liveUsers(ctx context.Context, key types.NamespacedName) (count int, first string, served bool, err error) {
	namespaces := r.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		list := &v1alpha1.ClientGrantList{}
		err := r.Live.List(ctx, list, client.InNamespace(namespace))
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			return 0, "", false, nil
		}
		if err != nil {
			return 0, "", true, err
		}
		if more, name := users(list, key); more > 0 {
			count, first = count+more, name
		}
	}
	return count, first, true, nil
}

// users counts the ClientGrants that own grants in an Auth0Tenant, and names one of them. One whose finalizer was taken off owns
// its grant all the same: the finalizer is put back, or the grant is revoked when the object goes.
func users(list *v1alpha1.ClientGrantList, key types.NamespacedName) (count int, first string) {
	for i := range list.Items {
		user := &list.Items[i]
		owns := controllerutil.ContainsFinalizer(user, v1alpha1.ClientGrantFinalizer) || user.Status.Origin != "" && user.Status.GrantID != ""
		if user.TenantKey() != key || !owns {
			continue
		}
		if count++; first == "" {
			first = client.ObjectKeyFromObject(user).String()
		}
	}
	return count, first
}
