package lifecycle

import "fmt"

// The adversary: people, other tools, crashes and lost answers. Each event has a budget.
const (
	evIdentity = iota
	evScopes
	evDelete
	evCreate
	evStrip
	evStripEdit
	evCrash
	evLost
	evMake
	evDrop
	evChange
	evRules
	evMode
	evTenantMode
	evUnknown
	evReference
	evLag
	evFutile
	evUncleared
	evTotal
	events
)

type move struct {
	name string
	next model
	err  error
}

// moves collects what may come next in a state.
type moves struct {
	from *model
	all  []move
}

// may adds an event of the adversary, if its budget is not used up.
func (c *moves) may(event int, name string, change func(*model)) {
	if c.from.budget[event] == 0 || c.from.budget[evTotal] == 0 {
		return
	}
	n := *c.from
	n.budget[event]--
	n.budget[evTotal]--
	n.now++
	change(&n)
	c.all = append(c.all, move{name: name, next: n})
}

func (m *model) moves() []move {
	c := &moves{from: m}
	for i := range m.objects {
		if o := &m.objects[i]; o.exists {
			c.operator(i, o)
			c.people(i, o)
		} else {
			c.may(evCreate, fmt.Sprint("create ", i), func(n *model) {
				n.objects[i] = object{exists: true, adopt: true, scope: 1, memory: memory{since: n.now}}
			})
		}
	}
	c.process()
	c.remote()
	c.rules()
	if m.needsTime() {
		n := *m
		n.passTime()
		c.all = append(c.all, move{name: "time passes", next: n})
	}
	return c.all
}

// operator adds what the operator does next with an object.
func (c *moves) operator(i int, o *object) {
	if o.pending.kind == 0 {
		n := *c.from
		moved, told, err := n.step(i)
		if moved || err != nil || n != *c.from {
			c.all = append(c.all, move{fmt.Sprint(i, " ", told), n, err})
		}
		if told == "release" {
			c.may(evUncleared, fmt.Sprint(i, " release, its records stay"), func(n *model) {
				_, _, _ = n.step(i)
				n.objects[i].record, n.objects[i].replaces = o.record, o.replaces
			})
		}
		return
	}
	n := *c.from
	n.arrive(i, true, true)
	c.all = append(c.all, move{name: fmt.Sprint(i, " is answered"), next: n})
	c.may(evLost, fmt.Sprint(i, " gets no answer"), func(n *model) { n.arrive(i, false, true) })
	c.may(evLost, fmt.Sprint(i, " gets no answer, with no effect yet"), func(n *model) { n.arrive(i, false, false) })
}

// people adds what is done to an object.
func (c *moves) people(i int, o *object) {
	if o.gone {
		return
	}
	edit := func(n *model) *object { n.objects[i].dirty = true; return &n.objects[i] }
	if !o.deleting {
		c.may(evIdentity, fmt.Sprint("edit the identity of ", i), func(n *model) { edit(n).want = 1 - o.want })
		c.may(evScopes, fmt.Sprint("edit the scopes of ", i), func(n *model) { edit(n).scope = 3 - o.scope })
		c.may(evMode, fmt.Sprint("another mode of ", i), func(n *model) { edit(n).mode = (o.mode + 1) % 3 })
		c.may(evReference, fmt.Sprint("break or mend the reference of ", i), func(n *model) { n.objects[i].unresolved = !o.unresolved })
		c.may(evDelete, fmt.Sprint("delete ", i), func(n *model) {
			if n.objects[i].deleting = true; !o.held && !o.other {
				n.remove(i)
			}
		})
	}
	if o.other && o.deleting && !o.held {
		c.may(evDelete, fmt.Sprint("the other finalizer of ", i, " goes"), func(n *model) { n.remove(i) })
	}
	if !o.held || o.pending.kind != 0 {
		return
	}
	c.may(evStrip, fmt.Sprint("strip the finalizer of ", i), func(n *model) {
		p := &n.objects[i]
		p.memory.held = true
		if p.held = false; p.deleting && !p.other {
			n.remove(i)
		}
	})
	if !o.deleting {
		c.may(evStripEdit, fmt.Sprint("strip the finalizer of ", i, " and edit its identity"), func(n *model) {
			p := edit(n)
			p.held, p.want = false, 1-o.want
		})
	}
}

// process adds what happens to the operator's process, and to its cache.
func (c *moves) process() {
	c.may(evCrash, "crash", func(n *model) { n.crash() })
	for i := range c.from.objects {
		if p := c.from.objects[i].pending; p.kind != 0 {
			c.may(evCrash, fmt.Sprint("crash, the call of ", i, " arrives"), func(n *model) {
				n.effect(p, i+1)
				n.crash()
			})
			if p.kind == 'C' {
				c.may(evCrash, fmt.Sprint("crash, the call of ", i, " arrives late"), func(n *model) {
					n.late[p.ident] = 1 + p.scopes
					n.crash()
				})
			}
		}
	}
	if !c.from.lagging {
		c.may(evLag, "the cache stops", func(n *model) { n.lagging, n.cached = true, n.objects })
		return
	}
	n := *c.from
	n.lagging, n.cached = false, [slots]object{}
	c.all = append(c.all, move{name: "the cache catches up", next: n})
}

// remote adds what strangers and the tenant itself do.
func (c *moves) remote() {
	for k, t := range c.from.tenant {
		if t.id == 0 {
			c.may(evMake, fmt.Sprint("a stranger makes ", k), func(n *model) {
				n.nextID++
				n.tenant[k] = remote{id: n.nextID, scopes: 3}
			})
		} else {
			c.may(evDrop, fmt.Sprint("a stranger deletes ", k), func(n *model) { n.tenant[k] = remote{} })
			c.may(evChange, fmt.Sprint("a stranger empties or fills ", k), func(n *model) { n.tenant[k].scopes, n.tenant[k].refused = 3&^t.scopes, 0 })
			c.may(evChange, fmt.Sprint("a stranger opens organizations of ", k), func(n *model) { n.tenant[k].open, n.tenant[k].refused = !t.open, 0 })
		}
		if late := c.from.late[k]; late > 0 {
			n := *c.from
			n.now++
			n.late[k] = 0
			n.effect(call{kind: 'C', ident: int8(k), scopes: late - 1}, 0)
			c.all = append(c.all, move{name: fmt.Sprint("a late request makes ", k), next: n})
		}
	}
	c.may(evUnknown, "the API is unknown, or known again", func(n *model) { n.unknown = !n.unknown })
	c.may(evFutile, "the next deletion has no effect", func(n *model) { n.futile = true })
}

// rules adds what the owner of the tenant does.
func (c *moves) rules() {
	for a := range c.from.auth0s {
		for k, now := range c.from.auth0s[a].rules {
			for _, rules := range []int8{none, 1, 3} {
				if rules != now {
					c.may(evRules, fmt.Sprintf("Auth0Tenant %d allows %d of %d", a, rules, k), func(n *model) {
						n.auth0s[a].rules[k], n.auth0s[a].since = rules, n.now
					})
				}
			}
		}
		c.may(evTenantMode, fmt.Sprint("another mode of Auth0Tenant ", a), func(n *model) { n.auth0s[a].mode = (n.auth0s[a].mode + 1) % 3 })
		c.may(evTenantMode, fmt.Sprint("Auth0Tenant ", a, " breaks or works"), func(n *model) { n.auth0s[a].broken = !n.auth0s[a].broken })
	}
}

// passTime lets every time-out pass: what a request did not do by now it does not do any more.
func (m *model) passTime() {
	m.late = [idents]int8{}
	m.now += 2 * timeout
}

func (m *model) needsTime() bool {
	if m.late != [idents]int8{} {
		return true
	}
	for i := range m.objects {
		if o := &m.objects[i]; o.exists && o.pending.kind == 0 {
			n := *m
			if _, told, _ := n.step(i); told == "time" {
				return true
			}
		}
	}
	return false
}
