package controller

import (
	"context"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// frozen is what becomes of a grant that this object owns and that may not be any more: another ClientGrant that may
// have it takes it, or it is revoked where spec.onViolation says so, or it stays and is only ever narrowed. The refusal is
// told in any case.
func (p *pass) frozen(ctx context.Context, refusal *state) error {
	p.tellOwner(refusal)
	p.listen()
	if p.tenant == nil || p.usable() != nil || p.observing() {
		return refusal
	}
	if _, found := p.elsewhere(); found {
		return refusal
	}
	p.track()
	err := p.settleFrozen(ctx)
	if err == nil {
		return refusal
	}
	s := stateOf(err)
	told := pacedBy(refusal, s)
	if s.reason == v1alpha1.ReasonDeletionHeld {
		told.message += " The grant is revoked once the Auth0Tenant's limit of deletions allows it."
	}
	return told
}

func (p *pass) settleFrozen(ctx context.Context) error {
	for _, replaced := range []bool{true, false} {
		record := p.record()
		if replaced {
			record = p.obj.Status.Replaces
		}
		identity, ok := identityOf(record)
		if !ok {
			continue
		}
		done, err := p.handOver(ctx, record)
		if err != nil {
			return err
		}
		if !done {
			if violates, err := p.violates(ctx, identity); err != nil {
				return err
			} else if !violates {
				continue
			}
			if err := p.revoke(ctx, record, p.memory.since, causeViolation); err != nil {
				return err
			}
		}
		if err := p.drop(ctx, replaced); err != nil {
			return err
		}
	}
	return p.narrow(ctx)
}

// violates says whether a recorded grant is to be revoked because of the rules. They have to refuse it as it is: it stays
// where they refuse only what the spec would make of it, or another grant that the spec names now.
func (p *pass) violates(ctx context.Context, identity grant.Identity) (bool, error) {
	if p.tenant.Spec.OnViolation != v1alpha1.OnViolationRevoke {
		return false, nil
	}
	if known, err := (*state)(nil), p.protected(ctx, identity); asState(err, &known) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	seen, err := p.observe(identity, time.Time{})
	return err == nil && (seen.Grant == nil || !p.permission.decide(identity, seen.Grant.Fields).Allowed), err
}

// drop clears a record of which nothing is left to do: that of the grant that is replaced, or the other one.
func (p *pass) drop(ctx context.Context, replaced bool) error {
	if !replaced {
		return p.takeBack(ctx)
	}
	p.obj.Status.Replaces = nil
	return p.writeStatus(ctx)
}

// narrow takes away from a grant that is owned what the spec does not ask for. That needs no permission.
func (p *pass) narrow(ctx context.Context) error {
	identity, owned := identityOf(p.record())
	if !owned || identity != p.identity || !p.hasFinalizer() {
		return nil
	}
	seen, err := p.observe(identity, time.Time{})
	if err != nil || seen.Grant == nil || seen.Grant.IsSystem || !p.isOurs(p.record(), *seen.Grant) {
		return err
	}
	change := grant.Narrow(desired(&p.obj.Spec), *seen.Grant)
	if change.Empty() {
		return nil
	}
	changed, err := p.patch(ctx, *seen.Grant, change, causeViolation)
	if err == nil {
		p.tell(changed)
	}
	return err
}
