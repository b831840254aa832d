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
	left             []Left
	lost, track      bool
}

// Next is the one step that follows from a World.
func Next(w World) Step {
	d := &decision{World: w, record: w.Object.Record, replaces: w.Object.Replaces}
	switch {
	case w.Object.Deleting || w.Object.Gone:
		return d.end()
	case w.Object.Mode == v1alpha1.ModeSuspend:
		return d.wait(status.Waiting(v1alpha1.ReasonSuspended, "Suspended by spec.mode; set it to Enforce to go on."))
	}
	if refusal := d.entitled(); refusal != nil {
		return d.refused(refusal)
	}
	d.track = true
	if d.observing() {
		return d.report()
	}
	// What the spec does not name any more is given away at once, also where another object owns what it names.
	if s := d.makeRoom(); s != nil {
		return *s
	}
	if s := firstOf(d.claim, d.converge); s != nil {
		return d.giveReplaced(*s)
	}
	return orElse(d.settle(), d.available)
}

// entitled asks, in this order, whether there is an Auth0Tenant for the object, which grant it names, and whether the rules
// allow that. Nothing is asked of the tenant before, and nothing told about it.
func (d *decision) entitled() *status.State {
	owns := d.record != nil || d.replaces != nil
	t := &d.Tenant
	if !t.Exists || !t.Admits && !owns {
		s := tenantNotReady("Auth0Tenant %q does not exist in namespace %q, or does not admit this namespace.", t.Name, t.Namespace)
		s.KeepsReady = owns // What was only observed nobody may look at any more.
		return s
	}
	switch {
	case !t.Admits:
		return d.notPermitted(d.Object.Fields)
	case d.Unresolved != nil:
		return d.Unresolved
	case !t.OperatorsKnown:
		return &status.State{} // Silent: the object is woken when it is known.
	}
	if s := d.notPermitted(d.Object.Fields); s != nil {
		return s
	}
	return d.unusable()
}

// notPermitted is what the rules say against the wanted grant with these fields; nil where they allow it.
func (d *decision) notPermitted(fields grant.Fields) *status.State {
	decision := d.Tenant.Decide(d.Wanted, fields)
	if decision.Allowed {
		return nil
	}
	s := status.Stalled(v1alpha1.ReasonNotPermitted, "%s", decision.ForUser)
	s.ForOwner = decision.ForOwner
	return s
}

// unusable is why the tenant cannot be used for an object that is not being deleted; nil where it can.
func (d *decision) unusable() *status.State {
	t := &d.Tenant
	switch {
	case t.Deleting:
		return tenantNotReady("Auth0Tenant %q is being deleted.", t.Name)
	case t.Mode == v1alpha1.ModeSuspend:
		return tenantNotReady("Auth0Tenant %q is suspended (spec.mode).", t.Name)
	case t.Access == Untried:
		return &status.State{}
	case t.Access < ReadOnly:
		return tenantNotReady("Auth0Tenant %q is not ready; its Ready condition says why.", t.Name)
	}
	return nil
}

func (d *decision) observing() bool {
	return d.Object.Mode == v1alpha1.ModeObserve || d.Tenant.Mode == v1alpha1.ModeObserve || d.Tenant.Access == ReadOnly
}

// refused deals with an object that may ask nothing of the tenant now. What it owns is frozen where the rules are why.
func (d *decision) refused(refusal *status.State) Step {
	if refusal.Reason != v1alpha1.ReasonNotPermitted || d.record == nil && d.replaces == nil ||
		d.unusable() != nil || d.observing() || d.elsewhere() != nil {
		return d.wait(refusal)
	}
	d.track = true
	s := orElse(d.settleFrozen(), func() Step { return d.wait(refusal) })
	s.Tell = refusal
	if deletion, ok := s.Do.(Delete); ok && deletion.Cause == CauseViolation && d.Tenant.DeletionsFrom.After(d.Now) {
		s.Tell = status.Stalled(refusal.Reason, "%s The grant is revoked once the Auth0Tenant's limit of deletions allows it.", refusal.Message)
	}
	return s
}

// elsewhere is a recorded grant of another tenant than the Auth0Tenant is of now: what this one holds proves nothing about it.
func (d *decision) elsewhere() *grant.Record {
	for _, r := range []*grant.Record{d.record, d.replaces} {
		if r != nil && r.Tenant != d.Tenant.Host {
			return r
		}
	}
	return nil
}

// see is what the tenant holds for an identity, in a look that began then or later; where that is not known, a step.
func (d *decision) see(identity grant.Identity, notBefore time.Time) (*grant.Grant, *Step) {
	if seen, ok := d.Seen[identity]; ok && !seen.Began.Before(notBefore) {
		return seen.Grant, nil
	}
	return nil, d.do(Look{Identity: identity, NotBefore: notBefore}, nil)
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

func tenantNotReady(format string, args ...any) *status.State {
	s := status.Waiting(v1alpha1.ReasonTenantNotReady, format, args...)
	s.KeepsReady = true
	return s
}

func fieldList(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return ", " + strings.Join(fields, ", ")
}
