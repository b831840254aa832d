package tenant

import (
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Key names a ClientGrant: its namespace and name.
type Key struct {
	Namespace string
	Name      string
}

// String is how Kubernetes writes it.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Observation is what the tenant held for one identity.
type Observation struct {
	// Grant is nil where the tenant held none.
	Grant *grant.Grant
	// Began is when the request that saw it was about to be sent: what happened in the tenant before is in it.
	Began time.Time
}

// picture is what is known of the tenant, for tracked identities only. Most identities have one key, and the other way
// round: a map of maps would take several times the memory, and so would a map for each thing that is known.
type picture struct {
	tracked map[grant.Identity]*subject
	byKey   map[Key][]grant.Identity
	holders map[grant.Holder][]grant.Identity
}

// subject is what is known of one identity.
type subject struct {
	keys []Key
	// since is when the identity came to be tracked: pages of a list that were read before did not look for it.
	since time.Time
	// seen is the youngest observation, if it is known.
	seen  Observation
	known bool
	// floor: observations that began earlier are worth nothing, because the operator wrote since; zero where it did not.
	floor time.Time
}

func newPicture() *picture {
	return &picture{
		tracked: map[grant.Identity]*subject{}, byKey: map[Key][]grant.Identity{}, holders: map[grant.Holder][]grant.Identity{},
	}
}

// seen returns what was seen last of an identity.
func (p *picture) seen(identity grant.Identity) (Observation, bool) {
	if of := p.tracked[identity]; of != nil {
		return of.seen, of.known
	}
	return Observation{}, false
}

// written says whether the operator wrote to the grant since it is tracked.
func (p *picture) written(identity grant.Identity) bool {
	of := p.tracked[identity]
	return of != nil && !of.floor.IsZero()
}

// track makes the given identities, and no others, those that key is about.
func (p *picture) track(key Key, identities ...grant.Identity) {
	for _, identity := range identities {
		p.add(key, identity)
	}
	for _, identity := range slices.Clone(p.byKey[key]) {
		if !slices.Contains(identities, identity) {
			p.drop(key, identity)
		}
	}
}

func (p *picture) add(key Key, identity grant.Identity) {
	of := p.tracked[identity]
	if of == nil {
		of = &subject{since: time.Now()}
		p.tracked[identity] = of
		into(p.holders, identity.Holder(), identity)
	}
	if !slices.Contains(of.keys, key) {
		of.keys = append(of.keys, key)
	}
	into(p.byKey, key, identity)
}

func (p *picture) drop(key Key, identity grant.Identity) {
	outOf(p.byKey, key, identity)
	of := p.tracked[identity]
	if of.keys = slices.DeleteFunc(of.keys, func(k Key) bool { return k == key }); len(of.keys) > 0 {
		return
	}
	delete(p.tracked, identity)
	outOf(p.holders, identity.Holder(), identity)
}

// into adds a value to those of a key, once.
func into[K, V comparable](sets map[K][]V, key K, value V) {
	if values := sets[key]; !slices.Contains(values, value) {
		sets[key] = append(values, value)
	}
}

// outOf takes a value from those of a key.
func outOf[K, V comparable](sets map[K][]V, key K, value V) {
	left := slices.DeleteFunc(sets[key], func(v V) bool { return v == value })
	if len(left) == 0 {
		delete(sets, key)
		return
	}
	sets[key] = left
}

// merge takes over what a complete look at the given identities found, and returns the keys to whom something changed.
// A look that began before a write of the operator never undoes it.
func (p *picture) merge(identities []grant.Identity, found map[grant.Identity]*grant.Grant, began time.Time,
	changed map[Key]struct{},
) {
	for _, identity := range identities {
		of := p.tracked[identity]
		if began.Before(of.floor) || of.known && began.Before(of.seen.Began) {
			continue
		}
		old, known := of.seen, of.known
		of.seen, of.known = Observation{Grant: found[identity], Began: began}, true
		if known && sameGrant(old.Grant, of.seen.Grant) {
			continue
		}
		for _, key := range of.keys {
			changed[key] = struct{}{}
		}
	}
}

// trackedSince returns the identities that were tracked at the given time and ever since.
func (p *picture) trackedSince(at time.Time) []grant.Identity {
	identities := make([]grant.Identity, 0, len(p.tracked))
	for identity, of := range p.tracked {
		if !of.since.After(at) {
			identities = append(identities, identity)
		}
	}
	return identities
}

// wrote folds an answered write in: held is what the answer showed, nil where it proves nothing (a deletion, or a
// request without an answer).
func (p *picture) wrote(identity grant.Identity, held *grant.Grant, sent, answered time.Time) {
	of := p.tracked[identity]
	if of == nil {
		return
	}
	of.floor = answered
	of.seen, of.known = Observation{Grant: held, Began: sent}, held != nil
}

func sameGrant(a, b *grant.Grant) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
