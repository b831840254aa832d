package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// vanished keeps the ClientGrants that went although the operator's finalizer held them. The API server does not wait
// for a finalizer that was written after the deletion began, and anybody may take one off by hand: the access would
// outlive its manifest.
type vanished struct {
	mu    sync.Mutex
	byKey map[types.NamespacedName][]*lost
	// released are the objects that the operator lets go itself.
	released map[types.UID]struct{}
}

// lost is the last state of an object that went.
type lost struct {
	obj    *v1alpha1.ClientGrant
	memory *memory
}

func newVanished() *vanished {
	return &vanished{byKey: map[types.NamespacedName][]*lost{}, released: map[types.UID]struct{}{}}
}

// release says that the operator is about to take its finalizer off an object that goes with it.
func (v *vanished) release(uid types.UID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.released[uid] = struct{}{}
}

// keep says that it did not.
func (v *vanished) keep(uid types.UID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.released, uid)
}

// note takes the last state of an object that is gone. Its finalizer is in it also where its removal was what ended it.
func (v *vanished) note(obj *v1alpha1.ClientGrant) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.released[obj.UID]; ok {
		delete(v.released, obj.UID)
		return
	}
	if slices.Contains(obj.Finalizers, v1alpha1.ClientGrantFinalizer) && len(recordedBy(obj)) > 0 {
		key := client.ObjectKeyFromObject(obj)
		v.byKey[key] = append(v.byKey[key], &lost{obj: obj.DeepCopy()})
	}
}

// next is the object of that name to deal with, nil where there is none.
func (v *vanished) next(key types.NamespacedName) *lost {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.byKey[key]) == 0 {
		return nil
	}
	return v.byKey[key][0]
}

// of returns the names of those that are still to be dealt with in an Auth0Tenant.
func (v *vanished) of(tenant types.NamespacedName) (keys []types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key, objects := range v.byKey {
		if slices.ContainsFunc(objects, func(l *lost) bool { return tenantKey(l.obj) == tenant }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// done drops what next returned.
func (v *vanished) done(key types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byKey[key] = v.byKey[key][1:]; len(v.byKey[key]) == 0 {
		delete(v.byKey, key)
	}
}

// vanishedAgain is how soon the access of an object that is gone is looked at again: of what wakes a ClientGrant, only a
// change of its Auth0Tenant finds it.
const vanishedAgain = time.Second

// followUp ends the access of an object that is gone already. There is no status to tell anything: what cannot be
// revoked is told as left.
func (r *ClientGrantReconciler) followUp(ctx context.Context, key types.NamespacedName, l *lost) (ctrl.Result, error) {
	if l.memory == nil {
		l.memory = r.memories.last(key, l.obj)
		l.memory.deletionSeen = time.Now()
	}
	p := &pass{
		ClientGrantReconciler: r, log: ctrl.LoggerFrom(ctx), key: key, obj: l.obj.DeepCopy(), stored: l.obj, memory: l.memory, gone: true,
	}
	err := p.endAccess(ctx)
	s := stateOf(err)
	switch {
	case err != nil && s.reason == v1alpha1.ReasonDeletionBlocked:
		for _, identity := range recordedBy(p.obj) {
			p.left(identity, "the ClientGrant is gone although its finalizer held it")
		}
	case s.retry:
		return ctrl.Result{}, err
	case err != nil:
		return ctrl.Result{RequeueAfter: max(s.after, vanishedAgain)}, nil //nolint:nilerr // an event or time ends it, not the back-off
	}
	p.tellLeft()
	r.vanished.done(key)
	r.forget(key)
	return ctrl.Result{Requeue: true}, nil //nolint:staticcheck // another object of the name may be waiting
}

// endAccess revokes what the object owned, or hands it over, as its deletion would have.
func (p *pass) endAccess(ctx context.Context) error {
	exists, err := p.findTenant(ctx)
	if err != nil {
		return err
	}
	orphans := p.orphans()
	for _, record := range []*v1alpha1.OwnershipRecord{p.record(), p.obj.Status.Replaces} {
		done, err := p.succeeded(ctx, record, orphans)
		if err != nil {
			return err
		}
		if _, owned := identityOf(record); done || !owned {
			continue
		}
		if orphans || !exists {
			return p.blocked("")
		}
		if err := p.mayRevoke(ctx); err != nil {
			return err
		}
		p.track()
		if err := p.revoke(ctx, record, p.memory.deletionSeen, causeDeletion); err != nil {
			return err
		}
	}
	return nil
}
