package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// patienceWithOthers is how soon a hand-over is looked at again where no event tells.
const patienceWithOthers = time.Second

// claim makes sure that no other ClientGrant owns the wanted grant. One that must let go of it is succeeded.
func (d *decision) claim() *Step {
	owner := d.owner(true)
	switch {
	case owner == nil:
		return nil
	case owner.records(d.Wanted) && owner.Held && owner.leaves(d.Wanted):
		return d.succeed(owner)
	}
	return d.conflict(owner)
}

// conflict says who owns the grant. Of another namespace no more is told than that the grant is not to be had.
func (d *decision) conflict(owner *Rival) *Step {
	switch {
	case !owner.Near:
		return d.waitFor(adoptionRefused(), d.Tenant.Interval)
	case owner.Deleting:
		return d.waitFor(status.Working(v1alpha1.ReasonConflict,
			"ClientGrant %q owns this grant and is being deleted: this one takes it over.", owner.Name), d.Tenant.Interval)
	}
	return d.waitFor(status.Stalled(v1alpha1.ReasonConflict,
		"ClientGrant %q owns this grant: delete one of the two, or give them different clients, audiences or subject types.",
		owner.Name), d.Tenant.Interval)
}

// succeed takes a grant over from an owner that must let go of it, if this is the object that it goes to.
func (d *decision) succeed(owner *Rival) *Step {
	theirs := owner.Record
	if !theirs.Of(d.Wanted) {
		theirs = owner.Replaces
	}
	held, s := d.see(d.Wanted, time.Time{})
	if s != nil {
		s.Tell = d.conflict(owner).Tell
		return s
	}
	first := d.successor(d.Wanted, held)
	mine := d.claimOwn(true)
	switch {
	case held == nil || theirs.ID == "" && !held.MadeFrom(theirs.Sent):
		// What is not there, or not known as the owner's, is not handed over: the owner settles it first.
	case first != nil && first != owner && first.claim(d.Wanted, held).before(mine):
	case d.notPermitted(grant.Over(d.Object.Fields, *held)) != nil:
	case d.replaces != nil && d.acted(d.record) && !d.record.Of(d.Wanted):
		// A change of its own comes first.
	default:
		return d.own(grant.Record{Identity: d.Wanted, Adopted: theirs.Adopted, ID: held.ID}, CauseHandOver)
	}
	s = d.conflict(owner)
	s.Again = patienceWithOthers
	return s
}

// converge makes the wanted grant exist, belong to this object, and hold what the spec says.
func (d *decision) converge() *Step {
	held, s := d.see(d.Wanted, time.Time{})
	if s != nil {
		return s
	}
	if held == nil {
		return d.create()
	}
	if s := d.takeOver(*held); s != nil {
		return s
	}
	if held.IsSystem {
		return d.waitFor(systemGrant(), 0)
	}
	if refusal := d.notPermitted(grant.Over(d.Object.Fields, *held)); refusal != nil {
		return telling(refusal, held, orElse(d.narrow(), func() Step { return d.wait(refusal) }))
	}
	return d.update(*held)
}

// own records a grant, then holds the object: a record without the finalizer has never been acted on. A record of another
// grant moves to replaces with the same write.
func (d *decision) own(record grant.Record, why Cause) *Step {
	if d.record != nil && !d.record.Of(record.Identity) && d.acted(d.record) && d.replaces == nil {
		d.replaces = d.record
	}
	stored := d.Object.Record
	d.record = &record
	switch {
	case stored == nil || *stored != record || d.replaces != d.Object.Replaces:
		s := d.do(Write{Plans: record.Sent != "", Owns: true}, nil)
		s.Cause = why
		return s
	case !d.Object.Held:
		return d.do(Hold{}, nil)
	}
	return nil
}

// unanswered says whether a create request for the record may have left without an answer. What this process planned and did
// not send is none.
func (d *decision) unanswered(r *grant.Record) bool {
	_, late := d.Late[r.Identity]
	return late || r.Sent != "" && d.Object.Held && d.Memory.Planned != r.Sent
}

// acted says whether the record ever had an effect in the tenant that may still be there.
func (d *decision) acted(r *grant.Record) bool {
	return r != nil && (r.ID != "" || d.unanswered(r))
}

func (d *decision) create() *Step {
	if s := d.heldBack(d.Wanted, nil); s != nil {
		return s
	}
	if s := d.contested(); s != nil {
		return d.waitFor(s, d.Tenant.Interval)
	}
	body := grant.NewGrant(d.Wanted, d.Object.Fields)
	if r := d.record; r.Of(d.Wanted) && r.Sent != body.Hash() && d.unanswered(r) {
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

// isOurs says whether the grant that was found is the one that the record speaks of.
func (d *decision) isOurs(r *grant.Record, held grant.Grant) bool {
	return r.ID != "" || held.MadeFrom(r.Sent) || held.ID == d.Memory.Made
}

// takeOver makes a grant that is in the tenant this object's own, if it is not yet and may be.
func (d *decision) takeOver(held grant.Grant) *Step {
	r := d.record
	if r.Of(d.Wanted) && (r.ID != "" || d.Object.Held && d.isOurs(r, held)) {
		if r.ID == held.ID && r.Sent == "" && d.Object.Held {
			return nil
		}
		known := grant.Record{Identity: r.Identity, Adopted: r.Adopted, ID: held.ID}
		if !d.Object.Held {
			return d.own(known, CauseHandOver)
		}
		d.lost = r.ID == "" && held.ID != d.Memory.Made
		d.record = &known // It is a report, and stored when it suits.
		return nil
	}
	if !d.mayAdopt(held) || held.IsSystem {
		return d.refuseAdoption(held)
	}
	return d.own(grant.Record{Identity: d.Wanted, Adopted: true, ID: held.ID}, CauseAdoption)
}

// mayAdopt is the adoption gate: the spec wants it, and the rule that allows what the grant will be gives the right to it.
func (d *decision) mayAdopt(held grant.Grant) bool {
	return d.Object.Adopt && d.Tenant.Decide(held.Identity(d.Tenant.Host), grant.Over(d.Object.Fields, held),
		v1alpha1.RightAdoptExisting).Allowed
}

// refuseAdoption takes back a record that claimed what is not ours after all.
func (d *decision) refuseAdoption(held grant.Grant) *Step {
	if d.record.Of(d.Wanted) {
		if d.unanswered(d.record) {
			d.left = append(d.left, Left{d.Wanted, "a create request was never answered, and the grant that is there now is not to be adopted"})
		}
		return d.takeBack()
	}
	if held.IsSystem && d.mayAdopt(held) {
		return d.waitFor(systemGrant(), 0)
	}
	return d.waitFor(adoptionRefused(), 0)
}

// takeBack withdraws the record of a grant that is not to be had. What it was to replace stays in force.
func (d *decision) takeBack() *Step {
	if d.replaces == nil && d.Object.Held {
		return d.do(Release{}, nil) // The finalizer goes first.
	}
	d.record, d.replaces = d.replaces, nil
	return d.do(Write{}, nil)
}

func adoptionRefused() *status.State {
	return status.Stalled(v1alpha1.ReasonAdoptionRefused,
		"The grant exists already and may not be taken over: that takes spec.adoptionPolicy Adopt and an access rule of the Auth0Tenant "+
			"that allows the grant as it will be and lists AdoptExisting.")
}

func systemGrant() *status.State {
	return status.Stalled(v1alpha1.ReasonSystemGrant, "The grant belongs to Auth0 itself and is never written: delete this ClientGrant.")
}

// update brings a grant that is owned to the spec, with one request and only where it differs.
func (d *decision) update(held grant.Grant) *Step {
	change := grant.Diff(d.Object.kept(d.Memory, held), held)
	if change.Empty() {
		return nil
	}
	if s := d.contested(); s != nil {
		return telling(s, &held, orElse(d.narrow(), func() Step { return *d.waitFor(s, d.Tenant.Interval) }))
	}
	return d.change(held, change, d.cause())
}

func (d *decision) change(held grant.Grant, change grant.Fields, why Cause) *Step {
	if s := d.heldBack(d.Wanted, &held); s != nil {
		return s
	}
	return d.do(Change{Identity: d.Wanted, ID: held.ID, Fields: change, Cause: why}, nil)
}

// narrow takes away from a grant that is owned what the spec does not ask for. That needs no permission.
func (d *decision) narrow() *Step {
	if !d.record.Of(d.Wanted) || !d.Object.Held {
		return nil
	}
	held, s := d.see(d.Wanted, time.Time{})
	if s != nil || held == nil || held.IsSystem || !d.isOurs(d.record, *held) {
		return s
	}
	if change := grant.Narrow(d.Object.Fields, *held); !change.Empty() {
		return d.change(*held, change, CauseViolation)
	}
	return nil
}

// available ends with what the tenant holds, seen since this generation was asked for.
func (d *decision) available() Step {
	held, s := d.see(d.Wanted, d.Memory.fresh())
	if s != nil || held == nil {
		return orElse(s, func() Step { return d.wait(nil) })
	}
	tell := &status.State{Reason: v1alpha1.ReasonAvailable, Message: "The tenant holds the grant as specified.", Ready: true}
	if dropped := grant.Missing(d.Object.Fields, *held); len(dropped) > 0 {
		tell = status.Stalled(v1alpha1.ReasonScopesDropped,
			"Auth0 accepted but did not keep %s: define them on the API, or remove them from the spec.", status.Names(dropped))
	}
	return *telling(tell, held, d.wait(tell))
}

func telling(tell *status.State, held *grant.Grant, s Step) *Step {
	s.Tell, s.Held = tell, held
	return &s
}

// report says, without writing anything, what enforcing would change.
func (d *decision) report() Step {
	if s := d.reportClaim(); s != nil {
		return *s
	}
	held, s := d.see(d.Wanted, d.Memory.fresh())
	if s != nil {
		return *s
	}
	if held == nil {
		change := grant.Diff(d.Object.Fields, grant.Grant{})
		s := d.wait(status.Waiting(v1alpha1.ReasonWouldChange, "Enforcing would create the grant%s.", d.alsoRevoked()))
		s.Held, s.Plan = &grant.Grant{}, &change
		return s
	}
	switch {
	case !d.record.Of(d.Wanted) && !d.mayAdopt(*held):
		return d.wait(adoptionRefused())
	case held.IsSystem:
		return d.wait(systemGrant())
	}
	if refusal := d.notPermitted(grant.Over(d.Object.Fields, *held)); refusal != nil {
		return *telling(refusal, held, d.wait(refusal))
	}
	change, revoked := grant.Diff(d.Object.Fields, *held), d.alsoRevoked()
	difference := grant.Describe(change, *held)
	tell := status.Waiting(v1alpha1.ReasonWouldChange, "Enforcing would change the grant: scopes %s%s (status.drift names them)%s.",
		difference.Summary(), fieldList(difference.Fields), revoked)
	switch {
	case change.Empty() && revoked == "":
		tell = &status.State{Reason: v1alpha1.ReasonObserved, Message: "Enforcing would change nothing.", Ready: true}
	case change.Empty():
		tell = status.Waiting(v1alpha1.ReasonWouldChange, "Enforcing would keep the grant as it is%s.", revoked)
	}
	told := telling(tell, held, d.wait(tell))
	if !change.Empty() {
		told.Plan = &change
	}
	return *told
}

func (d *decision) reportClaim() *Step {
	if owner := d.owner(d.Object.Mode == v1alpha1.ModeEnforce); owner != nil {
		return d.conflict(owner)
	}
	return nil
}

// alsoRevoked says which grants enforcing would revoke because the spec names another one now; empty where none.
func (d *decision) alsoRevoked() (text string) {
	for _, r := range []*grant.Record{d.record, d.replaces} {
		if d.acted(r) && !r.Of(d.Wanted) {
			text += ", and revoke the " + r.Identity.String()
		}
	}
	return text
}
