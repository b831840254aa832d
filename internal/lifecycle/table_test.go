package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

var (
	noon    = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	wanted  = grant.Identity{Tenant: "acme", ClientID: "app", Audience: "https://api/", SubjectType: grant.SubjectTypeClient}
	another = grant.Identity{Tenant: "acme", ClientID: "app", Audience: "https://another/", SubjectType: grant.SubjectTypeClient}
)

func scopes(names ...string) grant.Fields { return grant.Fields{Scope: append([]string{}, names...)} }

func held(identity grant.Identity, id string, fields grant.Fields) *grant.Grant {
	return &grant.Grant{ID: id, ClientID: identity.ClientID, Audience: identity.Audience, SubjectType: identity.SubjectType, Fields: fields}
}

func allow(grant.Identity, grant.Fields, ...v1alpha1.Right) policy.Decision {
	return policy.Decision{Allowed: true}
}

func refuse(grant.Identity, grant.Fields, ...v1alpha1.Right) policy.Decision {
	return policy.Decision{ForUser: "No rule allows it.", ForOwner: "Rule by rule."}
}

// without are rules that allow everything but a right.
func withoutRight(right v1alpha1.Right) Decide {
	return func(_ grant.Identity, _ grant.Fields, asked ...v1alpha1.Right) policy.Decision {
		return policy.Decision{Allowed: !slices.Contains(asked, right), ForUser: "No rule gives the right."}
	}
}

// only are rules that allow these scopes of a grant, and no organizations.
func only(names ...string) Decide {
	return func(_ grant.Identity, fields grant.Fields, _ ...v1alpha1.Right) policy.Decision {
		closed := fields.OrganizationUsage == nil || *fields.OrganizationUsage == "deny"
		return policy.Decision{Allowed: closed && len(grant.Without(fields.Scope, names)) == 0, ForUser: "No rule allows it."}
	}
}

// owner is a ClientGrant that owns its grant, which is as the spec says and was just looked at.
func owner() World {
	return World{
		Now: noon, Start: noon.Add(-time.Hour), CallTimeout: 30 * time.Second, Wanted: wanted,
		Object: Object{
			Namespace: "team", Name: "reader", Held: true, Mode: v1alpha1.ModeEnforce, Adopt: true, Fields: scopes("read"),
			Record: &grant.Record{Identity: wanted, ID: "cgr_1"}, Rank: Rank{Created: noon.Add(-time.Hour), UID: "1"},
		},
		Tenant: Tenant{
			Name: "main", Namespace: "team", Near: true, Exists: true, Admits: true, Host: "acme", Mode: v1alpha1.ModeEnforce, Access: Open,
			Decide: allow, OperatorsKnown: true, Interval: 10 * time.Minute, Since: noon.Add(-time.Hour),
		},
		Seen:   map[grant.Identity]Observation{wanted: {Grant: held(wanted, "cgr_1", scopes("read")), Began: noon.Add(-time.Minute)}},
		Late:   map[grant.Identity]time.Time{},
		Memory: Memory{Since: noon.Add(-time.Hour)},
	}
}

// rival is another ClientGrant of the namespace that asks for the wanted grant, and may have it.
func rival() Rival {
	return Rival{
		Namespace: "team", Name: "other", Near: true, Rank: Rank{Created: noon, UID: "2"}, Asks: wanted, Enforces: true, Same: true,
		Known: true, Usable: true, Fields: scopes("read"), Decide: allow,
	}
}

type change func(*World)

func see(identity grant.Identity, g *grant.Grant) change {
	return func(w *World) { w.Seen[identity] = Observation{Grant: g, Began: noon.Add(-time.Minute)} }
}

func fresh(w *World) {
	w.Object.Held, w.Object.Record = false, nil
	see(wanted, nil)(w)
}

func deleting(w *World) { w.Object.Deleting, w.Memory.DeletedAt = true, noon.Add(-time.Second) }

func with(r Rival) change { return func(w *World) { w.Rivals = append(w.Rivals, r) } }

func rules(d Decide) change { return func(w *World) { w.Tenant.Decide = d } }

func mode(m v1alpha1.Mode) change { return func(w *World) { w.Object.Mode = m } }

func revokes(w *World) { w.Tenant.Revokes = true }

// names is a spec that names another grant now.
func names(identity grant.Identity) change { return func(w *World) { w.Wanted = identity } }

func planned(w *World) {
	hash := grant.NewGrant(wanted, w.Object.Fields).Hash()
	w.Object.Record, w.Memory.Planned = &grant.Record{Identity: wanted, Sent: hash}, hash
}

// unanswered is a record of a create request of an earlier process.
func unanswered(w *World) {
	planned(w)
	w.Memory.Planned = ""
}

func shown(s Step) string {
	switch do := s.Do.(type) {
	case Wait:
		return "wait"
	case Look:
		return "look at " + do.Identity.Audience + map[bool]string{true: ", from now on"}[do.NotBefore.After(noon.Add(-time.Minute))]
	case Write:
		return strings.TrimSpace(fmt.Sprintf("write %s, replacing %s %s", shownRecord(s.Record), shownRecord(s.Replaces), s.Cause))
	case Hold:
		return "hold"
	case Release:
		return strings.TrimSpace(fmt.Sprintf("release %s", s.Cause))
	case Create:
		return fmt.Sprintf("create %s with %v: %s", do.Identity.Audience, do.Body.Scope, do.Cause)
	case Change:
		usage := ""
		if do.Fields.OrganizationUsage != nil {
			usage = " " + *do.Fields.OrganizationUsage
		}
		return fmt.Sprintf("change %s to %v%s: %s", do.ID, do.Fields.Scope, usage, do.Cause)
	case Delete:
		return fmt.Sprintf("delete %s: %s", do.ID, do.Cause)
	}
	return fmt.Sprintf("%T", s.Do)
}

func shownRecord(r *grant.Record) string {
	if r == nil {
		return "nothing"
	}
	kind := map[bool]string{true: "adopted", false: "created"}[r.Adopted]
	return fmt.Sprintf("%s %s %q", kind, r.Audience, r.ID+map[bool]string{true: "(sent)"}[r.Sent != ""])
}

type row struct {
	name    string
	changes []change
	// do is the step, tell the reason that is told, and what the message holds.
	do, tell, message string
}

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			w := owner()
			for _, change := range r.changes {
				change(&w)
			}
			s := Next(w)
			reason, message := "", ""
			if s.Tell != nil {
				reason, message = s.Tell.Reason, s.Tell.Message
			}
			if got := shown(s); got != r.do || reason != r.tell || !strings.Contains(message, r.message) {
				t.Errorf("%s, telling %s %q; wanted %s, telling %s %q", got, reason, message, r.do, r.tell, r.message)
			}
		})
	}
}

func refusedBy(of request, identity grant.Identity, seen *grant.Grant) change {
	return func(w *World) {
		w.Memory.Refused = append(w.Memory.Refused, Refusal{
			Request: of, Identity: identity, Seen: seen, State: *status.Stalled(v1alpha1.ReasonRejected, "Auth0 said no."), Count: 1, Until: noon.Add(time.Hour),
		})
	}
}
