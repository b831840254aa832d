package lifecycle

import (
	"cmp"
	"slices"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// claimant is one of the ClientGrants that are about a grant; the one that comes first owns it.
type claimant struct {
	rival *Rival // nil: this object
	// recorded says that it claims the grant, held that it has a record of it, be it one of nothing yet, and the finalizer;
	// eligible that it could own the grant now.
	recorded, held, eligible bool
	rank                     Rank
}

func (a claimant) before(b claimant) bool {
	for _, first := range [][2]bool{{a.recorded, b.recorded}, {a.eligible, b.eligible}, {a.held, b.held}} {
		if first[0] != first[1] {
			return first[0]
		}
	}
	if order := a.rank.Created.Compare(b.rank.Created); order != 0 {
		return order < 0
	}
	return cmp.Less(a.rank.UID, b.rank.UID)
}

// claims says whether a record claims the grant. One with neither ID nor request says that there is none.
func claims(r *grant.Record, identity grant.Identity) bool {
	return r.Of(identity) && (r.ID != "" || r.Sent != "")
}

func (r *Rival) records(identity grant.Identity) bool {
	return claims(r.Record, identity) || claims(r.Replaces, identity)
}

// has says whether the rival has record and finalizer for a grant that gives nothing beyond its spec.
func (r *Rival) has(held grant.Grant, identity grant.Identity) bool {
	return r.records(identity) && r.Held && grant.Narrow(r.Fields, held).Empty()
}

// asksFor says whether the rival lives, enforces, asks for the grant, and is allowed what it would be.
func (r *Rival) asksFor(identity grant.Identity, held *grant.Grant) bool {
	fields := r.Fields
	if held != nil {
		fields = grant.Over(fields, *held)
	}
	return !r.Deleting && r.Enforces && !r.Unresolved && r.Asks == identity && r.Decide(identity, fields).Allowed
}

// HasStake says whether the rival counts at all for a grant: it records it, or asks for it and is allowed it.
func (r *Rival) HasStake(identity grant.Identity) bool {
	return r.Record.Of(identity) || r.Replaces.Of(identity) || r.asksFor(identity, nil)
}

// HasRivals says whether what becomes of the object may depend on rivals: it owns something, or may have what it asks for.
func HasRivals(w *World) bool {
	o := &w.Object
	if o.Record != nil || o.Replaces != nil || o.Held || o.Deleting || o.Gone {
		return true
	}
	return w.Tenant.Exists && w.Tenant.Admits && w.Unresolved == nil && w.notPermitted(o.Fields) == nil
}

// eligible says whether the rival could own the grant now: an Auth0Tenant that cannot be written to makes no owner.
func (r *Rival) eligible(identity grant.Identity, held *grant.Grant) bool {
	return r.Known && r.Usable && r.asksFor(identity, held)
}

// Awaited says whether another ClientGrant could own the grant that the object owns and wants.
func Awaited(w *World) bool {
	return w.Object.Record.Of(w.Wanted) && slices.ContainsFunc(w.Rivals, func(r Rival) bool { return r.Known && r.asksFor(w.Wanted, nil) })
}

// awaitsRival says whether a rival may turn out to be eligible once its Auth0Tenant was tried.
func (w *World) awaitsRival(identity grant.Identity) bool {
	return slices.ContainsFunc(w.Rivals, func(r Rival) bool { return r.Untried && r.asksFor(identity, nil) })
}

func (r *Rival) claim(identity grant.Identity, held *grant.Grant) claimant {
	return claimant{
		rival: r, recorded: r.records(identity), held: r.Held && (r.Record.Of(identity) || r.Replaces.Of(identity)),
		eligible: r.eligible(identity, held), rank: r.Rank,
	}
}

func (d *decision) claimOwn(identity grant.Identity, eligible bool) claimant {
	held := d.Object.Held || d.Object.Gone
	return claimant{
		recorded: claims(d.record, identity) || claims(d.replaces, identity),
		held:     held && (d.record.Of(identity) || d.replaces.Of(identity)), eligible: eligible, rank: d.Object.Rank,
	}
}

// owner is the rival that owns the wanted grant, or may have it first; nil: this object.
func (d *decision) owner(eligible bool) *Rival {
	first := d.claimOwn(d.Wanted, eligible)
	for i := range d.Rivals {
		other := d.Rivals[i].claim(d.Wanted, nil)
		if (other.held || other.eligible) && other.before(first) {
			first = other
		}
	}
	return first.rival
}

// successor is the first of the rivals that could own a grant of this object now; nil where there is none.
func (w *World) successor(identity grant.Identity, held *grant.Grant) *Rival {
	var first claimant
	for i := range w.Rivals {
		if other := w.Rivals[i].claim(identity, held); other.eligible && (first.rival == nil || other.before(first)) {
			first = other
		}
	}
	return first.rival
}

// leaves says whether a rival that owns the grant must let go of it: it is deleted, names another one that it may have, or the
// rules refuse it the grant as the tenant holds it. One that rests keeps what it is allowed.
func (w *World) leaves(r *Rival, identity grant.Identity) bool {
	switch {
	case !r.Usable:
		return false
	case r.Deleting:
		return true
	case r.Enforces && !r.Unresolved && r.Asks != identity && r.Decide(r.Asks, r.Fields).Allowed:
		return true
	case !r.Unresolved && r.Asks == identity && r.Decide(identity, r.Fields).Allowed:
		return false
	}
	seen, known := w.Seen[identity]
	return known && seen.Grant != nil && !r.Decide(identity, seen.Grant.Fields).Allowed
}

// keptByAnother says whether a rival that rests has record and finalizer for a grant of this object, and need not let go of
// it: nobody else may take the grant, and it ends with that rival.
func (w *World) keptByAnother(identity grant.Identity) bool {
	for i := range w.Rivals {
		r := &w.Rivals[i]
		if r.records(identity) && r.Held && !r.Deleting && !r.eligible(identity, nil) && !w.leaves(r, identity) {
			return true
		}
	}
	return false
}

// answersFor says whether a rival has record and finalizer for a grant of this object, and stays, so that this one may let go
// of it. Of two that are gone or go, the first one ends the access.
func (d *decision) answersFor(identity grant.Identity) bool {
	mine := d.claimOwn(identity, d.eligible(identity))
	for i := range d.Rivals {
		r := &d.Rivals[i]
		first := r.claim(identity, nil).before(mine)
		switch {
		case !r.records(identity) || !r.Held:
		case !r.Deleting && (first || d.Object.Deleting || d.Object.Gone), r.Deleting && !d.Object.Held && first:
			return true
		}
	}
	return false
}

// eligible says of this object what Rival.eligible says of another one.
func (w *World) eligible(identity grant.Identity) bool {
	o := &w.Object
	return !o.Deleting && !o.Gone && o.Mode == v1alpha1.ModeEnforce && w.writable() && w.Unresolved == nil && w.Wanted == identity &&
		w.Tenant.Decide(identity, o.Fields).Allowed
}
