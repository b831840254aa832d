package policy_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

func TestRules_WhichNamespacesTheySpeakOf(t *testing.T) {
	selector := func(labels map[string]string, expressions ...metav1.LabelSelectorRequirement) v1alpha1.RuleNamespaces {
		return bySelector(&metav1.LabelSelector{MatchLabels: labels, MatchExpressions: expressions})
	}
	expression := func(key string, operator metav1.LabelSelectorOperator, values ...string) v1alpha1.RuleNamespaces {
		return selector(nil, metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values})
	}
	team := map[string]string{"team": "billing", "stage": "prod"}
	none := map[string]string{}
	tests := map[string]struct {
		rule      v1alpha1.RuleNamespaces
		namespace string
		labels    map[string]string
		want      bool
	}{
		"the tenant's own":                           {sameOnly, home, nil, true},
		"another than the tenant's own":              {sameOnly, "billing", nil, false},
		"one that begins like the tenant's own":      {sameOnly, home + "-2", nil, false},
		"one of the names":                           {byName("a", "billing"), "billing", nil, true},
		"none of the names":                          {byName("a", "b"), "billing", nil, false},
		"the tenant's own, which is not named":       {byName("billing"), home, nil, false},
		"a name in another case":                     {byName("Billing"), "billing", nil, false},
		"names are no patterns":                      {byName("*", "bill*"), "billing", nil, false},
		"no names at all":                            {byName(), "billing", nil, false},
		"all":                                        {everybody, "billing", nil, true},
		"all, the tenant's own included":             {everybody, home, none, true},
		"a label":                                    {selector(map[string]string{"team": "billing"}), "billing", team, true},
		"all labels of the selector":                 {selector(team), "billing", team, true},
		"one label of two":                           {selector(team), "billing", map[string]string{"team": "billing"}, false},
		"another value of the label":                 {selector(map[string]string{"team": "x"}), "billing", team, false},
		"a label in another case":                    {selector(map[string]string{"Team": "billing"}), "billing", team, false},
		"a label that nobody knows":                  {selector(map[string]string{"team": "billing"}), "billing", nil, false},
		"an expression":                              {expression("team", "In", "x", "billing"), "billing", team, true},
		"an expression that does not hold":           {expression("team", "In", "x"), "billing", team, false},
		"a label that is there":                      {expression("team", "Exists"), "billing", team, true},
		"a label that is not":                        {expression("team", "Exists"), "billing", none, false},
		"the absence of a label":                     {expression("team", "DoesNotExist"), "billing", none, true},
		"the absence of a label that is there":       {expression("team", "DoesNotExist"), "billing", team, false},
		"the absence of a label that nobody knows":   {expression("team", "DoesNotExist"), "billing", nil, false},
		"another value, where the label is not":      {expression("team", "NotIn", "x"), "billing", none, true},
		"another value of a label that nobody knows": {expression("team", "NotIn", "x"), "billing", nil, false},
		"a selector of nothing":                      {selector(nil), "billing", team, false},
		"an empty selector":                          {selector(map[string]string{}), "billing", team, false},
		"an empty selector, with unknown labels":     {selector(map[string]string{}), "billing", nil, false},
		"no selector":                                {bySelector(nil), "billing", team, false},
		"an operator that does not exist":            {expression("team", "Is", "billing"), "billing", team, false},
		"a selector with an invalid label":           {selector(map[string]string{"team!": ""}), "billing", team, false},
		"values where the operator takes none":       {expression("team", "Exists", "billing"), "billing", team, false},
		"no values where the operator takes some":    {expression("team", "In"), "billing", team, false},
		"a selector, but nobody says to go by it":    {v1alpha1.RuleNamespaces{Selector: &metav1.LabelSelector{MatchLabels: team}}, "billing", team, false},
		"names, but nobody says to go by them":       {v1alpha1.RuleNamespaces{Names: []string{"billing"}}, "billing", nil, false},
		"names beside the tenant's own mean nothing": {v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame, Names: []string{"billing"}}, "billing", nil, false},
		"a source that this version does not know":   {v1alpha1.RuleNamespaces{From: "Everywhere", Names: []string{"billing"}}, "billing", team, false},
		"a source in another case":                   {v1alpha1.RuleNamespaces{From: "all"}, "billing", team, false},
		"no source":                                  {v1alpha1.RuleNamespaces{}, "billing", team, false},
		"no source, from the tenant's own":           {v1alpha1.RuleNamespaces{}, home, team, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rules := list(access("one", to(test.rule)))
			if got := policy.New(rules, home).Admits(test.namespace, test.labels); got != test.want {
				t.Errorf("admitted: %v", got)
			}
			wantAllowed(t, rules, ask(from(test.namespace), withLabels(test.labels)), test.want)
		})
	}
}

func TestRules_NeedLabelsOnlyForASelector(t *testing.T) {
	team := bySelector(&metav1.LabelSelector{MatchLabels: map[string]string{"team": "billing"}})
	tests := map[string]struct {
		rules []v1alpha1.AccessRule
		want  bool
	}{
		"no rules":                             {nil, false},
		"rules of every other kind":            {list(access("a", to(sameOnly)), access("b", to(byName("x"))), access("c")), false},
		"a selector":                           {list(access("a", to(team))), true},
		"a selector behind others":             {list(access("a"), access("b", to(team))), true},
		"a selector that can match nothing":    {list(access("a", to(bySelector(&metav1.LabelSelector{})))), false},
		"a selector where names are looked at": {list(access("a", to(v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Selector: team.Selector}))), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := policy.New(test.rules, home).NeedsLabels(); got != test.want {
				t.Errorf("needed: %v", got)
			}
		})
	}
}

func TestRules_TheDefaultIsForTheTenantsOwnNamespace(t *testing.T) {
	tests := map[string]struct {
		question policy.Question
		want     bool
	}{
		"a grant":                      {ask(from(home)), true},
		"a grant of odd scopes":        {ask(from(home), withScopes("*", "ß", "a:b/c")), true},
		"a grant of nothing":           {ask(from(home), withScopes()), true},
		"a grant to adopt":             {ask(from(home), needing(v1alpha1.RightAdoptExisting)), true},
		"a grant to leave":             {ask(from(home), needing(v1alpha1.RightOrphan)), true},
		"another namespace":            {ask(), false},
		"another namespace's nothing":  {ask(withScopes()), false},
		"all scopes":                   {ask(from(home), withAllScopes), false},
		"a grant for users":            {ask(from(home), forUsers), false},
		"a default grant":              {ask(from(home), asDefault), false},
		"the Management API":           {ask(from(home), forAudience("https://"+ownHost+"/api/v2/")), false},
		"an organization usage":        {ask(from(home), func(q *policy.Question) { q.Fields.OrganizationUsage = new("allow") }), false},
		"authorization details":        {ask(from(home), func(q *policy.Question) { q.Fields.AuthorizationDetailsTypes = []string{"payment"} }), false},
		"a right that does not exist":  {ask(from(home), needing("Everything")), false},
		"a client that is not known":   {ask(from(home), forClient("")), false},
		"the namespace without a name": {ask(from("")), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantAllowed(t, nil, test.question, test.want)
			wantAllowed(t, []v1alpha1.AccessRule{}, test.question, test.want)
			if decision := decide(t, nil, test.question); test.want && decision.Rule != policy.DefaultRule {
				t.Errorf("allowed by %q", decision.Rule)
			}
		})
	}
	if rules := policy.New(nil, home); rules.Admits("billing", map[string]string{}) || !rules.Admits(home, nil) {
		t.Error("the default rule does not speak of the tenant's namespace alone")
	}
	if new(policy.Rules).Decide(ask()).Allowed || new(policy.Rules).Admits(home, nil) {
		t.Error("no rules allow something")
	}
}

func TestRules_AbsentListsAreEverythingInTheOwnNamespaceOnly(t *testing.T) {
	own := map[string]v1alpha1.AccessRule{
		"no lists":     access("a", to(sameOnly), audiences(), scopes(), clients()),
		"empty lists":  access("a", to(sameOnly), audiences([]string{}...), scopes([]string{}...), clients([]string{}...)),
		"no audiences": access("a", to(sameOnly), audiences()),
		"no scopes":    access("a", to(sameOnly), scopes()),
		"no clients":   access("a", to(sameOnly), clients()),
	}
	for name, rule := range own {
		t.Run(name+" in the own namespace", func(t *testing.T) {
			wantAllowed(t, list(rule), ask(from(home)), true)
			wantAllowed(t, list(rule), ask(), false)
		})
		t.Run(name+" elsewhere allow nothing", func(t *testing.T) {
			rule.Allow = allRights
			for _, namespaces := range []v1alpha1.RuleNamespaces{everybody, byName("billing", home)} {
				rule.Namespaces = namespaces
				for _, question := range []policy.Question{
					ask(), ask(from(home)), ask(withScopes()), ask(withAllScopes), ask(asDefault), ask(asDefault, withAllScopes),
					ask(asDefault, withScopes()),
				} {
					wantAllowed(t, list(rule), question, false)
				}
			}
		})
	}
	t.Run("a list that is there is kept", func(t *testing.T) {
		wantAllowed(t, list(access("a", to(sameOnly), audiences(), scopes("x"), clients())), ask(from(home)), false)
		wantAllowed(t, list(access("a", to(sameOnly), audiences("x"), scopes(), clients())), ask(from(home)), false)
		wantAllowed(t, list(access("a", to(sameOnly), audiences(), scopes(), clients("x"))), ask(from(home)), false)
	})
}

func TestRules_DoNotAddUp(t *testing.T) {
	reading := access("reading", scopes("read:*"))
	writing := access("writing", scopes("write:*"), allow(v1alpha1.RightUserSubject))
	tests := map[string]struct {
		rules    []v1alpha1.AccessRule
		question policy.Question
		want     string
	}{
		"one of two":               {list(reading, writing), ask(withScopes("write:users")), "writing"},
		"the first of several":     {list(reading, access("also")), ask(), "reading"},
		"the one with the right":   {list(access("a"), access("b", allow(v1alpha1.RightOrphan))), ask(needing(v1alpha1.RightOrphan)), "b"},
		"scopes of two":            {list(reading, writing), ask(withScopes("read:users", "write:users")), ""},
		"scopes and right of two":  {list(reading, writing), ask(forUsers), ""},
		"rights of two":            {list(access("a", allow(v1alpha1.RightOrphan)), access("b", allow(v1alpha1.RightUserSubject))), ask(forUsers, needing(v1alpha1.RightOrphan)), ""},
		"audience and client":      {list(access("a", audiences("x")), access("b", clients("x"))), ask(forAudience("x"), forClient("y")), "a"},
		"audience, client of two":  {list(access("a", audiences("x"), clients("z")), access("b", audiences("y"), clients("x"))), ask(forAudience("x"), forClient("x")), ""},
		"namespace, scopes of two": {list(access("a", to(byName("billing")), scopes("x")), access("b", to(byName("other")))), ask(), ""},
		"the literal and SystemAPI of two": {
			list(access("a", audiences("https://acme.auth0.com/api/v2/"), scopes("x")), access("b", allow(v1alpha1.RightSystemAPI))),
			ask(forAudience("https://acme.auth0.com/api/v2/"), withScopes("x")), "",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if decision := decide(t, test.rules, test.question); decision.Rule != test.want {
				t.Errorf("allowed by %q: %+v", decision.Rule, decision)
			}
		})
	}
}
