package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// decision is one call of Next: the World, and the records as they shall be.
type decision struct {
	World
	record, replaces *grant.Record
	// violation is what is told while a recorded grant violates the access rules.
	violation   *status.State
	left        []Left
	lost, track bool
}

func newDecision(w World) *decision {
	return &decision{World: w, record: w.Memory.settle(w.Object.Record), replaces: w.Memory.settle(w.Object.Replaces)}
}

// see is what the tenant holds for an identity, in a look that began then or later; where that is not known, a step.
func (d *decision) see(identity grant.Identity, notBefore time.Time) (*grant.Grant, *Step) {
	if seen, ok := d.Seen[identity]; ok && !seen.Began.Before(notBefore) {
		return seen.Grant, nil
	}
	return nil, d.do(Look{Identity: identity, NotBefore: notBefore}, nil)
}

// current is when a look must begin to speak of what the object asks for, and of what it may have.
func (w *World) current() time.Time { return latest(w.Memory.fresh(), w.Tenant.Since) }

func (d *decision) do(action Action, tell *status.State) *Step {
	return &Step{
		Do: action, Record: d.record, Replaces: d.replaces, Tell: tell, Left: d.left, Lost: d.lost, Track: d.track,
	}
}

func (d *decision) wait(tell *status.State) Step { return *d.do(Wait{}, tell) }

func (d *decision) waitFor(tell *status.State, again time.Duration) *Step {
	s := d.do(Wait{}, tell)
	s.Again = again
	return s
}

func telling(tell *status.State, held *grant.Grant, s Step) *Step {
	s.Tell, s.Held = tell, held
	return &s
}

func waits(s *Step) bool {
	_, waits := s.Do.(Wait)
	return waits
}

func firstOf(steps ...func() *Step) *Step {
	for _, next := range steps {
		if s := next(); s != nil {
			return s
		}
	}
	return nil
}

func orElse(s *Step, otherwise func() Step) Step {
	if s != nil {
		return *s
	}
	return otherwise()
}
