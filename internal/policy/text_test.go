package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

func TestForUser_NamesThePartThatNoRuleCovers(t *testing.T) {
	const advice = " Change the spec, or ask the owner of the Auth0Tenant for a rule."
	const system = " This audience may be one of Auth0's own APIs: only a rule that names it and each scope in full, and gives the right SystemAPI, allows it."
	const scopesOf = "access rule for this namespace that covers spec.audience and spec.clientRef covers "
	const rightsOf = "access rule for this namespace that covers spec.audience, spec.clientRef and spec.scopes gives "
	tests := map[string]struct {
		rules    []v1alpha1.AccessRule
		question policy.Question
		want     string
	}{
		"no rule speaks of the namespace": {
			list(access("a", to(byName("other")))), ask(),
			"No access rule of the Auth0Tenant speaks of this namespace.",
		},
		"no rule has the audience": {
			list(access("a", audiences("https://other/*"), scopes("x"), clients("x"))), ask(),
			`No access rule for this namespace covers spec.audience "https://api.example.com/".` + advice,
		},
		"an audience that has to be quoted": {
			list(access("a", audiences("x"))), ask(forAudience("a\"b\n\u202e")),
			`No access rule for this namespace covers spec.audience "a\"b\n\u202e".` + advice,
		},
		"rules for other namespaces do not count": {
			list(access("a", to(byName("billing")), audiences("x")), access("b", to(byName("other")))), ask(),
			`No access rule for this namespace covers spec.audience "https://api.example.com/".` + advice,
		},
		"no rule with the audience has the client": {
			list(access("a", clients("x"), scopes("x")), access("b", audiences("x"))), ask(),
			"No access rule for this namespace that covers spec.audience covers the client of spec.clientRef." + advice,
		},
		"a scope that no rule covers": {
			list(access("a", scopes("read:*"))), ask(withScopes("read:x", "write:x", "read:y", "delete:x", "write:x")),
			"No " + scopesOf + `these of spec.scopes: "write:x", "delete:x".` + advice,
		},
		"a scope that some rule covers is not named": {
			list(access("a", scopes("read:*")), access("b", scopes("write:*"))), ask(withScopes("read:x", "write:x", "delete:x")),
			"No " + scopesOf + `these of spec.scopes: "delete:x".` + advice,
		},
		"a scope that only a rule without the client covers": {
			list(access("a", scopes("read:*")), access("b", clients("x"))), ask(withScopes("read:x", "delete:x")),
			"No " + scopesOf + `these of spec.scopes: "delete:x".` + advice,
		},
		"each scope is covered, but all by none": {
			list(access("a", scopes("read:*")), access("b", scopes("write:*"))), ask(withScopes("read:x", "write:x")),
			"No single " + scopesOf + "all of spec.scopes: each scope is covered by one, but rules do not add up." + advice,
		},
		"a scope that has to be quoted": {
			list(access("a", scopes("x"))), ask(withScopes("a\u202eb\"")),
			"No " + scopesOf + `these of spec.scopes: "a\u202eb\"".` + advice,
		},
		"a right": {
			list(access("a")), ask(forUsers),
			"No " + rightsOf + "the right UserSubject (spec.subjectType)." + advice,
		},
		"a right that is needed twice": {
			list(access("a")), ask(needing(v1alpha1.RightOrphan, v1alpha1.RightOrphan)),
			"No " + rightsOf + "the right Orphan (spec.deletionPolicy)." + advice,
		},
		"a right that only a rule without the scopes gives": {
			list(access("a"), access("b", scopes("x"), allow(allRights...))), ask(forUsers),
			"No " + rightsOf + "the right UserSubject (spec.subjectType)." + advice,
		},
		"a right that some rule gives is not named": {
			list(access("a", allow(v1alpha1.RightUserSubject))), ask(forUsers, needing(v1alpha1.RightOrphan)),
			"No " + rightsOf + "the right Orphan (spec.deletionPolicy)." + advice,
		},
		"each right is given, but all by none": {
			list(access("a", allow(v1alpha1.RightUserSubject)), access("b", allow(v1alpha1.RightOrphan))), ask(forUsers, needing(v1alpha1.RightOrphan)),
			"No single " + rightsOf + "all of the rights UserSubject (spec.subjectType), Orphan (spec.deletionPolicy): each is given by one, but rules do not add up." + advice,
		},
		"every right that is needed, each with its field": {
			list(access("a")),
			ask(withAllScopes, usage("allow"), forUsers, detailTypes("payment"), asDefault, needing(v1alpha1.RightAdoptExisting, v1alpha1.RightOrphan)),
			"No " + rightsOf + "the rights AllScopes (spec.allowAllScopes), AnyOrganization (spec.organizationUsage and spec.allowAnyOrganization), " +
				"UserSubject (spec.subjectType), AuthorizationDetails (spec.authorizationDetailsTypes), DefaultFor (spec.clientRef.defaultFor), " +
				"AdoptExisting (spec.adoptionPolicy), Orphan (spec.deletionPolicy)." + advice,
		},
		"a right that this version does not know": {
			list(access("a")), ask(needing("Tomorrow")),
			"No " + rightsOf + "the right Tomorrow." + advice,
		},
		"a system API that no rule names": {
			list(access("a", allow(allRights...))), ask(forAudience(managementAPI)),
			`No access rule for this namespace covers spec.audience "` + managementAPI + `".` + system + advice,
		},
		"a scope of a system API that no rule names": {
			list(access("a", audiences(managementAPI), allow(allRights...))), ask(forAudience(managementAPI)),
			"No " + scopesOf + `these of spec.scopes: "read:users".` + system + advice,
		},
		"all scopes of a system API": {
			list(access("a", audiences(managementAPI), allow(allRights...))), ask(forAudience(managementAPI), withAllScopes),
			"No access rule can allow spec.allowAllScopes for this spec.audience." + system + advice,
		},
		"a system API without the right": {
			list(access("a", audiences(managementAPI), scopes("read:users"))), ask(forAudience(managementAPI)),
			"No " + rightsOf + "the right SystemAPI (spec.audience)." + system + advice,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decide(t, test.rules, test.question).ForUser; got != test.want {
				t.Errorf("got:  %s\nwant: %s", got, test.want)
			}
		})
	}
}

// Each secret stands where a user must not see it: in rules, in the tenant, in a ConfigMap.
func TestForUser_TellsNothingOfOthers(t *testing.T) {
	secretRules := list(
		access("secret-rule-1", to(byName("billing", "secret-namespace")), audiences("https://api.example.com/", "secret-audience*"),
			scopes("read:*", "secret-scope*"), clients("app", "secret-client*"), allow(v1alpha1.RightOrphan)),
		access("secret-rule-2", to(byName("secret-namespace-2"))),
		access("secret-rule-3", to(byName("billing")), audiences("secret-audience-3", "*.example.com/"), scopes("secret-scope-3"), clients("secret-client-3", "app"), allow(v1alpha1.RightUserSubject)),
		access("secret-rule-4", to(byName("billing")), audiences("*"), clients("secret-client-4")),
	)
	questions := map[string]policy.Question{
		"another namespace":   ask(from("nobody")),
		"another audience":    ask(forAudience("https://else/")),
		"another client":      ask(forClient("secret-mapped-client")),
		"another scope":       ask(withScopes("delete:users")),
		"a right":             ask(forUsers),
		"rights":              ask(forUsers, asDefault, withAllScopes),
		"remote usage":        ask(usage("secret-usage")),
		"remote types":        ask(detailTypes("secret-type")),
		"a remote subject":    ask(subjectType("secret-subject")),
		"a system API":        ask(forAudience(managementAPI)),
		"a remote tenant":     ask(forUsers, func(q *policy.Question) { q.Identity.Tenant = "secret-tenant" }),
		"the labels":          ask(forUsers, withLabels(map[string]string{"secret-label": "secret-value"})),
		"a client, no scope":  ask(forClient("secret-mapped-client"), withScopes()),
		"a remote right more": ask(needing(v1alpha1.RightAdoptExisting)),
	}
	for name, question := range questions {
		t.Run(name, func(t *testing.T) {
			decision := decide(t, secretRules, question)
			if decision.Allowed {
				t.Fatal("allowed")
			}
			for _, secret := range []string{"secret", "*", "app", "read:", "third_party", question.Namespace} {
				if strings.Contains(decision.ForUser, secret) {
					t.Errorf("%q is told: %s", secret, decision.ForUser)
				}
			}
			for _, rule := range secretRules {
				if !strings.Contains(decision.ForOwner, fmt.Sprintf("Rule %q fails in ", rule.Name)) {
					t.Errorf("rule %s is not told: %s", rule.Name, decision.ForOwner)
				}
			}
		})
	}
}

// What the user is told does not depend on rules that speak of other namespaces.
func TestForUser_OtherNamespacesRulesChangeNothing(t *testing.T) {
	own := access("a", to(byName("billing")), audiences("https://api.example.com/"), scopes("read:*"), clients("app"))
	for name, question := range map[string]policy.Question{
		"audience": ask(forAudience("https://else/")), "client": ask(forClient("x")), "scopes": ask(withScopes("x")), "right": ask(forUsers),
	} {
		t.Run(name, func(t *testing.T) {
			alone := decide(t, list(own), question).ForUser
			for _, other := range []v1alpha1.AccessRule{
				access("other", to(byName("other")), allow(allRights...)),
				access("other", to(sameOnly), audiences("x")),
				access("other", to(bySelector(nil)), allow(allRights...)),
			} {
				if beside := decide(t, list(other, own, other), question).ForUser; beside != alone {
					t.Errorf("alone:  %s\nbeside: %s", alone, beside)
				}
			}
		})
	}
}

func TestForOwner_NamesEachRuleAndWhereItFails(t *testing.T) {
	rules := list(
		access("for-others", to(byName("other"))),
		access("other-audience", audiences("x")),
		access("other-client", clients("x")),
		access("other-scopes", scopes("read:*")),
		access("no-rights", allow(v1alpha1.RightUserSubject)),
	)
	got := decide(t, rules, ask(forUsers, withScopes("read:a", "write:a", "write:b"), needing(v1alpha1.RightOrphan))).ForOwner
	want := `No access rule allows namespace "billing" the grant of client "app" for "https://api.example.com/" (subject type user).` +
		` Rule "no-rights" fails in the right Orphan (spec.deletionPolicy).` +
		` Rule "other-scopes" fails in the scopes "write:a", "write:b".` +
		` Rule "other-client" fails in the client.` +
		` Rule "other-audience" fails in the audience.` +
		` Rule "for-others" fails in the namespace.`
	if got != want {
		t.Errorf("got:  %s\nwant: %s", got, want)
	}
	got = decide(t, nil, ask(from(home), withAllScopes)).ForOwner
	want = `No access rule allows namespace "clientgrant-system" the grant of client "app" for "https://api.example.com/".` +
		` Rule "default" fails in the right AllScopes (spec.allowAllScopes).`
	if got != want {
		t.Errorf("got:  %s\nwant: %s", got, want)
	}
	got = decide(t, list(access("a", audiences(managementAPI), allow(allRights...))), ask(forAudience(managementAPI), withAllScopes)).ForOwner
	if !strings.HasSuffix(got, ` Rule "a" fails in all scopes, which no rule can allow for this audience.`) || !strings.Contains(got, "Auth0's own APIs") {
		t.Error(got)
	}
}

func TestTexts_AreBounded(t *testing.T) {
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("scope:%d", i))
	}
	got := decide(t, list(access("a", scopes("x"))), ask(withScopes(many...))).ForUser
	if !strings.Contains(got, `"scope:0", "scope:1", `) || !strings.Contains(got, `, "scope:19" and 80 more. Change`) {
		t.Error(got)
	}
	long := strings.Repeat("x", 280)
	got = decide(t, list(access("a", scopes("x"))), ask(withScopes(long, long+"2", long+"3", long+"4"))).ForUser
	if !strings.Contains(got, long+`2" and 2 more. Change`) {
		t.Error(got)
	}

	var rules []v1alpha1.AccessRule
	for i := range 64 {
		rules = append(rules, access(fmt.Sprintf("%s-%d", strings.Repeat("r", 58), i), scopes("x")))
	}
	got = decide(t, rules, ask(withScopes(many...))).ForOwner
	if !strings.HasSuffix(got, " more rules fail, too.") || !strings.Contains(got, " more. Rule ") {
		t.Error(got)
	}

	for name, text := range map[string]string{
		"what is escaped": strings.Repeat("\U000e0001", 600), "letters of two bytes": strings.Repeat("\u00e9", 600),
		"letters of three bytes": strings.Repeat("\u6f22", 600), "letters of four bytes": strings.Repeat("\U00020000", 599), "no text": strings.Repeat("\xff", 600),
	} {
		t.Run(name, func(t *testing.T) {
			for _, question := range []policy.Question{
				ask(forAudience(text)), ask(withScopes(text, text+"2")), ask(asDefault, forAudience("x"+text)),
				ask(forAudience("acme.auth0.com/" + text)), ask(needing(v1alpha1.Right(text))),
			} {
				decision := decide(t, append(list(access("a", audiences("https://api.example.com/"), scopes("read:users"))), rules[:20]...), question)
				if decision.Allowed || !utf8.ValidString(decision.ForUser) || !utf8.ValidString(decision.ForOwner) {
					if question.Rights == nil {
						t.Errorf("%+v", decision)
					}
				}
			}
		})
	}
}

func TestDecide_ChangesNothing(t *testing.T) {
	spec := access("a", scopes("a", "b*"), allow(v1alpha1.RightOrphan))
	rules := policy.New(list(spec), home)
	question := ask(withScopes("b", "a", "b", "c"), needing(v1alpha1.RightOrphan, v1alpha1.RightOrphan))
	first := rules.Decide(question)
	for range 3 {
		if again := rules.Decide(question); again != first {
			t.Errorf("%+v and %+v", first, again)
		}
	}
	if fmt.Sprint(question.Fields.Scope, question.Rights) != "[b a b c] [Orphan Orphan]" || fmt.Sprint(spec.Scopes, spec.Allow) != "[a b*] [Orphan]" {
		t.Errorf("%+v and %+v were changed", question, spec)
	}
	over := grant.Over(grant.Fields{Scope: []string{"a"}}, grant.Grant{Fields: grant.Fields{OrganizationUsage: new("allow")}})
	if rules.Decide(policy.Question{Namespace: "x", Identity: ask().Identity, Fields: over}).Allowed {
		t.Error("what the tenant holds is not asked about")
	}
}
