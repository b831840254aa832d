package clientgrant

import (
	"context"
	"sync/atomic"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/status"
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
	// TenantHosts are hosts that the installation names in full as those of tenants: their APIs are system APIs.
	TenantHosts []string
	// Usable says whether an Auth0Tenant may be used in this installation.
	Usable func(*v1alpha1.Auth0Tenant) bool
	// Queue takes the ClientGrants that something else wakes.
	Queue *wake.Queue
	// Tenants takes the Auth0Tenants that wait for a ClientGrant.
	Tenants *wake.Queue

	// turns are those of the passes; calls to a tenant are made outside of them.
	turns      *wake.Turns
	history    history
	tombstones tombstones
	locks      locks
	worlds     *world.Gatherer
	calls      atomic.Uint64
}

// fence refuses to write anything, to Kubernetes as to the tenant, while the operator is not surely the leader.
func (r *Reconciler) fence() error {
	if r.Guard == nil {
		return nil
	}
	return r.Guard()
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
	// attempt is the next write to the tenant, or the last one.
	attempt attempt
	// editor is the field manager that changed the spec last, where the API server was asked.
	editor string
	// muted says that events about the object would be refused.
	muted bool
	// said is the state that the status is to tell, before it was put into words for the object's namespace.
	said status.State
}

// setRecords takes a step's records into the status that is to be told.
func (o *object) setRecords(s *lifecycle.Step) { ownership.Set(&o.obj.Status, s.Record, s.Replaces) }

// writeStatus writes the status, if it changed, over the version that the pass began with: an object that was written by
// others meanwhile is planned again.
func (o *object) writeStatus(ctx context.Context) error {
	if equality.Semantic.DeepEqual(o.obj.Status, o.stored.Status) {
		return nil
	}
	if o.gone {
		o.stored, o.obj = o.obj, o.obj.DeepCopy()
		o.tombstones.bury(&tombstone{obj: o.stored, past: o.past})
		return nil
	}
	updated := o.obj.DeepCopy()
	patch := client.MergeFromWithOptions(o.stored, client.MergeFromWithOptimisticLock{})
	if err := o.Status().Patch(ctx, updated, patch); err != nil {
		return err
	}
	o.wrote(updated)
	return nil
}

func (o *object) wrote(updated *v1alpha1.ClientGrant) {
	o.past.wrote(updated.ResourceVersion)
	o.obj, o.stored = updated, updated.DeepCopy()
}

// writeFinalizers writes the finalizers as the pass set them, over the version that it began with.
func (o *object) writeFinalizers(ctx context.Context) error {
	updated := o.stored.DeepCopy()
	updated.Finalizers = o.obj.Finalizers
	ends := o.isGone()
	if ends {
		o.tombstones.release(o.obj.UID)
	}
	patch := client.MergeFromWithOptions(o.stored, client.MergeFromWithOptimisticLock{})
	if err := o.Patch(ctx, updated, patch); err != nil {
		if ends && !apierrors.IsNotFound(err) { // Not found: an earlier pass has let it go, which the cache does not show yet.
			o.tombstones.keep(o.obj.UID)
		}
		return err
	}
	told := o.obj.Status
	o.wrote(updated)
	o.obj.Status = told
	return nil
}

// clearRecords takes the records out of the status, whatever else was written to the object meanwhile: nothing may take a
// grant for this object's own that it has let go of.
func (o *object) clearRecords(ctx context.Context) error {
	updated := o.stored.DeepCopy()
	ownership.Set(&updated.Status, nil, nil)
	updated.Status.Drift, updated.Status.ScopeCount = nil, nil
	if equality.Semantic.DeepEqual(updated.Status, o.stored.Status) {
		return nil
	}
	if err := o.Status().Patch(ctx, updated, client.MergeFrom(o.stored)); err != nil {
		return client.IgnoreNotFound(err)
	}
	o.wrote(updated)
	return nil
}

// isGone says whether the object went with the operator's finalizer.
func (o *object) isGone() bool {
	return !o.obj.DeletionTimestamp.IsZero() && len(o.obj.Finalizers) == 0
}

func (o *object) conditions() status.Conditions {
	return status.Conditions{List: &o.obj.Status.Conditions, Generation: o.obj.Generation}
}
