package tenant

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// modelled is a picture with what it should know, kept in the plainest way.
type modelled struct {
	*picture
	now   time.Time
	about map[Key]map[grant.Identity]bool
}

func (m *modelled) tracked(identity grant.Identity) bool {
	for _, identities := range m.about {
		if identities[identity] {
			return true
		}
	}
	return false
}

func drawKey(t *rapid.T) Key {
	return Key{Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")}
}

func drawIdentity(t *rapid.T) grant.Identity {
	return grant.Identity{
		ClientID: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "client"),
		Audience: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "audience"), SubjectType: "client",
	}
}

// Whatever objects come and go: nothing is kept of what nobody tracks, and evidence only grows younger.
func TestPicture_KeepsWhatIsTrackedAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &modelled{picture: newPicture(), now: time.Now(), about: map[Key]map[grant.Identity]bool{}}
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
		if left := len(m.picture.tracked) + len(m.byKey) + len(m.holders) + len(m.seen) + len(m.since) + len(m.floor); left > 0 {
			t.Fatalf("%d entries are left: %+v", left, m.picture)
		}
	})
}

// look merges what a look-up of one client found that began some time ago.
func (m *modelled) look(t *rapid.T) {
	began := m.now.Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "age")) * time.Second)
	holder := drawIdentity(t).Holder()
	found := map[grant.Identity]grant.Grant{}
	for range rapid.IntRange(0, 2).Draw(t, "found") {
		identity := drawIdentity(t)
		found[identity] = grant.Grant{ID: strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "id")), ClientID: identity.ClientID, Audience: identity.Audience}
	}
	before, changed := maps.Clone(m.seen), map[Key]struct{}{}
	m.merge(m.holders[holder], found, began, changed)
	for identity, now := range m.seen {
		was, known := before[identity]
		if known && now == was {
			continue
		}
		if known && now.Began.Before(was.Began) || now.Began.Before(m.floor[identity]) {
			t.Fatalf("%s: evidence of %s took the place of %s, with a write at %s", identity, now.Began, was.Began, m.floor[identity])
		}
		for _, key := range m.picture.tracked[identity] {
			if _, woken := changed[key]; !woken && (!known || !sameGrant(was.Grant, now.Grant)) {
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
	if seen, known := m.seen[identity]; m.tracked(identity) && (known != (held != nil) || known && seen.Grant != held) {
		t.Fatalf("%s: known is %+v after %+v was written", identity, seen, held)
	}
}

func (m *modelled) check(t *rapid.T) {
	for _, of := range []map[grant.Identity]bool{known(m.seen), known(m.since), known(m.floor), known(m.picture.tracked)} {
		for identity := range of {
			if !m.tracked(identity) {
				t.Fatalf("something is kept of %s, which nobody tracks", identity)
			}
		}
	}
	holders := map[grant.Holder]int{}
	for identity, keys := range m.picture.tracked {
		holders[identity.Holder()]++
		for _, key := range keys {
			if !m.about[key][identity] {
				t.Fatalf("%s is not about %s", key, identity)
			}
		}
	}
	for key, identities := range m.about {
		for identity := range identities {
			if !slices.Contains(m.picture.tracked[identity], key) {
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

func known[V any](from map[grant.Identity]V) map[grant.Identity]bool {
	identities := make(map[grant.Identity]bool, len(from))
	for identity := range from {
		identities[identity] = true
	}
	return identities
}
