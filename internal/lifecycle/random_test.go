package lifecycle

import (
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
		}
		if trace, err := e.rest(m); err != nil {
			t.Fatalf("%v\n  %s", err, strings.Join(append(story, e.story(0, m, trace)...), "\n  "))
		}
	})
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
