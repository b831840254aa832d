package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

func TestNext_Frozen(t *testing.T) {
	old := func(w *World) { w.Tenant.Since = noon }
	edited := func(w *World) { w.Memory.Since = noon }
	wide := see(wanted, held(wanted, "cgr_1", scopes("read", "admin")))
	usage := func(spec, there string) change {
		return func(w *World) {
			w.Object.Fields.OrganizationUsage = &spec
			see(wanted, held(wanted, "cgr_1", grant.Fields{Scope: []string{"read"}, OrganizationUsage: &there}))(w)
		}
	}
	check(t, []row{
		{"kept and told", []change{rules(refuse)}, "wait", "NotPermitted", "No rule allows it."},
		{"narrowed to the spec", []change{rules(refuse), wide}, "change cgr_1 to [read]: violation", "NotPermitted", ""},
		{"against a look that is no older than the rules", []change{rules(refuse), wide, old}, "look at " + api + ", from now on", "", ""},
		{"or the spec", []change{rules(only("read")), func(w *World) { w.Object.Fields = scopes("write") }, edited}, "look at " + api + ", from now on", "NotPermitted", ""},
		{
			"an edit that the rules refuse narrows it alone",
			[]change{rules(only("read", "admin")), wide, func(w *World) { w.Object.Fields = scopes("read", "write") }},
			"change cgr_1 to [read]: violation", "NotPermitted", "",
		},
		{
			"and gives it to nobody",
			[]change{rules(only("read")), func(w *World) { w.Object.Fields = scopes("read", "write") }, with(rival())},
			"wait", "NotPermitted", "",
		},
		{"what the rules refuse goes to one that may have it", []change{rules(refuse), with(rival())}, "wait", "NotPermitted", ""},
		{"use of organizations that excludes the spec's is left", []change{rules(refuse), usage("deny", "require")}, "wait", "NotPermitted", ""},
		{"any use is narrowed to none", []change{rules(refuse), usage("deny", "allow")}, "change cgr_1 to [] deny: violation", "NotPermitted", ""},
		{"any use is narrowed to a required one", []change{rules(refuse), usage("require", "allow")}, "change cgr_1 to [] require: violation", "NotPermitted", ""},
		{"revoked", []change{rules(refuse), revokes}, "delete cgr_1: violation", "NotPermitted", ""},
		{
			"once the limit allows it",
			[]change{rules(refuse), revokes, func(w *World) { w.Tenant.DeletionsFrom = noon.Add(time.Minute) }},
			"wait", "NotPermitted", "limit of deletions",
		},
		{"not for a refused edit", []change{rules(only("read")), revokes, func(w *World) { w.Object.Fields = scopes("read", "write") }}, "wait", "NotPermitted", ""},
		{"not in an Auth0Tenant that only observes", []change{rules(refuse), revokes, func(w *World) { w.Tenant.Mode = v1alpha1.ModeObserve }}, "wait", "NotPermitted", ""},
		{"an orphan is revoked all the same", []change{deleting, rules(refuse), revokes, func(w *World) { w.Object.Orphan = true }}, "delete cgr_1: deletion", "", ""},
		{"and what is only observed", []change{deleting, rules(refuse), revokes, mode(v1alpha1.ModeObserve)}, "delete cgr_1: deletion", "", ""},
	})
}

// TestNext_TakesBackWhatItAddedOnAnOldLook has somebody open a grant to organizations, which no rule allows, between the last
// look and a change: what the change added goes again, whether its answer comes or not.
func TestNext_TakesBackWhatItAddedOnAnOldLook(t *testing.T) {
	allowed, open := "allow", func(names ...string) *grant.Grant {
		usage := "allow"
		fields := scopes(names...)
		fields.OrganizationUsage = &usage
		return held(wanted, "cgr_1", fields)
	}
	for name, answer := range map[string]Answer{
		"answered": {At: noon, Held: open("read", "write")},
		"lost":     {At: noon, Unanswered: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := owner()
			w.Tenant.Decide, w.Object.Fields = only("read", "write"), scopes("read", "write")
			s := Next(w)
			if got := shown(s); got != "change cgr_1 to [read write]: spec" {
				t.Fatal(got)
			}
			w.Memory = Learn(w, s, answer)
			see(wanted, open("read", "write"))(&w)
			s = Next(w)
			if got := shown(s); got != "change cgr_1 to [read]: violation" || s.Tell.Reason != v1alpha1.ReasonNotPermitted {
				t.Fatal(got, s.Tell)
			}
			w.Memory = Learn(w, s, Answer{At: noon, Held: open("read")})
			see(wanted, open("read"))(&w)
			if s = Next(w); shown(s) != "wait" || s.Tell.Reason != v1alpha1.ReasonNotPermitted {
				t.Fatal(shown(s), s.Tell)
			}
			w.Object.Fields.OrganizationUsage = &allowed // What is asked for as it is there is no addition.
			w.Tenant.Decide = allow
			if s = Next(w); shown(s) != "change cgr_1 to [read write]: spec" {
				t.Fatal(shown(s))
			}
			w.Memory = Learn(w, s, Answer{At: noon, Held: open("read", "write")})
			if w.Memory.Before != nil {
				t.Error("an answer as expected is remembered")
			}
		})
	}
}

// driver takes steps as the reconciler does, against a tenant in memory.
type driver struct {
	World
	tenant map[grant.Identity]*grant.Grant
	trace  []string
}

func (d *driver) run(t *testing.T) Step {
	t.Helper()
	for range 30 {
		s := Next(d.World)
		d.trace = append(d.trace, shown(s))
		d.Now = d.Now.Add(time.Second)
		switch do := s.Do.(type) {
		case Wait:
			return s
		case Look:
			d.Seen[do.Identity] = Observation{Grant: d.tenant[do.Identity], Began: d.Now}
		case Write:
			d.Object.Record, d.Object.Replaces = s.Record, s.Replaces
			d.Memory = Learn(d.World, s, Answer{})
		case Hold:
			d.Object.Held = true
		case Release:
			d.Object.Held, d.Object.Record, d.Object.Replaces = false, nil, nil
		case Create:
			t.Fatalf("creates after %v", d.trace)
		case Change:
			changed := *d.tenant[do.Identity]
			if !grant.Reduces(do.Fields, changed) {
				t.Fatalf("widens after %v", d.trace)
			}
			changed.Fields = grant.Over(do.Fields, changed)
			d.tenant[do.Identity] = &changed
			d.Memory = Learn(d.World, s, Answer{At: d.Now, Held: &changed})
			d.Seen[do.Identity] = Observation{Grant: &changed, Began: d.Now}
		case Delete:
			delete(d.tenant, do.Identity)
			d.Memory = Learn(d.World, s, Answer{At: d.Now})
			delete(d.Seen, do.Identity)
		}
	}
	t.Fatalf("never rests: %v", d.trace)
	return Step{}
}

// TestNext_RulesHoldWhateverElseGoesOn narrows the rules under every combination of what an object may be in: its grant ends
// revoked, or frozen and told.
func TestNext_RulesHoldWhateverElseGoesOn(t *testing.T) {
	nothing := func(*World) {}
	unmade := func(w *World) {
		w.Wanted, w.Object.Replaces = another, w.Object.Record
		w.Object.Record = &grant.Record{Identity: another}
		see(another, nil)(w)
		refusedBy(requestCreate, another, nil)(w)
	}
	modes := map[string]change{"enforced": nothing, "suspended": mode(v1alpha1.ModeSuspend), "observed": mode(v1alpha1.ModeObserve)}
	references := map[string]change{"with its client": nothing, "without its client": func(w *World) {
		w.Unresolved = status.Waiting(v1alpha1.ReasonClientNotResolved, "No key.")
		w.Wanted = grant.Identity{Tenant: "acme", Audience: w.Wanted.Audience, SubjectType: w.Wanted.SubjectType}
	}}
	replacements := map[string]change{"as recorded": nothing, "with a refused replacement open": unmade}
	refusals := map[string]change{
		"nothing refused":    nothing,
		"a change refused":   refusedBy(requestChange, wanted, held(wanted, "cgr_1", scopes("read", "admin"))),
		"a creation refused": refusedBy(requestCreate, wanted, nil),
	}
	others := map[string]change{
		"alone":                       nothing,
		"beside one that is refused":  func(w *World) { r := rival(); r.Decide = refuse; with(r)(w) },
		"beside one without a client": func(w *World) { r := rival(); r.Unresolved, r.Asks = true, grant.Identity{}; with(r)(w) },
		"beside one of no tenant":     func(w *World) { r := rival(); r.Known, r.Usable, r.Same = false, false, false; with(r)(w) },
	}
	finalizers := map[string]change{"held": nothing, "stripped": func(w *World) { w.Object.Held = false }}
	known := map[string]change{"seen": nothing, "not seen yet": func(w *World) { w.Seen = map[grant.Identity]Observation{} }}
	narrowed := func(i grant.Identity, f grant.Fields, _ ...v1alpha1.Right) policy.Decision {
		return policy.Decision{Allowed: i == another && len(f.Scope) < 2, ForUser: "No rule allows it."}
	}
	for _, revoked := range []bool{false, true} {
		product(modes, references, replacements, refusals, others, finalizers, known)(func(name string, changes []change) {
			t.Run(fmt.Sprintf("%s, revoked %v", name, revoked), func(t *testing.T) {
				w := owner()
				w.Tenant.Decide, w.Tenant.Revokes, w.Tenant.Since = narrowed, revoked, noon
				see(wanted, held(wanted, "cgr_1", scopes("read", "admin")))(&w)
				for _, change := range changes {
					change(&w)
				}
				d := &driver{World: w, tenant: map[grant.Identity]*grant.Grant{wanted: held(wanted, "cgr_1", scopes("read", "admin"))}}
				last := d.run(t)
				left := d.tenant[wanted]
				told := last.Tell != nil && strings.Contains(last.Tell.Message, "No rule allows")
				switch {
				case revoked && left != nil:
					t.Fatalf("it stays, after %v", d.trace)
				case !revoked && (left == nil || !told || !d.Object.Held):
					t.Fatalf("frozen as %v and told %v, after %v", left, last.Tell, d.trace)
				case !revoked && d.Wanted == wanted && len(left.Scope) > 1:
					t.Fatalf("not narrowed, after %v", d.trace)
				}
			})
		})
	}
}

// product calls back with each choice of one of every dimension.
func product(dimensions ...map[string]change) func(func(string, []change)) {
	return func(each func(string, []change)) {
		if len(dimensions) == 0 {
			each("", nil)
			return
		}
		for name, first := range dimensions[0] {
			product(dimensions[1:]...)(func(rest string, changes []change) {
				each(strings.Trim(name+", "+rest, ", "), append([]change{first}, changes...))
			})
		}
	}
}
