package clientgrant

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
)

// bury begins to end the access of the objects that were of that name, in the place of the last pass over each: the past goes
// on under a key of its own.
func (r *Reconciler) bury(ctx context.Context, key types.NamespacedName) {
	noted := r.tombstones.unburied(key)
	if len(noted) == 0 {
		return
	}
	for _, obj := range noted {
		past := r.history.last(key, obj)
		if !world.HasFinalizer(obj) && !past.held && !wasHeld(obj) {
			continue // It had a record and never the finalizer: nothing was ever done for it.
		}
		past.memory.Deleted(time.Now())
		r.tombstones.bury(&tombstone{obj: obj, past: past})
		r.Queue.Add(tombstoneKey(obj))
	}
	r.tombstones.looked(key, len(noted)) // Not before: in between nobody would answer for their grants.
	for _, obj := range noted {
		r.wakeAbout(ctx, obj)
	}
}

// wasHeld says whether an object had the finalizer once, although this process never saw it: an earlier one told more of the
// recorded grant than that it was about to hold it.
func wasHeld(obj *v1alpha1.ClientGrant) bool {
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
	return obj.Status.GrantID != "" && ready != nil && ready.Reason != v1alpha1.ReasonProgressing
}

// wakeAbout wakes the ClientGrants that are about a grant of an object that is gone: its owner has changed.
func (r *Reconciler) wakeAbout(ctx context.Context, obj *v1alpha1.ClientGrant) {
	for _, rival := range r.sharing(ctx, obj) {
		r.Queue.Add(rival)
	}
}

// lookAgain is how soon the access of an object that is gone is looked at again, where nothing wakes its key.
const lookAgain = time.Second

// reconcileTombstone ends the access of an object that is gone already. There is no status to tell anything: what cannot be
// revoked is told as left, unless that may pass.
func (r *Reconciler) reconcileTombstone(ctx context.Context, key types.NamespacedName) (ctrl.Result, error) {
	of := r.tombstones.at(key)
	if of == nil {
		return ctrl.Result{}, nil
	}
	p := r.newPass(ctx, key, of.obj, of.past)
	err := p.run(ctx)
	if err := r.fence(); err != nil {
		return ctrl.Result{}, err
	}
	if err != errReleased { //nolint:errorlint // a sentinel that is never wrapped
		if o := outcome.Of(err); !p.isLost(o) {
			if o.Retry {
				return ctrl.Result{}, err
			}
			return ctrl.Result{RequeueAfter: max(o.After, lookAgain)}, nil
		}
		for _, identity := range ownership.Identities(p.stored) {
			p.left(identity, "the ClientGrant is gone although its finalizer held it")
		}
	}
	p.tellLeft()
	r.tombstones.remove(key)
	r.Sessions.Forget(budget.Key(key))
	r.Tenants.Add(p.stored.TenantKey())
	r.wakeAbout(ctx, p.stored)
	return ctrl.Result{}, nil
}
