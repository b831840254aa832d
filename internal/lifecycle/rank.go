package lifecycle

import (
	"cmp"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// claimant is one of those who are about a grant; who comes first owns it.
type claimant struct {
	rival *Rival // nil: this object
	// recorded and held say that it has the record, and its finalizer; eligible that it could own the grant now.
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

func (r *Rival) records(identity grant.Identity) bool {
	return r.Record.Of(identity) || r.Replaces.Of(identity)
}

// eligible says whether the rival could own the grant: it lives, enforces, asks for it and is allowed what it would be.
func (r *Rival) eligible(identity grant.Identity, held *grant.Grant) bool {
	fields := r.Fields
	if held != nil {
		fields = grant.Over(fields, *held)
	}
	return !r.Deleting && r.Enforces && r.Known && !r.Unresolved && r.Asks == identity && r.Decide(identity, fields).Allowed
}

// leaves says whether a rival that owns the grant must let go of it: it is deleted, names another one, or is not allowed
// it any more. One that rests keeps.
func (r *Rival) leaves(identity grant.Identity) bool {
	return r.Usable && (r.Deleting || r.Enforces && !r.Unresolved && (r.Asks != identity || !r.Decide(identity, r.Fields).Allowed))
}

func (r *Rival) claim(identity grant.Identity, held *grant.Grant) claimant {
	recorded := r.records(identity)
	return claimant{rival: r, recorded: recorded, held: recorded && r.Held, eligible: r.eligible(identity, held), rank: r.Rank}
}

func (d *decision) claimOwn(eligible bool) claimant {
	recorded := d.record.Of(d.Wanted) || d.replaces.Of(d.Wanted)
	return claimant{recorded: recorded, held: recorded && d.Object.Held, eligible: eligible, rank: d.Object.Rank}
}

// owner is who owns the wanted grant, or may have it first; nil: this object.
func (d *decision) owner(eligible bool) *Rival {
	first := d.claimOwn(eligible)
	for i := range d.Rivals {
		other := d.Rivals[i].claim(d.Wanted, nil)
		if (other.held || other.eligible) && other.before(first) {
			first = other
		}
	}
	return first.rival
}

// successor is the first of the rivals that could own a grant of this object now; nil where there is none.
func (d *decision) successor(identity grant.Identity, held *grant.Grant) *Rival {
	var first claimant
	for i := range d.Rivals {
		if other := d.Rivals[i].claim(identity, held); other.eligible && d.Rivals[i].Usable && (first.rival == nil || other.before(first)) {
			first = other
		}
	}
	return first.rival
}

// answersFor says whether a rival answers for a grant of this object without being able to own it now: it rests, or is
// not allowed it any more. It lives, or this object never had its finalizer.
func (d *decision) answersFor(identity grant.Identity) bool {
	for i := range d.Rivals {
		r := &d.Rivals[i]
		if r.records(identity) && r.Held && (!r.Deleting || !d.Object.Held) {
			return true
		}
	}
	return false
}
