package lifecycle

import (
	"fmt"
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
	case owner.records(d.Wanted) && owner.Held && d.leaves(owner, d.Wanted):
		return d.succeed(owner)
	}
	if s := d.tidy(); s != nil {
		return s
	}
	return d.conflict(owner)
}

// conflict says who owns the grant. Of another namespace no more is told than that the grant is not to be had.
func (d *decision) conflict(owner *Rival) *Step {
	switch {
	case !owner.Near:
		s := adoptionRefused()
		if owner.Same {
			s.ForOwner = fmt.Sprintf("ClientGrant %s/%s owns the grant.", owner.Namespace, owner.Name)
		}
		return d.waitFor(s, d.Tenant.Interval)
	case owner.Deleting:
		return d.waitFor(status.Working(v1alpha1.ReasonConflict,
			"ClientGrant %q owns this grant and is being deleted: this one takes it over.", owner.Name), d.Tenant.Interval)
	}
	return d.waitFor(status.Stalled(v1alpha1.ReasonConflict,
		"ClientGrant %q owns this grant: delete one of the two, or give them different clients, audiences or subject types.",
		owner.Name), d.Tenant.Interval)
}

// succeed takes a grant over from an owner that must let go of it, if this is the object that it goes to. Each object writes
// only itself: the owner lets go when it sees the record and the finalizer here.
func (d *decision) succeed(owner *Rival) *Step {
	theirs := owner.Record
	if !claims(theirs, d.Wanted) {
		theirs = owner.Replaces
	}
	held, s := d.see(d.Wanted, time.Time{})
	if s != nil {
		s.Tell = d.conflict(owner).Tell
		return s
	}
	first := d.successor(d.Wanted, held)
	mine := d.claimOwn(d.Wanted, true)
	switch {
	case held == nil || theirs.ID == "":
		// A grant that is not there, or not known by its ID yet, is not handed over: the owner settles it first.
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

// yield withdraws the record of a grant that another ClientGrant owns, too, and before this one: whatever a hand-over was
// interrupted by, one of the two stays.
func (d *decision) yield() *Step {
	for _, r := range []*grant.Record{d.replaces, d.record} {
		if r != nil && d.Object.Held && d.answersFor(r.Identity) {
			return d.drop(r, true)
		}
	}
	return nil
}

// handedOver says whether another ClientGrant has a grant of this one that this one must let go of; a step, where one could
// and has not yet: until then this object stays, so that at no moment nobody answers for the access.
func (d *decision) handedOver(r *grant.Record) (bool, *Step) {
	if !d.writable() {
		return false, nil
	}
	switch {
	case d.awaitsRival(r.Identity):
		return false, d.waitFor(nil, patienceWithOthers) // Nothing wakes this object if that Auth0Tenant goes unseen.
	case d.keptByAnother(r.Identity):
		return true, nil
	case d.successor(r.Identity, nil) == nil:
		return d.answersFor(r.Identity), nil
	}
	d.track = true
	held, s := d.see(r.Identity, time.Time{})
	if s != nil || held == nil {
		return false, s // A grant that is not there the other one makes for itself.
	}
	next := d.successor(r.Identity, held)
	switch {
	case next == nil:
		return d.answersFor(r.Identity), nil
	case !d.isOurs(r, *held):
		if d.unanswered(r) && !next.records(r.Identity) {
			d.left = append(d.left, Left{r.Identity, whyUnanswered})
		}
		return true, nil // It is the other one's, or for that one to adopt.
	case next.has(*held, r.Identity):
		if wait := d.earlierRequest(r); wait > 0 {
			return false, d.waitFor(handingOver(), wait) // The other one does not know of the request.
		}
		return true, nil
	case r.ID == "":
		return false, d.tellID(r, held.ID) // By it the other one knows the grant.
	}
	return false, d.waitFor(handingOver(), patienceWithOthers)
}

func handingOver() *status.State {
	return status.Working(v1alpha1.ReasonProgressing, "Another ClientGrant asks for this grant and takes it over: it is not revoked.")
}

// tellID stores the ID of a recorded grant.
func (d *decision) tellID(r *grant.Record, id string) *Step {
	known := &grant.Record{Identity: r.Identity, Adopted: r.Adopted, ID: id}
	if r == d.record {
		d.record = known
	} else {
		d.replaces = known
	}
	return d.do(Write{}, nil)
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
