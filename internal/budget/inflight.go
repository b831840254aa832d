package budget

import (
	"errors"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// Outcome is what became of a call that had its token.
type Outcome int

const (
	// Unsent is for a call that was not made after all: its token is left to the next ticket.
	Unsent Outcome = iota
	// Answered is for a call that the tenant answered in time, with any status but 429.
	Answered
	// Limited is for a call that the tenant answered with 429: its rate limit is reached.
	Limited
	// Unanswered is for a call that had no answer, or none in time.
	Unanswered
)

// OutcomeOf tells from the error of a call what became of it. A request that found no connection counts as unanswered: its
// token is not given back, so that connections are not tried faster than the rate.
func OutcomeOf(err error) Outcome {
	if auth0.IsRateLimited(err) {
		return Limited
	}
	if _, lost := errors.AsType[*auth0.TransportError](err); lost {
		return Unanswered
	}
	return Answered
}

// inFlight counts the calls of one host that are under way. It is not safe for concurrent use.
type inFlight struct {
	// most bounds the calls under way at once.
	most  int
	count int
	// careful is set from a call that had no answer, or a 429, until one is answered.
	careful bool
	// remaining is what the tenant said last to be left of its limit; less than 0 where it never said.
	remaining int
}

// slots is how many calls may be under way now: one where the tenant is in trouble, and never more than it said are left.
func (f *inFlight) slots() int {
	switch {
	case f.careful:
		return 1
	case f.remaining >= 0:
		return min(f.most, max(f.remaining, 1))
	}
	return f.most
}

// learn takes in what became of a call.
func (f *inFlight) learn(outcome Outcome) {
	switch outcome {
	case Answered:
		f.careful = false
	case Limited, Unanswered:
		f.careful = true
	case Unsent:
	}
}
