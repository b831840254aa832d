// Package auth0tenant reconciles Auth0Tenants: it keeps a session with credentials that Auth0 accepts for each, and tells
// whether it works.
package auth0tenant

import (
	"cmp"
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// Reconciler keeps the sessions of Auth0Tenants, and their status.
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
	// Events tells of changes; it may lose them.
	Events events.EventRecorder
	// Queue takes the Auth0Tenants that something else wakes, Grants the ClientGrants of an Auth0Tenant that changed.
	Queue, Grants *wake.Queue

	// Pending lists the ClientGrants of an Auth0Tenant that are gone, and whose access is still being ended.
	Pending func(types.NamespacedName) []types.NamespacedName
	// Begin is called before the first look at a tenant.
	Begin func()

	// turns are those of the passes; tokens are asked for outside of them.
	turns *wake.Turns

	mu    sync.Mutex
	known map[types.NamespacedName]*knownTenant
}

// knownTenant is what the operator remembers of an Auth0Tenant between two reconciliations.
type knownTenant struct {
	uid        types.UID
	generation int64
	// fingerprint of the credentials that the session uses, clientID the application.
	fingerprint, clientID string
	// proof is what was found out about the credentials that the session uses.
	proof proof
	// systemHosts are what the last token named as the tenant's own.
	systemHosts []string
	// excess are scopes of the last token that the operator has no use for.
	excess []string
	// backoff is the last attempt to authenticate.
	backoff backoff
	// request is the last value of the annotation, seen at asked; refresh is what Health.Completed is when it was answered.
	request string
	asked   time.Time
	refresh int
	// open says that there was a usable session the last time, failing that it told of refreshes that fail.
	open, failing bool
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
	r.recall(obj)
	if s := r.Installation.check(obj); s != nil && !controllerutil.ContainsFinalizer(obj, v1alpha1.TenantFinalizer) {
		r.tellGrants(ctx, req.NamespacedName, obj, known)
		return r.finish(ctx, obj, stored, known, s)
	}
	if !controllerutil.ContainsFinalizer(obj, v1alpha1.TenantFinalizer) {
		if !obj.DeletionTimestamp.IsZero() {
			return ctrl.Result{}, nil
		}
		if err := r.hold(ctx, obj); err != nil {
			return r.notHeld(ctx, req.NamespacedName, stored, known, err)
		}
		stored = obj.DeepCopy()
	}
	s := r.session(ctx, obj, known)
	if !obj.DeletionTimestamp.IsZero() {
		inUse, err := r.finalize(ctx, obj)
		if inUse == nil || err != nil {
			return ctrl.Result{}, err
		}
		inUse.After = cmp.Or(inUse.After, s.After)
		if inUse.Reason != v1alpha1.ReasonInUse {
			return r.finish(ctx, obj, stored, known, inUse)
		}
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

// notHeld deals with an Auth0Tenant to which the finalizer cannot be added. It is not used then.
func (r *Reconciler) notHeld(ctx context.Context, key types.NamespacedName, stored *v1alpha1.Auth0Tenant, known *knownTenant, err error,
) (ctrl.Result, error) {
	if apierrors.IsNotFound(err) {
		return ctrl.Result{RequeueAfter: outcome.ReplanAfter}, nil
	}
	r.tellGrants(ctx, key, stored, known)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: outcome.ReplanAfter}, nil
	}
	told := outcome.Waiting(v1alpha1.ReasonAPIUnavailable, "The Kubernetes API server does not take the operator's finalizer on this object: %s", err)
	told.Stalled, told.KeepsReady = lasting(err), !lasting(err)
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
	if operator, known := r.Sessions.Operator(budget.Key(client.ObjectKeyFromObject(obj)), string(obj.UID)); known {
		obj.Status.Accepted = &v1alpha1.AcceptedCredentials{ClientID: operator.ClientID, Host: operator.Host}
	}
	r.answer(obj, known, s)
	if !equality.Semantic.DeepEqual(obj.Status, stored.Status) {
		patch := client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})
		err := r.Status().Patch(ctx, obj, patch)
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: outcome.ReplanAfter}, nil
		}
		if err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
		r.tellChange(ctx, obj, stored)
	}
	r.tellRefresh(ctx, obj, known)
	return ctrl.Result{RequeueAfter: s.After}, nil
}

// answer starts the refresh that the annotation asks for, and answers it in the status when it came to its end. One that fails
// is tried again: it is answered only once it succeeds, or beside a condition that says that it cannot. What was refused since this
// pass looked at the session is told first, by the next one.
func (r *Reconciler) answer(obj *v1alpha1.Auth0Tenant, known *knownTenant, told *outcome.Outcome) {
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
	health := session.Health()
	if told.Ready && health.Suspect {
		return
	}
	completed := health.Completed >= known.refresh
	if completed {
		obj.Status.Unmanaged = unmanaged(session)
	}
	if completed || !told.Ready && health.Failed.After(known.asked) {
		obj.Status.LastHandledReconcileAt = request
	}
}

// unmanaged is what the last refresh found that no ClientGrant names; nil where it did not read the whole list.
func unmanaged(session *tenant.Session) *v1alpha1.UnmanagedGrants {
	found := session.Stats().Unmanaged
	if found == nil {
		return nil
	}
	return &v1alpha1.UnmanagedGrants{Count: int32(found.Count), Names: found.Names} //nolint:gosec // a tenant has no billions of grants
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
	r.mu.Lock()
	delete(r.known, key)
	metrics.Stop(key)
	r.mu.Unlock()
	r.grants().wake(ctx, key)
	if was := r.Sessions.ForgetTenant(budget.Key(key)); was.ClientID != "" {
		r.grants().wakeHost(ctx, was.Host) // Its application may be granted something now.
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

// recall takes up which credentials an earlier process saw accepted.
func (r *Reconciler) recall(obj *v1alpha1.Auth0Tenant) {
	key, uid := budget.Key(client.ObjectKeyFromObject(obj)), string(obj.UID)
	if _, known := r.Sessions.Operator(key, uid); !known && obj.Status.Accepted != nil {
		r.Sessions.SetOperator(key, tenant.Operator{UID: uid, Host: obj.ProvenHost(), ClientID: obj.Status.Accepted.ClientID})
	}
}

func (r *Reconciler) grants() grants {
	return grants{Reader: r.Client, queue: r.Grants, pending: r.Pending}
}
