package tenant

import (
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

// picture is what is known of the tenant, for tracked identities only.
type picture struct {
	tracked map[grant.Identity]map[Key]struct{}
	byKey   map[Key]map[grant.Identity]struct{}
	holders map[grant.Holder]map[grant.Identity]struct{}
	seen    map[grant.Identity]Observation
	// since is when the identity came to be tracked: pages of a list that were read before did not look for it.
	since map[grant.Identity]time.Time
	// floor: observations of the identity that began earlier are worth nothing, because the operator wrote since.
	floor map[grant.Identity]time.Time
}

func newPicture() *picture {
	return &picture{
		tracked: map[grant.Identity]map[Key]struct{}{},
		byKey:   map[Key]map[grant.Identity]struct{}{},
		holders: map[grant.Holder]map[grant.Identity]struct{}{},
		seen:    map[grant.Identity]Observation{},
		since:   map[grant.Identity]time.Time{},
		floor:   map[grant.Identity]time.Time{},
	}
}

// track makes the given identities, and no others, those that key is about.
func (p *picture) track(key Key, identities ...grant.Identity) {
	wanted := make(map[grant.Identity]struct{}, len(identities))
	for _, identity := range identities {
		wanted[identity] = struct{}{}
		p.add(key, identity)
	}
	for identity := range p.byKey[key] {
		if _, ok := wanted[identity]; !ok {
			p.drop(key, identity)
		}
	}
}

func (p *picture) add(key Key, identity grant.Identity) {
	if p.tracked[identity] == nil {
		p.tracked[identity] = map[Key]struct{}{}
		p.since[identity] = time.Now()
		holder := identity.Holder()
		if p.holders[holder] == nil {
			p.holders[holder] = map[grant.Identity]struct{}{}
		}
		p.holders[holder][identity] = struct{}{}
	}
	p.tracked[identity][key] = struct{}{}
	if p.byKey[key] == nil {
		p.byKey[key] = map[grant.Identity]struct{}{}
	}
	p.byKey[key][identity] = struct{}{}
}

func (p *picture) drop(key Key, identity grant.Identity) {
	delete(p.byKey[key], identity)
	if len(p.byKey[key]) == 0 {
		delete(p.byKey, key)
	}
	delete(p.tracked[identity], key)
	if len(p.tracked[identity]) > 0 {
		return
	}
	delete(p.tracked, identity)
	delete(p.seen, identity)
	delete(p.since, identity)
	delete(p.floor, identity)
	holder := identity.Holder()
	delete(p.holders[holder], identity)
	if len(p.holders[holder]) == 0 {
		delete(p.holders, holder)
	}
}

// merge takes over what a complete look at the given identities found, and returns the keys to whom something changed.
// A look that began before a write of the operator never undoes it.
func (p *picture) merge(identities map[grant.Identity]struct{}, found map[grant.Identity]grant.Grant, began time.Time,
	changed map[Key]struct{},
) {
	for identity := range identities {
		old, known := p.seen[identity]
		if began.Before(p.floor[identity]) || known && began.Before(old.Began) {
			continue
		}
		next := Observation{Began: began}
		if held, ok := found[identity]; ok {
			next.Grant = &held
		}
		p.seen[identity] = next
		if known && sameGrant(old.Grant, next.Grant) {
			continue
		}
		for key := range p.tracked[identity] {
			changed[key] = struct{}{}
		}
	}
}

// trackedSince returns the identities that were tracked at the given time and ever since.
func (p *picture) trackedSince(at time.Time) map[grant.Identity]struct{} {
	identities := make(map[grant.Identity]struct{}, len(p.tracked))
	for identity := range p.tracked {
		if !p.since[identity].After(at) {
			identities[identity] = struct{}{}
		}
	}
	return identities
}

// wrote folds an answered write in: held is what the answer showed, nil where it proves nothing (a deletion, or a
// request without an answer).
func (p *picture) wrote(identity grant.Identity, held *grant.Grant, sent, answered time.Time) {
	if _, ok := p.tracked[identity]; !ok {
		return
	}
	p.floor[identity] = answered
	if held == nil {
		delete(p.seen, identity)
		return
	}
	p.seen[identity] = Observation{Grant: held, Began: sent}
}

func sameGrant(a, b *grant.Grant) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
