package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// Step is what follows from a World: one action, and the status that holds while it is taken.
type Step struct {
	// Do is the one thing to do now.
	Do Action
	// Record and Replaces are the ownership records as they shall be. Write has to store them before anything else
	// happens; with any other action they are stored when it suits.
	Record, Replaces *grant.Record
	// Tell is the status while nothing better is known; nil leaves it as it is.
	Tell *status.State
	// Held is the grant whose scopes the status tells of; Plan what would be changed of it.
	Held *grant.Grant
	Plan *grant.Fields
	// Left are grants that stay in the tenant with nobody managing them.
	Left []Left
	// Cause is who is behind a new record. Lost says that the record's grant was made by a request without an answer.
	Cause Cause
	Lost  bool
	// Track says that the tenant's changes concern the object.
	Track bool
	// Again is when to look again where no event tells; zero: never.
	Again time.Duration
}

// Left is access that may remain, and why.
type Left struct {
	grant.Identity
	Why string
}

// Action is one of the types below.
type Action interface{ action() }

// Each write to the tenant is taken through one gate: the same Step must follow from a World that is read live.
type (
	// Wait does nothing until something changes.
	Wait struct{}
	// Look reads the grant from the tenant; what is seen must have begun at NotBefore or later.
	Look struct {
		Identity  grant.Identity
		NotBefore time.Time
	}
	// Write stores the records; Plans says that a create request is planned with it, which has not left.
	// Owns says that a grant is recorded that was not, Yields that one is not recorded any more: both take the gate where
	// there are rivals.
	Write struct{ Plans, Owns, Yields bool }
	// Hold sets the finalizer.
	Hold struct{}
	// Release takes the finalizer away, and then the records of an object that stays.
	Release struct{}
	// Create makes a grant.
	Create struct {
		Identity grant.Identity
		Body     grant.New
		Cause    Cause
	}
	// Change sends the fields of a grant that differ.
	Change struct {
		Identity grant.Identity
		ID       string
		Fields   grant.Fields
		Cause    Cause
	}
	// Delete deletes a grant. The answer proves nothing: a look follows.
	Delete struct {
		Identity grant.Identity
		ID       string
		Cause    Cause
	}
)

func (Wait) action()    {}
func (Look) action()    {}
func (Write) action()   {}
func (Hold) action()    {}
func (Release) action() {}
func (Create) action()  {}
func (Change) action()  {}
func (Delete) action()  {}

// RequestOf says whether an action is a request that writes to the tenant, and who is behind it.
func RequestOf(do Action) (why Cause, is bool) {
	switch do := do.(type) {
	case Create:
		return do.Cause, true
	case Change:
		return do.Cause, true
	case Delete:
		return do.Cause, true
	}
	return "", false
}

// Cause says in the audit log who is behind a write.
type Cause string

// The causes.
const (
	CauseSpec        Cause = "spec"
	CauseDrift       Cause = "drift"
	CauseAdoption    Cause = "adoption"
	CauseReplacement Cause = "replacement"
	CauseHandOver    Cause = "hand-over"
	CauseViolation   Cause = "violation"
	CauseDeletion    Cause = "deletion"
)
