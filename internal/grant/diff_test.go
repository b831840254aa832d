package grant_test

import (
	"slices"
	"testing"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

func TestDiff(t *testing.T) {
	tests := map[string]struct {
		desired  grant.Fields
		observed grant.Fields
		want     grant.Fields
	}{
		"the same scopes are not sent":      {desired: scopes("a", "b"), observed: scopes("a", "b")},
		"order and duplicates mean nothing": {desired: scopes("b", "a", "b"), observed: scopes("a", "a", "b")},
		"scopes that differ are sent whole, in the order of the spec": {
			desired: scopes("b", "a"), observed: scopes("a"), want: scopes("b", "a"),
		},
		"scopes differ by case":                  {desired: scopes("A"), observed: scopes("a"), want: scopes("A")},
		"no scopes are sent as an empty list":    {desired: scopes(), observed: scopes("a"), want: scopes()},
		"no scopes and an absent list are equal": {desired: scopes()},
		"scopes that nobody manages are left":    {observed: scopes("a")},
		"all scopes are sent alone": {
			desired: grant.Fields{AllowAllScopes: new(true)}, observed: scopes("a"),
			want: grant.Fields{AllowAllScopes: new(true)},
		},
		"all scopes that are there are not sent": {
			desired: grant.Fields{AllowAllScopes: new(true)}, observed: grant.Fields{AllowAllScopes: new(true)},
		},
		"the way back from all scopes is one request with both fields": {
			desired: scopes("a"), observed: grant.Fields{AllowAllScopes: new(true)},
			want: grant.Fields{Scope: []string{"a"}, AllowAllScopes: new(false)},
		},
		"the way back from all scopes to none sends the empty list": {
			desired:  grant.Fields{Scope: []string{}, AllowAllScopes: new(false)},
			observed: grant.Fields{AllowAllScopes: new(true)},
			want:     grant.Fields{Scope: []string{}, AllowAllScopes: new(false)},
		},
		"all scopes off equals never on": {
			desired: grant.Fields{Scope: []string{"a"}, AllowAllScopes: new(false)}, observed: scopes("a"),
		},
		"deny equals an absent organization usage":          {desired: grant.Fields{OrganizationUsage: new("deny")}},
		"false equals an absent allow-any-organization":     {desired: grant.Fields{AllowAnyOrganization: new(false)}},
		"no types equal absent types":                       {desired: grant.Fields{AuthorizationDetailsTypes: []string{}}},
		"an organization usage that nobody manages is left": {observed: grant.Fields{OrganizationUsage: new("require")}},
		"an allow-any-organization that nobody manages is left": {
			observed: grant.Fields{AllowAnyOrganization: new(true)},
		},
		"types that nobody manages are left": {observed: grant.Fields{AuthorizationDetailsTypes: []string{"payment"}}},
		"closing fields sends their closed values": {
			desired: grant.Fields{
				OrganizationUsage: new("deny"), AllowAnyOrganization: new(false), AuthorizationDetailsTypes: []string{},
			},
			observed: grant.Fields{
				OrganizationUsage: new("require"), AllowAnyOrganization: new(true),
				AuthorizationDetailsTypes: []string{"payment"},
			},
			want: grant.Fields{
				OrganizationUsage: new("deny"), AllowAnyOrganization: new(false), AuthorizationDetailsTypes: []string{},
			},
		},
		"any organization is closed with the use of organizations": {
			desired:  grant.Fields{OrganizationUsage: new("deny")},
			observed: grant.Fields{OrganizationUsage: new("allow"), AllowAnyOrganization: new(true)},
			want:     grant.Fields{OrganizationUsage: new("deny"), AllowAnyOrganization: new(false)},
		},
		"any organization is left where the use of organizations does not change": {
			desired:  grant.Fields{OrganizationUsage: new("deny")},
			observed: grant.Fields{AllowAnyOrganization: new(true)},
		},
		"opening fields sends them": {
			desired: grant.Fields{
				OrganizationUsage: new("allow"), AllowAnyOrganization: new(true),
				AuthorizationDetailsTypes: []string{"payment"},
			},
			want: grant.Fields{
				OrganizationUsage: new("allow"), AllowAnyOrganization: new(true),
				AuthorizationDetailsTypes: []string{"payment"},
			},
		},
		"one field that differs is sent alone": {
			desired:  grant.Fields{Scope: []string{"a"}, OrganizationUsage: new("allow"), AllowAnyOrganization: new(true)},
			observed: grant.Fields{Scope: []string{"a"}, OrganizationUsage: new("require"), AllowAnyOrganization: new(true)},
			want:     grant.Fields{OrganizationUsage: new("allow")},
		},
		"types in another order are not sent": {
			desired:  grant.Fields{AuthorizationDetailsTypes: []string{"b", "a"}},
			observed: grant.Fields{AuthorizationDetailsTypes: []string{"a", "b", "a"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want(t, "change", grant.Diff(test.desired, grant.Grant{Fields: test.observed}), test.want)
		})
	}
}

func TestOver(t *testing.T) {
	off := new(false)
	open := grant.Fields{
		Scope: []string{"a"}, OrganizationUsage: new("allow"), AllowAnyOrganization: new(true),
		AuthorizationDetailsTypes: []string{"payment"}, AllowAllScopes: off,
	}
	tests := map[string]struct {
		desired  grant.Fields
		observed grant.Fields
		want     grant.Fields
	}{
		"unmanaged fields keep the remote value": {
			desired: scopes("a"), observed: open, want: open,
		},
		"managed fields win": {
			desired: grant.Fields{
				Scope: []string{"b"}, OrganizationUsage: new("deny"), AllowAnyOrganization: off, AuthorizationDetailsTypes: []string{},
			},
			observed: open,
			want: grant.Fields{
				Scope: []string{"b"}, OrganizationUsage: new("deny"), AllowAnyOrganization: off, AuthorizationDetailsTypes: []string{},
				AllowAllScopes: off,
			},
		},
		"managed fields fill absent ones": {
			desired: open, want: open,
		},
		"scopes end all scopes": {
			desired: scopes("a"), observed: grant.Fields{AllowAllScopes: new(true)},
			want: grant.Fields{Scope: []string{"a"}, AllowAllScopes: off},
		},
		"no scopes end all scopes, too": {
			desired: scopes(), observed: grant.Fields{AllowAllScopes: new(true)},
			want: grant.Fields{Scope: []string{}, AllowAllScopes: off},
		},
		"all scopes end the list of scopes": {
			desired: grant.Fields{AllowAllScopes: new(true)}, observed: scopes("a"), want: grant.Fields{AllowAllScopes: new(true)},
		},
		"all scopes stay where scopes are not managed": {
			observed: grant.Fields{AllowAllScopes: new(true)}, want: grant.Fields{AllowAllScopes: new(true)},
		},
		"nothing desired changes nothing": {observed: open, want: open},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want(t, "after", grant.Over(test.desired, grant.Grant{Fields: test.observed}), test.want)
		})
	}
}

func TestMissing(t *testing.T) {
	tests := map[string]struct {
		desired  grant.Fields
		observed grant.Fields
		want     []string
	}{
		"what the tenant holds is not missing": {desired: scopes("a"), observed: scopes("b", "a")},
		"missing scopes are named once, in order": {
			desired: scopes("d", "b", "d", "a"), observed: scopes("a"), want: []string{"b", "d"},
		},
		"nothing is missing while every scope is allowed": {
			desired: scopes("a"), observed: grant.Fields{AllowAllScopes: new(true)},
		},
		"a spec without scopes misses none": {desired: grant.Fields{AllowAllScopes: new(true)}, observed: scopes("a")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantList(t, "missing", grant.Missing(test.desired, grant.Grant{Fields: test.observed}), test.want)
		})
	}
}

func TestDescribe(t *testing.T) {
	tests := map[string]struct {
		change   grant.Fields
		observed grant.Fields
		want     grant.Difference
		summary  string
	}{
		"nothing":            {summary: "+0 -0"},
		"scopes come and go": {change: scopes("c", "a", "c"), observed: scopes("b", "a", "b"), want: grant.Difference{Added: []string{"c"}, Removed: []string{"b"}}, summary: "+1 -1"},
		"every scope goes":   {change: scopes(), observed: scopes("b", "a"), want: grant.Difference{Removed: []string{"a", "b"}}, summary: "+0 -2"},
		"every scope is new": {change: scopes("b", "a"), want: grant.Difference{Added: []string{"a", "b"}}, summary: "+2 -0"},
		"scopes stay unsaid": {change: grant.Fields{OrganizationUsage: new("deny")}, observed: scopes("a"), want: grant.Difference{Fields: []string{"organizationUsage"}}, summary: "+0 -0"},
		"all scopes are a field": {
			change: grant.Fields{AllowAllScopes: new(true)}, observed: scopes("a"),
			want: grant.Difference{Fields: []string{"allowAllScopes"}}, summary: "+0 -0",
		},
		"every field, by the name that the spec has for it": {
			change: grant.Fields{
				Scope: []string{}, OrganizationUsage: new("deny"), AllowAnyOrganization: new(false),
				AuthorizationDetailsTypes: []string{}, AllowAllScopes: new(false),
			},
			want: grant.Difference{Fields: []string{
				"allowAllScopes", "organizationUsage", "allowAnyOrganization", "authorizationDetailsTypes",
			}},
			summary: "+0 -0",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := grant.Describe(test.change, grant.Grant{Fields: test.observed})
			wantList(t, "added", got.Added, test.want.Added)
			wantList(t, "removed", got.Removed, test.want.Removed)
			wantList(t, "fields", got.Fields, test.want.Fields)
			want(t, "summary", got.Summary(), test.summary)
		})
	}
}

func TestWider(t *testing.T) {
	open := grant.Fields{
		Scope: []string{"a"}, OrganizationUsage: new("allow"), AllowAnyOrganization: new(true),
		AuthorizationDetailsTypes: []string{"payment"},
	}
	tests := map[string]struct {
		desired  grant.Fields
		observed grant.Fields
		want     []string
	}{
		"unmanaged fields that give access are named": {
			desired: scopes(), observed: open,
			want: []string{"organizationUsage", "allowAnyOrganization", "authorizationDetailsTypes"},
		},
		"managed fields are the business of the difference": {desired: open, observed: open},
		"closed values give nothing": {desired: scopes(), observed: grant.Fields{
			OrganizationUsage: new("deny"), AllowAnyOrganization: new(false), AuthorizationDetailsTypes: []string{},
		}},
		"absent values give nothing": {desired: scopes()},
		"require is not closed": {
			desired: scopes(), observed: grant.Fields{OrganizationUsage: new("require")}, want: []string{"organizationUsage"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantList(t, "wider", grant.Wider(test.desired, grant.Grant{Fields: test.observed}), test.want)
		})
	}
}

func TestDistinct(t *testing.T) {
	want(t, "no list", grant.Distinct(nil), nil)
	want(t, "an empty list", grant.Distinct([]string{}), []string{})
	want(t, "a list", grant.Distinct([]string{"b", "a", "b", "A"}), []string{"b", "a", "A"})
}

func TestWithout(t *testing.T) {
	list := []string{"b", "a", "b", "c"}
	want(t, "nothing dropped", grant.Without(list, nil), []string{"b", "a", "b", "c"})
	want(t, "some dropped", grant.Without(list, []string{"b", "x"}), []string{"a", "c"})
	want(t, "all dropped, which is still a list", grant.Without(list, []string{"a", "b", "c"}), []string{})
	want(t, "no list", grant.Without(nil, []string{"a"}), nil)
	want(t, "the list given", list, []string{"b", "a", "b", "c"})
}

func TestNarrow_KeepsToWhatIsLess(t *testing.T) {
	usage := func(value string) grant.Fields { return grant.Fields{OrganizationUsage: new(value)} }
	tests := map[string]struct {
		desired  grant.Fields
		observed grant.Fields
		want     grant.Fields
	}{
		"deny leaves require: that would be tokens which there are none of": {desired: usage("deny"), observed: usage("require")},
		"require leaves deny":     {desired: usage("require"), observed: usage("deny")},
		"deny narrows allow":      {desired: usage("deny"), observed: usage("allow"), want: usage("deny")},
		"require narrows allow":   {desired: usage("require"), observed: usage("allow"), want: usage("require")},
		"allow narrows nothing":   {desired: usage("allow"), observed: usage("require")},
		"scopes that are in both": {desired: scopes("a", "c"), observed: scopes("a", "b"), want: scopes("a")},
		"any organization goes with the use of organizations": {
			desired:  usage("deny"),
			observed: grant.Fields{OrganizationUsage: new("allow"), AllowAnyOrganization: new(true)},
			want:     grant.Fields{OrganizationUsage: new("deny"), AllowAnyOrganization: new(false)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want(t, "change", grant.Narrow(test.desired, grant.Grant{Fields: test.observed}), test.want)
		})
	}
}

func TestUndo(t *testing.T) {
	yes, usage := true, "require"
	change := grant.Fields{
		Scope: []string{"a", "b"}, AllowAllScopes: new(false), OrganizationUsage: &usage, AllowAnyOrganization: &yes,
		AuthorizationDetailsTypes: []string{"payment"},
	}
	before := grant.Grant{ID: "cgr_1", Fields: grant.Fields{Scope: []string{"a"}}}
	after := grant.Grant{ID: "cgr_1", Fields: grant.Over(change, before)}
	after.OrganizationUsage = new("allow") // By somebody else.
	undo := grant.Undo(change, before)
	back := grant.Grant{ID: "cgr_1", Fields: grant.Over(grant.Narrow(undo, after), after)}
	if grant.Widens(before.Fields, back) || !slices.Equal(back.Scope, before.Scope) {
		t.Errorf("%+v comes back as %+v", before.Fields, back.Fields)
	}
	if undo := grant.Undo(grant.Fields{Scope: []string{}}, before); undo.OrganizationUsage != nil || undo.AuthorizationDetailsTypes != nil {
		t.Errorf("what the change left alone is undone: %+v", undo)
	}
}
