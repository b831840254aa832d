package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// own records a grant, then holds the object: the finalizer follows the record, and a request follows both. A record of another
// grant moves to replaces with the same write.
func (d *decision) own(record grant.Record, why Cause) *Step {
	if d.record != nil && !d.record.Of(record.Identity) && d.acted(d.record) && d.replaces == nil {
		d.replaces = d.record
	}
	d.record = &record
	switch {
	case !same(d.record, d.Object.Record) || !same(d.replaces, d.Object.Replaces):
		s := d.do(Write{Plans: record.Sent != "", Owns: true}, nil)
		s.Cause = why
		return s
	case !d.Object.Held:
		return d.do(Hold{}, nil)
	}
	return nil
}

func same(a, b *grant.Record) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// isOurs says whether the grant that was found is the one that the record speaks of.
func (w *World) isOurs(r *grant.Record, held grant.Grant) bool {
	return r.ID != "" || held.MadeFrom(r.Sent) || held.MadeLess(r.Sent, w.Object.Fields) || held.ID == w.Memory.Made
}

// create makes the wanted grant. The request is recorded before it leaves, so that its effect is found and known as the
// object's own whatever happens after.
func (d *decision) create() *Step {
	if s := d.heldBack(requestCreate, d.Wanted, nil); s != nil {
		return s
	}
	if s := d.contested(); s != nil {
		return d.waitFor(s, d.Tenant.Interval)
	}
	body := grant.NewGrant(d.Wanted, d.Object.Fields)
	if r := d.record; r.Of(d.Wanted) && r.Sent != body.Hash() && !d.lateUntil(r).IsZero() {
		// Before a request with other content, the earlier one must have had its time.
		if _, s := d.see(d.Wanted, d.proofFrom(r, time.Time{})); s != nil {
			return s
		}
	}
	if s := d.own(grant.Record{Identity: d.Wanted, Sent: body.Hash()}, d.cause()); s != nil {
		return s
	}
	return d.do(Create{Identity: d.Wanted, Body: body, Cause: d.cause()}, nil)
}

// takeOver makes a grant that is in the tenant this object's own, if it is not yet and may be.
func (d *decision) takeOver(held grant.Grant) *Step {
	r := d.record
	if !r.Of(d.Wanted) || !d.Object.Held || !d.isOurs(r, held) {
		if !d.mayAdopt(held) || held.IsSystem {
			return d.refuseAdoption(held)
		}
		return d.own(grant.Record{Identity: d.Wanted, Adopted: true, ID: held.ID}, CauseAdoption)
	}
	d.learnID(held)
	return nil
}

// learnID notes the ID of a grant that is known as the object's own. It is a report, and stored when it suits.
func (d *decision) learnID(held grant.Grant) {
	if r := d.record; r.ID != held.ID || r.Sent != "" {
		d.lost = r.ID == "" && held.ID != d.Memory.Made
		d.record = &grant.Record{Identity: r.Identity, Adopted: r.Adopted, ID: held.ID}
	}
}

// mayAdopt is the adoption gate: the spec wants it, and the rule that allows what the grant will be gives the right to it.
func (w *World) mayAdopt(held grant.Grant) bool { return w.Object.Adopt && w.adoption(held).Allowed }

func (w *World) adoption(held grant.Grant) policy.Decision {
	return w.Tenant.Decide(held.Identity(w.Tenant.Host), grant.Over(w.Object.Fields, held), v1alpha1.RightAdoptExisting)
}

const (
	whyUnanswered = "a create request was never answered, and the grant that is there now is not to be adopted"
	whyUnrecorded = "it was never recorded as this object's own, and is not to be adopted"
)

// refuseAdoption takes back a record that claimed what is not ours after all.
func (d *decision) refuseAdoption(held grant.Grant) *Step {
	if d.record.Of(d.Wanted) {
		if d.record.Sent != "" && d.unanswered(d.record) {
			d.left = append(d.left, Left{d.Wanted, whyUnanswered})
		}
		return d.takeBack("")
	}
	if held.IsSystem && d.mayAdopt(held) {
		return d.waitFor(systemGrant(), 0)
	}
	return d.waitFor(d.adoptionRefused(held), 0)
}

// takeBack withdraws the record of a grant that is not to be had. The one that it was to replace stays in force. Before the finalizer
// goes, the record says no more than that there is none: what is let go once is never taken for this object's own again,
// whatever fails after.
func (d *decision) takeBack(why Cause) *Step {
	switch {
	case d.replaces != nil:
		d.record, d.replaces = d.replaces, nil
	case !d.Object.Held:
		d.record = nil
	case d.record.ID != "" || d.record.Sent != "":
		d.record = &grant.Record{Identity: d.record.Identity, Adopted: d.record.Adopted}
	default:
		return d.do(Release{}, nil) // What it is for was told with the record.
	}
	s := d.do(Write{Yields: true}, nil)
	s.Cause = why
	return s
}

// drop clears a record of which nothing is left to do: that of the grant that is replaced, or the other one.
func (d *decision) drop(r *grant.Record, handedOver bool) *Step {
	why := Cause("")
	if handedOver {
		why = CauseHandOver
	}
	if r == d.record {
		return d.takeBack(why)
	}
	d.replaces = nil
	s := d.do(Write{Yields: true}, nil)
	s.Cause = why
	return s
}

// adoptionRefused leaves it to the tenant's owner to know what the rules lack.
func (w *World) adoptionRefused(held grant.Grant) *status.State {
	s := adoptionRefused()
	if decision := w.adoption(held); w.Object.Adopt && !decision.Allowed {
		s.ForOwner = decision.ForOwner
	}
	return s
}

func adoptionRefused() *status.State {
	return status.Stalled(v1alpha1.ReasonAdoptionRefused,
		"The grant exists already and may not be taken over: that takes spec.adoptionPolicy Adopt and an access rule of the Auth0Tenant "+
			"that allows the grant as it will be and lists AdoptExisting.")
}

func systemGrant() *status.State {
	return status.Stalled(v1alpha1.ReasonSystemGrant, "The grant belongs to Auth0 itself and is never written: delete this ClientGrant.")
}
