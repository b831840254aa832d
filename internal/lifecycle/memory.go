package lifecycle

import (
	"slices"
	"time"

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
	// Earlier are grants for which an earlier process may have sent a create request that was not answered.
	Earlier []grant.Identity
	// Sent is the hash of the last create request that left.
	Sent string
	// Settled is the hash of a create request that was refused, with none before it unanswered: it made nothing.
	Settled string
	// Made is the ID that the last create request was answered with.
	Made string
	// InPlace is the grant that the tenant held as this generation asks for it; zero: none.
	InPlace grant.Identity
	// Drifted says that it was found changed since, and was not corrected yet.
	Drifted bool
	// Refused are the last writes that Auth0 refused, one for each kind of request and grant.
	Refused []Refusal
	// Deletions are those that were accepted, until the grant is seen to be gone.
	Deletions []Deletion
	// Dropped are scopes that Auth0 accepted and did not keep. DroppedBefore says that an earlier process found some at this
	// generation: those that are missing now.
	Dropped       []string
	DroppedBefore bool
	// Before is what a change found in place of its fields, where its answer shows more than had to follow, or did not come: if
	// the rules refuse what the grant became, what the change added goes again.
	Before *grant.Grant
	// Corrections are when the grant was brought back to its spec, CorrectedIn the refreshes then.
	Corrections []time.Time
	CorrectedIn int
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

// fresh is when evidence must have begun to speak of this generation and request.
func (m *Memory) fresh() time.Time { return latest(m.Since, m.Asked) }

// settle is the record without a create request that is known to have made nothing.
func (m *Memory) settle(record *grant.Record) *grant.Record {
	if record == nil || record.Sent == "" || record.Sent != m.Settled {
		return record
	}
	settled := *record
	settled.Sent = ""
	return &settled
}

// recall notes the requests that this process finds recorded and did not send itself.
func (m *Memory) recall(records ...*grant.Record) {
	for _, r := range records {
		if r != nil && r.Sent != "" && r.Sent != m.Planned && r.Sent != m.Sent && !slices.Contains(m.Earlier, r.Identity) {
			m.Earlier = append(slices.Clone(m.Earlier), r.Identity)
		}
	}
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

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}
