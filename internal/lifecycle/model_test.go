package lifecycle

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// The model: a few ClientGrants, two identities, one tenant. Every order of steps of the operator, of people, of strangers in
// the tenant, of crashes and of lost answers is tried, up to a number of each.

const idents = 2

var identities = [idents]grant.Identity{
	{Tenant: "t", ClientID: "c", Audience: "a", SubjectType: "client"},
	{Tenant: "t", ClientID: "c", Audience: "b", SubjectType: "client"},
}

func indexOf(i grant.Identity) int { return slices.Index(identities[:], i) }

var scopeSets = [][]string{{}, {"x"}, {"y"}, {"x", "y"}}

type rec struct {
	on, adopted     bool
	ident, id, sent int
} // sent: 1+scopes

type seenAt struct {
	known      bool
	id, scopes int
	began      int64
}

type obj struct {
	exists, deleting, held, adopt, orphan bool
	mode, want, scopes                    int // mode 0 Enforce 1 Suspend 2 Observe
	record, replaces                      rec
	since, deletedAt                      int64
	planned, made                         int
	inPlace                               bool
	// pending is a write to the tenant that passed the gate.
	pending call
}

type call struct {
	kind              byte
	ident, id, scopes int
} // C, U, D

type remote struct {
	id, scopes int
	ours       bool
}

type late struct {
	on     bool
	scopes int
	at     int64
}

type model struct {
	objs   [3]obj
	n      int
	tenant [idents]remote
	seen   [idents]seenAt
	late   [idents]late
	// until is what the session remembers of creations without an answer.
	until  [idents]int64
	denied bool // the rules allow nothing
	now    int64
	start  int64
	nextID int
	budget [10]int
	left   [idents]bool
}

const minute = int64(time.Minute)

func at(t int64) time.Time { return time.Unix(1000, t) }

func (m *model) decide(grant.Identity, grant.Fields, ...v1alpha1.Right) policy.Decision {
	return policy.Decision{Allowed: !m.denied}
}

func (r rec) out(m *model) *grant.Record {
	if !r.on {
		return nil
	}
	o := &grant.Record{Identity: identities[r.ident], Adopted: r.adopted}
	if r.id > 0 {
		o.ID = fmt.Sprint(r.id)
	}
	if r.sent > 0 {
		o.Sent = hashes[r.ident][r.sent-1]
	}
	return o
}

var hashes = func() (h [idents][]string) {
	for i := range h {
		for _, s := range scopeSets {
			h[i] = append(h[i], grant.NewGrant(identities[i], grant.Fields{Scope: s}).Hash())
		}
	}
	return
}()

func recIn(r *grant.Record) rec {
	if r == nil {
		return rec{}
	}
	o := rec{on: true, adopted: r.Adopted, ident: indexOf(r.Identity)}
	fmt.Sscan(r.ID, &o.id)
	if r.Sent != "" {
		o.sent = 1 + slices.Index(hashes[o.ident], r.Sent)
	}
	return o
}

var modes = []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeSuspend, v1alpha1.ModeObserve}

func (m *model) grantAt(ident, id, scopes int) *grant.Grant {
	if id == 0 {
		return nil
	}
	i := identities[ident]
	return &grant.Grant{ID: fmt.Sprint(id), ClientID: i.ClientID, Audience: i.Audience, SubjectType: i.SubjectType, Fields: grant.Fields{Scope: scopeSets[scopes]}}
}

func (m *model) world(i int) World {
	o := &m.objs[i]
	w := World{
		Now: at(m.now), Start: at(m.start), Wanted: identities[o.want], Seen: map[grant.Identity]Observation{}, Late: map[grant.Identity]time.Time{},
		Object: Object{
			Deleting: o.deleting, Held: o.held, Mode: modes[o.mode], Orphan: o.orphan, Adopt: o.adopt,
			Fields: grant.Fields{Scope: scopeSets[o.scopes]}, Record: o.record.out(m), Replaces: o.replaces.out(m),
			Rank: Rank{Created: at(int64(i)), UID: fmt.Sprint(i)},
		},
		Tenant: Tenant{
			Exists: true, Admits: true, Name: "t", Near: true, Host: "t", Mode: v1alpha1.ModeEnforce, Access: Open,
			Decide: m.decide, OperatorsKnown: true, Interval: time.Hour, Revokes: os.Getenv("REVOKE") != "",
		},
		Memory: Memory{Since: at(o.since), DeletedAt: at(o.deletedAt)},
	}
	if o.inPlace {
		w.Memory.InPlace = w.Wanted
	}
	if o.planned > 0 {
		w.Memory.Planned = hashes[(o.planned-1)/10][(o.planned-1)%10]
	}
	if o.made > 0 {
		w.Memory.Made = fmt.Sprint(o.made)
	}
	for k, until := range m.until {
		if until > 0 {
			w.Late[identities[k]] = at(until)
		}
	}
	for k, s := range m.seen {
		if s.known {
			w.Seen[identities[k]] = Observation{Grant: m.grantAt(k, s.id, s.scopes), Began: at(s.began)}
		}
	}
	for j := range m.n {
		r := &m.objs[j]
		if j == i || !r.exists {
			continue
		}
		w.Rivals = append(w.Rivals, Rival{
			Name: fmt.Sprint(j), Near: true, Rank: Rank{Created: at(int64(j)), UID: fmt.Sprint(j)}, Record: r.record.out(m),
			Replaces: r.replaces.out(m), Held: r.held, Deleting: r.deleting, Asks: identities[r.want], Enforces: r.mode == 0,
			Usable: true, Known: true, Same: true, Fields: grant.Fields{Scope: scopeSets[r.scopes]}, Decide: m.decide,
		})
	}
	return w
}

func scopesIndex(s []string) int {
	return slices.IndexFunc(scopeSets, func(x []string) bool { return slices.Equal(x, s) })
}

func (m *model) locked(i, ident int) bool {
	for j := range m.n {
		if j != i && m.objs[j].pending.kind != 0 && m.objs[j].pending.ident == ident {
			return true
		}
	}
	return false
}

// step lets the operator take the next step of an object; false where there is none.
func (m *model) step(i int) (moved bool, told string, err error) {
	o := &m.objs[i]
	s := Next(m.world(i))
	tell := "-"
	if s.Tell != nil {
		tell = s.Tell.Reason
		if s.Tell.Ready {
			o.inPlace = true
			if seen := m.seen[o.want]; !seen.known || seen.began < o.since {
				return true, "", fmt.Errorf("object %d is Ready on old evidence", i)
			}
		}
	}
	store := func() { o.record, o.replaces = recIn(s.Record), recIn(s.Replaces) }
	touches := func(r *grant.Record) bool { return r != nil && m.locked(i, indexOf(r.Identity)) }
	if touches(s.Record) || touches(s.Replaces) {
		if _, ok := s.Do.(Look); !ok {
			return false, "locked", nil
		}
	}
	switch do := s.Do.(type) {
	case Wait:
		was := *o
		store()
		return was.record != o.record || was.replaces != o.replaces, fmt.Sprintf("wait %s %v", tell, s.Again > 0), nil
	case Look:
		k := indexOf(do.Identity)
		if do.NotBefore.After(at(m.now)) {
			return false, "time", nil // It has to pass first.
		}
		m.now++
		m.seen[k] = seenAt{known: true, id: m.tenant[k].id, scopes: m.tenant[k].scopes, began: m.now}
		return true, "look", nil
	case Write:
		store()
		if do.Plans {
			o.planned = 1 + o.record.ident*10 + o.record.sent - 1
		}
		m.adoptions(i)
		m.noteLeft(s)
		return true, fmt.Sprintf("write %+v %+v", o.record, o.replaces), nil
	case Hold:
		store()
		o.held = true
		m.adoptions(i)
		return true, "hold", nil
	case Release:
		m.noteLeft(s)
		o.held = false
		if o.deleting {
			*o = obj{}
			return true, "gone", nil
		}
		o.record, o.replaces = rec{}, rec{}
		return true, "release", nil
	case Create:
		store()
		o.pending = call{'C', indexOf(do.Identity), 0, scopesIndex(do.Body.Scope)}
	case Change:
		store()
		id := 0
		fmt.Sscan(do.ID, &id)
		o.pending = call{'U', indexOf(do.Identity), id, scopesIndex(do.Fields.Scope)}
	case Delete:
		store()
		id := 0
		fmt.Sscan(do.ID, &id)
		o.pending = call{'D', indexOf(do.Identity), id, 0}
	}
	if m.locked(i, o.pending.ident) {
		o.pending = call{}
		return false, "locked", nil
	}
	if t := &m.tenant[o.pending.ident]; o.pending.kind != 'C' && t.id == o.pending.id && !t.ours {
		r := o.record
		if !r.on || r.ident != o.pending.ident {
			r = o.replaces
		}
		// What is recorded with an ID is the object's, whoever made it again; else it takes the adoption gate.
		if t.ours = r.id > 0 || o.adopt && !m.denied; !t.ours {
			return true, "", fmt.Errorf("object %d writes to somebody else's grant of %d", i, o.pending.ident)
		}
	}
	if !o.held || !(o.record.on && o.record.ident == o.pending.ident || o.replaces.on && o.replaces.ident == o.pending.ident) {
		return true, "", fmt.Errorf("object %d writes to %d without record and finalizer", i, o.pending.ident)
	}
	return true, fmt.Sprintf("gate %c%d", o.pending.kind, o.pending.ident), nil
}

func (m *model) noteLeft(s Step) {
	for _, l := range s.Left {
		m.left[indexOf(l.Identity)] = true
	}
}

// adoptions notes grants that an object records with their ID: they are the operator's to answer for.
func (m *model) adoptions(i int) {
	for _, r := range []rec{m.objs[i].record, m.objs[i].replaces} {
		if t := &m.tenant[r.ident]; r.on && r.id > 0 && m.objs[i].held && r.id == t.id && m.objs[i].adopt {
			t.ours = true
		}
	}
}

func (m *model) effect(c call) error {
	t := &m.tenant[c.ident]
	switch c.kind {
	case 'C':
		if t.id == 0 {
			m.nextID++
			*t = remote{m.nextID, c.scopes, true}
		}
	case 'U':
		if t.id == c.id {
			t.scopes = c.scopes
		}
	case 'D':
		if t.id == c.id {
			*t = remote{}
		}
	}
	return nil
}

// arrive has a pending call reach the tenant, with its answer coming back or not.
func (m *model) arrive(i int, answer bool) error {
	o := &m.objs[i]
	c := o.pending
	o.pending = call{}
	sent := m.now
	m.now++
	conflict := c.kind == 'C' && m.tenant[c.ident].id != 0
	unanswered := o.planned != 1+c.ident*10+c.scopes || m.until[c.ident] > 0
	if c.kind == 'C' {
		o.planned = 0
	}
	if !answer {
		m.seen[c.ident] = seenAt{}
		if c.kind == 'C' {
			m.late[c.ident] = late{true, c.scopes, sent}
			m.until[c.ident] = sent + minute/2
			return nil
		}
		return m.effect(c)
	}
	if err := m.effect(c); err != nil {
		return err
	}
	m.now++
	t := m.tenant[c.ident]
	switch {
	case conflict:
		m.seen[c.ident] = seenAt{}
		if !unanswered {
			o.record.sent = 0 // Answered: nothing was made. (The operator writes that with its next status.)
		}
	case c.kind == 'C':
		m.seen[c.ident] = seenAt{true, t.id, t.scopes, sent}
		o.made = t.id
	case c.kind == 'U' && t.id == c.id:
		m.seen[c.ident] = seenAt{true, t.id, t.scopes, sent}
	default:
		m.seen[c.ident] = seenAt{}
	}
	return nil
}

func (m *model) crash() {
	m.now++
	m.start = m.now
	for i := range m.n {
		o := &m.objs[i]
		o.since, o.planned, o.made, o.inPlace, o.pending = m.now, 0, 0, false, call{}
		if o.deleting {
			o.deletedAt = m.now
		}
	}
	m.seen, m.late, m.until = [idents]seenAt{}, [idents]late{}, [idents]int64{}
}

type move struct {
	name string
	next model
	err  error
}

// The events that are not the operator's, and how many of each are tried.
const (
	evEdit = iota
	evScopes
	evDelete
	evCrash
	evLost
	evForeignMake
	evForeignDrop
	evRules
	evMode
	evTotal
)

func (m model) moves() (out []move) {
	add := func(name string, kind int, f func(*model) error) {
		if kind >= 0 && (m.budget[kind] == 0 || m.budget[evTotal] == 0) {
			return
		}
		n := m
		if kind >= 0 {
			n.budget[kind]--
			n.budget[evTotal]--
		}
		err := f(&n)
		out = append(out, move{name, n, err})
	}
	for i := range m.n {
		o := &m.objs[i]
		if !o.exists {
			continue
		}
		if o.pending.kind == 0 {
			n := m
			if moved, told, err := n.step(i); moved || err != nil {
				out = append(out, move{fmt.Sprint(i, " ", told), n, err})
			} else if n != m {
				out = append(out, move{fmt.Sprint(i, " ", told), n, err})
			}
		} else {
			add(fmt.Sprint(i, " arrives, answered"), -1, func(n *model) error { return n.arrive(i, true) })
			add(fmt.Sprint(i, " arrives, answer lost"), evLost, func(n *model) error { return n.arrive(i, false) })
		}
		if !o.deleting {
			add(fmt.Sprint("edit identity of ", i), evEdit, func(n *model) error {
				n.objs[i].want = 1 - o.want
				n.now++
				n.objs[i].since, n.objs[i].inPlace = n.now, false
				return nil
			})
			add(fmt.Sprint("edit scopes of ", i), evScopes, func(n *model) error {
				n.objs[i].scopes = 3 - o.scopes
				n.now++
				n.objs[i].since, n.objs[i].inPlace = n.now, false
				return nil
			})
			add(fmt.Sprint("suspend or resume ", i), evMode, func(n *model) error {
				n.objs[i].mode = 1 - o.mode
				n.now++
				n.objs[i].since, n.objs[i].inPlace = n.now, false
				return nil
			})
			add(fmt.Sprint("delete ", i), evDelete, func(n *model) error {
				n.now++
				n.objs[i].deleting, n.objs[i].deletedAt = true, n.now
				if !o.held {
					n.objs[i] = obj{}
				}
				return nil
			})
		}
	}
	add("crash, calls lost", evCrash, func(n *model) error {
		n.crash()
		return nil
	})
	for i := range m.n {
		if m.objs[i].pending.kind != 0 {
			add(fmt.Sprint("crash, call of ", i, " arrives"), evCrash, func(n *model) error {
				err := n.effect(m.objs[i].pending)
				n.crash()
				return err
			})
		}
	}
	for k := range idents {
		if m.tenant[k].id == 0 {
			add(fmt.Sprint("stranger makes ", k), evForeignMake, func(n *model) error {
				n.nextID++
				n.now++
				n.tenant[k] = remote{n.nextID, 3, false}
				return nil
			})
		} else {
			add(fmt.Sprint("stranger deletes ", k), evForeignDrop, func(n *model) error {
				n.now++
				n.tenant[k] = remote{}
				return nil
			})
		}
		if m.late[k].on {
			add(fmt.Sprint("late create of ", k, " arrives"), -1, func(n *model) error {
				l := n.late[k]
				n.late[k] = late{}
				n.now++
				return n.effect(call{'C', k, 0, l.scopes})
			})
		}
	}
	add("rules change", evRules, func(n *model) error {
		n.now++
		n.denied = !n.denied
		return nil
	})
	if slices.ContainsFunc(m.late[:], func(l late) bool { return l.on }) || m.waitsForTime() {
		add("time passes", -1, func(n *model) error {
			n.late = [idents]late{} // What was not done by now is not done any more.
			n.now += minute
			return nil
		})
	}
	return out
}

func (m *model) waitsForTime() bool {
	for i := range m.n {
		if o := &m.objs[i]; o.exists && o.pending.kind == 0 {
			n := *m
			if _, told, _ := n.step(i); told == "time" {
				return true
			}
		}
	}
	return false
}

// resync is what the session does in each interval: a new look at everything.
func (m *model) resync() {
	m.now++
	for k := range m.seen {
		m.seen[k] = seenAt{known: true, id: m.tenant[k].id, scopes: m.tenant[k].scopes, began: m.now}
	}
}

// settle lets the operator alone work until nothing moves.
func (m model) settle() (model, error) {
	var trace []string
	for round := range 200 {
		moved := false
		for i := range m.n {
			o := &m.objs[i]
			if !o.exists {
				continue
			}
			if o.pending.kind != 0 {
				if err := m.arrive(i, true); err != nil {
					return m, err
				}
				moved = true
				continue
			}
			mv, told, err := m.step(i)
			if err != nil {
				return m, err
			}
			if told == "time" {
				m.late = [idents]late{}
				m.now += minute
				mv = true
			}
			if mv {
				trace = append(trace, fmt.Sprint(i, " ", told))
			}
			moved = moved || mv
		}
		if !moved {
			if round > 0 && slices.ContainsFunc(m.late[:], func(l late) bool { return l.on }) {
				m.late = [idents]late{}
			}
			return m, nil
		}
	}
	return m, fmt.Errorf("never settles: %v", trace[max(0, len(trace)-12):])
}

// check says what is wrong once nothing moves any more.
func (m model) check() error {
	n, err := m.settle()
	if err != nil {
		return err
	}
	n.resync()
	if n, err = n.settle(); err != nil {
		return err
	}
	for k := range idents {
		holders := 0
		for i := range n.n {
			o := &n.objs[i]
			if o.exists && o.held && (o.record.on && o.record.ident == k || o.replaces.on && o.replaces.ident == k) {
				holders++
			}
		}
		if t := n.tenant[k]; t.id > 0 && t.ours && holders == 0 && !n.left[k] {
			return fmt.Errorf("nobody answers for grant %d of identity %d: %s", t.id, k, n.dump())
		}
	}
	for i := range n.n {
		o := &n.objs[i]
		if o.exists && o.held && !o.record.on {
			return fmt.Errorf("object %d is held without a record", i)
		}
		if o.exists && o.deleting && o.mode != 2 {
			s := Next(n.world(i))
			return fmt.Errorf("object %d is never gone: %T: %s", i, s.Do, n.dump())
		}
	}
	for k := range idents {
		wanting, served := 0, 0
		for i := range n.n {
			o := &n.objs[i]
			if o.exists && !o.deleting && o.mode == 0 && o.want == k && !n.denied {
				wanting++
				s := Next(n.world(i))
				if s.Tell != nil && s.Tell.Ready {
					served++
					if n.tenant[k].id == 0 || n.tenant[k].scopes != o.scopes {
						return fmt.Errorf("object %d is Ready, and the tenant holds %+v", i, n.tenant[k])
					}
				}
			}
		}
		if served > 1 {
			return fmt.Errorf("two own identity %d", k)
		}
		kept := false
		for i := range n.n {
			o := &n.objs[i]
			kept = kept || o.exists && o.held && o.mode != 0 && (o.record.on && o.record.ident == k || o.replaces.on && o.replaces.ident == k)
		}
		foreign := n.tenant[k].id > 0 && !n.tenant[k].ours
		if wanting > 0 && served == 0 && !kept && !foreign && !n.left[k] {
			return fmt.Errorf("nobody of %d gets identity %d: %s", wanting, k, n.dump())
		}
	}
	return nil
}

func (m *model) dump() string {
	var b strings.Builder
	for i := range m.n {
		s := Next(m.world(i))
		fmt.Fprintf(&b, "\n  %d %+v\n    %T %+v", i, m.objs[i], s.Do, s.Tell)
	}
	fmt.Fprintf(&b, "\n  tenant %+v seen %+v denied %v", m.tenant, m.seen, m.denied)
	return b.String()
}

// key is the state without what means nothing: times are told by their order.
func (m model) key() model {
	var times []*int64
	for i := range m.n {
		o := &m.objs[i]
		times = append(times, &o.since, &o.deletedAt)
	}
	for k := range idents {
		if m.seen[k].known {
			times = append(times, &m.seen[k].began)
		}
		if m.late[k].on {
			times = append(times, &m.late[k].at)
		}
		if m.until[k] > 0 {
			times = append(times, &m.until[k])
		}
	}
	times = append(times, &m.start, &m.now)
	// The order of all, and of what is more than a call's time-out earlier.
	sorted := make([]int64, 0, 2*len(times))
	for _, t := range times {
		sorted = append(sorted, *t)
	}
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	compressed := make([]int64, len(sorted))
	var c int64
	for i := range sorted {
		if i > 0 {
			if sorted[i]-sorted[i-1] >= minute/4 {
				c += minute / 2
			} else {
				c++
			}
		}
		compressed[i] = c
	}
	for _, t := range times {
		i, _ := slices.BinarySearch(sorted, *t)
		*t = compressed[i]
	}
	// IDs are told by their order, too.
	var ids []*int
	for i := range m.n {
		o := &m.objs[i]
		ids = append(ids, &o.record.id, &o.replaces.id, &o.made, &o.pending.id)
	}
	for k := range idents {
		ids = append(ids, &m.tenant[k].id, &m.seen[k].id)
	}
	var known []int
	for _, id := range ids {
		if *id > 0 {
			known = append(known, *id)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, id := range ids {
		if *id > 0 {
			i, _ := slices.BinarySearch(known, *id)
			*id = i + 1
		}
	}
	m.nextID = len(known)
	return m
}

type came struct {
	from int32
	name string
}

func explore(t *testing.T, first model, limit int) {
	t.Helper()
	began := time.Now()
	states := map[model]int32{first.key(): 0}
	queue := []model{first.key()}
	ways := []came{{-1, "start"}}
	fail := func(at int32, err error) {
		var path []string
		for ; at >= 0; at = ways[at].from {
			path = append(path, ways[at].name)
		}
		slices.Reverse(path)
		t.Fatalf("%v\n  after %d states:\n  %s", err, len(states), strings.Join(path, "\n  "))
	}
	transitions := 0
	for at := 0; at < len(queue) && len(queue) < limit; at++ {
		m := queue[at]
		if err := m.check(); err != nil {
			fail(int32(at), err)
		}
		for _, mv := range m.moves() {
			transitions++
			key := mv.next.key()
			if _, ok := states[key]; ok && mv.err == nil {
				continue
			}
			states[key] = int32(len(queue))
			queue = append(queue, key)
			ways = append(ways, came{int32(at), mv.name})
			if mv.err != nil {
				fail(int32(len(ways)-1), mv.err)
			}
		}
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("%d states, %d transitions, %s, %d MiB", len(queue), transitions, time.Since(began).Round(time.Millisecond), mem.Sys>>20)
}

func start(n int, change func(*model)) model {
	m := model{n: n, now: 10, start: 1}
	for i := range n {
		m.objs[i] = obj{exists: true, adopt: true, scopes: 1 + i, since: int64(2 + i)}
	}
	change(&m)
	return m
}

func TestModel(t *testing.T) {
	limit := 3_000_000
	for name, change := range map[string]func(*model){
		"one object": func(m *model) {
			m.n = 1
			m.objs[1] = obj{}
			m.budget = [10]int{2, 1, 1, 2, 1, 1, 1, 0, 1, 4}
		},
		"one object that refuses to adopt": func(m *model) {
			m.n = 1
			m.objs[0].adopt, m.objs[1] = false, obj{}
			m.budget = [10]int{1, 1, 1, 1, 2, 1, 1, 0, 0, 4}
		},
		"two objects":              func(m *model) { m.budget = [10]int{1, 1, 1, 1, 1, 0, 0, 0, 1, 3} },
		"a rename under strangers": func(m *model) { m.budget = [10]int{0, 1, 2, 1, 1, 1, 1, 0, 0, 4} },
		"three objects": func(m *model) {
			m.n = 3
			m.objs[2] = obj{exists: true, adopt: true, scopes: 3, since: 5}
			m.budget = [10]int{1, 0, 2, 1, 0, 0, 0, 0, 0, 3}
		},
		"a swap":                func(m *model) { m.objs[1].want = 1; m.budget = [10]int{3, 0, 1, 1, 0, 0, 0, 0, 0, 3} },
		"two objects and rules": func(m *model) { m.budget = [10]int{1, 0, 1, 1, 0, 0, 0, 2, 0, 3} },
	} {
		t.Run(name, func(t *testing.T) { explore(t, start(2, change), limit) })
	}
}
