package controller

import (
	"context"
	"slices"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// finalizeUnrecorded deals with a finalizer that has no record: a restore without status, or written by hand. A grant
// that nobody else tracks and that might be adopted today is revoked, as it was before the restore; any other stays.
func (p *pass) finalizeUnrecorded(ctx context.Context) error {
	exists, err := p.findTenant(ctx)
	if err != nil {
		return err
	}
	if exists && !p.permission.admits() || !exists && p.abroad() {
		return p.letGo(ctx) // To this namespace there is no such tenant.
	}
	err, known := p.identify(ctx), (*state)(nil)
	if asState(err, &known) {
		return p.leave(ctx, "its client cannot be resolved any more")
	}
	if err != nil {
		return err
	}
	tracked, err := p.trackedByOther(ctx, p.identity)
	switch {
	case err != nil:
		return err
	case tracked:
		return p.letGo(ctx)
	case p.orphans() || p.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionPolicyAdopt:
		return p.leave(ctx, whyNotAdopted)
	case !exists:
		return p.blocked("Auth0Tenant %q does not exist: create it, so that a grant this object may have made can be revoked.",
			p.obj.Spec.TenantRef.Name)
	}
	return p.finalizeUntracked(ctx)
}

// finalizeUntracked revokes a grant without a record that nobody else tracks, if it might be adopted today.
func (p *pass) finalizeUntracked(ctx context.Context) error {
	denied, known := p.permitted(ctx), (*state)(nil)
	if denied != nil && !asState(denied, &known) {
		return denied
	}
	if denied != nil || !p.permission.decide(p.identity, desired(&p.obj.Spec), v1alpha1.RightAdoptExisting).Allowed {
		return p.leave(ctx, whyNotAdopted)
	}
	if err := p.mayRevoke(ctx); err != nil {
		return err
	}
	return p.adoptToRevoke(ctx)
}

// adoptToRevoke records the grant as owned, if it is there, so that it is revoked like any other.
func (p *pass) adoptToRevoke(ctx context.Context) error {
	p.track()
	seen, err := p.observe(p.identity, p.memory.deletionSeen)
	if err != nil {
		return err
	}
	switch {
	case seen.Grant == nil:
		return p.letGo(ctx)
	case seen.Grant.IsSystem:
		return p.leave(ctx, "it belongs to Auth0 itself")
	case !p.mayAdopt(*seen.Grant):
		return p.leave(ctx, whyNotAdopted)
	}
	record := recordFor(v1alpha1.OriginAdopted, p.identity)
	record.GrantID = seen.Grant.ID
	if err := p.own(ctx, record); err != nil {
		return err
	}
	return p.finalizeOwned(ctx)
}

// whyNotAdopted is why a grant stays that the object has no record of.
const whyNotAdopted = "it was never recorded as this object's own, and is not to be adopted"

// leave lets the object go, and tells of access that may remain.
func (p *pass) leave(ctx context.Context, why string) error {
	if p.tenant != nil {
		p.left(p.identity, why)
	}
	return p.letGo(ctx)
}

// trackedByOther says whether another ClientGrant records, replaces or asks for the identity, in the same Auth0Tenant or
// in one whose credentials were accepted.
func (p *pass) trackedByOther(ctx context.Context, identity grant.Identity) (bool, error) {
	others, err := p.others(ctx, identity)
	if err != nil {
		return false, err
	}
	for _, other := range others {
		if slices.Contains(recordedBy(other), identity) {
			return true, nil
		}
		of, err := p.asks(ctx, p.Client, other, identity)
		if err != nil {
			return false, err
		}
		if of != nil && (tenantKey(other) == tenantKey(p.obj) || p.sessionOf(of) != nil) {
			return true, nil
		}
	}
	return false, nil
}
