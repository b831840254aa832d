package lifecycle

import "flag"

var (
	full   = flag.Bool("full", false, "visit every state of the model within the larger bounds")
	states = flag.Int("states", quickStates, "how many states of each scenario to visit without -full")
)

// scenario is a start of the model with the budgets of its adversary.
type scenario struct {
	name string
	// total bounds the events altogether, budget those of a kind.
	total  int8
	budget map[int]int8
	set    func(*model)
	// most bounds the states of the full check.
	most int
}

func limit(s scenario) int {
	if *full {
		return s.most
	}
	return min(s.most, *states)
}

func (s scenario) start() model {
	m := model{now: 10, start: 1}
	for a := range m.auth0s {
		m.auth0s[a] = auth0{rules: [idents]int8{3, 3}, since: 1}
	}
	for i := range 2 {
		m.objects[i] = object{exists: true, adopt: true, scope: int8(1 + i), memory: memory{since: int64(2 + i)}}
	}
	for event, n := range s.budget {
		m.budget[event] = n
	}
	m.budget[evTotal] = s.total
	if s.set != nil {
		s.set(&m)
	}
	return m
}

func alone(m *model) { m.objects[1] = object{} }

// settled is one object that owns its grant.
func settled(m *model) {
	o := &m.objects[0]
	o.held, o.record = true, record{on: true, id: 1}
	o.memory.inPlace = 1
	m.nextID, m.tenant[0] = 1, remote{id: 1, scopes: o.scope, ours: true}
	m.seen[0] = sight{known: true, id: 1, scopes: o.scope, began: 10}
}

// settledBoth is two objects, each of which owns a grant.
func settledBoth(m *model) {
	settled(m)
	o := &m.objects[1]
	o.held, o.want, o.record = true, 1, record{on: true, ident: 1, id: 2}
	o.memory.inPlace = 2
	m.nextID, m.tenant[1] = 2, remote{id: 2, scopes: o.scope, ours: true}
	m.seen[1] = sight{known: true, id: 2, scopes: o.scope, began: 10}
}

// handingOn is an owner that names another grant now, while another object asks for the old one.
func handingOn(m *model) { m.objects[0].want, m.objects[0].dirty = 1, true }

func revoking(m *model) { m.revokes = true }

func both(sets ...func(*model)) func(*model) {
	return func(m *model) {
		for _, set := range sets {
			set(m)
		}
	}
}

var scenarios = []scenario{
	{"one object and strangers", 4, map[int]int8{evIdentity: 2, evScopes: 1, evDelete: 1, evCrash: 2, evLost: 1, evMake: 1, evDrop: 1, evFutile: 1}, alone, 100_000},
	{
		"one object that refuses to adopt", 4,
		map[int]int8{evIdentity: 1, evDelete: 1, evCrash: 1, evLost: 2, evMake: 1, evDrop: 1, evScopes: 1},
		both(alone, func(m *model) { m.objects[0].adopt = false }), 100_000,
	},
	{
		"an owner under rules that freeze", 4,
		map[int]int8{evRules: 2, evMode: 1, evReference: 1, evScopes: 1, evIdentity: 1, evChange: 1, evUnknown: 1, evDelete: 1, evStrip: 1},
		both(alone, settled), 100_000,
	},
	{
		"an owner under rules that revoke", 4,
		map[int]int8{evRules: 2, evMode: 2, evReference: 1, evScopes: 1, evIdentity: 1, evChange: 1, evUnknown: 1, evDelete: 1, evStrip: 1},
		both(alone, settled, revoking), 100_000,
	},
	{
		"a finalizer that is taken off", 4,
		map[int]int8{evStrip: 2, evStripEdit: 1, evIdentity: 1, evMode: 2, evCrash: 1, evDelete: 1, evRules: 1, evLost: 1, evCreate: 1},
		both(alone, revoking), 100_000,
	},
	{
		"an object that is let go and stays", 4,
		map[int]int8{evRules: 2, evDelete: 2, evMake: 1, evUncleared: 2, evCrash: 1},
		both(alone, settled, revoking, func(m *model) { m.objects[0].other = true }), 100_000,
	},
	{"two objects", 3, map[int]int8{evIdentity: 1, evScopes: 1, evDelete: 1, evCrash: 1, evLost: 1, evMode: 1, evStrip: 1}, nil, 100_000},
	{"two objects and rules that freeze", 3, map[int]int8{evIdentity: 1, evRules: 2, evCrash: 1, evDelete: 1, evMode: 1, evReference: 1}, settled, 100_000},
	{"two objects and rules that revoke", 3, map[int]int8{evIdentity: 1, evRules: 2, evCrash: 1, evDelete: 1, evMode: 1}, both(settled, revoking), 100_000},
	{"a swap", 4, map[int]int8{evIdentity: 3, evCrash: 1, evDelete: 1, evLost: 1, evUnknown: 1, evLag: 1}, settledBoth, 100_000},
	{"an owner and one that waits", 3, map[int]int8{evIdentity: 2, evScopes: 1, evDelete: 2, evCrash: 1, evLost: 1, evMode: 1, evStrip: 1}, settled, 100_000},
	{"an owner that is deleted", 4, map[int]int8{evDelete: 1, evIdentity: 2, evFutile: 1, evMake: 1, evDrop: 1, evCrash: 1, evLost: 1}, both(alone, settled), 100_000},
	{
		"an owner that observes", 3,
		map[int]int8{evDelete: 1, evRules: 1, evMode: 1, evChange: 1},
		both(alone, settled, revoking, func(m *model) { m.objects[0].mode = 2 }), 100_000,
	},
	{
		"an orphan under rules that revoke", 3,
		map[int]int8{evDelete: 1, evRules: 1, evMode: 1, evChange: 1},
		both(alone, settled, revoking, func(m *model) { m.objects[0].orphan = true }), 100_000,
	},
	{"records that stay", 4, map[int]int8{evRules: 1, evUncleared: 1, evCrash: 1, evMake: 1}, both(alone, settled, revoking), 100_000},
	{"a hand-over and rules", 3, map[int]int8{evRules: 2, evDelete: 2, evCrash: 1, evMode: 1}, both(settled, handingOn), 100_000},
	{
		"a replacement that is refused", 3,
		map[int]int8{evIdentity: 2, evRules: 1, evMode: 1, evReference: 1},
		both(alone, settled, revoking, func(m *model) { m.unknown = true }), 100_000,
	},
	{
		"a request that is refused", 3,
		map[int]int8{evIdentity: 1, evUnknown: 1, evDelete: 1, evCrash: 1, evLost: 1},
		both(alone, func(m *model) { m.unknown = true }), 100_000,
	},
	{"dead records", 4, map[int]int8{evIdentity: 2, evUnknown: 1, evDelete: 1, evCrash: 1}, func(m *model) { m.objects[1].want, m.unknown = 1, true }, 100_000},
	{
		"two Auth0Tenants", 3,
		map[int]int8{evTenantMode: 2, evRules: 1, evIdentity: 1, evDelete: 1, evCrash: 1},
		both(settled, func(m *model) { m.objects[1].auth0 = 1 }), 100_000,
	},
	{
		"three objects", 3,
		map[int]int8{evIdentity: 1, evDelete: 2, evCrash: 1, evStrip: 1},
		both(settled, func(m *model) {
			m.objects[2] = object{exists: true, adopt: true, scope: 3, memory: memory{since: 4}}
		}), 100_000,
	},
	{"a restore without status", 3, map[int]int8{evDelete: 2, evMake: 1, evCrash: 1, evStrip: 1}, both(settled, func(m *model) { m.objects[1].held = true }), 100_000},
	{"changes that are refused", 4, map[int]int8{evUnknown: 2, evScopes: 2, evRules: 1, evDelete: 1, evChange: 1}, both(alone, settled, revoking), 100_000},
	{"a cache that lags", 3, map[int]int8{evLag: 1, evIdentity: 1, evDelete: 1, evRules: 1, evCreate: 1}, both(settled, revoking), 100_000},
}
