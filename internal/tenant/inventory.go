package tenant

import (
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Observation is what the tenant held for one identity.
type Observation struct {
	// Grant is nil where the tenant held none.
	Grant *grant.Grant
	// Began is when the request that saw it was about to be sent: what happened in the tenant before is in it.
	Began time.Time
}

// inventory is what is known of the tenant's grants, for tracked identities only. Most identities have one key, and most keys
// one identity: a map of maps would take several times the memory, and so would a map for each field of an entry. It is not
// safe for concurrent use.
type inventory struct {
	entries map[grant.Identity]*entry
	byKey   map[budget.Key][]grant.Identity
	holders map[grant.Holder][]grant.Identity
}

// entry is what is known of one identity.
type entry struct {
	// keys are the ClientGrants that are about the identity.
	keys []budget.Key
	// since is when the identity came to be tracked: pages of a list that were read before did not look for it.
	since time.Time
	// seen is the youngest observation, if it is known.
	seen  Observation
	known bool
	// floor is when the operator wrote last: observations that began earlier prove nothing. It is zero before a write.
	floor time.Time
}

func newInventory() *inventory {
	return &inventory{
		entries: map[grant.Identity]*entry{}, byKey: map[budget.Key][]grant.Identity{}, holders: map[grant.Holder][]grant.Identity{},
	}
}

// seen returns the youngest observation of an identity.
func (i *inventory) seen(identity grant.Identity) (Observation, bool) {
	if e := i.entries[identity]; e != nil {
		return e.seen, e.known
	}
	return Observation{}, false
}

// tracks says whether the identity is tracked.
func (i *inventory) tracks(identity grant.Identity) bool { return i.entries[identity] != nil }

// written says whether the operator wrote to the grant since it is tracked.
func (i *inventory) written(identity grant.Identity) bool {
	e := i.entries[identity]
	return e != nil && !e.floor.IsZero()
}

// track makes the given identities, and no others, those that key is about, and says whether one that it was not about is known.
func (i *inventory) track(key budget.Key, identities ...grant.Identity) (known bool) {
	for _, identity := range identities {
		known = i.add(key, identity) || known
	}
	for _, identity := range slices.Clone(i.byKey[key]) {
		if !slices.Contains(identities, identity) {
			i.drop(key, identity)
		}
	}
	return known
}

// add makes the identity one that key is about, and says whether that is new, and the identity known.
func (i *inventory) add(key budget.Key, identity grant.Identity) (known bool) {
	e := i.entries[identity]
	if e == nil {
		e = &entry{since: time.Now()}
		i.entries[identity] = e
		into(i.holders, identity.Holder(), identity)
	}
	if !slices.Contains(e.keys, key) {
		e.keys = append(e.keys, key)
		known = e.known
	}
	into(i.byKey, key, identity)
	return known
}

func (i *inventory) drop(key budget.Key, identity grant.Identity) {
	outOf(i.byKey, key, identity)
	e := i.entries[identity]
	if e.keys = slices.DeleteFunc(e.keys, func(k budget.Key) bool { return k == key }); len(e.keys) > 0 {
		return
	}
	delete(i.entries, identity)
	outOf(i.holders, identity.Holder(), identity)
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

// keySet is a set of keys to wake.
type keySet = map[budget.Key]struct{}

// merge takes over what a complete look at the given identities found, and adds the keys whose grant changed to changed.
// A look that began before a write of the operator never undoes it.
func (i *inventory) merge(identities []grant.Identity, found map[grant.Identity]*grant.Grant, began time.Time, changed keySet) {
	for _, identity := range identities {
		e := i.entries[identity]
		if began.Before(e.floor) || e.known && began.Before(e.seen.Began) {
			continue
		}
		old, known := e.seen, e.known
		e.seen, e.known = Observation{Grant: found[identity], Began: began}, true
		if known && sameGrant(old.Grant, e.seen.Grant) {
			continue
		}
		for _, key := range e.keys {
			changed[key] = struct{}{}
		}
	}
}

// trackedSince returns the identities that were tracked at the given time and ever since.
func (i *inventory) trackedSince(at time.Time) []grant.Identity {
	identities := make([]grant.Identity, 0, len(i.entries))
	for identity, e := range i.entries {
		if !e.since.After(at) {
			identities = append(identities, identity)
		}
	}
	return identities
}

// wrote takes over an answered write: held is what the answer showed, nil where it proves nothing (a deletion, or a request
// without an answer).
func (i *inventory) wrote(identity grant.Identity, held *grant.Grant, sent, answered time.Time) {
	e := i.entries[identity]
	if e == nil {
		return
	}
	e.floor = answered
	if before := e.seen.Grant; held != nil && before != nil && before.Ahead(held.ID).ID == held.ID && len(before.Others) > 0 {
		held.Others = before.Ahead(held.ID).Others // No answer to a write tells of further grants.
	}
	e.seen, e.known = Observation{Grant: held, Began: sent}, held != nil
}

func sameGrant(a, b *grant.Grant) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
