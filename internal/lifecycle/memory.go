package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// Memory is what this process remembers of the object between two steps. It is lost with the process: nothing depends on it
// but how soon and how often the tenant is asked.
type Memory struct {
	// Since is when this generation was seen first, Asked when a look was asked for, DeletedAt when the deletion was seen.
	Since, Asked, DeletedAt time.Time
	// Planned is the hash of a create request that was recorded by this process and has not left.
	Planned string
	// Settled is the hash of a create request that was refused, with none before it unanswered: it made nothing.
	Settled string
	// Made is the ID that the last create request was answered with.
	Made string
	// InPlace is the grant that the tenant held as this generation asks for it; zero: none.
	InPlace grant.Identity
	// Drifted says that it was found changed since, and was not corrected yet.
	Drifted bool
	// Refused is the last write that Auth0 refused.
	Refused *Refusal
	// Dropped are scopes that Auth0 accepted and did not keep. DroppedBefore says that an earlier process found some at this
	// generation: those that are missing now.
	Dropped       []string
	DroppedBefore bool
	// Corrections are when the grant was brought back to its spec, CorrectedIn the refreshes then.
	Corrections []time.Time
	CorrectedIn int
}

// Refusal holds a refused write back until its time comes, or the grant changes.
type Refusal struct {
	Identity     grant.Identity
	Seen         *grant.Grant
	State        status.State
	Count        int
	Since, Until time.Time
}

// Answer is what the tenant said to a create, change or delete request.
type Answer struct {
	At time.Time
	// Held is the grant as the answer to a create or change request showed it; nil where that failed.
	Held *grant.Grant
	// Refused is what is told of a request that Auth0 refused because of the object; nil for any other answer, and for none.
	Refused *status.State
	// Unknown says that it was refused because the client or the API is not known; Conflict that there is a grant already.
	Unknown, Conflict bool
	// Unanswered says that the request may still have its effect.
	Unanswered bool
}

// Edited notes that the spec changed.
func (m *Memory) Edited(now time.Time) {
	m.Since, m.InPlace, m.Drifted = now, grant.Identity{}, false
	m.retry()
}

// Requested notes that somebody asked for a look now.
func (m *Memory) Requested(now time.Time) {
	m.Asked = now
	m.retry()
}

func (m *Memory) retry() { m.Refused, m.Dropped, m.DroppedBefore = nil, nil, false }

// Deleted notes that the object is being deleted.
func (m *Memory) Deleted(now time.Time) { m.DeletedAt, m.Refused = now, nil }

// Learn is what is remembered after a step that was taken, with the answer to a request to the tenant.
func Learn(w World, s Step, a Answer) Memory {
	m := w.Memory
	switch do := s.Do.(type) {
	case Wait:
		if s.Tell != nil && s.Tell.Reason == v1alpha1.ReasonAvailable {
			m.InPlace, m.Drifted = w.Wanted, false
		}
	case Write:
		if do.Plans {
			m.Planned = s.Record.Sent
		}
	case Create:
		m = m.drift(do.Cause)
		answered := m.Planned == do.Body.Hash() && w.Late[do.Identity].IsZero() && !a.Unanswered
		m.Planned = ""
		if a.Held != nil {
			m.Made = a.Held.ID
			return m.accepted(w, do.Cause, *a.Held, a.At)
		}
		if answered {
			m.Settled = do.Body.Hash()
		}
		return m.refused(do.Identity, nil, a)
	case Change:
		m = m.drift(do.Cause)
		if a.Held != nil {
			return m.accepted(w, do.Cause, *a.Held, a.At)
		}
		return m.refused(do.Identity, w.Seen[do.Identity].Grant, a)
	case Delete:
		return m.refused(do.Identity, w.Seen[do.Identity].Grant, a)
	}
	return m
}

func (m Memory) drift(cause Cause) Memory {
	m.Drifted = m.Drifted || cause == CauseDrift
	return m
}

// accepted notes what the tenant made of a request: scopes that it dropped, and a change that it did not make.
func (m Memory) accepted(w World, cause Cause, held grant.Grant, at time.Time) Memory {
	m.Refused = nil
	if cause == CauseDrift {
		m.Drifted, m.CorrectedIn = false, w.Tenant.Refreshes
		m.Corrections = append(append([]time.Time{}, m.Corrections...), at)
		m.Corrections = m.Corrections[max(0, len(m.Corrections)-contestedAfter):]
	}
	if cause == CauseViolation {
		return m
	}
	m.Dropped, m.DroppedBefore = grant.Missing(w.Object.Fields, held), false
	if left := grant.Diff(w.Object.kept(m, held), held); !left.Empty() {
		difference := grant.Describe(left, held)
		return m.refused(w.Wanted, &held, Answer{At: at, Refused: status.Stalled(v1alpha1.ReasonRejected,
			"Auth0 accepted but did not take over: scopes %s%s.", difference.Summary(), fieldList(difference.Fields))})
	}
	return m
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

// refused keeps a write from being sent again until its time comes, the spec changes, or the grant does.
func (m Memory) refused(identity grant.Identity, seen *grant.Grant, a Answer) Memory {
	if a.Refused == nil {
		return m
	}
	r := Refusal{Identity: identity, Since: a.At}
	if m.Refused != nil && m.Refused.Identity == identity {
		r = *m.Refused
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
	m.Refused = &r
	return m
}

// kept are the fields without the scopes that Auth0 dropped at this generation: they are not sent again.
func (o *Object) kept(m Memory, held grant.Grant) grant.Fields {
	fields, dropped := o.Fields, m.Dropped
	if m.DroppedBefore {
		dropped = grant.Missing(fields, held)
	}
	fields.Scope = grant.Without(fields.Scope, grant.Without(dropped, held.Scope))
	return fields
}

// So many corrections within so long say that somebody else keeps changing the grant back.
const (
	contestedAfter  = 3
	contestedWithin = 10 * time.Minute
)

// Contested says whether somebody else keeps changing the grant back, and until when that is told if it stops.
func (m *Memory) Contested(now time.Time) (until time.Time, contested bool) {
	c := m.Corrections
	if len(c) < contestedAfter {
		return time.Time{}, false
	}
	last := c[len(c)-1]
	until = last.Add(contestedWithin)
	return until, last.Sub(c[0]) <= contestedWithin && now.Before(until)
}

// fresh is when evidence must have begun to speak of this generation and request.
func (m *Memory) fresh() time.Time {
	if m.Asked.After(m.Since) {
		return m.Asked
	}
	return m.Since
}

func (d *decision) cause() Cause {
	if d.Memory.InPlace == d.Wanted {
		return CauseDrift
	}
	return CauseSpec
}

// contested holds a correction back of a grant that somebody else keeps changing, to one for each look at the tenant.
func (d *decision) contested() *status.State {
	_, contested := d.Memory.Contested(d.Now)
	if !contested || d.cause() != CauseDrift || d.Tenant.Refreshes > d.Memory.CorrectedIn {
		return nil
	}
	return status.Working(v1alpha1.ReasonProgressing, "Somebody else keeps changing this grant: it is corrected once in %s.", d.Tenant.Interval)
}

// heldBack is the last refusal of a write while it stands for the grant as it is now.
func (d *decision) heldBack(identity grant.Identity, held *grant.Grant) *Step {
	r := d.Memory.Refused
	if r == nil || r.Identity != identity || !d.Now.Before(r.Until) {
		return nil
	}
	if same := r.Seen == nil && held == nil || r.Seen != nil && held != nil && r.Seen.Equal(*held); !same {
		return nil
	}
	return d.waitFor(&r.State, r.Until.Sub(d.Now))
}
