package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/auth0/go-auth0/v3/management"
	"github.com/auth0/go-auth0/v3/management/core"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// list follows the pages to the end. It does not use the SDK's iterator, which stops at an empty page.
func (n *tenant) list(ctx context.Context, request *management.ListClientGrantsRequestParameters) (sizes []int, ids []string, err error) {
	page, err := n.grants.List(ctx, request)
	for err == nil {
		sizes = append(sizes, len(page.Results))
		for _, g := range page.Results {
			ids = append(ids, g.GetID())
		}
		page, err = page.GetNextPage(ctx)
	}
	if errors.Is(err, core.ErrNoPages) {
		err = nil
	}
	return sizes, ids, err
}

func ids(grants ...sim.Grant) []string {
	list := []string{}
	for _, g := range grants {
		list = append(list, g.ID)
	}
	return list
}

func TestList_FollowsPages(t *testing.T) {
	for _, row := range []struct {
		name   string
		paging sim.Paging
		take   int
		sizes  []int
	}{
		{"full pages", sim.Paging{}, 2, []int{2, 2, 1}},
		{"one page", sim.Paging{}, 100, []int{5}},
		{"pages that are shorter than asked for", sim.Paging{Cap: 3}, 100, []int{3, 2}},
		{"empty pages", sim.Paging{Cap: 2, EmptyPages: true, TrailingPage: true}, 100, []int{2, 0, 2, 0, 1, 0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := start(t, sim.Options{Settings: sim.Settings{Paging: row.paging}})
			for i := range 5 {
				n.AddGrant(sim.Grant{ClientID: fmt.Sprintf("client%d", i), Audience: audience})
			}
			sizes, found, err := n.list(t.Context(), &management.ListClientGrantsRequestParameters{Take: &row.take})
			if err != nil || !slices.Equal(sizes, row.sizes) || !slices.Equal(found, ids(n.Grants()...)) {
				t.Errorf("pages of %v, %v; want %v", sizes, err, row.sizes)
			}
		})
	}
}

func TestList_IsIterated(t *testing.T) {
	n := start(t, sim.Options{Settings: sim.Settings{Paging: sim.Paging{Cap: 2}}})
	for i := range 5 {
		n.AddGrant(sim.Grant{ClientID: fmt.Sprintf("client%d", i), Audience: audience})
	}
	page, err := n.grants.List(t.Context(), &management.ListClientGrantsRequestParameters{})
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	iterator := page.Iterator()
	for iterator.Next(t.Context()) {
		n.compare(t, iterator.Current(), n.Grants()[count])
		count++
	}
	if err := iterator.Err(); err != nil || count != 5 {
		t.Errorf("%d grants, %v", count, err)
	}
}

func TestList_Filters(t *testing.T) {
	n := start(t, sim.Options{})
	const other = "https://other.example.com/"
	own := n.AddGrant(sim.Grant{ID: "cgr_1", ClientID: clientID, Audience: audience})
	user := n.AddGrant(sim.Grant{ID: "cgr_2", ClientID: clientID, Audience: audience, SubjectType: "user"})
	open := n.AddGrant(sim.Grant{
		ID: "cgr_3", ClientID: "x", Audience: other, OrganizationUsage: "allow", AllowAnyOrganization: new(true),
	})
	fallback := n.AddGrant(sim.Grant{ID: "cgr_4", DefaultFor: "third_party_clients", Audience: audience})
	system := n.AddGrant(sim.Grant{ID: "cgr_5", ClientID: "x", Audience: n.ManagementAudience(), IsSystem: true})
	for _, row := range []struct {
		name    string
		request management.ListClientGrantsRequestParameters
		want    []string
	}{
		{"nothing", management.ListClientGrantsRequestParameters{}, ids(own, user, open, fallback, system)},
		{"a client", management.ListClientGrantsRequestParameters{ClientID: new(clientID)}, ids(own, user)},
		{"an API", management.ListClientGrantsRequestParameters{Audience: new(audience)}, ids(own, user, fallback)},
		{
			"a subject type", management.ListClientGrantsRequestParameters{
				ClientID: new(clientID), SubjectType: management.ClientGrantSubjectTypeEnumUser.Ptr(),
			}, ids(user),
		},
		{
			"a default", management.ListClientGrantsRequestParameters{
				DefaultFor: management.ClientGrantDefaultForEnumThirdPartyClients.Ptr(),
			}, ids(fallback),
		},
		{"any organization", management.ListClientGrantsRequestParameters{AllowAnyOrganization: new(true)}, ids(open)},
		{"an unknown client", management.ListClientGrantsRequestParameters{ClientID: new("nobody")}, ids()},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.request.Take = new(2)
			_, found, err := n.list(t.Context(), &row.request)
			if err != nil || !slices.Equal(found, row.want) {
				t.Errorf("found %v, %v; want %v", found, err, row.want)
			}
		})
	}
}

func TestOrganizations_AreLinked(t *testing.T) {
	n := start(t, sim.Options{})
	organization := n.AddOrganization(sim.Organization{Name: "acme"})
	g := n.AddGrant(sim.Grant{
		ClientID: clientID, Audience: audience, Scope: []string{"read:users"}, OrganizationUsage: "allow",
		AllowAnyOrganization: new(false),
	})
	request := &management.AssociateOrganizationClientGrantRequestContent{GrantID: g.ID}
	linked, err := n.organizations.Create(t.Context(), organization.ID, request)
	if err != nil {
		t.Fatal(err)
	}
	if linked.GetClientID() != clientID || linked.GetAudience() != audience || linked.GetExtraProperties()["grant_id"] != g.ID {
		t.Errorf("linked %v", linked)
	}
	page, err := n.organizations.List(t.Context(), organization.ID, &management.ListOrganizationClientGrantsRequestParameters{
		GrantIDs: []*string{&g.ID},
	})
	if err != nil || len(page.Results) != 1 || page.Results[0].GetID() != g.ID {
		t.Errorf("the organization has %v, %v", page, err)
	}
	organizations, err := n.grants.Organizations.List(t.Context(), g.ID, &management.ListClientGrantOrganizationsRequestParameters{})
	if err != nil || len(organizations.Results) != 1 || organizations.Results[0].GetID() != organization.ID {
		t.Errorf("the grant has %v, %v", organizations, err)
	}
	var conflict *management.ConflictError
	if _, err := n.organizations.Create(t.Context(), organization.ID, request); !errors.As(err, &conflict) {
		t.Errorf("a second link: %v", err)
	}
	if err := n.organizations.Delete(t.Context(), organization.ID, g.ID); err != nil {
		t.Fatal(err)
	}
	if left := n.GrantOrganizations(g.ID); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

func TestOrganizations_AreReadPageByPage(t *testing.T) {
	n := start(t, sim.Options{})
	var want []string
	organization := n.AddOrganization(sim.Organization{Name: "acme"})
	for i := range 7 {
		g := n.AddGrant(sim.Grant{ClientID: fmt.Sprintf("app-%d", i), Audience: audience, OrganizationUsage: "require"})
		n.Link(g.ID, organization.ID)
		want = append(want, g.ID)
	}
	page, err := n.organizations.List(t.Context(), organization.ID, &management.ListOrganizationClientGrantsRequestParameters{
		PerPage: new(3), IncludeTotals: new(true),
	})
	var found []string
	for err == nil {
		for _, g := range page.Results {
			found = append(found, g.GetID())
		}
		page, err = page.GetNextPage(t.Context())
	}
	slices.Sort(want)
	if !errors.Is(err, core.ErrNoPages) || !slices.Equal(found, want) {
		t.Errorf("found %v, %v; want %v", found, err, want)
	}
}

func TestLookups_FindClientsAndAPIs(t *testing.T) {
	n := start(t, sim.Options{})
	c, err := n.clients.Get(t.Context(), clientID, &management.GetClientRequestParameters{})
	if err != nil || c.GetName() != "Billing" {
		t.Errorf("client %v, %v", c, err)
	}
	api, err := n.apis.Get(t.Context(), audience, &management.GetResourceServerRequestParameters{})
	if err != nil || api.GetIdentifier() != audience || len(api.GetScopes()) != 2 {
		t.Errorf("API %v, %v", api, err)
	}
	page, err := n.clients.List(t.Context(), &management.ListClientsRequestParameters{})
	if err != nil || len(page.Results) != 2 {
		t.Errorf("clients %v, %v", page, err)
	}
}
