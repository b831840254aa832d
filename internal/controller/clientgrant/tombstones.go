package clientgrant

import (
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
)

// tombstones keep the ClientGrants that went although the operator's finalizer held them, until their access has ended. The
// API server does not wait for a finalizer that was written after the deletion began, and anybody may take one off by hand:
// the access would outlive its manifest. The zero value is ready.
type tombstones struct {
	mu sync.Mutex
	// noted are those that no pass has looked at yet, by their name; buried are the others, by the key they have now.
	noted  map[types.NamespacedName][]*v1alpha1.ClientGrant
	buried map[types.NamespacedName]*tombstone
	// released are the objects that the operator lets go itself.
	released map[types.UID]struct{}
}

// tombstone is the last state of an object that went.
type tombstone struct {
	obj  *v1alpha1.ClientGrant
	past *past
}

// tombstoneKey is what an object that is gone is reconciled under: another one may have its name, and has passes of its own.
func tombstoneKey(obj *v1alpha1.ClientGrant) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name + "/" + string(obj.UID)}
}

// isTombstone says whether a key is one of an object that is gone: no name in Kubernetes has a slash.
func isTombstone(key types.NamespacedName) bool { return strings.Contains(key.Name, "/") }

// release says that the operator is about to take its finalizer off an object that goes with it.
func (t *tombstones) release(uid types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.released == nil {
		t.released = map[types.UID]struct{}{}
	}
	t.released[uid] = struct{}{}
}

// keep says that it did not.
func (t *tombstones) keep(uid types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.released, uid)
}

// note takes the last state of an object that is gone. Its finalizer is in it also where its removal was what ended it; it
// is not where somebody took it off before, but then the ID of the grant is recorded.
func (t *tombstones) note(obj *v1alpha1.ClientGrant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.released[obj.UID]; ok {
		delete(t.released, obj.UID)
		return
	}
	if world.HasFinalizer(obj) && len(ownership.Identities(obj)) > 0 || obj.Status.Origin != "" && obj.Status.GrantID != "" {
		key := client.ObjectKeyFromObject(obj)
		if t.noted == nil {
			t.noted = map[types.NamespacedName][]*v1alpha1.ClientGrant{}
		}
		t.noted[key] = append(t.noted[key], obj.DeepCopy())
	}
}

// unburied returns the objects of that name that no pass has looked at yet.
func (t *tombstones) unburied(key types.NamespacedName) []*v1alpha1.ClientGrant {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.noted[key])
}

// looked says that a pass has looked at so many of them, the oldest.
func (t *tombstones) looked(key types.NamespacedName, count int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.noted[key] = t.noted[key][count:]; len(t.noted[key]) == 0 {
		delete(t.noted, key)
	}
}

func (t *tombstones) bury(of *tombstone) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buried == nil {
		t.buried = map[types.NamespacedName]*tombstone{}
	}
	t.buried[tombstoneKey(of.obj)] = of
}

// at returns the tombstone of a key, nil where it is done.
func (t *tombstones) at(key types.NamespacedName) *tombstone {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buried[key]
}

func (t *tombstones) remove(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.buried, key)
}

// about returns the objects that record a grant.
func (t *tombstones) about(identity grant.Identity) (objects []*v1alpha1.ClientGrant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, of := range t.buried {
		if slices.Contains(ownership.Identities(of.obj), identity) {
			objects = append(objects, of.obj)
		}
	}
	return objects
}

// in returns the keys of the objects whose access is still to be ended in an Auth0Tenant.
func (t *tombstones) in(tenant types.NamespacedName) (keys []types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, of := range t.buried {
		if of.obj.TenantKey() == tenant {
			keys = append(keys, key)
		}
	}
	for key, objects := range t.noted {
		if slices.ContainsFunc(objects, func(obj *v1alpha1.ClientGrant) bool { return obj.TenantKey() == tenant }) {
			keys = append(keys, key)
		}
	}
	return keys
}
