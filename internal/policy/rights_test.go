package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

const managementAPI = "https://acme.eu.auth0.com/api/v2/"

func usage(value string) func(*policy.Question) {
	return func(q *policy.Question) { q.Fields.OrganizationUsage = new(value) }
}

func anyOrganization(value bool) func(*policy.Question) {
	return func(q *policy.Question) { q.Fields.AllowAnyOrganization = new(value) }
}

func detailTypes(types ...string) func(*policy.Question) {
	return func(q *policy.Question) { q.Fields.AuthorizationDetailsTypes = append([]string{}, types...) }
}

func subjectType(value string) func(*policy.Question) {
	return func(q *policy.Question) { q.Identity.SubjectType = value }
}

func bothSubjects(q *policy.Question) { q.Identity.DefaultFor = "third_party_clients" }

func notAllScopes(q *policy.Question) { q.Fields.AllowAllScopes = new(false) }

// Every question is asked of a rule for everything with all rights, with all but one, with one, and with none.
func TestRights_EachIsNeededForWhatItAllows(t *testing.T) {
	tests := map[string]struct {
		question policy.Question
		needs    []v1alpha1.Right
	}{
		"a plain grant":                             {ask(), nil},
		"a grant of nothing":                        {ask(withScopes()), nil},
		"a grant with closed fields":                {ask(usage("deny"), anyOrganization(false), detailTypes(), notAllScopes), nil},
		"all scopes":                                {ask(withAllScopes), []v1alpha1.Right{v1alpha1.RightAllScopes}},
		"organizations that may be used":            {ask(usage("allow")), []v1alpha1.Right{v1alpha1.RightAnyOrganization}},
		"organizations that must be used":           {ask(usage("require")), []v1alpha1.Right{v1alpha1.RightAnyOrganization}},
		"a usage of tomorrow":                       {ask(usage("sometimes")), []v1alpha1.Right{v1alpha1.RightAnyOrganization}},
		"a usage in another case":                   {ask(usage("Deny")), []v1alpha1.Right{v1alpha1.RightAnyOrganization}},
		"a usage that is empty":                     {ask(usage("")), []v1alpha1.Right{v1alpha1.RightAnyOrganization}},
		"any organization":                          {ask(anyOrganization(true)), []v1alpha1.Right{v1alpha1.RightAnyOrganization}},
		"any organization, though denied":           {ask(usage("deny"), anyOrganization(true)), []v1alpha1.Right{v1alpha1.RightAnyOrganization}},
		"a grant for users":                         {ask(forUsers), []v1alpha1.Right{v1alpha1.RightUserSubject}},
		"a subject type of tomorrow":                {ask(subjectType("anonymous_user")), []v1alpha1.Right{v1alpha1.RightUserSubject}},
		"a subject type in another case":            {ask(subjectType("Client")), []v1alpha1.Right{v1alpha1.RightUserSubject}},
		"no subject type":                           {ask(subjectType("")), []v1alpha1.Right{v1alpha1.RightUserSubject}},
		"authorization details":                     {ask(detailTypes("payment")), []v1alpha1.Right{v1alpha1.RightAuthorizationDetails}},
		"a default grant":                           {ask(asDefault), []v1alpha1.Right{v1alpha1.RightDefaultFor}},
		"a default grant that names a client, too":  {ask(bothSubjects), []v1alpha1.Right{v1alpha1.RightDefaultFor}},
		"adoption":                                  {ask(needing(v1alpha1.RightAdoptExisting)), []v1alpha1.Right{v1alpha1.RightAdoptExisting}},
		"leaving":                                   {ask(needing(v1alpha1.RightOrphan)), []v1alpha1.Right{v1alpha1.RightOrphan}},
		"adoption of a default grant of all scopes": {ask(asDefault, withAllScopes, needing(v1alpha1.RightAdoptExisting)), []v1alpha1.Right{v1alpha1.RightAllScopes, v1alpha1.RightDefaultFor, v1alpha1.RightAdoptExisting}},
		"everything at once": {
			ask(asDefault, withAllScopes, forUsers, usage("allow"), anyOrganization(true), detailTypes("x"), needing(v1alpha1.RightAdoptExisting, v1alpha1.RightOrphan)),
			slices.DeleteFunc(slices.Clone(allRights), func(r v1alpha1.Right) bool { return r == v1alpha1.RightSystemAPI }),
		},
		"a system API": {ask(forAudience(managementAPI)), []v1alpha1.Right{v1alpha1.RightSystemAPI}},
		"a system API for users, adopted": {
			ask(forAudience(managementAPI), forUsers, needing(v1alpha1.RightAdoptExisting)),
			[]v1alpha1.Right{v1alpha1.RightSystemAPI, v1alpha1.RightUserSubject, v1alpha1.RightAdoptExisting},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rule := access("a", audiences("*", managementAPI), scopes("*", "read:users"))
			with := func(rights ...v1alpha1.Right) []v1alpha1.AccessRule {
				rule.Allow = rights
				return list(rule)
			}
			wantAllowed(t, with(allRights...), test.question, true)
			wantAllowed(t, with(test.needs...), test.question, true)
			wantAllowed(t, with(), test.question, len(test.needs) == 0)
			for _, right := range allRights {
				wantAllowed(t, with(slices.DeleteFunc(slices.Clone(allRights), func(r v1alpha1.Right) bool { return r == right })...),
					test.question, !slices.Contains(test.needs, right))
			}
		})
	}
}

func TestRights_StandInForAPattern(t *testing.T) {
	noScope := access("a", scopes("nothing"), allow(allRights...))
	noClient := access("a", clients("nobody"), allow(allRights...))
	tests := map[string]struct {
		rule     v1alpha1.AccessRule
		question policy.Question
		want     bool
	}{
		"all scopes need no scope of the rule":              {noScope, ask(withAllScopes), true},
		"the right to all scopes gives no list of them":     {noScope, ask(), false},
		"all scopes that are off give no list of them":      {noScope, ask(notAllScopes), false},
		"every scope pattern is not the right":              {access("a"), ask(withAllScopes), false},
		"a list beside all scopes is not asked":             {noScope, ask(func(q *policy.Question) { q.Fields.AllowAllScopes = new(true) }), true},
		"a default grant needs no client of the rule":       {noClient, ask(asDefault), true},
		"the right to default grants gives no client":       {noClient, ask(), false},
		"every client pattern is not the right":             {access("a"), ask(asDefault), false},
		"a client beside the group is asked":                {noClient, ask(bothSubjects), false},
		"neither client nor group is nobody":                {access("a", allow(allRights...)), ask(forClient("")), false},
		"all scopes need their audience":                    {access("a", audiences("x"), allow(allRights...)), ask(withAllScopes), false},
		"a default grant needs its audience":                {access("a", audiences("x"), allow(allRights...)), ask(asDefault), false},
		"all scopes need their client":                      {noClient, ask(withAllScopes), false},
		"a default grant needs its scopes":                  {noScope, ask(asDefault), false},
		"a right in another case is none":                   {access("a", allow("allscopes")), ask(withAllScopes), false},
		"a star is no right":                                {access("a", allow("*")), ask(withAllScopes), false},
		"one scope that is not covered is enough to refuse": {access("a", scopes("read:*")), ask(withScopes("read:a", "read:b", "write:a")), false},
		"scopes that are asked twice":                       {access("a", scopes("read:*")), ask(withScopes("read:a", "read:a")), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { wantAllowed(t, list(test.rule), test.question, test.want) })
	}
}

func TestRights_ASystemAPINeedsLiterals(t *testing.T) {
	full := access("a", audiences(managementAPI), scopes("read:users", "read:clients"), allow(allRights...))
	but := func(edits ...func(*v1alpha1.AccessRule)) v1alpha1.AccessRule {
		rule := full
		for _, edit := range edits {
			edit(&rule)
		}
		return rule
	}
	tests := map[string]struct {
		rule     v1alpha1.AccessRule
		question policy.Question
		want     bool
	}{
		"audience and scopes in full":                  {full, ask(), true},
		"every scope in full":                          {full, ask(withScopes("read:clients", "read:users")), true},
		"no scope":                                     {full, ask(withScopes()), true},
		"clients may be a pattern":                     {but(clients("a*")), ask(), true},
		"a default grant":                              {but(clients("x")), ask(asDefault), true},
		"without the right":                            {but(allow()), ask(), false},
		"with every other right":                       {but(allow(allRights[:len(allRights)-1]...)), ask(), false},
		"an audience that is a star":                   {but(audiences("*")), ask(), false},
		"an audience with a star at the end":           {but(audiences(managementAPI + "*")), ask(), false},
		"an audience with a star in between":           {but(audiences("https://*.auth0.com/api/v2/")), ask(), false},
		"another audience in full, and a star":         {but(audiences("https://other.eu.auth0.com/api/v2/", "*")), ask(), false},
		"the audience in another case":                 {but(audiences("https://ACME.eu.auth0.com/api/v2/")), ask(), false},
		"the audience in full beside a star":           {but(audiences("*", managementAPI)), ask(), true},
		"scopes that are a star":                       {but(scopes("*")), ask(), false},
		"scopes with a star":                           {but(scopes("read:*")), ask(), false},
		"one scope in full, one by a star":             {but(scopes("read:users", "read:c*")), ask(withScopes("read:users", "read:clients")), false},
		"a scope in full beside a star":                {but(scopes("*", "read:users")), ask(), true},
		"no scope, where the rule has a star":          {but(scopes("*")), ask(withScopes()), true},
		"all scopes, whatever the rule":                {full, ask(withAllScopes), false},
		"all scopes, with a star":                      {but(scopes("*", "read:users")), ask(withAllScopes), false},
		"the star as a scope's name is none":           {but(scopes("*")), ask(withScopes("*")), false},
		"another scope than in full":                   {full, ask(withScopes("delete:users")), false},
		"another client":                               {but(clients("x")), ask(), false},
		"another namespace":                            {but(to(byName("x"))), ask(), false},
		"the same with the own API and a star":         {but(audiences("https://api.example.com/*"), scopes("read:*"), allow()), ask(forAudience("https://api.example.com/api/v2/")), true},
		"the own API may have all scopes":              {but(audiences("https://api.example.com/*"), allow(v1alpha1.RightAllScopes)), ask(forAudience("https://api.example.com/api/v2/"), withAllScopes), true},
		"in the tenant's namespace, where lists lack":  {but(to(sameOnly), audiences(), scopes(), clients()), ask(from(home)), false},
		"in the tenant's namespace, by their names":    {but(to(sameOnly)), ask(from(home)), true},
		"in the tenant's namespace, scopes are absent": {but(to(sameOnly), scopes()), ask(from(home)), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(test.question.Identity.Audience, "https://api.example.com/api") {
				test.question.Identity.Audience = managementAPI
			}
			wantAllowed(t, list(test.rule), test.question, test.want)
		})
	}
}
