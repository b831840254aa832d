package lifecycle

import (
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// obeyRules asks the access rules about what is recorded and held: in every mode of the object, with every reference, and
// whatever was refused. A grant that they refuse goes to another ClientGrant that may have it, or is revoked where the
// Auth0Tenant says so, or stays frozen: it is only ever narrowed.
func (d *decision) obeyRules() *Step {
	if !d.writable() || d.elsewhere() != nil {
		return nil
	}
	for _, r := range []*grant.Record{d.replaces, d.record} {
		violates, s := d.violates(r)
		if s == nil && violates {
			d.violation, d.track = d.refusalOf(r), true
			s = d.letViolationGo(r)
		}
		if s != nil {
			return tellingViolation(d.violation, s)
		}
	}
	if d.violation != nil && d.Unresolved == nil {
		if s := d.narrow(); s != nil {
			return tellingViolation(d.violation, s)
		}
	}
	return nil
}

// tellingViolation keeps the refusal as what is told, whatever the step waits for.
func tellingViolation(violation *status.State, s *Step) *Step {
	if s.Tell != nil && s.Tell.Reason == v1alpha1.ReasonDeletionHeld && violation != nil {
		told := *violation
		told.Message += " The grant is revoked once the Auth0Tenant's limit of deletions allows it."
		violation = &told
	}
	if violation != nil {
		s.Tell = violation
	}
	return s
}

// violates says whether the rules refuse a recorded grant as the tenant holds it, and as the spec would have it where the spec
// names it: what the spec puts right is no violation. An edit that the rules refuse is none either: the grant was allowed
// before it, and still is. An old look will do to find nothing wrong; a violation takes a look that is no older than the rules.
func (d *decision) violates(r *grant.Record) (bool, *Step) {
	if !d.acted(r) || d.Unresolved == nil && r.Of(d.Wanted) && d.notPermitted(d.Object.Fields) == nil {
		return false, nil
	}
	d.track = true
	for _, since := range []time.Time{{}, d.current()} {
		held, s := d.see(r.Identity, since)
		if s != nil {
			return false, s
		}
		if d.allows(r.Identity, held) {
			return false, nil
		}
	}
	return true, nil
}

// allows says whether the rules allow all that the tenant holds of a grant, or the spec where it holds nothing.
func (w *World) allows(identity grant.Identity, held *grant.Grant, rights ...v1alpha1.Right) bool {
	all := []grant.Grant{{Fields: w.Object.Fields}}
	if held != nil {
		all = held.All()
	}
	return !slices.ContainsFunc(all, func(g grant.Grant) bool { return !w.Tenant.Decide(identity, g.Fields, rights...).Allowed })
}

// refusalOf is what is told of a recorded grant that violates the rules. Nothing in it is of the tenant.
func (w *World) refusalOf(r *grant.Record) *status.State {
	if w.Unresolved == nil && r.Of(w.Wanted) {
		return w.notPermitted(w.Object.Fields)
	}
	decision := w.Tenant.Decide(r.Identity, w.Object.Fields)
	if decision.Allowed {
		decision.ForUser = "The access rules of the Auth0Tenant do not allow the " + r.String() + ", which this object owns, as it is."
		decision.ForOwner = decision.ForUser
	}
	return denied(decision)
}

// letViolationGo hands over or revokes a grant that violates the rules; nil where it stays.
func (d *decision) letViolationGo(r *grant.Record) *Step {
	done, s := d.handedOver(r)
	if s == nil && !done {
		if !d.Tenant.Revokes {
			return nil
		}
		s = d.revoke(r, d.Memory.Since, CauseViolation)
	}
	if s != nil {
		return s
	}
	return d.drop(r, done)
}

// refused deals with an object that may ask nothing of the tenant now. Its grant stays as it is, and is narrowed to
// the spec where the rules are why.
func (d *decision) refused(refusal *status.State) Step {
	if refusal.Reason != v1alpha1.ReasonNotPermitted || d.record == nil && d.replaces == nil ||
		!d.writable() || d.observing() || d.elsewhere() != nil {
		return d.rest(refusal)
	}
	d.track = true
	s := orElse(firstOf(d.tidy, d.withdrawUnmade, d.narrow), func() Step { return d.wait(refusal) })
	s.Tell = refusal
	return s
}

// withdrawUnmade takes back the record of a request that is proven to have made nothing.
func (d *decision) withdrawUnmade() *Step {
	if d.record == nil || d.record.ID != "" {
		return nil
	}
	if made, s := d.made(d.record); s != nil || made {
		return s
	}
	return d.takeBack("")
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
