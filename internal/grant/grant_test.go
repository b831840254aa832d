package grant_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// app is the identity of an application's grant.
var app = grant.Identity{
	Tenant: "acme.eu.auth0.com", ClientID: "app", Audience: "https://api.example.com/", SubjectType: grant.SubjectTypeClient,
}

func TestNewGrant_IsSentAs(t *testing.T) {
	user, group := app, app
	user.SubjectType = "user"
	group.ClientID, group.DefaultFor = "", "third_party_clients"
	tests := map[string]struct {
		identity grant.Identity
		fields   grant.Fields
		want     string
	}{
		"scopes in the order of the spec, and no default subject type": {
			app, scopes("b", "a"), `{"client_id":"app","audience":"https://api.example.com/","scope":["b","a"]}`,
		},
		"no scopes as an empty list": {app, scopes(), `{"client_id":"app","audience":"https://api.example.com/","scope":[]}`},
		"all scopes without a list": {
			app,
			grant.Fields{AllowAllScopes: new(true)},
			`{"client_id":"app","audience":"https://api.example.com/","allow_all_scopes":true}`,
		},
		"another subject type": {
			user, scopes("a"),
			`{"client_id":"app","audience":"https://api.example.com/","subject_type":"user","scope":["a"]}`,
		},
		"a default grant without client": {
			group, scopes("a"), `{"default_for":"third_party_clients","audience":"https://api.example.com/","scope":["a"]}`,
		},
		"closed values are left out: absent is closed": {
			app,
			grant.Fields{
				Scope: []string{}, OrganizationUsage: new("deny"), AllowAnyOrganization: new(false),
				AuthorizationDetailsTypes: []string{}, AllowAllScopes: new(false),
			},
			`{"client_id":"app","audience":"https://api.example.com/","scope":[],"authorization_details_types":[]}`,
		},
		"open values": {
			app,
			grant.Fields{
				OrganizationUsage: new("require"), AllowAnyOrganization: new(true),
				AuthorizationDetailsTypes: []string{"payment"}, AllowAllScopes: new(true),
			},
			`{"client_id":"app","audience":"https://api.example.com/","organization_usage":"require",` +
				`"allow_any_organization":true,"authorization_details_types":["payment"],"allow_all_scopes":true}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want(t, "body", marshal(t, grant.NewGrant(test.identity, test.fields)), test.want)
		})
	}
}

func TestFields_AreSentAs(t *testing.T) {
	tests := map[string]struct {
		fields grant.Fields
		want   string
	}{
		"nothing":                {grant.Fields{}, `{}`},
		"no scopes":              {scopes(), `{"scope":[]}`},
		"no types":               {grant.Fields{AuthorizationDetailsTypes: []string{}}, `{"authorization_details_types":[]}`},
		"no organizations":       {grant.Fields{AllowAnyOrganization: new(false)}, `{"allow_any_organization":false}`},
		"all scopes on":          {grant.Fields{AllowAllScopes: new(true)}, `{"allow_all_scopes":true}`},
		"all scopes off":         {grant.Fields{Scope: []string{"a"}, AllowAllScopes: new(false)}, `{"scope":["a"],"allow_all_scopes":false}`},
		"an organization usage":  {grant.Fields{OrganizationUsage: new("require")}, `{"organization_usage":"require"}`},
		"what HTML would escape": {scopes("<a>&"), `{"scope":["\u003ca\u003e\u0026"]}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want(t, "body", marshal(t, test.fields), test.want)
			want(t, "empty", test.fields.Empty(), test.want == `{}`)
		})
	}
}

func TestGrant_IsReadAsTheAPIAnswers(t *testing.T) {
	tests := map[string]struct {
		answer string
		want   grant.Grant
	}{
		"an old grant without subject type": {
			`{"id":"cgr_1","client_id":"app","audience":"x","scope":[]}`,
			grant.Grant{ID: "cgr_1", ClientID: "app", Audience: "x", Fields: scopes()},
		},
		"a grant of all scopes has no list": {
			`{"id":"cgr_1","client_id":"app","audience":"x","subject_type":"client","allow_all_scopes":true}`,
			grant.Grant{ID: "cgr_1", ClientID: "app", Audience: "x", SubjectType: "client", Fields: grant.Fields{AllowAllScopes: new(true)}},
		},
		"a system grant with every field": {
			`{"id":"cgr_1","audience":"x","scope":["a"],"organization_usage":"require","allow_any_organization":false,
			"is_system":true,"subject_type":"user","default_for":"third_party_clients","authorization_details_types":[],
			"allow_all_scopes":false,"a field of tomorrow":1}`,
			grant.Grant{ID: "cgr_1", Audience: "x", SubjectType: "user", DefaultFor: "third_party_clients", IsSystem: true, Fields: grant.Fields{
				Scope: []string{"a"}, OrganizationUsage: new("require"), AllowAnyOrganization: new(false),
				AuthorizationDetailsTypes: []string{}, AllowAllScopes: new(false),
			}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got grant.Grant
			if err := json.Unmarshal([]byte(test.answer), &got); err != nil {
				t.Fatal(err)
			}
			want(t, "grant", got, test.want)
		})
	}
}

func TestIdentity(t *testing.T) {
	held := grant.Grant{ID: "cgr_1", ClientID: "app", Audience: "https://api.example.com/"}
	want(t, "without subject type", held.Identity(app.Tenant), app)
	held.SubjectType = "client"
	want(t, "with the default one", held.Identity(app.Tenant), app)
	held.SubjectType = "user"
	if held.Identity(app.Tenant) == app {
		t.Error("a grant for users has the identity of one for clients")
	}
	want(t, "holder", app.Holder(), grant.Holder{ClientID: "app"})
	want(t, "text", app.String(), `grant of client "app" for "https://api.example.com/"`)
	group := grant.Identity{DefaultFor: "third_party_clients", Audience: "x", SubjectType: "user"}
	want(t, "holder of a default grant", group.Holder(), grant.Holder{DefaultFor: "third_party_clients"})
	want(t, "text of a default grant", group.String(), `default grant of "third_party_clients" for "x" (subject type user)`)
}

func TestIdentity_DiffersWhereTheAPIKeepsTwoGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyIdentity().Draw(t, "a"), anyIdentity().Draw(t, "b")
		same := a.ClientID == b.ClientID && a.DefaultFor == b.DefaultFor && a.Audience == b.Audience &&
			a.SubjectType == b.SubjectType
		if (a == b) != same || (a.String() == b.String()) != same {
			t.Fatalf("%v and %v: %v and %v", a, b, a == b, same)
		}
	})
}

func TestEqual(t *testing.T) {
	base := grant.Grant{ID: "cgr_1", ClientID: "app", Audience: "x", SubjectType: "client", Fields: scopes("a", "b")}
	tests := map[string]struct {
		change func(*grant.Grant)
		equal  bool
	}{
		"itself":                                {func(*grant.Grant) {}, true},
		"another order":                         {func(g *grant.Grant) { g.Scope = []string{"b", "a"} }, true},
		"a duplicate":                           {func(g *grant.Grant) { g.Scope = []string{"a", "b", "a"} }, true},
		"no subject type, which means client":   {func(g *grant.Grant) { g.SubjectType = "" }, true},
		"another ID":                            {func(g *grant.Grant) { g.ID = "cgr_2" }, false},
		"another client":                        {func(g *grant.Grant) { g.ClientID = "App" }, false},
		"another audience":                      {func(g *grant.Grant) { g.Audience = "x/" }, false},
		"another subject type":                  {func(g *grant.Grant) { g.SubjectType = "user" }, false},
		"a system grant":                        {func(g *grant.Grant) { g.IsSystem = true }, false},
		"a scope less":                          {func(g *grant.Grant) { g.Scope = []string{"a"} }, false},
		"a scope more":                          {func(g *grant.Grant) { g.Scope = []string{"a", "b", "c"} }, false},
		"all scopes":                            {func(g *grant.Grant) { g.Scope, g.AllowAllScopes = nil, new(true) }, false},
		"an organization usage that was opened": {func(g *grant.Grant) { g.OrganizationUsage = new("allow") }, false},
		"any organization":                      {func(g *grant.Grant) { g.AllowAnyOrganization = new(true) }, false},
		"types":                                 {func(g *grant.Grant) { g.AuthorizationDetailsTypes = []string{"payment"} }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			other := base
			test.change(&other)
			want(t, "equal", base.Equal(other), test.equal)
			want(t, "equal the other way round", other.Equal(base), test.equal)
		})
	}
	want(t, "no scopes and none managed", grant.Grant{Fields: scopes()}.Equal(grant.Grant{}), false)
}

func TestEqual_IsWhatTheAPIWouldAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := heldGrant().Draw(t, "a"), heldGrant().Draw(t, "b")
		if a.Equal(b) && (!grant.Diff(a.Fields, b).Empty() || a.Identity("") != b.Identity("") || a.ID != b.ID) {
			t.Fatalf("%+v and %+v are called equal", a, b)
		}
		if a.Equal(b) != b.Equal(a) {
			t.Fatalf("%+v and %+v are equal in one direction", a, b)
		}
	})
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGrant_OneOfSeveral(t *testing.T) {
	of := func(id string) grant.Grant { return grant.Grant{ID: id, ClientID: "app", Audience: "https://api/"} }
	a, b, c := of("a"), of("b"), of("c")
	found := c.Beside(a.Beside(b.Beside(nil)))
	ids := func(g *grant.Grant) (ids []string) {
		for _, one := range g.All() {
			ids = append(ids, one.ID)
		}
		return ids
	}
	if got := ids(found); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("the smallest ID is not first: %v", got)
	}
	if got := ids(found.Ahead("b")); !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("what is known is not first: %v", got)
	}
	if got := ids(found.Ahead("unknown")); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("an unknown ID changes the order: %v", got)
	}
	if found.Equal(a) || !found.Equal(*b.Beside(&c).Beside(&a)) {
		t.Error("the others are not compared")
	}
}

func TestIdentity_TellsWhatOutlivesTheGrant(t *testing.T) {
	for text, identity := range map[string]grant.Identity{
		"":                 {ClientID: "app", SubjectType: "client"},
		"policy for users": {ClientID: "app", SubjectType: "user"},
		"third-party":      {ClientID: "tpc_1", SubjectType: "client"},
	} {
		if told := identity.Outlives(); (told == "") != (text == "") || !strings.Contains(told, text) {
			t.Errorf("of %v it tells %q", identity, told)
		}
	}
}
