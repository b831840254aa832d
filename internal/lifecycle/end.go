package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// end ends the access that a ClientGrant owns, or says why it cannot, and then lets the object go. Only what is recorded is
// revoked, never what stands in the spec alone, and nothing without the finalizer: that was let go.
func (d *decision) end() Step {
	if !d.Object.Held && !d.Object.Gone {
		return d.wait(nil)
	}
	if d.record == nil && d.replaces == nil {
		return d.endUnrecorded()
	}
	d.track = d.Tenant.Exists
	if r := d.record; r != nil && r.ID == "" && r.Sent == "" && d.replaces == nil && d.Object.Held {
		return d.endUnclaimed(r)
	}
	var left []*grant.Record
	why := Cause("")
	for _, r := range []*grant.Record{d.record, d.replaces} {
		if !d.acted(r) {
			continue
		}
		done, s := d.succeeded(r)
		if s != nil {
			return *s
		}
		if why = CauseHandOver; !done {
			left = append(left, r)
		}
	}
	if len(left) == 0 {
		return d.release(why)
	}
	return d.endOwned(left)
}

// endOwned revokes what no other ClientGrant takes, or leaves it in the tenant where the policies say so. No policy
// and no mode of the object keeps a grant that violates the rules of an Auth0Tenant which revokes it.
func (d *decision) endOwned(left []*grant.Record) Step {
	violation, s := d.endsByRules(left)
	if s != nil {
		return *s
	}
	if d.violation = violation; d.orphans() && violation == nil {
		s := d.orphan(left)
		if !waits(&s) || !d.Object.Gone {
			return s // Without the right to it, what is gone cannot wait: its access ends.
		}
	}
	if s := d.mayRevoke(); s != nil {
		return *s
	}
	for _, r := range left {
		if s := d.revoke(r, d.Memory.DeletedAt, CauseDeletion); s != nil {
			return *s
		}
	}
	return d.release("")
}

// release takes the finalizer away. Grants that stay in the tenant are told.
func (d *decision) release(why Cause) Step {
	s := d.do(Release{}, nil)
	s.Cause = why
	return *s
}

// endsByRules is the refusal of a grant that must not stay because of the rules, although the object would keep it.
func (d *decision) endsByRules(left []*grant.Record) (*status.State, *Step) {
	keeps := d.orphans() && !d.Tenant.Orphans || d.Object.Mode == v1alpha1.ModeObserve
	if !keeps || !d.Tenant.Revokes || !d.writable() || d.elsewhere() != nil {
		return nil, nil
	}
	for _, r := range left {
		if violates, s := d.violates(r); s != nil {
			return nil, s
		} else if violates {
			return d.refusalOf(r), nil
		}
	}
	return nil, nil
}

// succeeded says whether another ClientGrant has a recorded grant now. Of one that stays in the tenant in any case nothing is
// asked there.
func (d *decision) succeeded(r *grant.Record) (bool, *Step) {
	if !d.orphans() || r.ID == "" {
		if done, s := d.handedOver(r); done || s != nil {
			return done, s
		}
		return d.answersFor(r.Identity), nil
	}
	next := d.successor(r.Identity, nil)
	switch {
	case !d.writable() || next == nil:
		return d.answersFor(r.Identity), nil
	case next.records(r.Identity) && next.Held:
		return true, nil
	}
	return false, d.waitFor(handingOver(), patienceWithOthers)
}

func (w *World) orphans() bool {
	return (w.Object.Deleting || w.Object.Gone) && (w.Object.Orphan || w.Tenant.Orphans)
}

// orphan lets the object go and the grants stay, where a rule or the Auth0Tenant gives the right to that.
func (d *decision) orphan(records []*grant.Record) Step {
	for _, r := range records {
		if d.Tenant.Exists && !d.Tenant.Orphans {
			held, s := d.heldNow(r)
			if s != nil {
				return *s
			}
			if held == nil {
				continue // There is nothing that would stay.
			}
			if !d.allows(r.Identity, held, v1alpha1.RightOrphan) {
				return d.wait(status.Waiting(v1alpha1.ReasonDeletionBlocked,
					"No access rule of Auth0Tenant %q that allows this grant gives the right Orphan: set spec.deletionPolicy to Delete to revoke it. %s",
					d.Tenant.Name, d.howToRelease(d.record, d.replaces)))
			}
		}
		why := "its deletionPolicy is Orphan"
		if !d.Object.Orphan {
			why = "the deletionPolicy of the Auth0Tenant is Orphan"
		}
		d.left = append(d.left, Left{r.Identity, why})
	}
	return d.release("")
}

// heldNow is a grant as the tenant holds it; nil where there is none. Where the tenant cannot be asked the spec has to do: a
// release must not wait for that.
func (d *decision) heldNow(r *grant.Record) (*grant.Grant, *Step) {
	t := &d.Tenant
	if seen, ok := d.Seen[r.Identity]; ok && seen.Grant != nil {
		return seen.Grant, nil
	}
	switch {
	case t.Access == Untried && t.Mode == v1alpha1.ModeEnforce && !t.Deleting:
		return nil, d.waitFor(nil, 0)
	case d.unusable() != nil || t.Failing:
		return &grant.Grant{Fields: d.Object.Fields}, nil
	}
	_, s := d.see(r.Identity, time.Time{})
	return nil, s
}

// endUnrecorded deals with a finalizer that has no record: a restore without status, or one written by hand. A grant that
// nobody else is about and that might be adopted today is revoked like any other; any other stays.
func (d *decision) endUnrecorded() Step {
	t := &d.Tenant
	switch {
	case t.Exists && !t.Admits || !t.Exists && !t.Near:
		return d.release("") // To this namespace there is no such tenant.
	case d.Unresolved != nil:
		return d.leave("its client cannot be resolved any more")
	case d.tracked():
		return d.release("")
	case d.orphans() || !d.Object.Adopt:
		return d.leave(whyUnrecorded)
	case !t.Exists:
		return *d.blocked("Auth0Tenant %q does not exist: create it, so that a grant this object may have made can be revoked.", t.Name)
	case !t.OperatorsKnown:
		return d.wait(nil)
	case !t.Decide(d.Wanted, d.Object.Fields, v1alpha1.RightAdoptExisting).Allowed:
		return d.leave(whyUnrecorded)
	}
	d.track = true
	if s := d.mayRevoke(); s != nil {
		return *s
	}
	return d.adoptToRevoke()
}

// adoptToRevoke records a grant that is in the tenant, so that it is revoked like any other.
func (d *decision) adoptToRevoke() Step {
	held, s := d.see(d.Wanted, d.Memory.DeletedAt)
	switch {
	case s != nil:
		return *s
	case held == nil:
		return d.release("")
	case held.IsSystem:
		return d.leave("it belongs to Auth0 itself")
	case !d.mayAdopt(*held):
		return d.leave(whyUnrecorded)
	}
	return *d.own(grant.Record{Identity: d.Wanted, Adopted: true, ID: held.ID}, CauseAdoption)
}

// endUnclaimed deals with a record that has neither ID nor request: what is there is the object's own only if it may be adopted
// today, and nobody else is about it.
func (d *decision) endUnclaimed(r *grant.Record) Step {
	t := &d.Tenant
	d.Wanted, d.Unresolved = r.Identity, nil
	switch {
	case !t.Exists || d.elsewhere() != nil || d.tracked() || d.orphans() || !d.Object.Adopt:
		return d.release("")
	case !t.OperatorsKnown:
		return d.wait(nil)
	case !t.Decide(r.Identity, d.Object.Fields, v1alpha1.RightAdoptExisting).Allowed:
		return d.release("")
	}
	if s := d.mayRevoke(); s != nil {
		return *s
	}
	held, s := d.see(r.Identity, d.Memory.DeletedAt)
	switch {
	case s != nil:
		return *s
	case held == nil || held.IsSystem || !d.mayAdopt(*held):
		return d.release("")
	}
	return *d.own(grant.Record{Identity: r.Identity, Adopted: r.Adopted, ID: held.ID}, CauseAdoption)
}

// leave lets the object go, and tells of access that may remain.
func (d *decision) leave(why string) Step {
	if d.Tenant.Exists {
		d.left = append(d.left, Left{d.Wanted, why})
	}
	return d.release("")
}

// tracked says whether another ClientGrant records the wanted grant or asks for it, in the same Auth0Tenant or in one whose
// credentials were accepted.
func (w *World) tracked() bool {
	for i := range w.Rivals {
		r := &w.Rivals[i]
		if r.records(w.Wanted) || !r.Deleting && !r.Unresolved && r.Asks == w.Wanted && (r.Same || r.Known) {
			return true
		}
	}
	return false
}
