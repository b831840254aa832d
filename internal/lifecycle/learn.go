package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// Learn is what is remembered after a step that was taken, with the answer to a request to the tenant.
func Learn(w World, s Step, a Answer) Memory {
	m := w.Memory
	m.recall(w.Object.Record, w.Object.Replaces)
	if !s.Record.Of(m.InPlace) {
		m.InPlace, m.Drifted = grant.Identity{}, false // What is not owned cannot drift.
	}
	switch do := s.Do.(type) {
	case Wait:
		if s.Tell != nil && s.Tell.Reason == v1alpha1.ReasonAvailable {
			m.InPlace, m.Drifted, m.Deletions = w.Wanted, false, nil
		}
	case Write:
		if do.Plans {
			m.Planned = s.Record.Sent
		}
	case Create:
		return m.created(w, do, a)
	case Change:
		return m.changed(w, do, a)
	case Delete:
		return m.deleted(w, do, a)
	}
	return m
}

func (m Memory) created(w World, do Create, a Answer) Memory {
	// Of a request that is repeated after a refusal, nothing before is open either.
	hash := do.Body.Hash()
	answered := (m.Planned == hash || m.Settled == hash) && w.Late[do.Identity].IsZero() && !a.Unanswered
	m.Planned, m.Sent, m.Settled, m.Drifted = "", hash, "", m.Drifted || do.Cause == CauseDrift
	if a.Held != nil {
		m.Made = a.Held.ID
		return m.accepted(w, requestCreate, do.Cause, do.Body.Fields, a)
	}
	if answered {
		m.Settled = hash
	}
	return m.refuse(requestCreate, do.Identity, nil, a)
}

func (m Memory) changed(w World, do Change, a Answer) Memory {
	m.Drifted = m.Drifted || do.Cause == CauseDrift
	if _, contested := m.Contested(w.Now); !contested && do.Cause == CauseViolation && m.InPlace == do.Identity {
		m.InPlace = grant.Identity{} // What is given back later is no correction.
	}
	seen, request := w.Seen[do.Identity].Grant, requestChange
	if w.TakesAway(do) {
		request = requestReduce
	}
	if request == requestChange && a.Refused == nil {
		if m.Before = nil; a.Held == nil || grant.Widens(grant.Over(do.Fields, *seen), *a.Held) {
			m.Before = &grant.Grant{ID: do.ID, Fields: grant.Undo(do.Fields, *seen)}
		}
	}
	if a.Held != nil {
		return m.accepted(w, request, do.Cause, do.Fields, a)
	}
	return m.refuse(request, do.Identity, seen, a)
}

// TakesAway says whether a request only takes access away.
func (w *World) TakesAway(do Action) bool {
	switch do := do.(type) {
	case Delete:
		return true
	case Change:
		seen := w.Seen[do.Identity].Grant
		return seen != nil && grant.Reduces(do.Fields, *seen)
	}
	return false
}

func (m Memory) deleted(w World, do Delete, a Answer) Memory {
	if m.InPlace == do.Identity {
		m.InPlace, m.Drifted = grant.Identity{}, false
	}
	if a.Refused == nil && !a.Unanswered {
		m = m.deletes(do.Identity, do.ID, a.At)
	}
	return m.refuse(requestDelete, do.Identity, w.Seen[do.Identity].Grant, a)
}

// accepted notes what the tenant made of a request: scopes that it dropped, and a change that it did not make.
func (m Memory) accepted(w World, of request, cause Cause, sent grant.Fields, a Answer) Memory {
	m.Refused = without(m.Refused, of, w.Wanted)
	if cause == CauseDrift {
		m.Drifted, m.CorrectedIn = false, w.Tenant.Refreshes
		m.Corrections = append(append([]time.Time{}, m.Corrections...), a.At)
		m.Corrections = m.Corrections[max(0, len(m.Corrections)-contestedAfter):]
	}
	if of != requestReduce {
		m.Dropped, m.DroppedBefore = grant.Missing(w.Object.Fields, *a.Held), false
	}
	sent.Scope = grant.Without(sent.Scope, grant.Without(m.Dropped, a.Held.Scope))
	if left := grant.Diff(sent, *a.Held); !left.Empty() {
		return m.refuse(of, w.Wanted, a.Held, Answer{At: a.At, Refused: status.Stalled(v1alpha1.ReasonRejected,
			"Auth0 accepted but did not take over: %s.", grant.Describe(left, *a.Held))})
	}
	return m
}
