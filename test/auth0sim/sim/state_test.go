package sim_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestGrants_CanBeChangedBehindEverybodysBack(t *testing.T) {
	n := newTenant(t)
	org := n.AddOrganization(sim.Organization{Name: "acme"})
	g := n.AddGrant(sim.Grant{ClientID: "new", Audience: "https://new/", Scope: []string{"a"}})
	n.Link(g.ID, org.ID)
	n.want(http.MethodGet, "/clients/new", "", http.StatusOK) // the client and the API are made
	n.want(http.MethodGet, "/resource-servers/https:%2F%2Fnew%2F", "", http.StatusOK)
	if !n.EditGrant(g.ID, func(g *sim.Grant) { g.Scope = append(g.Scope, "b") }) {
		t.Error("there is no grant to edit")
	}
	n.expect(http.MethodGet, grantsAt+"/"+g.ID, "", http.StatusOK,
		`{"id":"cgr_","client_id":"new","audience":"https://new/","scope":["a","b"],"subject_type":"client"}`)
	if got, ok := n.FindGrant("new", "https://new/", "client"); !ok || got.ID != g.ID {
		t.Errorf("found %+v", got)
	}
	if got := n.GrantOrganizations(g.ID); !slices.Equal(got, []string{org.ID}) {
		t.Errorf("organizations are %v", got)
	}
	n.want(http.MethodDelete, "/organizations/"+org.ID, "", http.StatusNoContent)
	if got := n.GrantOrganizations(g.ID); len(got) != 0 {
		t.Errorf("organizations are %v", got)
	}
	if !n.DeleteGrant(g.ID) || n.DeleteGrant(g.ID) || n.GrantCount() != 0 {
		t.Error("the grant is not deleted once")
	}
	if n.EditGrant(g.ID, func(*sim.Grant) {}) {
		t.Error("a deleted grant is edited")
	}
	n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience})
	n.AddGrant(sim.Grant{DefaultFor: "third_party_clients", Audience: audience, SubjectType: "user"})
	if _, ok := n.FindGrant("third_party_clients", audience, "user"); !ok {
		t.Error("the default grant is not found")
	}
	n.DeleteClient(clientID)
	n.Configure(func(s *sim.Settings) { s.Unknowns.CascadeAPIs = true })
	n.DeleteAPI(audience)
	if n.GrantCount() != 0 {
		t.Errorf("left are %+v", n.Grants())
	}
}

func TestGrants_AreCopies(t *testing.T) {
	n := newTenant(t)
	given := []string{"a"}
	id := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience, Scope: given, AllowAnyOrganization: new(false)}).ID
	given[0] = "changed"
	copied := n.Grants()[0]
	copied.Scope[0], *copied.AllowAnyOrganization = "changed", true
	if g, _ := n.Grant(id); g.Scope[0] != "a" || *g.AllowAnyOrganization {
		t.Errorf("the tenant holds %+v", g)
	}
}

func TestSeeds_MustNotCollide(t *testing.T) {
	n := newTenant(t)
	g := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience})
	for name, add := range map[string]func(){
		"a client's ID":        func() { n.AddClient(sim.Client{ID: clientID}) },
		"an API's identifier":  func() { n.AddAPI(sim.API{Identifier: audience}) },
		"a grant's ID":         func() { n.AddGrant(sim.Grant{ID: g.ID, ClientID: "x", Audience: audience}) },
		"a grant's identity":   func() { n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience}) },
		"an edited identity":   func() { n.EditGrant(addOther(n), func(o *sim.Grant) { o.SubjectType = "client" }) },
		"an unknown link":      func() { n.Link("cgr_x", "org_x") },
		"an unknown client ID": func() { n.SetClientCredentials("nobody", "y", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was taken twice")
				}
			}()
			add()
		})
	}
}

func addOther(n *tenant) string {
	return n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience, SubjectType: "user"}).ID
}

func TestServer_IsSafeForConcurrentUse(t *testing.T) {
	n := start(t, sim.Options{Settings: sim.Settings{RateLimit: sim.RateLimit{Limit: 1000, PerSecond: 1000}}})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			id := fmt.Sprintf("client%d", i)
			n.AddClient(sim.Client{ID: id})
			body := fmt.Sprintf(`{"client_id":%q,"audience":%q,"scope":[]}`, id, audience)
			for range 5 {
				if _, err := n.send(t.Context(), http.MethodPost, grantsAt, body); err != nil {
					t.Error(err)
				}
				if _, err := n.send(t.Context(), http.MethodGet, grantsAt+"?take=2", ""); err != nil {
					t.Error(err)
				}
				n.Configure(func(s *sim.Settings) { s.Paging.Cap = i })
				n.Inject(sim.Fault{Method: http.MethodGet, Status: 500})
				_, _ = n.Grants(), n.Log()
			}
		})
	}
	wait.Wait()
	if n.GrantCount() != 8 {
		t.Errorf("there are %d grants", n.GrantCount())
	}
}
