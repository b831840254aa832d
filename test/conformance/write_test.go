package conformance

import (
	"testing"

	"github.com/auth0/go-auth0/v3/management"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestCreate_TakesEveryField(t *testing.T) {
	for _, row := range []struct {
		name    string
		request func(*management.CreateClientGrantRequestContent)
		want    sim.Grant
	}{
		{
			"scopes", func(r *management.CreateClientGrantRequestContent) {
				r.SetScope([]string{"write:users", "read:users", "not:defined"})
			},
			sim.Grant{ClientID: clientID, SubjectType: "client", Scope: []string{"write:users", "read:users", "not:defined"}},
		},
		{
			"no scopes", func(r *management.CreateClientGrantRequestContent) { r.SetScope([]string{}) },
			sim.Grant{ClientID: clientID, SubjectType: "client", Scope: []string{}},
		},
		{
			"all scopes", func(r *management.CreateClientGrantRequestContent) { r.SetAllowAllScopes(new(true)) },
			sim.Grant{ClientID: clientID, SubjectType: "client", AllowAllScopes: new(true)},
		},
		{
			"organizations", func(r *management.CreateClientGrantRequestContent) {
				r.SetScope([]string{})
				r.SetOrganizationUsage(management.ClientGrantOrganizationUsageEnumRequire.Ptr())
				r.SetAllowAnyOrganization(new(true))
			},
			sim.Grant{
				ClientID: clientID, SubjectType: "client", Scope: []string{}, OrganizationUsage: "require",
				AllowAnyOrganization: new(true),
			},
		},
		{
			"a subject type with authorization details", func(r *management.CreateClientGrantRequestContent) {
				r.SetScope([]string{"read:users"})
				r.SetSubjectType(management.ClientGrantSubjectTypeEnumUser.Ptr())
				r.SetAuthorizationDetailsTypes([]string{"payment", "shipping"})
				r.SetAllowAllScopes(new(false))
			},
			sim.Grant{
				ClientID: clientID, SubjectType: "user", Scope: []string{"read:users"},
				AuthorizationDetailsTypes: []string{"payment", "shipping"}, AllowAllScopes: new(false),
			},
		},
		{
			"a default", func(r *management.CreateClientGrantRequestContent) {
				r.ClientID = nil
				r.SetScope([]string{"read:users"})
				r.SetDefaultFor(management.ClientGrantDefaultForEnumThirdPartyClients.Ptr())
			},
			sim.Grant{DefaultFor: "third_party_clients", SubjectType: "client", Scope: []string{"read:users"}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := start(t, sim.Options{})
			request := &management.CreateClientGrantRequestContent{ClientID: new(clientID), Audience: audience}
			row.request(request)
			row.want.Audience = audience
			created, err := n.grants.Create(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			n.compare(t, created, row.want)
			read, err := n.grants.Get(t.Context(), created.GetID())
			if err != nil {
				t.Fatal(err)
			}
			n.compare(t, read, row.want)
		})
	}
}

func TestUpdate_ChangesOnlyWhatIsSent(t *testing.T) {
	n := start(t, sim.Options{})
	want := sim.Grant{
		ClientID: clientID, Audience: audience, SubjectType: "client", Scope: []string{"read:users"},
		OrganizationUsage: "allow", AllowAnyOrganization: new(true),
	}
	id := n.AddGrant(want).ID
	for _, step := range []struct {
		name   string
		change func(*management.UpdateClientGrantRequestContent)
		want   func(*sim.Grant)
	}{
		{
			"scopes",
			func(r *management.UpdateClientGrantRequestContent) { r.SetScope([]string{"b", "a"}) },
			func(g *sim.Grant) { g.Scope = []string{"b", "a"} },
		},
		{
			"no scopes",
			func(r *management.UpdateClientGrantRequestContent) { r.SetScope([]string{}) },
			func(g *sim.Grant) { g.Scope = []string{} },
		},
		{
			"all scopes",
			func(r *management.UpdateClientGrantRequestContent) { r.SetAllowAllScopes(new(true)) },
			func(g *sim.Grant) { g.Scope, g.AllowAllScopes = nil, new(true) },
		},
		{
			"the way back",
			func(r *management.UpdateClientGrantRequestContent) {
				r.SetAllowAllScopes(new(false))
				r.SetScope([]string{"read:users"})
			},
			func(g *sim.Grant) { g.Scope, g.AllowAllScopes = []string{"read:users"}, new(false) },
		},
		{
			"the end of organizations",
			func(r *management.UpdateClientGrantRequestContent) {
				r.SetOrganizationUsage(management.ClientGrantOrganizationNullableUsageEnumDeny.Ptr())
				r.SetAllowAnyOrganization(new(false))
			},
			func(g *sim.Grant) { g.OrganizationUsage, g.AllowAnyOrganization = "deny", new(false) },
		},
		{
			"nulls",
			func(r *management.UpdateClientGrantRequestContent) {
				r.SetOrganizationUsage(nil)
				r.SetAllowAnyOrganization(nil)
				r.SetAllowAllScopes(nil)
				r.SetScope(nil)
			},
			func(g *sim.Grant) {
				g.OrganizationUsage, g.AllowAnyOrganization, g.AllowAllScopes, g.Scope = "", nil, nil, []string{}
			},
		},
	} {
		t.Run(step.name, func(t *testing.T) {
			request := &management.UpdateClientGrantRequestContent{}
			step.change(request)
			step.want(&want)
			updated, err := n.grants.Update(t.Context(), id, request)
			if err != nil {
				t.Fatal(err)
			}
			n.compare(t, updated, want)
		})
	}
}

func TestUpdate_KeepsEmptyAuthorizationDetails(t *testing.T) {
	n := start(t, sim.Options{})
	want := sim.Grant{
		ClientID: clientID, Audience: audience, SubjectType: "user", Scope: []string{},
		AuthorizationDetailsTypes: []string{"payment"},
	}
	request := &management.UpdateClientGrantRequestContent{}
	request.SetAuthorizationDetailsTypes([]string{})
	updated, err := n.grants.Update(t.Context(), n.AddGrant(want).ID, request)
	if err != nil {
		t.Fatal(err)
	}
	want.AuthorizationDetailsTypes = []string{}
	n.compare(t, updated, want)
	if updated.AuthorizationDetailsTypes == nil {
		t.Error("the empty list is not answered")
	}
}

func TestDelete_IsDoneTwice(t *testing.T) {
	n := start(t, sim.Options{})
	id := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience}).ID
	for range 2 {
		if err := n.grants.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if n.GrantCount() != 0 {
			t.Fatal("the grant is still there")
		}
	}
}
