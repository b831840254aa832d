package lifecycle

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// The operator in the model: each step that Next decides, taken as the reconciler takes it.

// locked says whether a request about an identity of another object is on its way.
func (m *model) locked(i int, k int8) bool {
	for j := range m.objects {
		if c := m.objects[j].pending; j != i && c.kind != 0 && c.ident == k {
			return true
		}
	}
	return false
}

// notice brings the memory up to date with the object.
func (m *model) notice(i int) {
	o := &m.objects[i]
	mem := o.memory.out()
	if o.dirty {
		mem.Edited(at(m.now))
	}
	if (o.deleting || o.gone) && o.memory.deletedAt == 0 {
		mem.Deleted(at(m.now))
	}
	o.dirty = false
	o.memory.learn(mem)
	o.memory.held = o.memory.held || o.held
}

// decide returns the step of an object with its World; false where the gate holds it back.
func (m *model) decide(i int) (World, Step, bool) {
	objects := &m.objects
	if m.lagging {
		objects = &m.cached
		if !objects[i].exists {
			objects = &m.objects // The operator has seen its own last version.
		}
	}
	w := m.world(i, objects)
	s := Next(w)
	if !m.lagging {
		return w, s, true
	}
	switch s.Do.(type) {
	case Look:
		return w, s, true
	case Wait, Write, Hold, Release:
		cached, stored := m.cached[i], m.objects[i]
		cached.memory, cached.pending, cached.dirty = stored.memory, stored.pending, stored.dirty
		if cached != stored {
			return w, s, false // The version has changed.
		}
		if _, ok := s.Do.(Wait); ok {
			return w, s, true
		}
		if do, ok := s.Do.(Write); ok && !do.Owns && !do.Yields {
			return w, s, true
		}
	}
	live := m.world(i, &m.objects)
	again := Next(live)
	same := reflect.DeepEqual(s.Do, again.Do) && reflect.DeepEqual(s.Record, again.Record) && reflect.DeepEqual(s.Replaces, again.Replaces)
	return live, again, same
}

// step lets the operator take the next step of an object; moved is false where there is none.
func (m *model) step(i int) (moved bool, told string, err error) {
	m.notice(i)
	o := &m.objects[i]
	w, s, passed := m.decide(i)
	if !passed {
		return false, "gate", nil
	}
	if _, look := s.Do.(Look); !look {
		for _, r := range []*grant.Record{s.Record, s.Replaces} {
			if r != nil && m.locked(i, int8(slices.Index(identities[:], r.Identity))) {
				return false, "locked", nil
			}
		}
	}
	before := *o
	switch do := s.Do.(type) {
	case Wait:
		return m.waits(i, w, s)
	case Look:
		return m.look(do)
	case Write:
		o.record, o.replaces = recordOf(s.Record), recordOf(s.Replaces)
		o.memory.learn(Learn(w, s, Answer{}))
		m.noteLeft(s)
		m.adopted(o)
		told = fmt.Sprintf("writes %s, replacing %s", o.record, o.replaces)
		if do.Owns {
			o.let[o.record.ident] = false
		}
		if do.Owns && s.Cause == CauseHandOver {
			if err := m.mayTake(i, int(o.record.ident)); err != nil {
				return true, told, err
			}
		}
		return true, told, m.keepsPromises(i, &before, s)
	case Hold:
		if o.held || o.deleting || o.gone || !o.record.on {
			return true, "hold", fmt.Errorf("object %d sets its finalizer where it cannot", i)
		}
		o.held = true
		m.adopted(o)
		return true, "hold", nil
	case Release:
		m.noteLeft(s)
		o.held = false
		if o.gone || o.deleting && !o.other {
			*o = object{}
			return true, "is gone", m.keepsPromises(i, &before, s)
		}
		for k := range idents {
			o.let[k] = o.let[k] || before.holds(k) || before.record.on && int(before.record.ident) == k
		}
		o.record, o.replaces, o.memory.held = record{}, record{}, false
		return true, "release", m.keepsPromises(i, &before, s)
	}
	return m.gate(i, w, s) // What the step reports is stored with a status that follows.
}

func (r record) String() string {
	if !r.on {
		return "nothing"
	}
	return fmt.Sprintf("%d (id %d, sent %d)", r.ident, r.id, r.sent)
}

func (m *model) waits(i int, w World, s Step) (bool, string, error) {
	o := &m.objects[i]
	before := *o
	o.record, o.replaces = recordOf(s.Record), recordOf(s.Replaces)
	o.memory.learn(Learn(w, s, Answer{}))
	told := "waits"
	if s.Tell != nil && s.Tell.Reason != "" {
		told = "tells " + s.Tell.Reason
		if s.Tell.Ready && o.mode == 0 {
			if seen := m.seen[o.want]; !seen.known || seen.began < o.memory.since {
				return true, told, fmt.Errorf("object %d is Ready on old evidence", i)
			}
		}
	}
	if o.gone && s.Tell != nil && s.Tell.Reason == v1alpha1.ReasonDeletionBlocked && !s.Tell.Passing {
		m.vanish(i) // It is told as left.
		return true, "is left", nil
	}
	if s.Again > 0 && (m.pausing(o) || m.now < m.start+timeout) {
		return before != *o, "time", nil
	}
	return before != *o, told, m.keepsPromises(i, &before, s)
}

// pausing says whether the object waits for its time to delete a grant again.
func (m *model) pausing(o *object) bool {
	for _, d := range o.memory.deletions {
		if d.until > m.now {
			return true
		}
	}
	return false
}

func (m *model) look(do Look) (bool, string, error) {
	k := slices.Index(identities[:], do.Identity)
	if do.NotBefore.After(at(m.now)) {
		return false, "time", nil // It has to pass first.
	}
	m.now++
	t := m.tenant[k]
	m.seen[k] = sight{known: true, id: t.id, scopes: t.scopes, open: t.open, began: m.now}
	if m.lateUntil[k] > 0 && m.lateUntil[k] <= m.now {
		m.lateUntil[k] = 0
	}
	return true, fmt.Sprint("looks at ", k), nil
}

// gate lets a request through. It arrives later.
func (m *model) gate(i int, w World, s Step) (bool, string, error) {
	o := &m.objects[i]
	var c call
	switch do := s.Do.(type) {
	case Create:
		c = call{kind: 'C', ident: int8(slices.Index(identities[:], do.Identity)), scopes: bits(do.Body.Scope), cause: do.Cause}
	case Change:
		c = call{kind: 'U', ident: int8(slices.Index(identities[:], do.Identity)), id: number(do.ID), scopes: bits(do.Fields.Scope), cause: do.Cause}
	case Delete:
		c = call{kind: 'D', ident: int8(slices.Index(identities[:], do.Identity)), id: number(do.ID), cause: do.Cause}
	}
	o.pending = c
	if m.locked(i, c.ident) {
		o.pending = call{}
		return false, "locked", nil
	}
	return true, fmt.Sprintf("sends %c %d with %v (%s)", c.kind, c.ident, scopeSets[c.scopes], c.cause), m.mayWrite(i, w, c)
}

func (m *model) noteLeft(s Step) {
	for _, l := range s.Left {
		m.left[slices.Index(identities[:], l.Identity)] = true
	}
}

// adopted notes grants that an object records with their ID, through the adoption gate: the operator answers for them.
func (m *model) adopted(o *object) {
	for _, r := range []record{o.record, o.replaces} {
		if t := &m.tenant[r.ident]; r.on && r.id > 0 && o.held && r.id == t.id && o.adopt {
			t.ours = true
		}
	}
}

func (m *model) effect(c call, by int) {
	t := &m.tenant[c.ident]
	switch {
	case c.kind == 'C' && t.id == 0:
		m.nextID++
		*t = remote{id: m.nextID, scopes: c.scopes, ours: true, by: int8(by)}
	case c.kind == 'U' && t.id == c.id:
		if t.refused &= c.scopes; t.open {
			t.refused |= c.scopes &^ t.scopes
		}
		t.scopes = c.scopes
	case c.kind == 'D' && t.id == c.id && m.futile:
		m.futile = false
	case c.kind == 'D' && t.id == c.id:
		*t = remote{}
	}
}

// arrive has a request reach the tenant, with its answer coming back or not, and with its effect now or later.
func (m *model) arrive(i int, answered, now bool) {
	o := &m.objects[i]
	c := o.pending
	o.pending = call{}
	k, sent := int(c.ident), m.now
	m.now++
	w, s, a := m.world(i, &m.objects), Step{Record: o.record.out()}, Answer{At: at(m.now), Unanswered: !answered}
	seen := sight{}
	refused := m.unknown && (c.kind == 'C' || c.kind == 'U' && c.scopes&^m.tenant[k].scopes != 0)
	conflict := c.kind == 'C' && m.tenant[k].id > 0
	switch {
	case !now && c.kind == 'C':
		m.late[k] = 1 + c.scopes
	case now && !refused:
		m.effect(c, i+1)
	}
	t := m.tenant[k]
	switch {
	case !answered && c.kind == 'C':
		m.lateUntil[k] = sent + timeout
	case !answered:
	case refused, conflict:
		a.Refused, a.Unknown, a.Conflict = rejected, refused && c.kind == 'C', conflict
	case c.kind != 'D' && (c.kind == 'C' || t.id == c.id):
		a.Held, seen = grantOf(k, t.id, t.scopes, t.open), sight{true, t.id, t.scopes, t.open, sent}
	}
	fields := grant.Fields{Scope: scopeSets[c.scopes]}
	switch c.kind {
	case 'C':
		s.Do = Create{identities[k], grant.NewGrant(identities[k], fields), c.cause}
	case 'U':
		s.Do = Change{identities[k], name(c.id), fields, c.cause}
	case 'D':
		s.Do = Delete{identities[k], name(c.id), c.cause}
	}
	o.memory.learn(Learn(w, s, a))
	m.seen[k] = seen
	m.now++
}

// crash ends the process with all that it remembers. Another one begins.
func (m *model) crash() {
	m.now++
	m.start = m.now
	for i := range m.objects {
		o := &m.objects[i]
		if o.gone {
			m.vanish(i)
		}
		o.memory, o.pending, o.dirty = memory{since: m.now}, call{}, false
		if !o.exists {
			o.memory = memory{}
		}
	}
	for k := range m.auth0s {
		m.auth0s[k].since = m.now
	}
	for k := range idents {
		m.tenant[k].refused = 0
		sent := false
		for i := range m.objects {
			o := &m.objects[i]
			sent = sent || o.record.claims(k) && o.record.sent > 0 || o.replaces.claims(k) && o.replaces.sent > 0
		}
		if !sent {
			m.late[k] = 0 // Nothing that is stored could tell of it.
		}
	}
	m.seen, m.lateUntil, m.lagging, m.cached = [idents]sight{}, [idents]int64{}, false, [slots]object{}
}

// vanish removes an object of which nothing is left that could tell of its grants.
func (m *model) vanish(i int) {
	o := m.objects[i]
	m.objects[i] = object{}
	for k := range idents {
		answers := !o.record.claims(k) && !o.replaces.claims(k)
		for j := range m.objects {
			answers = answers || m.objects[j].holds(k)
		}
		if !answers {
			m.tenant[k].ours, m.late[k] = false, 0
		}
	}
}

// remove has the API server remove an object. It leaves a tombstone where the process knows that it was held.
func (m *model) remove(i int) {
	o := &m.objects[i]
	if o.held = false; o.memory.held && (o.record.id > 0 || o.replaces.id > 0 || o.deleting && o.record.on) {
		o.gone = true
		return
	}
	m.vanish(i)
}
