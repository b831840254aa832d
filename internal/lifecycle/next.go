package lifecycle

import (
	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

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
