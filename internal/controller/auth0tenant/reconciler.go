// Package auth0tenant reconciles Auth0Tenants: from a Secret to accepted credentials and a session.
package auth0tenant

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// Reconciler keeps a session with proven credentials for each Auth0Tenant, and tells whether it works.
type Reconciler struct {
	// Client reads from the cache.
	client.Client
	// Live reads from the API server: Secrets, and what decides about letting an Auth0Tenant go.
	Live client.Reader
	// Sessions of the Auth0Tenants.
	Sessions *tenant.Sessions
	// Installation says which Auth0Tenants may be used at all.
	Installation Installation
	// Namespaces are those whose ClientGrants are managed; none means all.
	Namespaces []string
	// Guard refuses writes to a tenant while the operator is not surely the leader; nil where there is no leader.
	Guard func() error
	// UserAgent of the requests.
	UserAgent string
	// Queue takes the Auth0Tenants that something else wakes, Grants the ClientGrants of an Auth0Tenant that changed.
	Queue, Grants *wake.Queue

	// Pending lists the ClientGrants of an Auth0Tenant that are gone, and whose access is still being ended.
	Pending func(types.NamespacedName) []types.NamespacedName
	// Begin is called before the first look at a tenant.
	Begin func()

	mu    sync.Mutex
	known map[types.NamespacedName]*knownTenant
}

// knownTenant is what the operator remembers of an Auth0Tenant between two reconciliations.
type knownTenant struct {
	uid        types.UID
	generation int64
	// fingerprint of the credentials that the session uses.
	fingerprint string
	// systemHosts are what the last token named as the tenant's own.
	systemHosts []string
	// excess are scopes of the last token that the operator has no use for.
	excess []string
	// proof is the last try to prove credentials.
	proof proof
	// request is the last value of the annotation, seen at asked; refresh is what Health.Completed is when it was answered.
	request string
	asked   time.Time
	refresh int
	// open says that there was a usable session the last time.
	open bool
}

// +kubebuilder:rbac:groups=auth0.clientgrants.dev,resources=auth0tenants,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=auth0.clientgrants.dev,resources=auth0tenants/status,verbs=patch

// Reconcile brings the session in line with the Auth0Tenant and its Secret, and the status with the session.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := &v1alpha1.Auth0Tenant{}
	if err := r.Get(ctx, req.NamespacedName, obj); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(ctx, req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	stored, obj := obj, obj.DeepCopy()
	known := r.knownOf(req.NamespacedName, obj)
	if s := r.Installation.check(obj); s != nil && !controllerutil.ContainsFinalizer(obj, v1alpha1.TenantFinalizer) {
		r.operatorIs(ctx, obj, "")
		r.tellGrants(ctx, req.NamespacedName, obj, known)
		return r.finish(ctx, obj, stored, known, s)
	}
	if !controllerutil.ContainsFinalizer(obj, v1alpha1.TenantFinalizer) {
		if !obj.DeletionTimestamp.IsZero() {
			r.operatorIs(ctx, obj, "")
			return ctrl.Result{}, nil
		}
		if err := r.hold(ctx, obj); err != nil {
			return r.notHeld(ctx, obj, stored, known, err)
		}
		stored = obj.DeepCopy()
	}
	s := r.session(ctx, obj, known)
	if !obj.DeletionTimestamp.IsZero() {
		inUse, err := r.finalize(ctx, obj)
		if inUse == nil || err != nil {
			return ctrl.Result{}, err
		}
		inUse.After = s.After
		if open := r.Sessions.Get(budget.Key(req.NamespacedName), string(obj.UID)); open == nil || !s.Ready && !open.Config().Dormant {
			inUse.Message += " They cannot be revoked now: " + s.Message
		}
		s = inUse
	}
	r.tellGrants(ctx, req.NamespacedName, obj, known)
	return r.finish(ctx, obj, stored, known, s)
}

// hold sets the finalizer: the Auth0Tenant is needed for as long as there is something to revoke.
func (r *Reconciler) hold(ctx context.Context, obj *v1alpha1.Auth0Tenant) error {
	before := obj.DeepCopy()
	controllerutil.AddFinalizer(obj, v1alpha1.TenantFinalizer)
	return r.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// notHeld deals with an Auth0Tenant to which the finalizer cannot be added. It is not used then, but whose application its
// Secret names has to be known to every other Auth0Tenant of the host.
func (r *Reconciler) notHeld(ctx context.Context, obj, stored *v1alpha1.Auth0Tenant, known *knownTenant, err error) (ctrl.Result, error) {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: outcome.ReplanAfter}, nil
	}
	_, _ = r.credentials(ctx, stored)
	r.tellGrants(ctx, client.ObjectKeyFromObject(obj), stored, known)
	told := outcome.Stalled(v1alpha1.ReasonAPIUnavailable, "The Kubernetes API server refuses the operator's finalizer on this object: %s", err)
	if _, failed := r.finish(ctx, stored.DeepCopy(), stored, known, told); failed != nil {
		return ctrl.Result{}, failed
	}
	return ctrl.Result{}, err
}

// finish writes the status, if it changed.
func (r *Reconciler) finish(ctx context.Context, obj, stored *v1alpha1.Auth0Tenant, known *knownTenant, s *outcome.Outcome,
) (ctrl.Result, error) {
	status.Conditions{List: &obj.Status.Conditions, Generation: obj.Generation}.Set(&s.State)
	obj.Status.ObservedGeneration = obj.Generation
	r.answer(obj, known)
	if !equality.Semantic.DeepEqual(obj.Status, stored.Status) {
		patch := client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})
		err := r.Status().Patch(ctx, obj, patch)
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: outcome.ReplanAfter}, nil
		}
		if err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	return ctrl.Result{RequeueAfter: s.After}, nil
}

// answer starts the refresh that the annotation asks for, and answers it in the status when it came to its end.
func (r *Reconciler) answer(obj *v1alpha1.Auth0Tenant, known *knownTenant) {
	request := obj.Annotations[v1alpha1.ReconcileRequestAnnotation]
	if request == "" || request == obj.Status.LastHandledReconcileAt {
		return
	}
	session := r.Sessions.Get(budget.Key(client.ObjectKeyFromObject(obj)), string(obj.UID))
	if session == nil || session.Config().Dormant {
		obj.Status.LastHandledReconcileAt = request
		return
	}
	if known.request != request {
		known.request, known.asked, known.refresh = request, time.Now(), session.Refresh()
	}
	if health := session.Health(); health.Completed >= known.refresh || health.Failed.After(known.asked) {
		obj.Status.LastHandledReconcileAt = request
	}
}

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

// tellGrants wakes the ClientGrants of an Auth0Tenant when its spec or whether it can be used changed.
func (r *Reconciler) tellGrants(ctx context.Context, key types.NamespacedName, obj *v1alpha1.Auth0Tenant, known *knownTenant) {
	r.Sessions.SetTried(budget.Key(key), string(obj.UID))
	session := r.Sessions.Get(budget.Key(key), string(obj.UID))
	open := session != nil && !session.Config().Dormant
	if known.generation == obj.Generation && known.open == open {
		return
	}
	known.generation, known.open = obj.Generation, open
	r.grants().wake(ctx, key)
}

// forget ends the session of an Auth0Tenant that is gone.
func (r *Reconciler) forget(ctx context.Context, key types.NamespacedName) {
	r.Sessions.Close(budget.Key(key))
	r.Sessions.SetTried(budget.Key(key), "")
	r.mu.Lock()
	delete(r.known, key)
	metrics.Stop(key)
	r.mu.Unlock()
	r.grants().wake(ctx, key)
	switch was := r.Sessions.ForgetOperator(budget.Key(key)); {
	case was == tenant.Operator{}:
		r.grants().wakeAll(ctx) // It went before anybody looked: who waits to know its application is not known.
	case was.ClientID != "":
		r.grants().wakeHost(ctx, was.Host)
	}
}

func (r *Reconciler) knownOf(key types.NamespacedName, obj *v1alpha1.Auth0Tenant) *knownTenant {
	r.mu.Lock()
	known := r.known[key]
	remade := known != nil && known.uid != obj.UID
	if known == nil || remade {
		known = &knownTenant{uid: obj.UID}
		r.known[key] = known
	}
	r.mu.Unlock()
	if remade {
		r.Sessions.Close(budget.Key(key)) // Deleted and made again before anybody looked.
	}
	return known
}

// SetupWithManager registers the reconciler with its watches.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.known = map[types.NamespacedName]*knownTenant{}
	if err := cached.IndexAuth0Tenants(mgr); err != nil {
		return err
	}
	changed := predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	secrets, err := r.secrets(mgr)
	if err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("auth0tenant").
		For(&v1alpha1.Auth0Tenant{}, builder.WithPredicates(changed)).
		WatchesRawSource(secrets).
		WatchesRawSource(r.Queue.Source()).
		WithOptions(wake.Options(tenantWorkers)).
		Complete(r)
}

// tenantWorkers is the number of Auth0Tenants that are reconciled at once: one that does not answer must not keep the
// others.
const tenantWorkers = 8

// usersOf returns the Auth0Tenants that use a Secret.
func (r *Reconciler) usersOf(ctx context.Context, secret client.Object) []reconcile.Request {
	users := &v1alpha1.Auth0TenantList{}
	err := r.List(ctx, users, client.InNamespace(secret.GetNamespace()), client.MatchingFields{cached.IndexSecret: secret.GetName()})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Auth0Tenants of a Secret")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(users.Items))
	for i := range users.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&users.Items[i])})
	}
	return requests
}
