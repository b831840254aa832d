package controller

import (
	"context"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// revoke deletes the recorded grant and returns nil once it is proven absent: Auth0 answers a DELETE of a grant that is
// not there like any other, so that only a look that began afterwards counts.
func (p *pass) revoke(ctx context.Context, record *v1alpha1.OwnershipRecord, since time.Time, why cause) error {
	identity, ok := identityOf(record)
	if !ok {
		return nil
	}
	// What is known of the tenant will do to delete something; that there is nothing to delete takes proof.
	since = p.proofFrom(record, identity, since)
	seen, err := p.observe(identity, time.Time{})
	if err == nil && seen.Grant == nil {
		seen, err = p.observe(identity, since)
	}
	if err != nil || seen.Grant == nil {
		return err
	}
	if !p.isOurs(record, *seen.Grant) && !p.mayAdopt(*seen.Grant) {
		return p.notOurs(identity, record) // What is there is somebody else's.
	}
	if seen.Grant.IsSystem {
		return p.blocked("The grant belongs to Auth0 itself and is never written.")
	}
	if err := p.heldBack(identity, seen.Grant); err != nil {
		return err
	}
	if err := p.session.Ready(tenant.Key(p.key), tenant.ClassRevocation); err != nil {
		return err
	}
	if err := p.stillUnwanted(ctx, why); err != nil {
		return err
	}
	if err := p.countDeletion(ctx); err != nil {
		return err
	}
	p.auditWrite("Deleting a grant", why, identity, seen.Grant.ID, grant.Difference{Removed: seen.Grant.Scope})
	if _, err := p.session.Delete(p.correlated(ctx), tenant.Key(p.key), identity, seen.Grant.ID); err != nil && !auth0.IsNotFound(err) {
		return p.notRevoked(identity, seen.Grant, err)
	}
	p.event(v1alpha1.EventRevoked, "Revoked grant %s.", seen.Grant.ID)
	_, err = p.observe(identity, since)
	return err
}

// proofFrom is when a look must begin to prove the recorded grant absent: an unanswered create request has its time first.
func (p *pass) proofFrom(record *v1alpha1.OwnershipRecord, identity grant.Identity, since time.Time) time.Time {
	if late := p.lateAnswers(identity); record.Sent != "" && late.After(since) {
		return late
	}
	return since
}

// stillUnwanted checks, right before a deletion, that nothing it was decided on has changed. Where the object stays, that
// is also who the spec names.
func (p *pass) stillUnwanted(ctx context.Context, why cause) error {
	if why == causeDeletion {
		return p.unchanged(ctx)
	}
	return p.current(ctx)
}

// notOurs settles a record whose create request had no effect that can be told from somebody else's grant.
func (p *pass) notOurs(identity grant.Identity, record *v1alpha1.OwnershipRecord) error {
	if record.Sent != "" {
		p.left(identity, "a create request was never answered, and the grant that is there now is not to be adopted")
	}
	return nil
}

// notRevoked tells of a refused DELETE; what passes by itself is tried again.
func (p *pass) notRevoked(identity grant.Identity, seen *grant.Grant, err error) error {
	s := stateOf(err)
	if s.retry || s.silent || s.after > 0 {
		return err
	}
	blocked := p.blockedForNow("%s", s.message)
	blocked.cause = err
	return p.hold(identity, blocked, seen)
}
