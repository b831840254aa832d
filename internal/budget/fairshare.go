package budget

// rememberedTurns bounds how many namespaces without a waiting ticket keep their turn.
const rememberedTurns = 10000

// fairShare lets the namespaces of one class take turns.
type fairShare struct {
	// order holds the namespaces with waiting tickets, by turn.
	order      indexedHeap[*namespace]
	namespaces map[string]*namespace
	// absent remembers the turns of namespaces that have no waiting ticket at the moment, so that a namespace that leaves
	// and comes back at once keeps its turn.
	absent map[string]uint64
	last   uint64
	// waiting is how many tickets wait in all namespaces.
	waiting int
}

// namespace holds the waiting tickets of one Kubernetes namespace.
type namespace struct {
	name    string
	turn    uint64
	tickets indexedHeap[*ticket]
	index   int
}

func newFairShare() fairShare {
	return fairShare{
		order:      newIndexedHeap(func(a, b *namespace) bool { return a.turn < b.turn }, func(n *namespace) *int { return &n.index }),
		namespaces: map[string]*namespace{}, absent: map[string]uint64{},
	}
}

// first returns the oldest ticket of the namespace whose turn it is; there must be one.
func (f *fairShare) first() *ticket { return f.order.first().tickets.first() }

func (f *fairShare) add(t *ticket) {
	n := f.namespaces[t.key.Namespace]
	if n == nil {
		n = &namespace{name: t.key.Namespace, turn: f.turnOf(t.key.Namespace)}
		n.tickets = newIndexedHeap(older, func(t *ticket) *int { return &t.indexInNamespace })
		f.namespaces[n.name] = n
		f.order.add(n)
	}
	n.tickets.add(t)
	f.waiting++
	if t.turn > 0 && t.turn < n.turn { // The ticket was served and got nothing: its namespace gets the turn back.
		n.turn = t.turn
		f.order.moved(n)
	}
	t.turn = 0
}

// turnOf is the turn of a namespace that joins: the one it had, else one behind all others.
func (f *fairShare) turnOf(name string) uint64 {
	turn, ok := f.absent[name]
	if !ok {
		return f.next()
	}
	delete(f.absent, name)
	return turn
}

func (f *fairShare) next() uint64 {
	f.last++
	return f.last
}

func (f *fairShare) remove(t *ticket) {
	n := f.namespaces[t.key.Namespace]
	n.tickets.remove(t)
	f.waiting--
	if n.tickets.len() > 0 {
		return
	}
	f.order.remove(n)
	delete(f.namespaces, n.name)
	f.absent[n.name] = n.turn
	if f.order.len() == 0 || len(f.absent) > rememberedTurns {
		clear(f.absent)
	}
}

// serve puts the namespace of the served ticket behind the others.
func (f *fairShare) serve(t *ticket) {
	n := f.namespaces[t.key.Namespace]
	t.turn, n.turn = n.turn, f.next()
	f.order.moved(n)
}
