package tenant

import (
	"maps"
	"sync"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// lateCreates remembers, for each identity, until when a create request without an answer may still have its effect. It
// outlives the inventory's entries and the sessions of a host: the request goes on even if no ClientGrant asks for the grant
// any more, and a ClientGrant that asks later has to wait for it. It is safe for concurrent use.
type lateCreates struct {
	// timeout of one call. A late create is remembered for that much longer than it can have its effect: an observation can only
	// prove that it had none if it began after that, so the time must not be forgotten while such an observation may still be on
	// its way.
	timeout time.Duration

	mu    sync.Mutex
	until map[grant.Identity]time.Time
}

func newLateCreates(timeout time.Duration) *lateCreates {
	return &lateCreates{timeout: timeout, until: map[grant.Identity]time.Time{}}
}

// add notes a create request without an answer. Only time ends it: the success or refusal of another request says nothing
// about this one.
func (l *lateCreates) add(identity grant.Identity, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.until, func(_ grant.Identity, until time.Time) bool { return l.forgotten(until) })
	if until := sent.Add(l.timeout); until.After(l.until[identity]) {
		l.until[identity] = until
	}
}

// join takes over what is remembered of another host.
func (l *lateCreates) join(other *lateCreates) {
	other.mu.Lock()
	theirs := maps.Clone(other.until)
	other.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for identity, until := range theirs {
		if until.After(l.until[identity]) {
			l.until[identity] = until
		}
	}
}

// of returns until when a create request for the identity may still have its effect, if it is not forgotten.
func (l *lateCreates) of(identity grant.Identity) (until time.Time, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	until, late = l.until[identity]
	if late && l.forgotten(until) {
		delete(l.until, identity)
		return time.Time{}, false
	}
	return until, late
}

func (l *lateCreates) forgotten(until time.Time) bool {
	return !time.Now().Before(until.Add(l.timeout))
}
