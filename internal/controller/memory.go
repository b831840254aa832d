package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// memory is what the operator remembers of one ClientGrant between two passes. It is lost with the process, and nothing
// depends on it but how soon and how often the tenant is asked.
type memory struct {
	uid types.UID
	// generation and request with when they were seen first: evidence must be younger.
	generation  int64
	since       time.Time
	request     string
	requestedAt time.Time
	// deletionSeen is when the deletion of the object was seen first.
	deletionSeen time.Time
	// sentAt is when the create request left that status.sent tells of; the start of the process where it left earlier.
	sentAt time.Time
	// made is the ID of the grant that the last create request was answered with, until a status tells it.
	made string
	// answered is when a create request was answered, with none before it unanswered: status.sent may not tell of it yet;
	// answeredFor is which grant it was for.
	answered    time.Time
	answeredFor grant.Identity
	// refusal is Auth0's last refusal of a write; nothing is sent again until it is over.
	refusal *refusal
	// dropped are scopes that Auth0 accepted and did not keep, at this generation.
	dropped []string
	// droppedBefore is set where an earlier process found scopes dropped at this generation: those that are missing now.
	droppedBefore bool
}

// refusal holds a refused write back, until its time comes or what it depends on changes.
type refusal struct {
	state    *state
	identity grant.Identity
	// seen is the grant as it was when the write was refused.
	seen  *grant.Grant
	since time.Time
	count int
	until time.Time
}

// memories holds the memory of every ClientGrant. One object has one pass at a time; the lock guards the map alone.
type memories struct {
	mu    sync.Mutex
	start time.Time
	byKey map[types.NamespacedName]*memory
}

func newMemories() *memories {
	return &memories{start: time.Now(), byKey: map[types.NamespacedName]*memory{}}
}

// of returns the object's memory, brought up to date with its generation and request.
func (m *memories) of(key types.NamespacedName, obj *v1alpha1.ClientGrant) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	memory := m.byKey[key]
	if memory == nil || memory.uid != obj.UID {
		memory = newMemory(obj, m.start)
		m.byKey[key] = memory
	}
	now := time.Now()
	if memory.generation != obj.Generation {
		memory.generation, memory.since = obj.Generation, now
		memory.refusal, memory.dropped, memory.droppedBefore = nil, nil, false
	}
	if request := obj.Annotations[v1alpha1.ReconcileRequestAnnotation]; request != "" && request != memory.request {
		memory.request, memory.requestedAt = request, now
		memory.refusal, memory.dropped, memory.droppedBefore = nil, nil, false
	}
	if memory.deletionSeen.IsZero() && !obj.DeletionTimestamp.IsZero() {
		memory.deletionSeen, memory.refusal = now, nil
	}
	return memory
}

// newMemory starts with an object that is older than the process at the process's start, so that one look at the whole
// tenant serves all of them; with a younger one now.
func newMemory(obj *v1alpha1.ClientGrant, start time.Time) *memory {
	since := start
	if obj.CreationTimestamp.After(start) {
		since = time.Now()
	}
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
	return &memory{
		uid: obj.UID, generation: obj.Generation, since: since, sentAt: start,
		request:       obj.Status.LastHandledReconcileAt,
		droppedBefore: ready != nil && ready.Reason == v1alpha1.ReasonScopesDropped && ready.ObservedGeneration == obj.Generation,
	}
}

// isAnother says whether what is remembered under the name is of an object that is gone.
func (m *memories) isAnother(key types.NamespacedName, uid types.UID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	memory := m.byKey[key]
	return memory != nil && memory.uid != uid
}

func (m *memories) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byKey, key)
}

// fresh is the time at or after which evidence must begin to speak of this generation and request.
func (m *memory) fresh() time.Time {
	if m.requestedAt.After(m.since) {
		return m.requestedAt
	}
	return m.since
}
