package tenant

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// modelled is an inventory with a plain model of what it should track.
type modelled struct {
	*inventory
	now   time.Time
	about map[budget.Key]map[grant.Identity]bool
}

func (m *modelled) tracked(identity grant.Identity) bool {
	for _, identities := range m.about {
		if identities[identity] {
			return true
		}
	}
	return false
}

func drawKey(t *rapid.T) budget.Key {
	return budget.Key{Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")}
}

func drawIdentity(t *rapid.T) grant.Identity {
	return grant.Identity{
		ClientID: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "client"),
		Audience: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "audience"), SubjectType: "client",
	}
}

// Nothing is kept of an identity that is not tracked, whatever objects come and go, and evidence only grows younger.
func TestInventory_KeepsWhatIsTrackedAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &modelled{inventory: newInventory(), now: time.Now(), about: map[budget.Key]map[grant.Identity]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"track": func(t *rapid.T) {
				key, identities := drawKey(t), map[grant.Identity]bool{}
				list := []grant.Identity{}
				for range rapid.IntRange(0, 3).Draw(t, "identities") {
					identity := drawIdentity(t)
					identities[identity], list = true, append(list, identity)
				}
				m.track(key, list...)
				m.about[key] = identities
			},
			"add": func(t *rapid.T) {
				key, identity := drawKey(t), drawIdentity(t)
				m.add(key, identity)
				if m.about[key] == nil {
					m.about[key] = map[grant.Identity]bool{}
				}
				m.about[key][identity] = true
			},
			"look":  func(t *rapid.T) { m.look(t) },
			"write": func(t *rapid.T) { m.write(t) },
			"": func(t *rapid.T) {
				m.now = m.now.Add(time.Second)
				m.check(t)
			},
		})
		for key := range m.about {
			m.track(key)
		}
		if left := len(m.entries) + len(m.byKey) + len(m.holders); left > 0 {
			t.Fatalf("%d entries are left: %+v", left, m.inventory)
		}
	})
}

// look merges the result of a look-up of one client that began some time ago.
func (m *modelled) look(t *rapid.T) {
	began := m.now.Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "age")) * time.Second)
	holder := drawIdentity(t).Holder()
	found := map[grant.Identity]*grant.Grant{}
	for range rapid.IntRange(0, 2).Draw(t, "found") {
		identity := drawIdentity(t)
		found[identity] = &grant.Grant{ID: strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "id")), ClientID: identity.ClientID, Audience: identity.Audience}
	}
	before, changed := map[grant.Identity]entry{}, map[budget.Key]struct{}{}
	for identity, of := range m.entries {
		before[identity] = *of
	}
	m.merge(m.holders[holder], found, began, changed)
	for identity, of := range m.entries {
		was, now := before[identity], *of
		if now.known == was.known && now.seen == was.seen {
			continue
		}
		if was.known && now.seen.Began.Before(was.seen.Began) || now.seen.Began.Before(now.floor) {
			t.Fatalf("%s: evidence of %s took the place of %s, with a write at %s", identity, now.seen.Began, was.seen.Began, now.floor)
		}
		for _, key := range now.keys {
			if _, woken := changed[key]; !woken && (!was.known || !sameGrant(was.seen.Grant, now.seen.Grant)) {
				t.Fatalf("%s changed and %s was not told", identity, key)
			}
		}
	}
}

// write folds in an answer that was sent for a while ago.
func (m *modelled) write(t *rapid.T) {
	identity := drawIdentity(t)
	var held *grant.Grant
	if rapid.Bool().Draw(t, "held") {
		held = &grant.Grant{ID: "w", ClientID: identity.ClientID, Audience: identity.Audience}
	}
	m.wrote(identity, held, m.now.Add(-time.Second), m.now)
	if seen, known := m.seen(identity); m.tracked(identity) && (known != (held != nil) || known && seen.Grant != held) {
		t.Fatalf("%s: known is %+v after %+v was written", identity, seen, held)
	}
}

func (m *modelled) check(t *rapid.T) {
	holders := map[grant.Holder]int{}
	for identity, of := range m.entries {
		if !m.tracked(identity) {
			t.Fatalf("something is kept of %s, which is not tracked", identity)
		}
		holders[identity.Holder()]++
		for _, key := range of.keys {
			if !m.about[key][identity] {
				t.Fatalf("%s is not about %s", key, identity)
			}
		}
	}
	for key, identities := range m.about {
		for identity := range identities {
			if of := m.entries[identity]; of == nil || !slices.Contains(of.keys, key) {
				t.Fatalf("%s is about %s, which is not known", key, identity)
			}
		}
	}
	if len(holders) != len(m.holders) {
		t.Fatalf("holders %+v, want %+v", m.holders, holders)
	}
	for holder, count := range holders {
		if len(m.holders[holder]) != count {
			t.Fatalf("holders %+v, want %+v", m.holders, holders)
		}
	}
}
