package lifecycle

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"
	"time"
)

// key is the state without what means nothing: of times and IDs only the order counts, and which of them are a time-out apart.
func (m *model) key() model {
	n := *m
	var times []*int64
	note := func(t *int64) {
		if *t != 0 {
			times = append(times, t)
		}
	}
	var ids []*int8
	for i := range n.objects {
		for _, o := range []*object{&n.objects[i], &n.cached[i]} {
			note(&o.memory.since)
			note(&o.memory.deletedAt)
			ids = append(ids, &o.record.id, &o.replaces.id, &o.memory.made, &o.memory.before.id, &o.pending.id)
			for k := range idents {
				note(&o.memory.deletions[k].until)
				ids = append(ids, &o.memory.deletions[k].id)
			}
			for r := range o.memory.refused {
				ids = append(ids, &o.memory.refused[r].id)
			}
		}
	}
	for k := range idents {
		note(&n.seen[k].began)
		note(&n.lateUntil[k])
		note(&n.auth0s[k].since)
		ids = append(ids, &n.tenant[k].id, &n.seen[k].id)
	}
	note(&n.start)
	note(&n.now)
	compress(times)
	n.nextID = rank(ids)
	return n
}

func compress(times []*int64) {
	slices.SortFunc(times, func(a, b *int64) int {
		switch {
		case *a < *b:
			return -1
		case *a > *b:
			return 1
		}
		return 0
	})
	last, to := int64(0), int64(1)
	for i, t := range times {
		switch gap := *t - last; {
		case i == 0 || gap == 0:
		case gap >= second:
			to += timeout
		default:
			to++
		}
		last = *t
		*t = to
	}
}

// rank tells IDs by their order; it returns how many there are.
func rank(ids []*int8) int8 {
	var known [128]bool
	for _, id := range ids {
		known[*id] = true
	}
	var order [128]int8
	n := int8(0)
	for id := 1; id < len(known); id++ {
		if known[id] {
			n++
			order[id] = n
		}
	}
	for _, id := range ids {
		if *id > 0 {
			*id = order[*id]
		}
	}
	return n
}

// resync is a look at everything.
func (m *model) resync() {
	m.now++
	for k, t := range m.tenant {
		m.seen[k] = sight{known: true, id: t.id, scopes: t.scopes, open: t.open, began: m.now}
	}
}

// round lets each object take one step; writes counts those that are more than a look.
func (m *model) round(trace *[]string) (moved bool, writes int, err error) {
	tell := func(i int, told string) { *trace = append(*trace, fmt.Sprint("then ", i, " ", told)) }
	for i := range m.objects {
		o := &m.objects[i]
		switch {
		case !o.exists:
			continue
		case o.pending.kind != 0:
			m.arrive(i, true, true)
			moved, writes = true, writes+1
			tell(i, "is answered")
			continue
		}
		stepped, told, err := m.step(i)
		if stepped || err != nil {
			tell(i, told)
		}
		if err != nil {
			return true, writes, err
		}
		if told == "time" {
			m.passTime()
			stepped = true
		} else if stepped && !strings.HasPrefix(told, "looks") {
			writes++
		}
		moved = moved || stepped
	}
	return moved, writes, nil
}

// explorer visits the states of a model, breadth first.
type explorer struct {
	seed1, seed2 maphash.Seed
	states       map[[2]uint64]struct{}
	// calm are states from which everything is known to come right once nobody disturbs.
	calm        map[[2]uint64]struct{}
	ways        []way
	transitions int
	longest     int
}

type way struct {
	from int32
	name string
}

func newExplorer() *explorer {
	return &explorer{
		seed1: maphash.MakeSeed(), seed2: maphash.MakeSeed(),
		states: map[[2]uint64]struct{}{}, calm: map[[2]uint64]struct{}{},
	}
}

func (e *explorer) hash(m model) [2]uint64 {
	return [2]uint64{maphash.Comparable(e.seed1, m), maphash.Comparable(e.seed2, m)}
}

var errEndless = errors.New("never comes to rest")

// rest has the operator work alone until nothing moves, and then once more after a look at everything.
func (e *explorer) rest(m model) (trace []string, err error) {
	m.lagging, m.cached, m.unknown, m.futile = false, [slots]object{}, false, false
	m.budget = [events]int8{}
	var passed [][2]uint64
	for rounds := 0; ; rounds++ {
		hash := e.hash(m.key())
		if _, ok := e.calm[hash]; ok {
			break
		}
		passed = append(passed, hash)
		moved, _, err := m.round(&trace)
		if err != nil {
			return trace, err
		}
		if rounds > 100 {
			return trace, errEndless
		}
		if !moved {
			if err := m.finish(&trace); err != nil {
				return trace, err
			}
			break
		}
	}
	for _, hash := range passed {
		e.calm[hash] = struct{}{}
	}
	return nil, nil
}

// finish looks at everything when nothing moves any more: what is wrong is put right, and then nothing is written any more.
func (m *model) finish(trace *[]string) error {
	for again := range 3 {
		if again == 1 {
			if err := m.checkRules(); err != nil {
				return err
			}
			for i := range m.objects {
				m.objects[i].memory.refused = [2]refusal{} // Their time comes.
			}
		}
		m.passTime()
		m.resync()
		for rounds := 0; ; rounds++ {
			moved, writes, err := m.round(trace)
			if err != nil {
				return err
			}
			if again == 2 && writes > 0 {
				return errors.New("writes although nothing has changed")
			}
			if rounds > 100 {
				return errEndless
			}
			if !moved {
				break
			}
		}
	}
	return m.check()
}

// explore visits every state within the budget of a scenario, up to a number of them.
func (e *explorer) explore(first model, limit int) (story []string, violation error) {
	type entry struct {
		m  model
		at int32
	}
	frontier := []entry{{first.key(), 0}}
	e.states[e.hash(first.key())] = struct{}{}
	e.ways = append(e.ways, way{-1, "start"})
	depth := 0
	for ; len(frontier) > 0; depth++ {
		var next []entry
		for _, from := range frontier {
			if trace, err := e.rest(from.m); err != nil {
				return e.story(from.at, from.m, trace), err
			}
			for _, mv := range from.m.moves() {
				e.transitions++
				key := mv.next.key()
				hash := e.hash(key)
				if _, ok := e.states[hash]; ok && mv.err == nil {
					continue
				}
				e.states[hash] = struct{}{}
				e.ways = append(e.ways, way{from.at, mv.name})
				to := entry{key, int32(len(e.ways) - 1)}
				if mv.err != nil {
					return e.story(to.at, to.m, nil), mv.err
				}
				next = append(next, to)
			}
			if len(e.states) >= limit {
				e.longest = depth
				return nil, nil
			}
		}
		frontier = next
	}
	e.longest = depth
	return nil, nil
}

// story is the shortest way to a state, and what the operator alone makes of it.
func (e *explorer) story(at int32, m model, trace []string) (story []string) {
	for ; at > 0; at = e.ways[at].from {
		story = append(story, e.ways[at].name)
	}
	slices.Reverse(story)
	story = append(story, trace[:min(len(trace), 30)]...)
	m.budget = [events]int8{}
	for i := range m.objects {
		if o := &m.objects[i]; o.exists {
			s := Next(m.world(i, &m.objects))
			tell := ""
			if s.Tell != nil {
				tell = s.Tell.Reason
			}
			story = append(story, fmt.Sprintf("[object %d: %+v; next %T%+v %s]", i, *o, s.Do, s.Do, tell))
		}
	}
	return append(story, fmt.Sprintf("[tenant %+v, seen %+v, late %v]", m.tenant, m.seen, m.late))
}

func steps(story []string) (n int) {
	for _, step := range story {
		if !strings.HasPrefix(step, "[") {
			n++
		}
	}
	return n
}

func TestModel(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			began, e := time.Now(), newExplorer()
			story, err := e.explore(s.start(), limit(s))
			if err != nil {
				t.Fatalf("after %d states: %v\n  %s\nthe shortest story has %d steps", len(e.states), err, strings.Join(story, "\n  "), steps(story))
			}
			t.Logf("%d states, %d transitions, depth %d, %s", len(e.states), e.transitions, e.longest, time.Since(began).Round(time.Millisecond))
		})
	}
}
