package policy_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// home is the namespace of the Auth0Tenant, and ownHost a custom domain of the tenant.
const (
	home    = "clientgrant-system"
	ownHost = "login.acme.example"
)

var (
	anything  = []string{"*"}
	allRights = []v1alpha1.Right{
		v1alpha1.RightAllScopes, v1alpha1.RightAnyOrganization, v1alpha1.RightUserSubject, v1alpha1.RightAuthorizationDetails,
		v1alpha1.RightDefaultFor, v1alpha1.RightAdoptExisting, v1alpha1.RightOrphan, v1alpha1.RightSystemAPI,
	}
	everybody = v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromAll}
	sameOnly  = v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame}
)

func byName(names ...string) v1alpha1.RuleNamespaces {
	return v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: names}
}

func bySelector(selector *metav1.LabelSelector) v1alpha1.RuleNamespaces {
	return v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSelector, Selector: selector}
}

// access is a rule for everybody and everything, but with no rights; edits narrow or widen it.
func access(name string, edits ...func(*v1alpha1.AccessRule)) v1alpha1.AccessRule {
	rule := v1alpha1.AccessRule{Name: name, Namespaces: everybody, Audiences: anything, Scopes: anything, ClientIDs: anything}
	for _, edit := range edits {
		edit(&rule)
	}
	return rule
}

func to(namespaces v1alpha1.RuleNamespaces) func(*v1alpha1.AccessRule) {
	return func(r *v1alpha1.AccessRule) { r.Namespaces = namespaces }
}

func audiences(list ...string) func(*v1alpha1.AccessRule) {
	return func(r *v1alpha1.AccessRule) { r.Audiences = list }
}

func scopes(list ...string) func(*v1alpha1.AccessRule) {
	return func(r *v1alpha1.AccessRule) { r.Scopes = list }
}

func clients(list ...string) func(*v1alpha1.AccessRule) {
	return func(r *v1alpha1.AccessRule) { r.ClientIDs = list }
}

func allow(list ...v1alpha1.Right) func(*v1alpha1.AccessRule) {
	return func(r *v1alpha1.AccessRule) { r.Allow = list }
}

// ask is about a plain grant of the namespace "billing"; edits make another question of it.
func ask(edits ...func(*policy.Question)) policy.Question {
	question := policy.Question{
		Namespace: "billing",
		Identity: grant.Identity{
			Tenant: ownHost, ClientID: "app", Audience: "https://api.example.com/", SubjectType: grant.SubjectTypeClient,
		},
		Fields: grant.Fields{Scope: []string{"read:users"}},
	}
	for _, edit := range edits {
		edit(&question)
	}
	return question
}

func from(namespace string) func(*policy.Question) {
	return func(q *policy.Question) { q.Namespace = namespace }
}

func withLabels(labels map[string]string) func(*policy.Question) {
	return func(q *policy.Question) { q.Labels = labels }
}

func forAudience(audience string) func(*policy.Question) {
	return func(q *policy.Question) { q.Identity.Audience = audience }
}

func forClient(id string) func(*policy.Question) {
	return func(q *policy.Question) { q.Identity.ClientID = id }
}

func withScopes(list ...string) func(*policy.Question) {
	return func(q *policy.Question) { q.Fields.Scope = append([]string{}, list...) }
}

func withAllScopes(q *policy.Question) { q.Fields.Scope, q.Fields.AllowAllScopes = nil, new(true) }

func asDefault(q *policy.Question) {
	q.Identity.ClientID, q.Identity.DefaultFor = "", "third_party_clients"
}

func forUsers(q *policy.Question) { q.Identity.SubjectType = "user" }

func needing(rights ...v1alpha1.Right) func(*policy.Question) {
	return func(q *policy.Question) { q.Rights = rights }
}

// decide asks rules of a tenant that has a custom domain, and checks what holds for every answer.
func decide(t testing.TB, rules []v1alpha1.AccessRule, question policy.Question) policy.Decision {
	t.Helper()
	decision := policy.New(rules, home, ownHost).Decide(question)
	if decision.Allowed != (decision.ForUser == "") || decision.Allowed != (decision.ForOwner == "") {
		t.Errorf("an answer is allowed, or has two texts: %+v", decision)
	}
	if len(decision.ForUser) > 1024 || len(decision.ForOwner) > 1024 {
		t.Errorf("texts of %d and %d bytes", len(decision.ForUser), len(decision.ForOwner))
	}
	named := slices.ContainsFunc(rules, func(r v1alpha1.AccessRule) bool { return r.Name == decision.Rule })
	if decision.Allowed && !named && decision.Rule != policy.DefaultRule || !decision.Allowed && decision.Rule != "" {
		t.Errorf("no such rule: %+v", decision)
	}
	return decision
}

func wantAllowed(t testing.TB, rules []v1alpha1.AccessRule, question policy.Question, want bool) {
	t.Helper()
	if decision := decide(t, rules, question); decision.Allowed != want {
		t.Errorf("allowed: %v, want %v: %+v", decision.Allowed, want, decision)
	}
}

func list(rules ...v1alpha1.AccessRule) []v1alpha1.AccessRule { return rules }
