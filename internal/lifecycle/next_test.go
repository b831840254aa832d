package lifecycle

import (
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

const (
	api  = "https://api/"
	api2 = "https://another/"
)

func TestNext_OwnThenAct(t *testing.T) {
	stranger := held(wanted, "cgr_9", scopes("read", "write"))
	check(t, []row{
		{"nobody knows yet what the tenant holds", []change{fresh, func(w *World) { w.Seen = nil }}, "look at " + api, "", ""},
		{"a grant that is not there is planned", []change{fresh}, `write created ` + api + ` "(sent)", replacing nothing spec`, "", ""},
		{"the finalizer follows the record", []change{fresh, planned}, "hold", "", ""},
		{"the request follows both", []change{fresh, planned, func(w *World) { w.Object.Held = true }}, "create " + api + " with [read]: spec", "", ""},
		{"a lost answer is known by its content", []change{unanswered, see(wanted, held(wanted, "cgr_1", scopes("read")))}, "wait", "Available", ""},
		{
			"a lost answer is known where scopes were dropped",
			[]change{unanswered, see(wanted, held(wanted, "cgr_1", scopes())), func(w *World) { w.Object.Adopt = false }},
			`write created ` + api + ` "cgr_1", replacing nothing`, "", "",
		},
		{"an earlier request may be repeated at once", []change{unanswered, see(wanted, nil)}, "create " + api + " with [read]: spec", "", ""},
		{"another request waits until an earlier one has had its time", []change{unanswered, see(wanted, nil), func(w *World) {
			w.Object.Fields, w.Start = scopes("write"), noon.Add(-time.Second)
		}}, "look at " + api + ", from now on", "", ""},
		{"what is there is adopted", []change{fresh, see(wanted, stranger)}, `write adopted ` + api + ` "cgr_9", replacing nothing adoption`, "", ""},
		{"not under Refuse", []change{fresh, see(wanted, stranger), func(w *World) { w.Object.Adopt = false }}, "wait", "AdoptionRefused", "AdoptExisting"},
		{"not without the right", []change{fresh, see(wanted, stranger), rules(withoutRight(v1alpha1.RightAdoptExisting))}, "wait", "AdoptionRefused", ""},
		{
			"a system grant is never written",
			[]change{fresh, see(wanted, &grant.Grant{ID: "cgr_9", ClientID: "app", Audience: api, IsSystem: true, Fields: scopes()})},
			"wait", "SystemGrant", "",
		},
		{
			"a record of what is not ours is taken back, the finalizer first",
			[]change{unanswered, see(wanted, stranger), func(w *World) { w.Object.Adopt = false }},
			`write created ` + api + ` "", replacing nothing`, "", "",
		},
	})
}

func TestNext_Converge(t *testing.T) {
	differs := see(wanted, held(wanted, "cgr_1", scopes("read", "admin")))
	both := func(w *World) { w.Object.Fields = scopes("read", "write") }
	check(t, []row{
		{"in place", nil, "wait", "Available", ""},
		{"evidence is younger than the generation", []change{func(w *World) { w.Memory.Since = noon }}, "look at " + api + ", from now on", "", ""},
		{"only what differs is sent", []change{differs}, "change cgr_1 to [read]: spec", "", ""},
		{"what was in place has drifted", []change{differs, func(w *World) { w.Memory.InPlace = wanted }}, "change cgr_1 to [read]: drift", "", ""},
		{"an identity that was never in place has not", []change{differs, func(w *World) { w.Memory.InPlace = another }}, "change cgr_1 to [read]: spec", "", ""},
		{"made again under another ID", []change{see(wanted, held(wanted, "cgr_2", scopes("read")))}, "wait", "Available", ""},
		{"vanished", []change{see(wanted, nil), func(w *World) { w.Memory.InPlace = wanted }}, `write created ` + api + ` "(sent)", replacing nothing drift`, "", ""},
		{"a refused change is not repeated", []change{both, refusedBy(requestChange, wanted, held(wanted, "cgr_1", scopes("read")))}, "wait", "Rejected", ""},
		{
			"but what takes access away goes alone",
			[]change{differs, both, refusedBy(requestChange, wanted, held(wanted, "cgr_1", scopes("read", "admin")))},
			"change cgr_1 to [read]: spec", "", "",
		},
		{"nothing is added to what no rule allows", []change{both, rules(only("read", "write")), see(wanted, held(wanted, "cgr_1",
			grant.Fields{Scope: []string{"read"}, OrganizationUsage: new("allow")}))}, "wait", "NotPermitted", ""},
		{"dropped scopes are told and not sent again", []change{both, func(w *World) { w.Memory.Dropped = []string{"write"} }}, "wait", "ScopesDropped", `"write"`},
		{"somebody else changes it back again and again", []change{differs, both, func(w *World) {
			w.Memory.InPlace, w.Memory.Corrections = wanted, []time.Time{noon.Add(-3 * time.Minute), noon.Add(-2 * time.Minute), noon.Add(-time.Minute)}
		}}, "change cgr_1 to [read]: violation", "Progressing", "Somebody else"},
	})
}

func TestNext_Entitled(t *testing.T) {
	check(t, []row{
		{"no Auth0Tenant", []change{fresh, func(w *World) { w.Tenant.Exists = false }}, "wait", "TenantNotReady", "does not exist"},
		{"a namespace that no rule admits", []change{fresh, func(w *World) { w.Tenant.Admits = false }}, "wait", "TenantNotReady", "does not exist"},
		{"no client", []change{fresh, func(w *World) { w.Unresolved = status.Waiting(v1alpha1.ReasonClientNotResolved, "No key.") }}, "wait", "ClientNotResolved", ""},
		{"not permitted", []change{fresh, rules(refuse)}, "wait", "NotPermitted", "No rule allows it."},
		{"not known whose application it is", []change{fresh, func(w *World) { w.Tenant.OperatorsKnown = false }}, "wait", "", ""},
		{"a suspended Auth0Tenant", []change{fresh, func(w *World) { w.Tenant.Mode = v1alpha1.ModeSuspend }}, "wait", "TenantNotReady", "suspended"},
		{"an Auth0Tenant that goes", []change{fresh, func(w *World) { w.Tenant.Deleting = true }}, "wait", "TenantNotReady", "deleted"},
		{"credentials in trouble", []change{fresh, func(w *World) { w.Tenant.Access = Broken }}, "wait", "TenantNotReady", "not ready"},
		{"suspended itself", []change{fresh, mode(v1alpha1.ModeSuspend)}, "wait", "Suspended", ""},
		{"another tenant behind the same name", []change{func(w *World) { w.Tenant.Host, w.Wanted.Tenant = "new", "new" }}, "wait", "TenantNotReady", "re-create"},
	})
}

func TestNext_Observe(t *testing.T) {
	observe := mode(v1alpha1.ModeObserve)
	check(t, []row{
		{"nothing would change", []change{observe}, "wait", "Observed", ""},
		{"it would create", []change{observe, fresh}, "wait", "WouldChange", "create"},
		{"it would change", []change{observe, see(wanted, held(wanted, "cgr_1", scopes()))}, "wait", "WouldChange", "+1 -0"},
		{"it would revoke", []change{observe, names(another), see(another, nil)}, "wait", "WouldChange", "revoke"},
		{
			"the adoption gate is asked",
			[]change{observe, fresh, see(wanted, held(wanted, "cgr_9", scopes())), func(w *World) { w.Object.Adopt = false }},
			"wait", "AdoptionRefused", "",
		},
		{"an Auth0Tenant that observes", []change{fresh, func(w *World) { w.Tenant.Mode = v1alpha1.ModeObserve }}, "wait", "WouldChange", "create"},
		{"a tenant that is only read", []change{fresh, func(w *World) { w.Tenant.Access = ReadOnly }}, "wait", "WouldChange", "create"},
	})
}

func TestNext_Replace(t *testing.T) {
	moved := []change{names(another), see(another, nil)}
	open := func(w *World) {
		w.Object.Replaces = w.Object.Record
		w.Object.Record = &grant.Record{Identity: another, ID: "cgr_2"}
		see(another, held(another, "cgr_2", scopes("read")))(w)
	}
	check(t, []row{
		{"the new grant is made first", moved, `write created ` + api2 + ` "(sent)", replacing created ` + api + ` "cgr_1" spec`, "", ""},
		{"then the old one is revoked", []change{names(another), open}, "delete cgr_1: replacement", "", ""},
		{
			"and forgotten once it is proven absent",
			[]change{names(another), open, see(wanted, nil)},
			`write created ` + api2 + ` "cgr_2", replacing nothing`, "", "",
		},
		{"a return swaps the two", []change{open}, `write created ` + api + ` "cgr_1", replacing created ` + api2 + ` "cgr_2"`, "", ""},
		{"another ClientGrant takes the old one before the new one is made", append(moved, with(rival())), "wait", "Progressing", "takes it over"},
		{"a refused new one leaves the old one in force", append(moved, rules(func(i grant.Identity, _ grant.Fields, _ ...v1alpha1.Right) policy.Decision {
			return policy.Decision{Allowed: i == wanted, ForUser: "No."}
		})), "wait", "NotPermitted", ""},
	})
}

func TestNext_OneOwner(t *testing.T) {
	owns := func(change func(*Rival)) Rival {
		r := rival()
		r.Held, r.Record = true, &grant.Record{Identity: wanted, ID: "cgr_1"}
		change(&r)
		return r
	}
	check(t, []row{
		{"another one owns it", []change{fresh, with(owns(func(*Rival) {}))}, "wait", "Conflict", `"other"`},
		{"one of another namespace is not named", []change{fresh, with(owns(func(r *Rival) { r.Near = false }))}, "wait", "AdoptionRefused", ""},
		{
			"an owner that is deleted is succeeded",
			[]change{fresh, see(wanted, held(wanted, "cgr_1", scopes("read"))), with(owns(func(r *Rival) { r.Deleting = true }))},
			`write created ` + api + ` "cgr_1", replacing nothing hand-over`, "", "",
		},
		{"once it knows the ID", []change{fresh, see(wanted, held(wanted, "cgr_1", scopes("read"))), with(owns(func(r *Rival) {
			r.Deleting, r.Record = true, &grant.Record{Identity: wanted, Sent: "hash"}
		}))}, "wait", "Conflict", "being deleted"},
		{"what is not there is not handed over", []change{fresh, with(owns(func(r *Rival) { r.Deleting = true }))}, "wait", "Conflict", "being deleted"},
		{"an owner that rests is not", []change{fresh, with(owns(func(r *Rival) { r.Enforces, r.Asks = false, another }))}, "wait", "Conflict", ""},
		{"an owner whose own edit is refused is not", []change{fresh, see(wanted, held(wanted, "cgr_1", scopes("read"))), with(owns(func(r *Rival) {
			r.Fields, r.Decide = scopes("all"), only("read")
		}))}, "wait", "Conflict", ""},
		{"an owner that the rules refuse what it has is", []change{
			fresh, see(wanted, held(wanted, "cgr_1", scopes("read"))),
			with(owns(func(r *Rival) { r.Decide = refuse })),
		}, `write created ` + api + ` "cgr_1", replacing nothing hand-over`, "", ""},
		{
			"of two that own it the younger yields",
			[]change{with(owns(func(r *Rival) { r.Rank = Rank{Created: noon.Add(-2 * time.Hour)} }))},
			`write created ` + api + ` "", replacing nothing hand-over`, "", "",
		},
		{"and the older stays", []change{with(owns(func(*Rival) {}))}, "wait", "Available", ""},
		{"one that cannot act is no owner of what is not recorded", []change{fresh, with(func() Rival {
			r := rival()
			r.Usable, r.Rank = false, Rank{}
			return r
		}())}, `write created ` + api + ` "(sent)", replacing nothing spec`, "", ""},
	})
}

func TestNext_Deletion(t *testing.T) {
	gone := see(wanted, nil)
	proven := func(w *World) { w.Seen[wanted] = Observation{Began: noon} }
	orphan := func(w *World) { w.Object.Orphan = true }
	check(t, []row{
		{"revoked", []change{deleting}, "delete cgr_1: deletion", "", ""},
		{"proof begins after the deletion was seen", []change{deleting, gone}, "look at " + api + ", from now on", "", ""},
		{"released on proof", []change{deleting, proven}, "release", "", ""},
		{
			"a request without an answer has its time first",
			[]change{deleting, unanswered, proven, func(w *World) { w.Late[wanted] = noon.Add(time.Second) }},
			"look at " + api + ", from now on", "", "",
		},
		{
			"what an ID was taken from waits to be looked at",
			[]change{deleting, func(w *World) { w.Object.Record = &grant.Record{Identity: wanted}; w.Tenant.Access = Broken }},
			"wait", "DeletionBlocked", "not ready",
		},
		{"the finalizer is gone", []change{deleting, func(w *World) { w.Object.Held = false }}, "wait", "", ""},
		{"suspended, it is revoked all the same", []change{deleting, mode(v1alpha1.ModeSuspend)}, "delete cgr_1: deletion", "", ""},
		{"observing, it waits", []change{deleting, mode(v1alpha1.ModeObserve)}, "wait", "DeletionBlocked", "spec.mode is Observe"},
		{"another one takes it", []change{deleting, with(rival())}, "wait", "Progressing", "takes it over"},
		{"the successor has it", []change{deleting, with(func() Rival {
			r := rival()
			r.Held, r.Record = true, &grant.Record{Identity: wanted, ID: "cgr_1"}
			return r
		}())}, "release hand-over", "", ""},
		{"an accepted deletion without effect waits", []change{deleting, func(w *World) {
			w.Memory.Deletions = []Deletion{{wanted, "cgr_1", 1, noon.Add(time.Minute)}}
		}}, "wait", "DeletionBlocked", "still shows it"},
		{"and is looked at before it is made again", []change{deleting, func(w *World) {
			w.Memory.Deletions = []Deletion{{wanted, "cgr_1", 1, noon}}
		}}, "look at " + api + ", from now on", "", ""},
		{
			"the limit holds it back",
			[]change{deleting, func(w *World) { w.Tenant.DeletionsFrom, w.Tenant.DeletionLimit = noon.Add(time.Minute), 5 }},
			"wait", "DeletionHeld", "deletionLimit of 5",
		},
		{"no Auth0Tenant", []change{deleting, func(w *World) { w.Tenant.Exists = false }}, "wait", "DeletionBlocked", "create it again"},
		{"no session yet", []change{deleting, with(rival()), func(w *World) { w.Tenant.Access = Untried }}, "wait", "", ""},
		{"credentials in trouble", []change{deleting, func(w *World) { w.Tenant.Access = Broken }}, "wait", "DeletionBlocked", "not ready"},
		{"no credentials any more", []change{deleting, func(w *World) { w.Tenant.Access = Dormant }}, "wait", "DeletionBlocked", "no credentials"},
		{"no credentials, and the Auth0Tenant goes", []change{deleting, func(w *World) { w.Tenant.Access, w.Tenant.Ending = Dormant, true }}, "delete cgr_1: deletion", "", ""},
		{"only read", []change{deleting, func(w *World) { w.Tenant.Access = ReadOnly }}, "wait", "DeletionBlocked", "only reads"},
		{"an orphan", []change{deleting, orphan}, "release", "", ""},
		{"not without the right", []change{deleting, orphan, rules(withoutRight(v1alpha1.RightOrphan))}, "wait", "DeletionBlocked", "Orphan"},
		{
			"the right is that of the grant as it is",
			[]change{deleting, orphan, rules(only("read")), see(wanted, held(wanted, "cgr_1", scopes("read", "write")))},
			"wait", "DeletionBlocked", "Orphan",
		},
		{"which takes a look", []change{deleting, orphan, func(w *World) { w.Seen = nil }}, "look at " + api, "", ""},
		{"or a session", []change{deleting, orphan, func(w *World) { w.Seen, w.Tenant.Access = nil, Untried }}, "wait", "", ""},
		{"the spec has to do where the tenant fails", []change{deleting, orphan, func(w *World) { w.Seen, w.Tenant.Failing = nil, true }}, "release", "", ""},
		{"a finalizer without a record", []change{deleting, func(w *World) { w.Object.Record = nil }}, "look at " + api + ", from now on", "", ""},
		{"which another one is about", []change{deleting, func(w *World) { w.Object.Record = nil }, with(rival())}, "release", "", ""},
	})
}

func TestNext_FinalizerIsPutBack(t *testing.T) {
	stripped := func(w *World) { w.Object.Held = false }
	check(t, []row{
		{"in place", []change{stripped}, "hold", "", ""},
		{"with another identity in the same edit", []change{stripped, names(another)}, "hold", "", ""},
		{"suspended", []change{stripped, mode(v1alpha1.ModeSuspend)}, "hold", "", ""},
		{"observing", []change{stripped, mode(v1alpha1.ModeObserve)}, "hold", "", ""},
		{"frozen", []change{stripped, rules(refuse)}, "hold", "", ""},
		{"without an Auth0Tenant", []change{stripped, func(w *World) { w.Tenant.Exists = false }}, "hold", "", ""},
		{"of a request that may have been sent", []change{unanswered, stripped}, "hold", "", ""},
		{"not of one that was not", []change{planned, stripped, mode(v1alpha1.ModeSuspend)}, `write nothing, replacing nothing`, "Suspended", ""},
		{
			"not of what was let go",
			[]change{stripped, rules(refuse), func(w *World) { w.Object.Record = &grant.Record{Identity: wanted} }},
			`write nothing, replacing nothing`, "NotPermitted", "",
		},
	})
}

// TestNext_SeveralGrantsOfOneIdentity has the tenant hold more than one, as it may from before it kept them apart.
func TestNext_SeveralGrantsOfOneIdentity(t *testing.T) {
	twins := func(main *grant.Grant, others ...*grant.Grant) change {
		return func(w *World) {
			all := *main
			for _, other := range others {
				all.Others = append(all.Others, *other)
			}
			see(wanted, &all)(w)
		}
	}
	admin, less := held(wanted, "cgr_2", scopes("admin")), held(wanted, "cgr_3", scopes())
	mine := held(wanted, "cgr_1", scopes("read"))
	narrow := func(_ grant.Identity, f grant.Fields, _ ...v1alpha1.Right) policy.Decision {
		return policy.Decision{Allowed: len(grant.Without(f.Scope, []string{"read"})) == 0, ForUser: "No rule allows it."}
	}
	orphan := func(w *World) { w.Object.Orphan = true }
	check(t, []row{
		{"the others go", []change{twins(mine, admin)}, "delete cgr_2: spec", "Progressing", "1 more grants"},
		{"one after the other", []change{twins(mine, less, admin)}, "delete cgr_3: spec", "Progressing", "2 more grants"},
		{"once the own one is as specified", []change{twins(held(wanted, "cgr_1", scopes()), admin)}, "change cgr_1 to [read]: spec", "", ""},
		{
			"before that where it cannot be",
			[]change{twins(held(wanted, "cgr_1", scopes()), less, admin), func(w *World) {
				refusedBy(requestChange, wanted, w.Seen[wanted].Grant)(w)
			}},
			"delete cgr_2: spec", "Progressing", "",
		},
		{
			"as the limit of deletions allows",
			[]change{twins(mine, admin), func(w *World) { w.Tenant.DeletionsFrom = noon.Add(time.Minute) }},
			"wait", "Progressing", "limit of deletions",
		},
		{"a frozen one loses what its spec does not name", []change{rules(refuse), twins(mine, less, admin)}, "delete cgr_2: violation", "NotPermitted", ""},
		{"and nothing else", []change{rules(refuse), twins(mine, less)}, "wait", "NotPermitted", ""},
		{"all are adopted", []change{fresh, twins(mine, admin)}, `write adopted ` + api + ` "cgr_1", replacing nothing adoption`, "", ""},
		{"nothing goes of what may not be adopted", []change{fresh, rules(withoutRight(v1alpha1.RightAdoptExisting)), twins(mine, admin)}, "wait", "AdoptionRefused", ""},
		{"they are reported", []change{mode(v1alpha1.ModeObserve), twins(mine, admin)}, "wait", "WouldChange", "revoke cgr_2"},
		{"all are revoked with the object", []change{deleting, twins(mine, admin)}, "delete cgr_1: deletion", "", ""},
		{"until none is there", []change{deleting, twins(admin)}, "delete cgr_2: deletion", "", ""},
		{"a replaced one goes with all of its", []change{names(another), see(another, nil), twins(mine, admin)}, `write created ` + api2 + ` "(sent)", replacing created ` + api + ` "cgr_1" spec`, "", ""},
		{"the right to leave them is asked for each", []change{deleting, orphan, rules(narrow), twins(mine, admin)}, "wait", "DeletionBlocked", "Orphan"},
		{
			"one that the rules refuse violates them",
			[]change{names(another), func(w *World) { w.Unresolved = status.Waiting(v1alpha1.ReasonClientNotResolved, "No key.") }, revokes, rules(narrow), twins(mine, admin)},
			"delete cgr_1: violation", "NotPermitted", "",
		},
	})
}
