package controller

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
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// TenantReconciler keeps a session with proven credentials for each Auth0Tenant, and tells whether it works.
type TenantReconciler struct {
	// Client reads from the cache.
	client.Client
	// Live reads from the API server: Secrets, and what decides about letting an Auth0Tenant go.
	Live client.Reader
	// Sessions of the Auth0Tenants.
	Sessions *tenant.Sessions
	// Policy says which Auth0Tenants may be used at all.
	Policy Policy
	// Namespaces are those whose ClientGrants are managed; none means all.
	Namespaces []string
	// Guard refuses writes to a tenant while the operator is not surely the leader; nil where there is no leader.
	Guard func() error
	// UserAgent of the requests.
	UserAgent string
	// Queue takes the Auth0Tenants that something else wakes, Grants the ClientGrants of an Auth0Tenant that changed.
	Queue, Grants *Queue

	// vanished are ClientGrants that no list has any more; memories is what is remembered of the others.
	vanished *vanished
	memories *memories

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
func (r *TenantReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := &v1alpha1.Auth0Tenant{}
	if err := r.Get(ctx, req.NamespacedName, obj); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(ctx, req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	stored, obj := obj, obj.DeepCopy()
	known := r.knownOf(req.NamespacedName, obj)
	if s := r.Policy.check(obj); s != nil && !controllerutil.ContainsFinalizer(obj, v1alpha1.TenantFinalizer) {
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
			return ctrl.Result{RequeueAfter: replanAfter}, client.IgnoreNotFound(ignoreConflict(err))
		}
		stored = obj.DeepCopy()
	}
	s := r.session(ctx, obj, known)
	if !obj.DeletionTimestamp.IsZero() {
		inUse, err := r.finalize(ctx, obj)
		if inUse == nil || err != nil {
			return ctrl.Result{}, err
		}
		inUse.after = s.after
		if open := r.Sessions.Get(tenant.Key(req.NamespacedName), string(obj.UID)); open == nil || !s.ready && !open.Config().Dormant {
			inUse.message += " They cannot be revoked now: " + s.message
		}
		s = inUse
	}
	r.tellGrants(ctx, req.NamespacedName, obj, known)
	return r.finish(ctx, obj, stored, known, s)
}

// hold sets the finalizer: the Auth0Tenant is needed for as long as there is something to revoke.
func (r *TenantReconciler) hold(ctx context.Context, obj *v1alpha1.Auth0Tenant) error {
	before := obj.DeepCopy()
	controllerutil.AddFinalizer(obj, v1alpha1.TenantFinalizer)
	return r.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// finish writes the status, if it changed.
func (r *TenantReconciler) finish(ctx context.Context, obj, stored *v1alpha1.Auth0Tenant, known *knownTenant, s *state,
) (ctrl.Result, error) {
	conditions{&obj.Status.Conditions, obj.Generation}.set(s)
	obj.Status.ObservedGeneration = obj.Generation
	r.answer(obj, known)
	if !equality.Semantic.DeepEqual(obj.Status, stored.Status) {
		patch := client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})
		err := r.Status().Patch(ctx, obj, patch)
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: replanAfter}, nil
		}
		if err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	return ctrl.Result{RequeueAfter: s.after}, nil
}

// answer starts the refresh that the annotation asks for, and answers it in the status when it came to its end.
func (r *TenantReconciler) answer(obj *v1alpha1.Auth0Tenant, known *knownTenant) {
	request := obj.Annotations[v1alpha1.ReconcileRequestAnnotation]
	if request == "" || request == obj.Status.LastHandledReconcileAt {
		return
	}
	session := r.Sessions.Get(tenant.Key(client.ObjectKeyFromObject(obj)), string(obj.UID))
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
func (r *TenantReconciler) finalize(ctx context.Context, obj *v1alpha1.Auth0Tenant) (*state, error) {
	key := client.ObjectKeyFromObject(obj)
	cached, err := r.grantsOf(ctx, key)
	if err != nil {
		return nil, err
	}
	count, first := users(cached, key)
	if count < manyUsers { // The cache lags behind; of many, some are there still, and each wakes this object when it goes.
		if count, first, err = r.liveUsers(ctx, key); err != nil {
			return nil, err
		}
	}
	if count == 0 && len(r.vanished.of(key)) > 0 {
		return waiting(v1alpha1.ReasonInUse, "Grants of ClientGrants that are gone already are still being revoked."), nil
	}
	if count > 0 {
		return waiting(v1alpha1.ReasonInUse,
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
func (r *TenantReconciler) liveUsers(ctx context.Context, key types.NamespacedName) (count int, first string, err error) {
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
		if tenantKey(user) != key || !controllerutil.ContainsFinalizer(user, v1alpha1.ClientGrantFinalizer) {
			continue
		}
		if count++; first == "" {
			first = client.ObjectKeyFromObject(user).String()
		}
	}
	return count, first
}

// grantsOf lists the ClientGrants of an Auth0Tenant in the cache, to be read alone.
func (r *TenantReconciler) grantsOf(ctx context.Context, key types.NamespacedName) (*v1alpha1.ClientGrantList, error) {
	list := &v1alpha1.ClientGrantList{}
	return list, r.List(ctx, list, client.MatchingFields{indexTenant: key.String()}, client.UnsafeDisableDeepCopy)
}

// tellGrants wakes the ClientGrants of an Auth0Tenant when its spec or whether it can be used changed.
func (r *TenantReconciler) tellGrants(ctx context.Context, key types.NamespacedName, obj *v1alpha1.Auth0Tenant, known *knownTenant) {
	r.Sessions.SetTried(tenant.Key(key), string(obj.UID))
	session := r.Sessions.Get(tenant.Key(key), string(obj.UID))
	open := session != nil && !session.Config().Dormant
	if known.generation == obj.Generation && known.open == open {
		return
	}
	known.generation, known.open = obj.Generation, open
	r.wakeGrants(ctx, key)
}

// wakeHost wakes the ClientGrants of every Auth0Tenant of a host.
func (r *TenantReconciler) wakeHost(ctx context.Context, host string) {
	r.wakeWhere(ctx, func(obj *v1alpha1.Auth0Tenant) bool { return canonicalHost(obj) == host })
}

// wakeAll wakes those of every Auth0Tenant.
func (r *TenantReconciler) wakeAll(ctx context.Context) {
	r.wakeWhere(ctx, func(*v1alpha1.Auth0Tenant) bool { return true })
}

func (r *TenantReconciler) wakeWhere(ctx context.Context, concerned func(*v1alpha1.Auth0Tenant) bool) {
	tenants := &v1alpha1.Auth0TenantList{}
	if err := r.List(ctx, tenants); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Auth0Tenants")
		return
	}
	for i := range tenants.Items {
		if concerned(&tenants.Items[i]) {
			r.wakeGrants(ctx, client.ObjectKeyFromObject(&tenants.Items[i]))
		}
	}
}

func (r *TenantReconciler) wakeGrants(ctx context.Context, key types.NamespacedName) {
	users, err := r.grantsOf(ctx, key)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the ClientGrants of an Auth0Tenant")
		return
	}
	for i := range users.Items {
		r.Grants.AddLater(client.ObjectKeyFromObject(&users.Items[i]))
	}
	r.Grants.AddLater(r.vanished.of(key)...)
}

// forget ends the session of an Auth0Tenant that is gone.
func (r *TenantReconciler) forget(ctx context.Context, key types.NamespacedName) {
	r.Sessions.Close(tenant.Key(key))
	r.Sessions.SetTried(tenant.Key(key), "")
	r.mu.Lock()
	delete(r.known, key)
	stopCounting(key)
	r.mu.Unlock()
	r.wakeGrants(ctx, key)
	switch was := r.Sessions.ForgetOperator(tenant.Key(key)); {
	case was == tenant.Operator{}:
		r.wakeAll(ctx) // It went before anybody looked: who waits to know its application is not known.
	case was.ClientID != "":
		r.wakeHost(ctx, was.Host)
	}
}

func (r *TenantReconciler) knownOf(key types.NamespacedName, obj *v1alpha1.Auth0Tenant) *knownTenant {
	r.mu.Lock()
	known := r.known[key]
	remade := known != nil && known.uid != obj.UID
	if known == nil || remade {
		known = &knownTenant{uid: obj.UID}
		r.known[key] = known
	}
	r.mu.Unlock()
	if remade {
		r.Sessions.Close(tenant.Key(key)) // Deleted and made again before anybody looked.
	}
	return known
}

// SetupWithManager registers the reconciler with its watches.
func (r *TenantReconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.known = map[types.NamespacedName]*knownTenant{}
	extract := func(obj client.Object) []string {
		if found, ok := obj.(*v1alpha1.Auth0Tenant); ok {
			return []string{found.Spec.Credentials.SecretRef.Name}
		}
		return nil
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.Auth0Tenant{}, indexSecretName, extract); err != nil {
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
		WatchesRawSource(r.Queue.source()).
		WithOptions(queueOptions(tenantWorkers)).
		Complete(r)
}

// tenantWorkers is the number of Auth0Tenants that are reconciled at once: one that does not answer must not keep the
// others.
const tenantWorkers = 8

// usersOf returns the Auth0Tenants that use a Secret.
func (r *TenantReconciler) usersOf(ctx context.Context, secret client.Object) []reconcile.Request {
	users := &v1alpha1.Auth0TenantList{}
	err := r.List(ctx, users, client.InNamespace(secret.GetNamespace()), client.MatchingFields{indexSecretName: secret.GetName()})
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

func ignoreConflict(err error) error {
	if apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// interval of the refreshes of an Auth0Tenant.
func interval(obj *v1alpha1.Auth0Tenant) time.Duration {
	if obj.Spec.ResyncInterval == nil {
		return defaultInterval
	}
	return obj.Spec.ResyncInterval.Duration
}

const defaultInterval = 10 * time.Minute
