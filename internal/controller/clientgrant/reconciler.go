// Package clientgrant reconciles ClientGrants: it gathers what lifecycle.Next decides on, takes the step that follows, and
// tells what came of it.
package clientgrant

import (
	"context"
	"sync/atomic"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// Reconciler makes the tenant hold what each ClientGrant says.
type Reconciler struct {
	// Client reads from the cache.
	client.Client
	// Live reads from the API server: what is read there decides about writes to the tenant.
	Live client.Reader
	// Events tells of changes; it may lose them.
	Events events.EventRecorder
	// Sessions of the Auth0Tenants.
	Sessions *tenant.Sessions
	// Guard refuses writes while the operator is not surely the leader; nil where there is no leader.
	Guard func() error
	// Workers is the number of ClientGrants that are reconciled at once.
	Workers int
	// Namespaced says that nothing cluster-scoped may be read, and Auth0Tenants in TenantNamespaces alone.
	Namespaced       bool
	TenantNamespaces []string
	// Queue takes the ClientGrants that something else wakes.
	Queue *wake.Queue
	// Tenants takes the Auth0Tenants that wait for a ClientGrant.
	Tenants *wake.Queue

	history    history
	tombstones tombstones
	locks      locks
	worlds     *world.Gatherer
	calls      atomic.Uint64
}

// +kubebuilder:rbac:groups=auth0.clientgrants.dev,resources=clientgrants,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=auth0.clientgrants.dev,resources=clientgrants/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one pass: it takes step after step until there is something to wait for, and tells the status once, at the
// end, beside the ownership records, which are written before what they speak of.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.Sessions.EndPass(budget.Key(req.NamespacedName))
	result, err := r.reconcile(ctx, req.NamespacedName)
	if result.Priority == nil {
		result.Priority = new(wake.PriorityNow) // That of this pass is not the next one's.
	}
	return result, err
}

func (r *Reconciler) reconcile(ctx context.Context, key types.NamespacedName) (ctrl.Result, error) {
	if isTombstone(key) {
		return r.reconcileTombstone(ctx, key)
	}
	r.bury(ctx, key)
	obj := &v1alpha1.ClientGrant{}
	if err := r.Get(ctx, key, obj); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.forget(key)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	past := r.history.of(key, obj)
	if past.isAhead(obj.ResourceVersion) {
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	p := r.newPass(ctx, key, obj, past)
	return p.finish(ctx, p.run(ctx))
}

// forget drops what is remembered of a ClientGrant that is gone.
func (r *Reconciler) forget(key types.NamespacedName) {
	if last := r.history.forget(key); last != nil {
		r.Tenants.Add(last.tenant)
	}
	r.Sessions.Forget(budget.Key(key))
}

// object is a ClientGrant that is being reconciled.
type object struct {
	*Reconciler
	key types.NamespacedName
	// stored is what the API server has of the object, obj the same with the status that is to be told.
	stored, obj *v1alpha1.ClientGrant
	past        *past
	// gone says that it is not there any more, and stored is its last state.
	gone bool
}

// teller tells of what is done with an object: in its status, by events and in the audit log.
type teller struct {
	object
	log logr.Logger
	// world is what was decided on last, around what it was gathered from.
	world  lifecycle.World
	around world.Around
	// adopted tells of a grant, leaving of those that stay in the tenant: once the status records it.
	adopted string
	leaving []lifecycle.Left
	// attempt marks the next write to the tenant, in the audit log and in the tenant's own.
	attempt string
}

// pass is one reconciliation of one ClientGrant.
type pass struct{ teller }

func (r *Reconciler) newPass(ctx context.Context, key types.NamespacedName, stored *v1alpha1.ClientGrant, past *past) *pass {
	of := object{Reconciler: r, key: key, stored: stored, obj: stored.DeepCopy(), past: past, gone: isTombstone(key)}
	return &pass{teller{object: of, log: ctrl.LoggerFrom(ctx)}}
}

// fence refuses to write anything, to Kubernetes as to the tenant, while the operator is not surely the leader.
func (r *Reconciler) fence() error {
	if r.Guard == nil {
		return nil
	}
	return r.Guard()
}

// mostSteps bounds one pass.
const mostSteps = 40

// run takes one step after the other until there is something to wait for, which it returns.
func (p *pass) run(ctx context.Context) error {
	for range mostSteps {
		if err := p.gather(ctx); err != nil {
			return err
		}
		if err := p.take(ctx, lifecycle.Next(p.world)); err != nil {
			return err
		}
	}
	return outcome.ErrStale
}

// gather brings the World up to date, from the cache.
func (p *pass) gather(ctx context.Context) (err error) {
	p.world, p.around, err = p.worlds.FromCache(ctx, p.stored, p.past.memory, p.gone)
	return err
}
