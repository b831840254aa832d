package controller

import (
	"context"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
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
	if done, err := p.handOver(ctx, p.record()); err != nil {
		return err
	} else if done {
		return p.takeBack(ctx)
	}
	replaced, open := identityOf(p.obj.Status.Replaces)
	switch {
	case !open:
		// The next record takes this one's place; one that may have made something moves to replaces with the same
		// write. Until then it stays: a finalizer without a record would pass for a restore.
		return nil
	case mayHaveMade(p.record()) && replaced == p.identity:
		old := *p.record()
		*p.record(), *p.obj.Status.Replaces = *p.obj.Status.Replaces, old
		return p.writeStatus(ctx)
	}
	if made, err := p.made(recorded); err != nil {
		return err
	} else if !made {
		*p.record(), p.obj.Status.Replaces = *p.obj.Status.Replaces, nil
		return p.writeStatus(ctx)
	}
	return p.settleReplaced(ctx)
}

// made says whether the recorded grant may be in the tenant.
func (p *pass) made(recorded grant.Identity) (bool, error) {
	if !mayHaveMade(p.record()) {
		return false, nil
	}
	seen, err := p.observe(recorded, p.memory.since)
	if err == nil && seen.Grant == nil {
		seen, err = p.observe(recorded, p.proofFrom(p.record(), recorded, p.memory.since))
	}
	return seen.Grant != nil, err
}

// giveReplaced hands the grant that is being replaced to a ClientGrant that asks for it, although its successor cannot
// be had. That stays what is told, but the hand-over goes on at its own pace.
func (p *pass) giveReplaced(ctx context.Context, why error) error {
	if replaced, open := identityOf(p.obj.Status.Replaces); !open || replaced == p.identity {
		return why
	}
	done, err := p.handOver(ctx, p.obj.Status.Replaces)
	if err == nil && done {
		err = p.drop(ctx, true)
	}
	if err == nil {
		return why
	}
	return pacedBy(stateOf(why), stateOf(err))
}

// settleReplaced revokes the grant that was replaced, once its successor is there.
func (p *pass) settleReplaced(ctx context.Context) error {
	if _, open := identityOf(p.obj.Status.Replaces); !open {
		return nil
	}
	done, err := p.handOver(ctx, p.obj.Status.Replaces)
	if err == nil && !done {
		err = p.revoke(ctx, p.obj.Status.Replaces, p.memory.since, causeReplacement)
	}
	if err != nil {
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
