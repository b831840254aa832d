package lifecycle

import (
	"strings"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// report says what enforcing would change. Nothing is written to the tenant; a record that is not needed is let go of.
func (d *decision) report() Step {
	if s := d.tidy(); d.violation != nil || s != nil {
		return d.rest(nil)
	}
	if owner := d.owner(d.Object.Mode == v1alpha1.ModeEnforce); owner != nil {
		return *d.conflict(owner)
	}
	held, s := d.see(d.Wanted, d.Memory.fresh())
	if s != nil {
		return *s
	}
	if held == nil {
		change := grant.Diff(d.Object.Fields, grant.Grant{})
		s := d.wait(status.Waiting(v1alpha1.ReasonWouldChange, "Enforcing would create the grant%s.", d.alsoRevoked(nil)))
		s.Held, s.Plan = &grant.Grant{}, &change
		return s
	}
	switch {
	case !d.record.Of(d.Wanted) && !d.mayAdopt(*held):
		return d.wait(d.adoptionRefused(*held))
	case held.IsSystem:
		return d.wait(systemGrant())
	}
	if refusal := d.notPermitted(grant.Over(d.Object.Fields, *held)); refusal != nil {
		return *telling(refusal, held, d.wait(refusal))
	}
	return d.reportChange(*held)
}

// reportChange says what enforcing would change of a grant that is there.
func (d *decision) reportChange(held grant.Grant) Step {
	change, revoked := grant.Diff(d.Object.Fields, held), d.alsoRevoked(held.Others)
	tell := status.Waiting(v1alpha1.ReasonWouldChange, "Enforcing would change the grant: %s (status.drift names them)%s.",
		grant.Describe(change, held), revoked)
	switch {
	case change.Empty() && revoked == "":
		tell = &status.State{Reason: v1alpha1.ReasonObserved, Message: "Enforcing would change nothing.", Ready: true}
	case change.Empty():
		tell = status.Waiting(v1alpha1.ReasonWouldChange, "Enforcing would keep the grant as it is%s.", revoked)
	}
	told := telling(tell, &held, d.wait(tell))
	if !change.Empty() {
		told.Plan = &change
	}
	return *told
}

// alsoRevoked says which grants enforcing would revoke because the spec names another one now; empty where none.
func (d *decision) alsoRevoked(others []grant.Grant) string {
	var text strings.Builder
	for _, other := range others {
		text.WriteString(", and revoke " + other.ID + ", a further grant of this client, API and subject type")
	}
	for _, r := range []*grant.Record{d.record, d.replaces} {
		if d.acted(r) && !r.Of(d.Wanted) {
			text.WriteString(", and revoke the " + r.String())
		}
	}
	return text.String()
}
