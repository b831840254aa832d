package lifecycle

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestModel_AtRandom goes on where the exhaustive search ends: long stories of every sort of event, with three objects.
func TestModel_AtRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := scenario{total: 100}.start()
		for event := range m.budget {
			m.budget[event] = 100
		}
		m.budget[evCreate] = 3
		m.revokes = rapid.Bool().Draw(t, "revokes")
		m.objects[1].auth0 = int8(rapid.IntRange(0, 1).Draw(t, "Auth0Tenant of 1"))
		m.objects[2] = object{exists: true, adopt: rapid.Bool().Draw(t, "2 adopts"), scope: 3, memory: memory{since: 4}}
		e, story := newExplorer(), []string{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			next := choose(t, m.moves())
			if story = append(story, next.name); next.err != nil {
				t.Fatalf("%v\n  %s", next.err, strings.Join(story, "\n  "))
			}
			m = next.next.key()
			for i := range m.objects {
				m.onlyStakesCount(t, i, story)
			}
		}
		if trace, err := e.rest(m); err != nil {
			t.Fatalf("%v\n  %s", err, strings.Join(append(story, e.story(0, m, trace)...), "\n  "))
		}
	})
}

// onlyStakesCount compares what is decided with all rivals and with those that are said to matter: others are not gathered.
func (m *model) onlyStakesCount(t *rapid.T, i int, story []string) {
	if !m.objects[i].exists {
		return
	}
	w := m.world(i, &m.objects)
	few := w
	few.Rivals = slices.DeleteFunc(slices.Clone(w.Rivals), func(r Rival) bool {
		return !HasRivals(&w) || !slices.ContainsFunc(identities[:], r.HasStake)
	})
	if all, some := Next(w), Next(few); !reflect.DeepEqual(all, some) {
		t.Fatalf("object %d: rivals without a stake change %+v to %+v\n  %s", i, some, all, strings.Join(story, "\n  "))
	}
}

// choose draws the operator's next step more often than what disturbs it.
func choose(t *rapid.T, all []move) move {
	var own []move
	for _, mv := range all {
		if mv.next.budget == all[0].next.budget {
			own = append(own, mv)
		}
	}
	if len(own) > 0 && rapid.IntRange(0, 3).Draw(t, "whose turn") > 0 {
		all = own
	}
	return rapid.SampledFrom(all).Draw(t, "move")
}

func (m move) String() string { return m.name }
