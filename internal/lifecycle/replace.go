package lifecycle

import (
	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// makeRoom prepares for a spec that names another grant than the record. A grant that another ClientGrant asks for is given
// away at once; else the new grant is made first, and only then does the old one go. A replacement that is open when the spec changes
// once more is settled before the next one begins.
func (d *decision) makeRoom() *Step {
	if d.record == nil || d.record.Of(d.Wanted) {
		return nil
	}
	if d.record.Tenant != d.Wanted.Tenant {
		return d.waitFor(status.Waiting(v1alpha1.ReasonTenantNotReady,
			"This object owns a grant in the tenant %q, but its Auth0Tenant is of %q now: re-create the Auth0Tenant for the former.",
			d.record.Tenant, d.Wanted.Tenant), 0)
	}
	if done, s := d.handedOver(d.record); done {
		return d.takeBack(CauseHandOver)
	} else if s != nil {
		return d.orTake(s)
	}
	switch {
	case d.replaces == nil && d.record.ID != "" && d.successor(d.record.Identity, nil) == nil:
		return nil // With the next record this one moves to replaces.
	case d.replaces != nil && d.acted(d.record) && d.replaces.Of(d.Wanted):
		d.record, d.replaces = d.replaces, d.record
		return d.do(Write{}, nil)
	}
	// A grant that was never seen must not stand in the way of others.
	if made, s := d.made(d.record); s != nil {
		return s
	} else if !made {
		return d.takeBack("")
	}
	return d.settle()
}

// orTake takes the wanted grant from an owner that lets go of it, before it waits for another ClientGrant to take the recorded
// one: two that hand grants to each other would wait for ever.
func (d *decision) orTake(s *Step) *Step {
	if !waits(s) || d.replaces != nil {
		return s
	}
	if take := d.claim(); take != nil {
		if do, ok := take.Do.(Write); ok && do.Owns {
			return take
		}
	}
	return s
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

// giveReplaced hands the grant that is being replaced over although its successor cannot be had. That stays what is told.
func (d *decision) giveReplaced(why Step) Step {
	if !waits(&why) || d.replaces == nil || d.replaces.Of(d.Wanted) {
		return why
	}
	done, s := d.handedOver(d.replaces)
	if s == nil && !done && d.successor(d.replaces.Identity, nil) != nil {
		var made bool
		made, s = d.made(d.replaces)
		done = s == nil && !made // What is gone must not stand in the way of others.
	}
	if done {
		s = d.drop(d.replaces, true)
	}
	if s == nil {
		return why
	}
	return *telling(why.Tell, why.Held, *s)
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
	return d.drop(d.replaces, done)
}
