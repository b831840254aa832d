package tenant

// everyOldest: each token of that number goes to whoever waits longest.
const everyOldest = 10

// rememberedTurns bounds how many namespaces that wait for nothing keep their turn.
const rememberedTurns = 10000

// line is the order of those who wait: by class; within a class the namespaces take turns; within a namespace by age.
// Every tenth goes by age alone, so that nobody waits for ever. Everything in it costs the logarithm of its length. It is
// not safe for concurrent use.
type line struct {
	all     ranked[*place]
	classes [classes]turns
	served  int
}

func newLine() line {
	l := line{all: newRanked(olderPlace, func(p *place) *int { return &p.atAll })}
	for class := range l.classes {
		l.classes[class] = turns{
			ring:   newRanked(func(a, b *space) bool { return a.turn < b.turn }, func(s *space) *int { return &s.at }),
			spaces: map[string]*space{}, left: map[string]uint64{},
		}
	}
	return l
}

func olderPlace(a, b *place) bool { return a.age < b.age }

func (l *line) add(p *place) {
	l.all.add(p)
	l.classes[p.class].join(p)
}

func (l *line) remove(p *place) {
	l.all.remove(p)
	l.classes[p.class].leave(p)
}

// best returns who is next; nil where nobody waits.
func (l *line) best() *place {
	if l.all.len() == 0 {
		return nil
	}
	if l.served%everyOldest == everyOldest-1 {
		return l.all.first()
	}
	for class := range l.classes {
		if ring := &l.classes[class].ring; ring.len() > 0 {
			return ring.first().waiting.first()
		}
	}
	return nil
}

// serve takes out who was best: its namespace has had its turn.
func (l *line) serve(p *place) {
	l.served++
	l.classes[p.class].pass(p)
	l.remove(p)
}

// turns is the order of one class.
type turns struct {
	// ring holds the namespaces in which somebody waits, by whose turn it is.
	ring   ranked[*space]
	spaces map[string]*space
	// left remembers the turn of namespaces in which nobody waits at the moment: who leaves and comes back at once neither
	// gains nor loses.
	left map[string]uint64
	last uint64
	// waiting is how many wait in all of them.
	waiting int
}

// space is a namespace in which somebody waits.
type space struct {
	name    string
	turn    uint64
	waiting ranked[*place]
	at      int
}

func (t *turns) join(p *place) {
	s := t.spaces[p.key.Namespace]
	if s == nil {
		s = &space{name: p.key.Namespace, turn: t.turnOf(p.key.Namespace)}
		s.waiting = newRanked(olderPlace, func(p *place) *int { return &p.atSpace })
		t.spaces[s.name] = s
		t.ring.add(s)
	}
	s.waiting.add(p)
	t.waiting++
	if p.turn > 0 && p.turn < s.turn { // It was served and got nothing.
		s.turn = p.turn
		t.ring.moved(s)
	}
	p.turn = 0
}

// turnOf is the turn of a namespace that joins: what it had, else behind all others.
func (t *turns) turnOf(name string) uint64 {
	turn, ok := t.left[name]
	if !ok {
		return t.next()
	}
	delete(t.left, name)
	return turn
}

func (t *turns) next() uint64 {
	t.last++
	return t.last
}

func (t *turns) leave(p *place) {
	s := t.spaces[p.key.Namespace]
	s.waiting.remove(p)
	t.waiting--
	if s.waiting.len() > 0 {
		return
	}
	t.ring.remove(s)
	delete(t.spaces, s.name)
	t.left[s.name] = s.turn
	if t.ring.len() == 0 || len(t.left) > rememberedTurns {
		clear(t.left)
	}
}

// pass puts the namespace of who is served behind the others.
func (t *turns) pass(p *place) {
	s := t.spaces[p.key.Namespace]
	p.turn, s.turn = s.turn, t.next()
	t.ring.moved(s)
}
