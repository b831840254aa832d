package lifecycle

import (
	"slices"
	"strconv"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// The model: a few ClientGrants, two identities, two Auth0Tenants of one tenant. A model is a comparable value; times and IDs
// are small numbers of which only the order counts.

const (
	slots  = 3
	idents = 2
	second = int64(time.Second)
	// timeout is how long after it was sent a request may still have its effect.
	timeout = 30 * second
)

var identities = [idents]grant.Identity{
	{Tenant: "t", ClientID: "c", Audience: "a", SubjectType: grant.SubjectTypeClient},
	{Tenant: "t", ClientID: "c", Audience: "a", SubjectType: "user"},
}

// scopeSets are indexed by a set of bits: x is 1, y is 2.
var scopeSets = [4][]string{{}, {"x"}, {"y"}, {"x", "y"}}

// record is a grant.Record. sent is 1 plus the scopes of the request.
type record struct {
	on, adopted     bool
	ident, id, sent int8
}

func (r record) claims(k int) bool { return r.on && int(r.ident) == k && (r.id > 0 || r.sent > 0) }

// refusal is a Refusal. Its time comes only when nobody disturbs any more.
type refusal struct {
	request           byte
	ident, id, scopes int8
}

// memory is a Memory.
type memory struct {
	since, deletedAt int64
	// planned and settled are 1 plus 10 times the identity plus the scopes.
	planned, sent, settled, made int8
	inPlace                      int8 // 1 plus the identity
	before                       struct{ id, scopes int8 }
	earlier                      [idents]bool
	// held says that the process saw the object with its finalizer.
	held      bool
	refused   [2]refusal
	deletions [2]struct {
		id, count int8
		until     int64
	}
}

// call is a request to the tenant that passed the gate: C, U or D.
type call struct {
	kind              byte
	ident, id, scopes int8
	cause             Cause
}

// object is a ClientGrant, or its tombstone.
type object struct {
	exists, deleting, gone bool
	// held says that the operator's finalizer is on it, other that another one is.
	held, other              bool
	adopt, orphan            bool
	unresolved, dirty        bool
	mode, auth0, want, scope int8
	record, replaces         record
	memory                   memory
	pending                  call
	// let says of which grants it let go since it recorded them last.
	let [idents]bool
}

// auth0 is an Auth0Tenant: rules are the scopes that are allowed for each identity, or none: not even an empty grant.
type auth0 struct {
	mode   int8
	broken bool
	rules  [idents]int8
	since  int64
}

const none = int8(-1)

type remote struct {
	id, scopes int8
	// open says that the use of organizations was allowed by hand, ours that the operator answers for the grant.
	open, ours bool
	// by is 1 plus the object whose request made it; 0 where that does not count.
	by int8
	// refused are scopes that the operator added while the rules refused the grant as it was, and has not forgotten.
	refused int8
}

type sight struct {
	known      bool
	id, scopes int8
	open       bool
	began      int64
}

type model struct {
	objects [slots]object
	auth0s  [2]auth0
	revokes bool
	tenant  [idents]remote
	seen    [idents]sight
	// late is 1 plus the scopes of a create request that may still have its effect, lateUntil what the process knows of it.
	late      [idents]int8
	lateUntil [idents]int64
	// unknown says that the tenant refuses creations, futile that the next deletion has no effect.
	unknown, futile bool
	// lagging says that the cache shows the objects as they were.
	lagging bool
	cached  [slots]object
	now     int64
	start   int64
	nextID  int8
	left    [idents]bool
	budget  [events]int8
}

func at(t int64) time.Time { return time.Unix(1000, t) }

func since(t time.Time) int64 { return t.Sub(time.Unix(1000, 0)).Nanoseconds() }

var modes = []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeSuspend, v1alpha1.ModeObserve}

var usageAllowed = "allow"

func (a *auth0) allows(k int, scopes int8, open bool) bool {
	return a.rules[k] != none && scopes&^a.rules[k] == 0 && !open
}

func (a *auth0) decide(identity grant.Identity, fields grant.Fields, _ ...v1alpha1.Right) policy.Decision {
	k := slices.Index(identities[:], identity)
	if k >= 0 && a.allows(k, bits(fields.Scope), fields.OrganizationUsage != nil) {
		return policy.Decision{Allowed: true}
	}
	return policy.Decision{ForUser: "refused"}
}

func bits(scopes []string) (set int8) {
	for _, scope := range scopes {
		set |= map[string]int8{"x": 1, "y": 2}[scope]
	}
	return set
}

var hashes = func() (h [idents][4]string) {
	for i := range h {
		for s, scopes := range scopeSets {
			h[i][s] = grant.NewGrant(identities[i], grant.Fields{Scope: scopes}).Hash()
		}
	}
	return h
}()

func name(id int8) string {
	if id == 0 {
		return ""
	}
	return strconv.Itoa(int(id))
}

func number(name string) int8 {
	id, _ := strconv.Atoi(name)
	return int8(id)
}

func (r record) out() *grant.Record {
	if !r.on {
		return nil
	}
	o := &grant.Record{Identity: identities[r.ident], Adopted: r.adopted, ID: name(r.id)}
	if r.sent > 0 {
		o.Sent = hashes[r.ident][r.sent-1]
	}
	return o
}

func recordOf(r *grant.Record) record {
	if r == nil {
		return record{}
	}
	k := slices.Index(identities[:], r.Identity)
	o := record{on: true, adopted: r.Adopted, ident: int8(k), id: number(r.ID)}
	if r.Sent != "" {
		o.sent = 1 + int8(slices.Index(hashes[k][:], r.Sent))
	}
	return o
}

func hashOut(planned int8) string {
	if planned == 0 {
		return ""
	}
	return hashes[(planned-1)/10][(planned-1)%10]
}

func hashOf(hash string) int8 {
	for k := range hashes {
		if s := slices.Index(hashes[k][:], hash); s >= 0 {
			return 1 + int8(10*k+s)
		}
	}
	return 0
}

func grantOf(k int, id, scopes int8, open bool) *grant.Grant {
	if id == 0 {
		return nil
	}
	i := identities[k]
	g := &grant.Grant{
		ID: name(id), ClientID: i.ClientID, Audience: i.Audience, SubjectType: i.SubjectType, Fields: grant.Fields{Scope: scopeSets[scopes]},
	}
	if open {
		g.OrganizationUsage = &usageAllowed
	}
	return g
}

var requests = map[byte]request{'C': requestCreate, 'U': requestChange, 'R': requestReduce, 'D': requestDelete}

var rejected = status.Stalled(v1alpha1.ReasonRejected, "refused")

func (o *memory) out() Memory {
	m := Memory{
		Since: at(o.since), DeletedAt: at(o.deletedAt), Planned: hashOut(o.planned), Sent: hashOut(o.sent), Settled: hashOut(o.settled), Made: name(o.made),
	}
	if o.inPlace > 0 {
		m.InPlace = identities[o.inPlace-1]
	}
	if o.before.id > 0 {
		m.Before = &grant.Grant{ID: name(o.before.id), Fields: grant.Fields{Scope: scopeSets[o.before.scopes]}}
	}
	for k, earlier := range o.earlier {
		if earlier {
			m.Earlier = append(m.Earlier, identities[k])
		}
	}
	for _, r := range o.refused {
		if r.request != 0 {
			m.Refused = append(m.Refused, Refusal{
				Request: requests[r.request], Identity: identities[r.ident], Seen: grantOf(int(r.ident), r.id, r.scopes, false),
				State: *rejected, Count: 1, Until: at(1 << 60),
			})
		}
	}
	for k, d := range o.deletions {
		if d.id > 0 {
			m.Deletions = append(m.Deletions, Deletion{Identity: identities[k], ID: name(d.id), Count: int(d.count), Until: at(d.until)})
		}
	}
	return m
}

func (o *memory) learn(m Memory) {
	o.since, o.deletedAt = since(m.Since), since(m.DeletedAt)
	o.planned, o.sent, o.settled, o.made = hashOf(m.Planned), hashOf(m.Sent), hashOf(m.Settled), number(m.Made)
	o.inPlace = int8(1 + slices.Index(identities[:], m.InPlace))
	if o.before.id, o.before.scopes = 0, 0; m.Before != nil {
		o.before.id, o.before.scopes = number(m.Before.ID), bits(m.Before.Scope)
	}
	for _, identity := range m.Earlier {
		o.earlier[slices.Index(identities[:], identity)] = true
	}
	o.refused = [2]refusal{}
	for i, r := range m.Refused[max(0, len(m.Refused)-2):] {
		if r.Until.IsZero() {
			continue
		}
		for kind, of := range requests {
			if of == r.Request {
				o.refused[i].request = kind
			}
		}
		o.refused[i].ident = int8(slices.Index(identities[:], r.Identity))
		if r.Seen != nil {
			o.refused[i].id, o.refused[i].scopes = number(r.Seen.ID), bits(r.Seen.Scope)
		}
	}
	for k := range o.deletions {
		o.deletions[k].id, o.deletions[k].count, o.deletions[k].until = 0, 0, 0
	}
	for _, d := range m.Deletions {
		into := &o.deletions[slices.Index(identities[:], d.Identity)]
		into.id, into.count, into.until = number(d.ID), min(int8(d.Count), 2), since(d.Until)
	}
}

// world is what an object decides on, with the objects as the cache or the API server shows them.
func (m *model) world(i int, objects *[slots]object) World {
	o := &objects[i]
	of := &m.auth0s[o.auth0]
	w := World{
		Now: at(m.now), Start: at(m.start), CallTimeout: time.Duration(timeout), Wanted: identities[o.want],
		Seen: map[grant.Identity]Observation{}, Late: map[grant.Identity]time.Time{},
		Object: Object{
			Namespace: "n", Name: name(int8(i + 1)), Deleting: o.deleting, Held: o.held && !o.gone, Gone: o.gone, Mode: modes[o.mode],
			Orphan: o.orphan, Adopt: o.adopt, Fields: grant.Fields{Scope: scopeSets[o.scope]}, Record: o.record.out(),
			Replaces: o.replaces.out(), Rank: rankOf(i),
		},
		Tenant: Tenant{
			Exists: true, Admits: of.rules != [idents]int8{none, none}, Name: "t", Near: true, Host: "t", Mode: modes[of.mode],
			Access: Open, Decide: of.decide, Since: at(of.since), OperatorsKnown: true, Interval: time.Hour, Revokes: m.revokes,
		},
		Memory: m.objects[i].memory.out(),
	}
	if of.broken {
		w.Tenant.Access = Broken
	}
	if o.unresolved {
		w.Unresolved = status.Waiting(v1alpha1.ReasonClientNotResolved, "unresolved")
		w.Wanted = grant.Identity{Tenant: "t", Audience: identities[o.want].Audience, SubjectType: identities[o.want].SubjectType}
	}
	for k := range idents {
		if m.lateUntil[k] > 0 {
			w.Late[identities[k]] = at(m.lateUntil[k])
		}
		if s := m.seen[k]; s.known {
			w.Seen[identities[k]] = Observation{Grant: grantOf(k, s.id, s.scopes, s.open), Began: at(s.began)}
		}
	}
	for j := range objects {
		if j != i && objects[j].exists {
			w.Rivals = append(w.Rivals, m.rival(j, &objects[j], o.auth0))
		}
	}
	return w
}

func rankOf(i int) Rank { return Rank{Created: at(int64(i)), UID: name(int8(i + 1))} }

func (m *model) rival(j int, o *object, auth0 int8) Rival {
	of := &m.auth0s[o.auth0]
	r := Rival{
		Namespace: "n", Name: name(int8(j + 1)), Near: true, Rank: rankOf(j), Record: o.record.out(), Replaces: o.replaces.out(),
		Held: o.held || o.gone, Deleting: o.deleting || o.gone, Asks: identities[o.want], Unresolved: o.unresolved, Enforces: o.mode == 0,
		Same: o.auth0 == auth0, Known: true, Usable: of.mode == 0 && !of.broken, Fields: grant.Fields{Scope: scopeSets[o.scope]}, Decide: of.decide,
	}
	if o.unresolved {
		r.Asks = grant.Identity{}
	}
	return r
}
