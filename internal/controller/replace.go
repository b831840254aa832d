package controller

import (
	"context"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// replace prepares for a spec that names another grant than the record. The new grant is made first; only then does the
// old one go. A replacement that is open when the spec changes once more is settled before the next one begins.
func (p *pass) replace(ctx context.Context) error {
	recorded, ok := identityOf(p.record())
	if !ok || recorded == p.identity {
		return nil
	}
	if recorded.Tenant != p.identity.Tenant {
		return waiting(v1alpha1.ReasonTenantNotReady,
			"This object owns a grant in the tenant %q, but its Auth0Tenant is of %q now: re-create the Auth0Tenant for the former.",
			recorded.Tenant, p.identity.Tenant)
	}
	replaced, open := identityOf(p.obj.Status.Replaces)
	switch {
	case !open:
		// The next record takes this one's place; one that may have made something moves to replaces with the same
		// write. Until then it stays: a finalizer without a record would pass for a restore.
		return nil
	case !mayHaveMade(p.record()):
		*p.record(), p.obj.Status.Replaces = *p.obj.Status.Replaces, nil
		return p.writeStatus(ctx)
	case replaced == p.identity:
		old := *p.record()
		*p.record(), *p.obj.Status.Replaces = *p.obj.Status.Replaces, old
		return p.writeStatus(ctx)
	}
	return p.settleReplaced(ctx)
}

// settleReplaced revokes the grant that was replaced, once its successor is there.
func (p *pass) settleReplaced(ctx context.Context) error {
	if _, open := identityOf(p.obj.Status.Replaces); !open {
		return nil
	}
	if err := p.revoke(ctx, p.obj.Status.Replaces, p.memory.since, causeReplacement); err != nil {
		return err
	}
	p.obj.Status.Replaces = nil
	if err := p.writeStatus(ctx); err != nil {
		return err
	}
	p.tellLeft()
	p.track()
	return nil
}
