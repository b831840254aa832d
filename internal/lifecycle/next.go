package lifecycle

import (
	"strings"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
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

// Next is the one step that follows from a World. The rules hold in this order: each is asked only where those above it have
// nothing to do.
func Next(w World) Step {
	d := newDecision(w)
	if w.Object.Deleting || w.Object.Gone {
		return d.end()
	}
	if s := firstOf(d.holdAgain, d.obeyRules); s != nil {
		return *s
	}
	if w.Object.Mode == v1alpha1.ModeSuspend {
		return d.rest(status.Waiting(v1alpha1.ReasonSuspended, "Suspended by spec.mode; set it to Enforce to go on."))
	}
	if refusal := d.entitled(); refusal != nil {
		return d.refused(refusal)
	}
	d.track = true
	if d.observing() {
		return d.report()
	}
	s := orElse(d.makeRoom(), func() Step {
		if s := firstOf(d.claim, d.converge); s != nil {
			return d.giveReplaced(*s)
		}
		return orElse(d.settle(), d.available)
	})
	if d.violation != nil && waits(&s) && s.Tell != nil && s.Tell.Reason != "" && !s.Tell.Ready {
		told := *s.Tell
		told.Message += " The grant that is in force meanwhile is refused: " + d.violation.Message
		s.Tell = &told
	}
	return s
}

// holdAgain puts a finalizer back that was taken off: a record of a grant that is or may be in the tenant promises that the
// access ends with the object, whatever the object rests in.
func (d *decision) holdAgain() *Step {
	if !d.Object.Held && (d.acted(d.record) || d.acted(d.replaces)) {
		return d.do(Hold{}, nil)
	}
	return nil
}

// rest waits, and tells why; of a recorded grant that violates the access rules that is told first.
func (d *decision) rest(tell *status.State) Step {
	if d.violation != nil {
		tell = d.violation
	}
	s := orElse(d.tidy(), func() Step { return d.wait(tell) })
	s.Tell = tell
	return s
}

// tidy lets go, while an object rests, of what it does not need: records of grants that never were, or that another
// ClientGrant owns, would keep others from theirs.
func (d *decision) tidy() *Step {
	switch {
	case !d.writable():
		return nil
	case d.replaces != nil && !d.acted(d.replaces):
		return d.drop(d.replaces, false)
	case d.record != nil && !d.acted(d.record):
		return d.takeBack("")
	}
	return d.yield()
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

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

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

func fieldList(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return ", " + strings.Join(fields, ", ")
}
