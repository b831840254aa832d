package controller

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

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
	// held says that the object was seen with the operator's finalizer.
	held bool
	// written is the version that the operator wrote last, writtenAt when.
	written   string
	writtenAt time.Time
	// parked is since when the object waits for its turn to call the tenant; zero where it does not.
	parked time.Time
	// requests are the last create requests of this process for the grants that the object records.
	requests []createRequest
	// made is the ID of the grant that the last create request was answered with, until a status tells it.
	made string
	// refusedAt is the generation at which the owner of the tenant was told that the object is not permitted.
	refusedAt int64
	// inPlace says that the tenant held what this generation asks for.
	inPlace bool
	// drifted says that the grant was found changed since, and was not corrected yet.
	drifted bool
	// corrections are when this grant was last brought back to its spec, correctedIn how many refreshes had ended then.
	corrections []time.Time
	correctedIn int
	// refusal is Auth0's last refusal of a write; nothing is sent again until it is over.
	refusal *refusal
	// dropped are scopes that Auth0 accepted and did not keep, at this generation.
	dropped []string
	// droppedBefore is set where an earlier process found scopes dropped at this generation: those that are missing now.
	droppedBefore bool
}

// A cache that lags behind is waited for: a pass over an older version than the operator's own last one plans writes that
// the API server refuses. But not for long: after a restore of the API server versions may be smaller.
const (
	cacheLag    = 50 * time.Millisecond
	longestLags = 5 * time.Second
)

// wrote notes the version of an own write.
func (m *memory) wrote(version string) { m.written, m.writtenAt = version, time.Now() }

// isOld says whether a version is older than the operator's own last one.
func (m *memory) isOld(version string) bool {
	if m.written == "" || time.Since(m.writtenAt) > longestLags {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(version, m.written)
	return err == nil && order < 0
}

// createRequest is one that left: when, or when it was answered with none before it unanswered. A status may not tell of
// the answer yet.
type createRequest struct {
	identity grant.Identity
	at       time.Time
	answered bool
}

// requested notes a create request; those for grants that are not recorded any more are forgotten.
func (m *memory) requested(identity grant.Identity, answered bool, recorded []grant.Identity) {
	m.requests = slices.DeleteFunc(m.requests, func(known createRequest) bool {
		return known.identity == identity || !slices.Contains(recorded, known.identity)
	})
	m.requests = append(m.requests, createRequest{identity: identity, at: time.Now(), answered: answered})
}

// createRequest returns the last create request for a grant.
func (m *memory) createRequest(identity grant.Identity) (request createRequest, sent bool) {
	i := slices.IndexFunc(m.requests, func(known createRequest) bool { return known.identity == identity })
	if i < 0 {
		return createRequest{}, false
	}
	return m.requests[i], true
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
	mu sync.Mutex
	// start is when the process first acted: where there is a leader, no earlier than the leadership.
	start time.Time
	byKey map[types.NamespacedName]*memory
}

func newMemories() *memories {
	return &memories{byKey: map[types.NamespacedName]*memory{}}
}

// begin says that the process is about to act.
func (m *memories) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.beginAt(time.Now())
}

func (m *memories) beginAt(now time.Time) {
	if m.start.IsZero() {
		m.start = now
	}
}

// of returns the object's memory, brought up to date with its generation and request.
func (m *memories) of(key types.NamespacedName, obj *v1alpha1.ClientGrant) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.beginAt(now)
	memory := m.byKey[key]
	if memory == nil || memory.uid != obj.UID {
		memory = newMemory(obj, m.start)
		m.byKey[key] = memory
	}
	if memory.generation != obj.Generation {
		memory.generation, memory.since, memory.inPlace = obj.Generation, now, false
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
	if !obj.CreationTimestamp.Time.Before(start.Truncate(time.Second)) { // Kubernetes tells whole seconds.
		since = time.Now()
	}
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
	return &memory{
		uid: obj.UID, generation: obj.Generation, since: since,
		request:       obj.Status.LastHandledReconcileAt,
		refusedAt:     refusedAt(ready),
		inPlace:       ready != nil && ready.Reason == v1alpha1.ReasonAvailable && ready.ObservedGeneration == obj.Generation,
		droppedBefore: ready != nil && ready.Reason == v1alpha1.ReasonScopesDropped && ready.ObservedGeneration == obj.Generation,
	}
}

func refusedAt(ready *metav1.Condition) int64 {
	if ready == nil || ready.Reason != v1alpha1.ReasonNotPermitted {
		return 0
	}
	return ready.ObservedGeneration
}

// last returns the memory of an object that is gone.
func (m *memories) last(key types.NamespacedName, obj *v1alpha1.ClientGrant) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if memory := m.byKey[key]; memory != nil && memory.uid == obj.UID {
		return memory
	}
	return newMemory(obj, m.start)
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
