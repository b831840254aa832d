package lifecycle

import (
	"fmt"
	"strings"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// The laws: what must hold at every write, and what must be once nobody disturbs any more.

func (m *model) usable(o *object) bool { a := &m.auth0s[o.auth0]; return a.mode == 0 && !a.broken }

// wants says whether the object lives, enforces, and may have the grant that its spec names.
func (m *model) wants(o *object, k int) bool {
	return o.exists && !o.deleting && !o.gone && o.mode == 0 && !o.unresolved && int(o.want) == k && m.usable(o) &&
		m.auth0s[o.auth0].allows(k, o.scope, false)
}

func (o *object) holds(k int) bool {
	return o.exists && (o.held || o.gone) && (o.record.claims(k) || o.replaces.claims(k))
}

// neverSent says whether the record of a grant is of a request that the process planned and did not send.
func (o *object) neverSent(k int) bool {
	for _, r := range []record{o.record, o.replaces} {
		if r.claims(k) && (r.id > 0 || o.memory.planned != 1+10*r.ident+r.sent-1) {
			return false
		}
	}
	return true
}

// mayWrite is what a request breaks that passes the gate.
func (m *model) mayWrite(i int, w World, c call) error {
	o, k := &m.objects[i], int(c.ident)
	of, t, seen := &m.auth0s[o.auth0], &m.tenant[c.ident], m.seen[c.ident]
	broken := func(format string, args ...any) error {
		return fmt.Errorf("object %d, which sends %c about %d, %s", i, c.kind, k, fmt.Sprintf(format, args...))
	}
	switch {
	case !o.holds(k):
		return broken("has no record of it, or no finalizer")
	case !m.usable(o):
		return broken("writes through an Auth0Tenant that is not to be written to")
	case c.kind == 'C' && !of.allows(k, c.scopes, false):
		return broken("makes what the rules refuse")
	case c.kind == 'U' && c.scopes&^seen.scopes != 0 && !of.allows(k, c.scopes, seen.open):
		return broken("adds what the rules refuse")
	case c.cause == CauseViolation && seen.began < max(o.memory.since, of.since):
		return broken("takes away from what was seen before the spec or the rules changed")
	case o.mode != 0 && (c.kind == 'C' || c.kind == 'U' && c.scopes&^seen.scopes != 0):
		return broken("gives access while it rests")
	case c.kind == 'D' && !o.deleting && !o.gone && m.wants(o, k):
		return broken("deletes what it wants")
	case c.kind == 'D' && !o.deleting && !o.gone && (o.mode != 0 || o.unresolved) && of.allows(k, seen.scopes, seen.open):
		return broken("deletes what it rests on, and may have")
	case c.kind == 'D' && o.memory.deletions[k].id == c.id && o.memory.deletions[k].until > m.now:
		return broken("deletes again without a pause")
	case w.Object.Mode == v1alpha1.ModeObserve && (c.kind != 'D' && c.cause != CauseViolation):
		return broken("changes what it only observes")
	}
	if c.kind != 'C' && t.id == c.id && !t.ours {
		r := o.record
		if !r.claims(k) {
			r = o.replaces
		}
		// What is recorded with an ID is the object's, whoever made it again; else it takes the adoption gate.
		if t.ours = (r.id > 0 || o.adopt || r.sent > 0 && t.scopes&^(r.sent-1) == 0) && !o.let[k]; !t.ours {
			return broken("writes to a grant of somebody else")
		}
	}
	return m.respectsOthers(i, c, broken)
}

// respectsOthers is what a request takes from another ClientGrant.
func (m *model) respectsOthers(i int, c call, broken func(string, ...any) error) error {
	k, t := int(c.ident), m.tenant[c.ident]
	for j := range m.objects {
		o := &m.objects[j]
		switch {
		case j == i || !m.wants(o, k):
		case o.holds(k) && (o.record.id > 0 || o.replaces.id > 0) && (j < i || !m.wants(&m.objects[i], k)):
			return broken("writes to what object %d owns", j)
		case c.kind == 'D' && t.id == c.id && t.ours && !t.open && !m.seen[k].open:
			return broken("deletes what object %d may have and waits for", j)
		}
	}
	return nil
}

// mayTake says whether an owner of a grant lets go of it: a ClientGrant that may keep it is not succeeded.
func (m *model) mayTake(i, k int) error {
	keeps := -1
	for j := range m.objects {
		o := &m.objects[j]
		if j == i || !o.holds(k) {
			continue
		}
		of, t := &m.auth0s[o.auth0], m.tenant[k]
		moved := o.mode == 0 && !o.unresolved && int(o.want) != k && of.allows(int(o.want), o.scope, false)
		violates := !of.allows(k, t.scopes, t.open) || !of.allows(k, m.seen[k].scopes, m.seen[k].open)
		if o.deleting || o.gone || moved || violates {
			return nil
		}
		keeps = j
	}
	if keeps < 0 {
		return nil
	}
	return fmt.Errorf("object %d takes grant %d from object %d, which may keep it", i, k, keeps)
}

// keepsPromises says whether anybody answers for the grants that an object let go of with a step.
func (m *model) keepsPromises(i int, before *object, _ Step) error {
	for k := range idents {
		if !before.holds(k) || before.neverSent(k) || m.objects[i].holds(k) || m.left[k] {
			if m.left[k] {
				m.tenant[k].ours, m.late[k], m.left[k] = false, 0, false // It was told.
			}
			continue
		}
		answers := false
		for j := range m.objects {
			answers = answers || m.objects[j].holds(k)
		}
		switch {
		case answers:
		case m.tenant[k].ours && (before.record.claims(k) && before.record.id > 0 || before.replaces.claims(k) && before.replaces.id > 0 ||
			m.tenant[k].by == 0 || m.tenant[k].by == int8(i+1)):
			return fmt.Errorf("object %d lets go of grant %d, which is in the tenant", i, k)
		case m.late[k] > 0:
			return fmt.Errorf("object %d lets go of grant %d while a request may still make it", i, k)
		}
	}
	return nil
}

// checkRules says what is wrong with the rules' refusals, whatever was refused before.
func (m *model) checkRules() error {
	for i := range m.objects {
		if o := &m.objects[i]; o.exists && !o.deleting && !o.gone {
			if err := m.checkObject(i, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// check says what is wrong once nothing moves any more and everything was looked at again.
func (m *model) check() error {
	for k := range idents {
		if err := m.checkGrant(k); err != nil {
			return err
		}
	}
	for i := range m.objects {
		o := &m.objects[i]
		if !o.exists {
			continue
		}
		if err := m.checkObject(i, o); err != nil {
			return err
		}
		claims := o.record.claims(int(o.record.ident))
		switch {
		case o.deleting || o.gone || !o.record.on || !m.usable(o):
		case o.held && !claims:
			return fmt.Errorf("object %d is held for nothing", i)
		case !o.held && claims && !o.neverSent(int(o.record.ident)):
			return fmt.Errorf("object %d has a record and no finalizer", i)
		}
	}
	return nil
}

func (m *model) checkGrant(k int) error {
	t := m.tenant[k]
	holders, wanting, served, resting, adopts := 0, 0, 0, false, true
	for i := range m.objects {
		o := &m.objects[i]
		if o.holds(k) {
			if m.usable(o) {
				holders++
			}
			rests := o.mode != 0 || o.unresolved || !m.usable(o) || !m.auth0s[o.auth0].allows(int(o.want), o.scope, false)
			resting = resting || rests
		}
		if !m.wants(o, k) {
			continue
		}
		wanting++
		adopts = adopts && o.adopt
		if s := Next(m.world(i, &m.objects)); s.Tell != nil && s.Tell.Ready {
			served++
			if t.id == 0 || t.scopes != o.scope || !o.holds(k) || !m.auth0s[o.auth0].allows(k, t.scopes, t.open) {
				return fmt.Errorf("object %d is Ready, and the tenant holds %+v", i, t)
			}
		}
	}
	switch {
	case t.refused != 0 && t.open && t.ours && holders > 0 && !resting:
		return fmt.Errorf("grant %d keeps %v, which was added although the rules refuse it", k, scopeSets[t.refused])
	case t.id > 0 && t.ours && holders == 0 && !resting:
		return fmt.Errorf("nobody answers for grant %d", k)
	case served > 1 || served > 0 && holders > 1:
		return fmt.Errorf("%d are Ready and %d own grant %d", served, holders, k)
	case wanting > 0 && served == 0 && !resting && !t.open && (t.id == 0 || t.ours || adopts):
		return fmt.Errorf("nobody of %d gets grant %d", wanting, k)
	}
	return nil
}

func (m *model) checkObject(i int, o *object) error {
	s := Next(m.world(i, &m.objects))
	of := &m.auth0s[o.auth0]
	for k := range idents {
		t, allowed := m.tenant[k], of.allows(k, m.tenant[k].scopes, m.tenant[k].open)
		if !o.holds(k) || t.id == 0 || !m.usable(o) {
			continue
		}
		named := !o.unresolved && int(o.want) == k
		violates := !allowed && (!named || !of.allows(k, o.scope, false))
		switch {
		case o.deleting || o.gone:
			if violates && m.revokes || o.mode != 2 {
				return fmt.Errorf("object %d never ends the access to %d", i, k)
			}
		case violates && m.revokes:
			return fmt.Errorf("object %d keeps grant %d, which the rules refuse", i, k)
		case violates && (s.Tell == nil || s.Tell.Reason != v1alpha1.ReasonNotPermitted && !strings.Contains(s.Tell.Message, "refused")):
			return fmt.Errorf("object %d does not tell that grant %d is refused: %+v", i, k, s.Tell)
		case named && t.ours && o.record.id > 0 && t.scopes&^o.scope != 0 && (violates || o.mode == 0):
			return fmt.Errorf("object %d leaves %v in grant %d, which the spec does not name", i, scopeSets[t.scopes&^o.scope], k)
		}
	}
	if (o.held || o.gone) && (o.deleting || o.gone) && m.usable(o) && o.mode != 2 {
		return fmt.Errorf("object %d never goes", i)
	}
	return nil
}
