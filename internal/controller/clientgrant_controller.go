// Package controller reconciles the two kinds: Auth0Tenant to a session with proven credentials, ClientGrant to a grant
// in the tenant.
package controller

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// ClientGrantReconciler makes the tenant hold what each ClientGrant says.
type ClientGrantReconciler struct {
	// Client reads from the cache.
	client.Client
	// Live reads from the API server: what is read there decides about writes to the tenant.
	Live client.Reader
	// Events tells of changes; it may lose them.
	Events events.EventRecorder
	// Sessions of the Auth0Tenants.
	Sessions *tenant.Sessions
	// Workers is the number of ClientGrants that are reconciled at once.
	Workers int
	// Namespaced says that nothing cluster-scoped may be read, and Auth0Tenants in TenantNamespaces alone.
	Namespaced       bool
	TenantNamespaces []string
	// Queue takes the ClientGrants that something else wakes.
	Queue *Queue
	// Tenants takes the Auth0Tenants that wait for a ClientGrant.
	Tenants *Queue

	memories *memories
	claims   *claims
	clients  clients
	vanished *vanished
	calls    atomic.Uint64
}

// pass is one reconciliation of one ClientGrant: the object and what was resolved for it.
type pass struct {
	*ClientGrantReconciler
	log logr.Logger
	key types.NamespacedName
	// obj is worked on; stored is what the API server has of it.
	obj, stored *v1alpha1.ClientGrant
	memory      *memory
	// tenant, session, permission and identity are set by resolve.
	tenant     *v1alpha1.Auth0Tenant
	session    *tenant.Session
	permission permission
	identity   grant.Identity
	// awaited says that another ClientGrant could own the grant.
	awaited bool
	// created tells of a grant that was made. It is an event once the status records the grant: a pass over an old
	// version of the object finds the grant again.
	created string
	// gone is set where the object is not there any more, and obj its last state.
	gone bool
	// leaving are the grants that the pass leaves in the tenant.
	leaving []leaving
	// attempt marks the next write to the tenant, in the audit log and in the tenant's own.
	attempt string
}

// +kubebuilder:rbac:groups=auth0.clientgrants.dev,resources=clientgrants,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=auth0.clientgrants.dev,resources=clientgrants/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one pass: what it finds out is written to the status once, at the end, beside the ownership record,
// which is written before what it speaks of.
func (r *ClientGrantReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.Sessions.EndPass(tenant.Key(req.NamespacedName))
	result, err := r.reconcile(ctx, req)
	if result.Priority == nil {
		result.Priority = new(priorityNow) // That of this pass is not the next one's.
	}
	return result, err
}

func (r *ClientGrantReconciler) reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if _, gone := nameOf(req.NamespacedName); gone {
		if l := r.vanished.at(req.NamespacedName); l != nil {
			return r.followUp(ctx, req.NamespacedName, l)
		}
		return ctrl.Result{}, nil
	}
	r.pursue(req.NamespacedName)
	obj := &v1alpha1.ClientGrant{}
	if err := r.Get(ctx, req.NamespacedName, obj); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.memories.isAnother(req.NamespacedName, obj.UID) {
		r.forget(req.NamespacedName) // Deleted and made again before anybody looked.
	}
	r.claims.refersTo(req.NamespacedName, tenantKey(obj), recordedBy(obj))
	p := &pass{
		ClientGrantReconciler: r, log: ctrl.LoggerFrom(ctx), key: req.NamespacedName,
		obj: obj.DeepCopy(), stored: obj, memory: r.memories.of(req.NamespacedName, obj),
	}
	p.memory.held = p.memory.held || p.hasFinalizer()
	if p.memory.isOld(obj.ResourceVersion) {
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	if obj.DeletionTimestamp.IsZero() {
		return p.finish(ctx, p.maintain(ctx))
	}
	if err := p.finalize(ctx); err != nil {
		return p.finish(ctx, p.held(err))
	}
	return p.finish(ctx, errReleased)
}

// patience is how long an object waits for its turn to call the tenant before its status tells: most waits are shorter, and
// every state that is told is a write.
const patience = 2 * time.Second

// outcome is what the pass has to tell.
func (p *pass) outcome(err error) *state {
	if !errors.Is(err, tenant.ErrParked) {
		p.memory.parked = time.Time{}
		return stateOf(err)
	}
	if p.memory.parked.IsZero() {
		p.memory.parked = time.Now()
	}
	if left := patience - time.Since(p.memory.parked); left > 0 {
		return &state{silent: true, after: left, later: true}
	}
	return stateOf(err)
}

// finish tells the outcome of the pass.
func (p *pass) finish(ctx context.Context, err error) (ctrl.Result, error) {
	s := p.outcome(err)
	gone := !p.obj.DeletionTimestamp.IsZero() && len(p.obj.Finalizers) == 0
	if !s.silent && !gone {
		conditions{&p.obj.Status.Conditions, p.obj.Generation}.set(p.told(s))
		p.obj.Status.ObservedGeneration = p.obj.Generation
		if p.record().Origin == "" && (s.stalled || p.tenant == nil) {
			p.obj.Status.Drift, p.obj.Status.ScopeCount = nil, nil // Of what is not ours nothing is told.
		}
		s.after = p.tellContested(s.after)
		if p.memory.request != "" {
			p.obj.Status.LastHandledReconcileAt = p.memory.request
		}
	}
	if !gone {
		if err := p.writeStatus(ctx); err != nil {
			if apierrors.IsConflict(err) {
				return ctrl.Result{RequeueAfter: replanAfter}, nil
			}
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	if p.created != "" {
		p.event(v1alpha1.EventCreated, "%s", p.created)
	}
	if s.retry {
		return ctrl.Result{}, cmp.Or(s.cause, err)
	}
	if s.later {
		return ctrl.Result{RequeueAfter: s.after, Priority: new(priorityLater)}, nil
	}
	return ctrl.Result{RequeueAfter: s.after}, nil
}

// writeStatus writes the status, if it changed, over the version that the pass began with: an object that somebody else
// wrote meanwhile is planned again.
func (p *pass) writeStatus(ctx context.Context) error {
	if equality.Semantic.DeepEqual(p.obj.Status, p.stored.Status) {
		return nil
	}
	patch := client.MergeFromWithOptions(p.stored, client.MergeFromWithOptimisticLock{})
	updated := p.obj.DeepCopy()
	if err := p.Status().Patch(ctx, updated, patch); err != nil {
		return err
	}
	p.memory.wrote(updated.ResourceVersion)
	concerned := recordedBy(p.stored)
	p.obj, p.stored = updated, updated.DeepCopy()
	if after := recordedBy(p.stored); !slices.Equal(concerned, after) {
		p.wakeConcerned(append(concerned, after...)...)
	}
	return nil
}

// wakeConcerned wakes whoever else is about grants that this object has acted on.
func (p *pass) wakeConcerned(identities ...grant.Identity) {
	for _, identity := range identities {
		for _, other := range p.claims.waitingFor(identity) {
			if other != p.key {
				p.Queue.Add(other)
			}
		}
	}
}

// writeFinalizers writes the finalizers as the pass set them, over the version that it began with.
func (p *pass) writeFinalizers(ctx context.Context) error {
	patch := client.MergeFromWithOptions(p.stored, client.MergeFromWithOptimisticLock{})
	updated := p.stored.DeepCopy()
	updated.Finalizers = p.obj.Finalizers
	ends := !p.obj.DeletionTimestamp.IsZero() && len(updated.Finalizers) == 0
	if ends {
		p.vanished.release(p.obj.UID)
	}
	if err := p.Patch(ctx, updated, patch); err != nil {
		if ends && apierrors.IsConflict(err) { // Not found: an earlier pass has let it go, which the cache does not show yet.
			p.vanished.keep(p.obj.UID)
		}
		return err
	}
	p.memory.wrote(updated.ResourceVersion)
	status := p.obj.Status
	p.obj, p.stored = updated, updated.DeepCopy()
	p.obj.Status = status
	p.wakeConcerned(recordedBy(p.stored)...)
	return nil
}

// forget drops what is remembered of a ClientGrant that is gone, and wakes who waited for that.
func (r *ClientGrantReconciler) forget(key types.NamespacedName) {
	r.memories.forget(key)
	r.Sessions.Forget(tenant.Key(key))
	for _, waiting := range r.claims.release(key) {
		r.Queue.Add(waiting)
	}
	for _, waiting := range r.claims.tenantOf(key) {
		r.Tenants.Add(waiting)
	}
}
