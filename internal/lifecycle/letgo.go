package lifecycle

import (
	"fmt"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// makeRoom prepares for a spec that names another grant than the record. The new grant is made first; only then does the
// old one go. A replacement that is open when the spec changes once more is settled before the next one begins.
func (d *decision) makeRoom() *Step {
	if d.record == nil || d.record.Of(d.Wanted) {
		return nil
	}
	if d.record.Tenant != d.Wanted.Tenant {
		return d.waitFor(status.Waiting(v1alpha1.ReasonTenantNotReady,
			"This object owns a grant in the tenant %q, but its Auth0Tenant is of %q now: re-create the Auth0Tenant for the former.",
			d.record.Tenant, d.Wanted.Tenant), 0)
	}
	done, s := d.handedOver(d.record)
	switch {
	case done:
		return d.takeBack()
	case s != nil && (d.replaces != nil || !d.waits(s)):
		return s
	case d.replaces == nil && d.record.ID != "":
		return nil // With the next record this one moves to replaces.
	case d.replaces != nil && d.acted(d.record) && d.replaces.Of(d.Wanted):
		d.record, d.replaces = d.replaces, d.record
		return d.do(Write{}, nil)
	}
	// A grant that was never seen must not stand in the way of others.
	if made, s := d.made(d.record); s != nil {
		return s
	} else if !made {
		return d.takeBack()
	}
	return d.settle()
}

// waits says whether a step waits for somebody else: two that hand grants to each other must not both wait first.
func (d *decision) waits(s *Step) bool {
	_, waits := s.Do.(Wait)
	return waits
}

// made says whether the recorded grant may be in the tenant.
func (d *decision) made(r *grant.Record) (bool, *Step) {
	if !d.acted(r) {
		return false, nil
	}
	held, s := d.see(r.Identity, d.Memory.Since)
	if s == nil && held == nil {
		held, s = d.see(r.Identity, d.proofFrom(r, d.Memory.Since))
	}
	return held != nil, s
}

// handedOver says whether another ClientGrant has a grant of this one that this one must let go of; a step, where one could
// and has not yet: until then this object stays, so that at no moment nobody answers for the access.
func (d *decision) handedOver(r *grant.Record) (bool, *Step) {
	if d.Tenant.Access != Open || d.Tenant.Mode != v1alpha1.ModeEnforce || d.Tenant.Deleting {
		return false, nil
	}
	for i := range d.Rivals {
		if d.Rivals[i].Untried {
			return false, d.waitFor(nil, patienceWithOthers) // Nothing wakes this object if that Auth0Tenant goes unseen.
		}
	}
	if d.successor(r.Identity, nil) == nil {
		return false, nil
	}
	if d.orphans() && r.ID != "" {
		return d.handedOverUnseen(r)
	}
	held, s := d.see(r.Identity, time.Time{})
	if s != nil || held == nil || !d.isOurs(r, *held) {
		return false, s // What is not there, the other one makes for itself.
	}
	next := d.successor(r.Identity, held)
	switch {
	case next == nil:
		return false, nil
	case next.records(r.Identity) && next.Held && grant.Narrow(next.Fields, *held).Empty():
		return true, nil
	case r.ID == "":
		return false, d.tellID(r, held.ID) // By it the other one knows the grant.
	}
	return false, d.waitFor(status.Working(v1alpha1.ReasonProgressing,
		"Another ClientGrant asks for this grant and takes it over: it is not revoked."), patienceWithOthers)
}

// handedOverUnseen is handedOver for a grant that stays in the tenant in any case: nothing is asked of that.
func (d *decision) handedOverUnseen(r *grant.Record) (bool, *Step) {
	if next := d.successor(r.Identity, nil); next.records(r.Identity) && next.Held {
		return true, nil
	}
	return false, d.waitFor(status.Working(v1alpha1.ReasonProgressing,
		"Another ClientGrant asks for this grant and takes it over: it is not revoked."), patienceWithOthers)
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

// giveReplaced hands the grant that is being replaced over although its successor cannot be had. That stays what is told.
func (d *decision) giveReplaced(why Step) Step {
	if _, standstill := why.Do.(Wait); !standstill || d.replaces == nil || d.replaces.Of(d.Wanted) {
		return why
	}
	done, s := d.handedOver(d.replaces)
	switch {
	case done:
		d.replaces = nil
		return *telling(why.Tell, why.Held, *d.do(Write{}, nil))
	case s != nil:
		return *telling(why.Tell, why.Held, *s)
	}
	return why
}

// settle revokes the grant that was replaced, once its successor is there.
func (d *decision) settle() *Step {
	if d.replaces == nil {
		return nil
	}
	done, s := d.handedOver(d.replaces)
	if s == nil && !done {
		s = d.revoke(d.replaces, d.Memory.Since, CauseReplacement)
	}
	if s != nil {
		return s
	}
	d.replaces = nil
	return d.do(Write{}, nil)
}

// settleFrozen lets go of grants that may not be any more: another ClientGrant that may have one takes it, or it is revoked
// where the Auth0Tenant says so, or it stays and is only ever narrowed.
func (d *decision) settleFrozen() *Step {
	for _, r := range []*grant.Record{d.replaces, d.record} {
		if r == nil {
			continue
		}
		done, s := d.handedOver(r)
		if s != nil {
			return s
		}
		if !done {
			violates, s := d.violates(r)
			if s != nil {
				return s
			}
			if !violates {
				continue
			}
			if s := d.revoke(r, d.Memory.Since, CauseViolation); s != nil {
				return s
			}
		}
		if r == d.record {
			return d.takeBack()
		}
		d.replaces = nil
		return d.do(Write{}, nil)
	}
	return d.narrow()
}

// violates says whether a recorded grant is to be revoked because of the rules: they have to refuse it as it is.
func (d *decision) violates(r *grant.Record) (bool, *Step) {
	if !d.Tenant.Revokes {
		return false, nil
	}
	held, s := d.see(r.Identity, time.Time{})
	return s == nil && (held == nil || !d.Tenant.Decide(r.Identity, held.Fields).Allowed), s
}

// revoke deletes the recorded grant; nil once it is proven absent: Auth0 answers a DELETE of a grant that is not there like
// any other, so that only a look that began afterwards counts.
func (d *decision) revoke(r *grant.Record, since time.Time, why Cause) *Step {
	held, s := d.see(r.Identity, time.Time{})
	if s == nil && held == nil {
		_, s = d.see(r.Identity, d.proofFrom(r, since))
	}
	if s != nil || held == nil {
		return s
	}
	if !d.isOurs(r, *held) && !d.mayAdopt(*held) {
		if d.unanswered(r) {
			d.left = append(d.left, Left{r.Identity, "a create request was never answered, and the grant that is there now is not to be adopted"})
		}
		return nil // What is there is somebody else's.
	}
	if held.IsSystem {
		return d.blocked("The grant belongs to Auth0 itself and is never written.")
	}
	if s := d.heldBack(r.Identity, held); s != nil {
		return s
	}
	if wait := d.Tenant.DeletionsFrom.Sub(d.Now); wait > 0 {
		text := fmt.Sprintf("The Auth0Tenant's spec.deletionLimit of %d in an hour is used up", d.Tenant.DeletionLimit)
		if !d.Tenant.Near {
			text = "The Auth0Tenant's limit of deletions is used up"
		}
		return d.waitFor(status.Waiting(v1alpha1.ReasonDeletionHeld, "%s: the grant is revoked later. %s", text, d.howToRelease()), wait)
	}
	return d.do(Delete{Identity: r.Identity, ID: held.ID, Cause: why}, nil)
}

// proofFrom is when a look must begin to prove the recorded grant absent: a create request without an answer has its time
// first. One of an earlier process left before this one began, or not at all.
func (d *decision) proofFrom(r *grant.Record, since time.Time) time.Time {
	for _, late := range []time.Time{d.Late[r.Identity], d.Start} {
		if late.After(since) && d.unanswered(r) {
			since = late
		}
	}
	return since
}

// end ends the access that a ClientGrant owns, or says why it cannot, and then lets the object go. Only what is recorded is
// revoked, never what stands in the spec alone.
func (d *decision) end() Step {
	if !d.Object.Held && !d.Object.Gone {
		return d.wait(nil)
	}
	if d.record == nil && d.replaces == nil {
		return d.endUnrecorded()
	}
	d.track = d.Tenant.Exists
	var left []*grant.Record
	for _, r := range []*grant.Record{d.record, d.replaces} {
		if r == nil {
			continue
		}
		done, s := d.handedOver(r)
		if s != nil {
			return *s
		}
		if !done && !d.answersFor(r.Identity) {
			left = append(left, r)
		}
	}
	if len(left) == 0 {
		s := d.do(Release{}, nil)
		s.Cause = CauseHandOver
		return *s
	}
	if d.orphans() {
		s := d.orphan(left)
		if _, blocked := s.Do.(Wait); !blocked || !d.Object.Gone {
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
	return *d.do(Release{}, nil)
}

func (d *decision) orphans() bool {
	return (d.Object.Deleting || d.Object.Gone) && (d.Object.Orphan || d.Tenant.Orphans)
}

// orphan lets the object go and the grants stay, where a rule or the Auth0Tenant gives the right to that.
func (d *decision) orphan(records []*grant.Record) Step {
	if d.Tenant.Exists && !d.Tenant.Orphans {
		for _, r := range records {
			fields := d.Object.Fields
			if d.unusable() == nil {
				held, s := d.see(r.Identity, time.Time{})
				if s != nil {
					return *s
				}
				if held == nil {
					continue
				}
				fields = held.Fields
			}
			if !d.Tenant.Decide(r.Identity, fields, v1alpha1.RightOrphan).Allowed {
				return d.wait(status.Waiting(v1alpha1.ReasonDeletionBlocked,
					"No access rule of Auth0Tenant %q that allows this grant gives the right Orphan: set spec.deletionPolicy to Delete to revoke it. %s",
					d.Tenant.Name, d.howToRelease()))
			}
		}
	}
	for _, r := range records {
		d.left = append(d.left, Left{r.Identity, "its deletionPolicy is Orphan"})
	}
	return *d.do(Release{}, nil)
}

// mayRevoke is why the tenant may not be asked and told for this deletion; nil where it may.
func (d *decision) mayRevoke() *Step {
	t := &d.Tenant
	if !t.Exists {
		return d.blocked("Auth0Tenant %q does not exist: create it again so that the grant can be revoked.", t.Name)
	}
	if r := d.elsewhere(); r != nil {
		return d.blocked("The grant is in the tenant %q, but Auth0Tenant %q is of %q.", r.Tenant, t.Name, t.Host)
	}
	switch {
	case d.Object.Mode == v1alpha1.ModeObserve:
		return d.blocked("spec.mode is Observe: set it to Enforce to revoke the grant.")
	case t.Mode != v1alpha1.ModeEnforce:
		return d.blocked("Auth0Tenant %q is in mode %s: deletion goes on when it is Enforce.", t.Name, t.Mode)
	case t.Access == Untried:
		return d.waitFor(nil, 0)
	case t.Access == Broken:
		return d.blockedForNow("Auth0Tenant %q is not ready, so that the grant cannot be revoked; its Ready condition says why.", t.Name)
	case t.Access == ReadOnly:
		return d.blocked("The operator only reads from Auth0Tenant %q.", t.Name)
	case t.Access == Dormant && !t.Ending:
		return d.blockedForNow("Auth0Tenant %q has no credentials any more; its Ready condition says why.", t.Name)
	}
	return nil
}

// blocked is a deletion that waits, with what ends the wait without revoking.
func (d *decision) blocked(format string, args ...any) *Step {
	reason := fmt.Sprintf(format, args...)
	if !d.Tenant.Near && d.Tenant.Exists {
		reason = fmt.Sprintf("Auth0Tenant %q in namespace %q does not let the grant be revoked now.", d.Tenant.Name, d.Tenant.Namespace)
	}
	return d.waitFor(status.Waiting(v1alpha1.ReasonDeletionBlocked, "%s %s", reason, d.howToRelease()), 0)
}

// blockedForNow is blocked by what may end by itself: the credentials or the tenant are in trouble.
func (d *decision) blockedForNow(format string, args ...any) *Step {
	s := d.blocked(format, args...)
	s.Tell.Passing = true
	return s
}

// howToRelease says how to delete the object with the access left in place.
func (d *decision) howToRelease() string {
	for _, r := range []*grant.Record{d.record, d.replaces} {
		if r != nil && d.Tenant.Exists && !d.Tenant.Orphans && !d.Tenant.Decide(r.Identity, d.Object.Fields, v1alpha1.RightOrphan).Allowed {
			return fmt.Sprintf("To delete this object and leave the access in place: the owner of Auth0Tenant %q sets its spec.deletionPolicy to Orphan, "+
				"or gives this namespace the right Orphan.", d.Tenant.Name)
		}
	}
	return fmt.Sprintf("To delete this object and leave the access in place: "+
		"kubectl -n %s patch clientgrants.auth0.clientgrants.dev %s --type=merge -p '{\"spec\":{\"deletionPolicy\":\"Orphan\"}}'",
		d.Object.Namespace, d.Object.Name)
}

// endUnrecorded deals with a finalizer that has no record: a restore without status, or one written by hand. A grant that
// nobody else is about and that might be adopted today is revoked like any other; any other stays.
func (d *decision) endUnrecorded() Step {
	t := &d.Tenant
	if t.Exists && !t.Admits || !t.Exists && !t.Near {
		return *d.do(Release{}, nil) // To this namespace there is no such tenant.
	}
	const why = "it was never recorded as this object's own, and is not to be adopted"
	leave := func(why string) Step {
		if t.Exists {
			d.left = append(d.left, Left{d.Wanted, why})
		}
		return *d.do(Release{}, nil)
	}
	switch {
	case d.Unresolved != nil:
		return leave("its client cannot be resolved any more")
	case d.tracked():
		return *d.do(Release{}, nil)
	case d.orphans() || !d.Object.Adopt:
		return leave(why)
	case !t.Exists:
		return *d.blocked("Auth0Tenant %q does not exist: create it, so that a grant this object may have made can be revoked.", t.Name)
	case !t.OperatorsKnown:
		return d.wait(nil)
	case !t.Decide(d.Wanted, d.Object.Fields, v1alpha1.RightAdoptExisting).Allowed:
		return leave(why)
	}
	d.track = true
	if s := d.mayRevoke(); s != nil {
		return *s
	}
	held, s := d.see(d.Wanted, d.Memory.DeletedAt)
	switch {
	case s != nil:
		return *s
	case held == nil:
		return *d.do(Release{}, nil)
	case held.IsSystem:
		return leave("it belongs to Auth0 itself")
	case !d.mayAdopt(*held):
		return leave(why)
	}
	return *d.own(grant.Record{Identity: d.Wanted, Adopted: true, ID: held.ID}, CauseAdoption)
}

// tracked says whether another ClientGrant records the wanted grant or asks for it, in the same Auth0Tenant or in one whose
// credentials were accepted.
func (d *decision) tracked() bool {
	for i := range d.Rivals {
		r := &d.Rivals[i]
		if r.records(d.Wanted) || !r.Deleting && !r.Unresolved && r.Asks == d.Wanted && (r.Same || r.Known) {
			return true
		}
	}
	return false
}
