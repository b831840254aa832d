package controller

import (
	"context"
	"slices"
	"strings"
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
	mu sync.Mutex
	// noted are those that nobody has looked at yet, by their name; followed are the others, by the key they have now.
	noted    map[types.NamespacedName][]*v1alpha1.ClientGrant
	followed map[types.NamespacedName]*lost
	// released are the objects that the operator lets go itself.
	released map[types.UID]struct{}
}

// lost is the last state of an object that went.
type lost struct {
	obj    *v1alpha1.ClientGrant
	memory *memory
}

func newVanished() *vanished {
	return &vanished{
		noted: map[types.NamespacedName][]*v1alpha1.ClientGrant{}, followed: map[types.NamespacedName]*lost{},
		released: map[types.UID]struct{}{},
	}
}

// lostKey is what an object that is gone is reconciled under: another one may have its name, and has passes of its own.
func lostKey(obj *v1alpha1.ClientGrant) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name + "/" + string(obj.UID)}
}

// nameOf is the name of the object behind a key, and whether it is gone: no name in Kubernetes has a slash.
func nameOf(key types.NamespacedName) (name string, gone bool) {
	name, _, gone = strings.Cut(key.Name, "/")
	return name, gone
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

// note takes the last state of an object that is gone. Its finalizer is in it also where its removal was what ended it; it
// is not where somebody took it off before, but then the ID of the grant is recorded.
func (v *vanished) note(obj *v1alpha1.ClientGrant) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.released[obj.UID]; ok {
		delete(v.released, obj.UID)
		return
	}
	held := slices.Contains(obj.Finalizers, v1alpha1.ClientGrantFinalizer)
	if held && len(recordedBy(obj)) > 0 || obj.Status.Origin != "" && obj.Status.GrantID != "" {
		key := client.ObjectKeyFromObject(obj)
		v.noted[key] = append(v.noted[key], obj.DeepCopy())
	}
}

// take returns the objects of that name that nobody has looked at yet.
func (v *vanished) take(key types.NamespacedName) []*v1alpha1.ClientGrant {
	v.mu.Lock()
	defer v.mu.Unlock()
	taken := v.noted[key]
	delete(v.noted, key)
	return taken
}

// follow keeps an object until it is done.
func (v *vanished) follow(l *lost) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.followed[lostKey(l.obj)] = l
}

// of returns the keys of those that are still to be dealt with in an Auth0Tenant.
func (v *vanished) of(tenant types.NamespacedName) (keys []types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key, l := range v.followed {
		if tenantKey(l.obj) == tenant {
			keys = append(keys, key)
		}
	}
	return keys
}

// at returns the object of a key, nil where it is done.
func (v *vanished) at(key types.NamespacedName) *lost {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.followed[key]
}

// done drops an object.
func (v *vanished) done(key types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.followed, key)
}

// pursue begins to follow up those that were of that name, in the place of the last pass over each: what it held and
// remembered goes on under a key of its own.
func (r *ClientGrantReconciler) pursue(key types.NamespacedName) {
	for _, obj := range r.vanished.take(key) {
		l := &lost{obj: obj, memory: r.memories.last(key, obj)}
		if !slices.Contains(obj.Finalizers, v1alpha1.ClientGrantFinalizer) && !l.memory.held {
			continue // It had a record and never the finalizer: nothing was ever done for it.
		}
		l.memory.deletionSeen = time.Now()
		r.claims.rename(key, lostKey(obj))
		r.claims.refersTo(lostKey(obj), tenantKey(obj), recordedBy(obj))
		r.vanished.follow(l)
		r.Queue.Add(lostKey(obj))
	}
}

// vanishedAgain is how soon the access of an object that is gone is looked at again, where nothing wakes its key.
const vanishedAgain = time.Second

// followUp ends the access of an object that is gone already. There is no status to tell anything: what cannot be
// revoked is told as left, unless that may pass.
func (r *ClientGrantReconciler) followUp(ctx context.Context, key types.NamespacedName, l *lost) (ctrl.Result, error) {
	p := &pass{
		ClientGrantReconciler: r, log: ctrl.LoggerFrom(ctx), key: key, obj: l.obj.DeepCopy(), stored: l.obj, memory: l.memory, gone: true,
	}
	err := p.endAccess(ctx)
	s := stateOf(err)
	switch {
	case err != nil && s.reason == v1alpha1.ReasonDeletionBlocked && (!s.passing || !p.tenant.DeletionTimestamp.IsZero()):
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
	return ctrl.Result{}, nil
}

// endAccess revokes what the object owned, or hands it over, as its deletion would have.
func (p *pass) endAccess(ctx context.Context) error {
	exists, err := p.findTenant(ctx)
	if err != nil {
		return err
	}
	orphans := p.orphans()
	if orphans { // Without the right to it, what is gone cannot wait: its access ends.
		if orphans, err = p.mayOrphan(); err != nil {
			return err
		}
	}
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
