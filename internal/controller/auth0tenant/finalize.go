package auth0tenant

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
)

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
	if count < manyUsers { // The cache lags behind; of many, some are there still, and each wakes this object when it goes.
		if count, first, err = r.liveUsers(ctx, key); err != nil {
			return nil, err
		}
	}
	if count == 0 && len(r.Pending(key)) > 0 {
		return outcome.Waiting(v1alpha1.ReasonInUse, "Grants of ClientGrants that are gone already are still being revoked."), nil
	}
	if count > 0 {
		return outcome.Waiting(v1alpha1.ReasonInUse,
			"ClientGrants that own grants in this tenant: %d, such as %s. Delete them first; they are revoked while this object waits.",
			count, first), nil
	}
	before := obj.DeepCopy()
	controllerutil.RemoveFinalizer(obj, v1alpha1.TenantFinalizer)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return nil, client.IgnoreNotFound(r.Patch(ctx, obj, patch))
}

// liveUsers is users of what the API server has. One that does not know the kind has none: its CRD was deleted, which
// ends only when the last ClientGrant is gone.
func (r *Reconciler) liveUsers(ctx context.Context, key types.NamespacedName) (count int, first string, err error) {
	namespaces := r.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		list := &v1alpha1.ClientGrantList{}
		if err := r.Live.List(ctx, list, client.InNamespace(namespace)); err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			return 0, "", err
		}
		if more, name := users(list, key); more > 0 {
			count, first = count+more, name
		}
	}
	return count, first, nil
}

// users counts the ClientGrants that own grants in an Auth0Tenant, and names one of them.
func users(list *v1alpha1.ClientGrantList, key types.NamespacedName) (count int, first string) {
	for i := range list.Items {
		user := &list.Items[i]
		if user.TenantKey() != key || !controllerutil.ContainsFinalizer(user, v1alpha1.ClientGrantFinalizer) {
			continue
		}
		if count++; first == "" {
			first = client.ObjectKeyFromObject(user).String()
		}
	}
	return count, first
}
