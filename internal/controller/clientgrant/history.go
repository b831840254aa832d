package clientgrant

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// past is what the operator remembers of one ClientGrant between two passes. It is lost with the process, and nothing depends
// on it but how soon and how often the tenant is asked.
type past struct {
	uid        types.UID
	generation int64
	// tenant is the Auth0Tenant that it refers to.
	tenant types.NamespacedName
	// request is the last value of the annotation that asks for a look.
	request string
	memory  lifecycle.Memory
	// held says that the object was seen with the operator's finalizer.
	held bool
	// written is the version that the operator wrote last, writtenAt when.
	written   string
	writtenAt time.Time
	// parked is since when the object waits for its turn to call the tenant; zero where it does not.
	parked time.Time
	// made is an event that tells of a grant once the status records it.
	made *made
	// told is the reason of the Ready condition that was told last.
	told string
	// troubled says that an event told that the object is not Ready, and none that it is again.
	troubled bool
	// ownerTold is what the owner of the tenant was told last of why the object is refused.
	ownerTold string
}

// A cache that lags behind is waited for: a pass over an older version than the operator's own last one plans writes that
// the API server refuses. But not for long: after a restore of the API server versions may be smaller.
const (
	cacheLag    = 50 * time.Millisecond
	longestLags = 5 * time.Second
)

// wrote notes the version of an own write.
func (p *past) wrote(version string) { p.written, p.writtenAt = version, time.Now() }

// isAhead says whether the operator's own last write is younger than a version.
func (p *past) isAhead(version string) bool {
	if p.written == "" || time.Since(p.writtenAt) > longestLags {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(version, p.written)
	return err == nil && order < 0
}

// toldBefore stands for what an earlier process told.
const toldBefore = "?"

// history holds the past of every ClientGrant. One object has one pass at a time; the lock guards the map alone. The zero
// value is ready.
type history struct {
	mu sync.Mutex
	// began is when the process first acted: where there is a leader, no earlier than the leadership.
	began time.Time
	byKey map[types.NamespacedName]*past
}

// start is when the process first acted.
func (h *history) start() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.startLocked()
}

func (h *history) startLocked() time.Time {
	if h.began.IsZero() {
		h.began = time.Now()
	}
	return h.began
}

// of returns the past of an object, brought up to date with its generation, request and deletion.
func (h *history) of(key types.NamespacedName, obj *v1alpha1.ClientGrant) *past {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.byKey[key]
	if p == nil || p.uid != obj.UID {
		p = newPast(obj, h.startLocked())
		if h.byKey == nil {
			h.byKey = map[types.NamespacedName]*past{}
		}
		h.byKey[key] = p
	}
	p.notice(obj)
	return p
}

// notice brings the past up to date with the object.
func (p *past) notice(obj *v1alpha1.ClientGrant) {
	now := time.Now()
	if p.generation != obj.Generation {
		p.generation = obj.Generation
		p.memory.Edited(now)
	}
	if request := obj.Annotations[v1alpha1.ReconcileRequestAnnotation]; request != "" && request != p.request {
		p.request = request
		p.memory.Requested(now)
	}
	if p.memory.DeletedAt.IsZero() && !obj.DeletionTimestamp.IsZero() {
		p.memory.Deleted(now)
	}
	p.held = p.held || world.HasFinalizer(obj)
}

// newPast starts with an object that is older than the process at the process's start, so that one look at the whole tenant
// serves all of them; with a younger one now.
func newPast(obj *v1alpha1.ClientGrant, start time.Time) *past {
	p := &past{
		uid: obj.UID, generation: obj.Generation, tenant: obj.TenantKey(), request: obj.Status.LastHandledReconcileAt,
		memory: lifecycle.Memory{Since: start}, told: status.ReasonOf(obj.Status.Conditions),
	}
	p.troubled = status.IsTrouble(obj.Status.Conditions) && !isTenants(p.told)
	if !obj.CreationTimestamp.Time.Before(start.Truncate(time.Second)) { // Kubernetes tells whole seconds.
		p.memory.Since = time.Now()
	}
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return p
	}
	if ready.ObservedGeneration == obj.Generation {
		if p.told == v1alpha1.ReasonNotPermitted || p.told == v1alpha1.ReasonAdoptionRefused {
			p.ownerTold = toldBefore
		}
		p.recall(ready, obj)
	}
	return p
}

// recall takes up what an earlier process told of this generation.
func (p *past) recall(ready *metav1.Condition, obj *v1alpha1.ClientGrant) {
	switch record := ownership.FromStatus(&obj.Status.OwnershipRecord); {
	case ready.Reason == v1alpha1.ReasonScopesDropped:
		p.memory.DroppedBefore = true
	case ready.Reason == v1alpha1.ReasonAvailable && record != nil:
		p.memory.InPlace = record.Identity
	}
}

// last returns the past of an object that is gone.
func (h *history) last(key types.NamespacedName, obj *v1alpha1.ClientGrant) *past {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.byKey[key]; p != nil && p.uid == obj.UID {
		return p
	}
	return newPast(obj, h.startLocked())
}

// forget drops the past of an object that is gone, and returns it.
func (h *history) forget(key types.NamespacedName) *past {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.byKey[key]
	delete(h.byKey, key)
	return p
}
