package lifecycle

import (
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// request is a kind of write to the tenant. The refusal of one kind says nothing about another: a reduction of access never
// waits for one that was to give it.
type request string

const (
	requestCreate request = "create"
	requestChange request = "change"
	requestReduce request = "reduce"
	requestDelete request = "delete"
)

// Refusal holds a refused write back until its time comes, or the grant changes.
type Refusal struct {
	Request      request
	Identity     grant.Identity
	Seen         *grant.Grant
	State        status.State
	Count        int
	Since, Until time.Time
}

// How long a refused write is held back: a client or API that Auth0 does not know may appear any minute, other refusals
// need somebody to act.
const (
	firstUnknown = time.Minute
	firstRefused = 10 * time.Minute
	lastRefused  = 24 * time.Hour
	// unknownStalls is how long a client or API may be unknown before that is told as a standstill.
	unknownStalls = time.Hour
)

// refuse keeps a write from being sent again until its time comes, the spec changes, or the grant does.
func (m Memory) refuse(of request, identity grant.Identity, seen *grant.Grant, a Answer) Memory {
	if a.Refused == nil {
		return m
	}
	r := Refusal{Request: of, Identity: identity, Since: a.At}
	if last := find(m.Refused, of, identity); last != nil {
		r = *last
	}
	first := firstRefused
	if a.Unknown {
		first = firstUnknown
	}
	r.State, r.Seen = *a.Refused, seen
	if a.Unknown && a.At.Sub(r.Since) >= unknownStalls {
		r.State.Stalled = true
	}
	if r.Until = a.At.Add(min(first<<min(r.Count, 20), lastRefused)); a.Conflict && r.Count == 0 {
		r.Until = time.Time{} // The grant is there after all: a look shows it.
	}
	r.Count++
	m.Refused = append(without(m.Refused, of, identity), r)
	return m
}

func find(refused []Refusal, of request, identity grant.Identity) *Refusal {
	i := slices.IndexFunc(refused, func(r Refusal) bool { return r.Request == of && r.Identity == identity })
	if i < 0 {
		return nil
	}
	return &refused[i]
}

// without returns a copy without the refusal of a request; nil where no other is left.
func without(refused []Refusal, of request, identity grant.Identity) (rest []Refusal) {
	for _, r := range refused {
		if r.Request != of || r.Identity != identity {
			rest = append(rest, r)
		}
	}
	return rest
}

// heldBack is the last refusal of a request while it stands for the grant as it is now.
func (d *decision) heldBack(of request, identity grant.Identity, held *grant.Grant) *Step {
	r := find(d.Memory.Refused, of, identity)
	if r == nil || !d.Now.Before(r.Until) {
		return nil
	}
	if same := r.Seen == nil && held == nil || r.Seen != nil && held != nil && r.Seen.Equal(*held); !same {
		return nil
	}
	return d.waitFor(&r.State, r.Until.Sub(d.Now))
}

// Deletion is a deletion that the tenant accepted. While the grant is still shown it is made again at growing pauses: the
// tenant may be slow to show it, or say so without doing it.
type Deletion struct {
	Identity grant.Identity
	ID       string
	Count    int
	Until    time.Time
}

// The pause before an accepted deletion is made again grows by this factor, to the longest.
const (
	firstDeletion  = 2 * time.Second
	deletionFactor = 16
	lastDeletion   = 2 * time.Hour
)

// deletes notes an accepted deletion.
func (m Memory) deletes(identity grant.Identity, id string, at time.Time) Memory {
	last := Deletion{Identity: identity, ID: id}
	if before := m.deletion(identity, id); before != nil {
		last.Count = before.Count
	}
	pause := firstDeletion
	for range last.Count {
		pause = min(pause*deletionFactor, lastDeletion)
	}
	last.Count, last.Until = last.Count+1, at.Add(pause)
	m.Deletions = slices.DeleteFunc(slices.Clone(m.Deletions), func(d Deletion) bool { return d.Identity == identity })
	m.Deletions = append(m.Deletions, last)
	return m
}

// deletion is the last accepted deletion of a grant; nil where there is none.
func (m *Memory) deletion(identity grant.Identity, id string) *Deletion {
	for i := range m.Deletions {
		if d := &m.Deletions[i]; d.Identity == identity && d.ID == id {
			return d
		}
	}
	return nil
}

func (w *World) cause() Cause {
	if w.Memory.InPlace == w.Wanted {
		return CauseDrift
	}
	return CauseSpec
}

// contested holds a correction back of a grant that somebody else keeps changing, to one for each look at the tenant.
func (w *World) contested() *status.State {
	_, contested := w.Memory.Contested(w.Now)
	if !contested || w.cause() != CauseDrift || w.Tenant.Refreshes > w.Memory.CorrectedIn {
		return nil
	}
	return status.Working(v1alpha1.ReasonProgressing, "Somebody else keeps changing this grant: it is corrected once in %s.", w.Tenant.Interval)
}
