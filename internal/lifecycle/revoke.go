package lifecycle

import (
	"fmt"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// revoke deletes the recorded grant; nil once it is proven absent: Auth0 answers a DELETE of a grant that is not there like
// any other, so that only a look that began afterwards counts.
func (d *decision) revoke(r *grant.Record, since time.Time, why Cause) *Step {
	if !d.acted(r) {
		return nil
	}
	held, s := d.see(r.Identity, time.Time{})
	if s == nil && held == nil {
		held, s = d.see(r.Identity, d.proofFrom(r, since))
	}
	if s != nil || held == nil {
		return s
	}
	if !d.isOurs(r, *held) && !d.mayAdopt(*held) {
		if d.unanswered(r) {
			d.left = append(d.left, Left{r.Identity, whyUnanswered})
		}
		return nil // What is there is somebody else's.
	}
	if held.IsSystem {
		return d.blocked("The grant belongs to Auth0 itself and is never written.")
	}
	return d.delete(r.Identity, *held, why)
}

// delete deletes a grant, or waits until it may.
func (d *decision) delete(identity grant.Identity, held grant.Grant, why Cause) *Step {
	if s := firstOf(
		func() *Step { return d.heldBack(requestDelete, identity, d.Seen[identity].Grant) },
		func() *Step { return d.again(identity, held) },
		d.limited,
	); s != nil {
		return s
	}
	return d.do(Delete{Identity: identity, ID: held.ID, Cause: why}, nil)
}

// single deletes what the tenant holds beside the owned grant: the access is that of all of them. Wider says that only what
// gives more than the spec goes.
func (d *decision) single(held grant.Grant, wider bool, why Cause) *Step {
	for _, other := range held.Others {
		if other.IsSystem || wider && grant.Narrow(d.Object.Fields, other).Empty() {
			continue
		}
		s := d.delete(d.Wanted, other, why)
		s.Tell = status.Working(v1alpha1.ReasonProgressing, "The tenant holds %d more grants of this client, API and subject type: "+
			"they are deleted once Auth0 and the Auth0Tenant's limit of deletions allow it.", len(held.Others))
		return s
	}
	return nil
}

// again holds back a deletion that was made already and had no effect: the tenant may be slow to show it, or never make it. It
// is looked at again after a pause, and made again only then.
func (d *decision) again(identity grant.Identity, held grant.Grant) *Step {
	last := d.Memory.deletion(identity, held.ID)
	if last == nil {
		return nil
	}
	if wait := last.Until.Sub(d.Now); wait > 0 {
		s := passing(d.blocked("Auth0 accepted the deletion of the grant but still shows it: it is deleted again."))
		s.Again = wait
		return s
	}
	_, s := d.see(identity, last.Until)
	return s
}

// limited holds back a deletion that the Auth0Tenant's limit does not allow yet.
func (d *decision) limited() *Step {
	wait := d.Tenant.DeletionsFrom.Sub(d.Now)
	if wait <= 0 {
		return nil
	}
	text := fmt.Sprintf("The Auth0Tenant's spec.deletionLimit of %d in an hour is used up, or this namespace's share of it", d.Tenant.DeletionLimit)
	if !d.Tenant.Near {
		text = "The Auth0Tenant's limit of deletions is used up, or this namespace's share of it"
	}
	return d.waitFor(status.Waiting(v1alpha1.ReasonDeletionHeld, "%s: the grant is revoked after %s at the earliest. %s", text,
		d.Tenant.DeletionsFrom.UTC().Format("15:04:05 MST"), d.howToRelease(d.record, d.replaces)), wait)
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
	case d.Object.Mode == v1alpha1.ModeObserve && d.violation == nil:
		return d.blocked("spec.mode is Observe: set it to Enforce to revoke the grant.")
	case t.Mode != v1alpha1.ModeEnforce:
		return d.blocked("Auth0Tenant %q is in mode %s: deletion goes on when it is Enforce.", t.Name, t.Mode)
	case t.Access == Untried:
		return d.waitFor(nil, 0)
	case t.Access == Broken:
		return passing(d.blocked("Auth0Tenant %q is not ready, so that the grant cannot be revoked; its Ready condition says why.", t.Name))
	case t.Access == ReadOnly:
		return d.blocked("The operator only reads from Auth0Tenant %q.", t.Name)
	case t.Access == Dormant && !t.Ending:
		return passing(d.blocked("Auth0Tenant %q has no credentials any more; its Ready condition says why.", t.Name))
	}
	return nil
}

// blocked is a deletion that waits, with what ends the wait without revoking.
func (d *decision) blocked(format string, args ...any) *Step {
	reason := fmt.Sprintf(format, args...)
	if !d.Tenant.Near && d.Tenant.Exists {
		reason = fmt.Sprintf("Auth0Tenant %q in namespace %q does not let the grant be revoked now.", d.Tenant.Name, d.Tenant.Namespace)
	}
	return d.waitFor(status.Waiting(v1alpha1.ReasonDeletionBlocked, "%s %s", reason, d.howToRelease(d.record, d.replaces)), 0)
}

// passing marks a deletion that waits for what may end by itself: the credentials or the tenant are in trouble.
func passing(s *Step) *Step {
	s.Tell.Passing = true
	return s
}

// howToRelease says how to delete the object with the access left in place.
func (w *World) howToRelease(records ...*grant.Record) string {
	for _, r := range records {
		if r != nil && w.Tenant.Exists && !w.Tenant.Orphans && !w.Tenant.Decide(r.Identity, w.Object.Fields, v1alpha1.RightOrphan).Allowed {
			return fmt.Sprintf("To delete this object and leave the access in place: the owner of Auth0Tenant %q sets its spec.deletionPolicy to Orphan, "+
				"or gives this namespace the right Orphan.", w.Tenant.Name)
		}
	}
	return fmt.Sprintf("To delete this object and leave the access in place: "+
		"kubectl -n %s patch clientgrants.auth0.clientgrants.dev %s --type=merge -p '{\"spec\":{\"deletionPolicy\":\"Orphan\"}}'",
		w.Object.Namespace, w.Object.Name)
}
