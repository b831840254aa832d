package sim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// linkable is a tenant with an organization and a grant that can be linked to it.
func linkable(t *testing.T, change func(*sim.Settings)) (n *tenant, id, org, links string) {
	t.Helper()
	n = newTenant(t, settings(change))
	org = n.AddOrganization(sim.Organization{Name: "acme"}).ID
	id = n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[],"organization_usage":"allow"}`)
	return n, id, org, "/organizations/" + org + "/client-grants"
}

func link(id string) string { return `{"grant_id":"` + id + `"}` }

func TestLinks_HaveBucketsOfTheirOwn(t *testing.T) {
	n, id, _, links := linkable(t, func(s *sim.Settings) {
		s.RateLimit = sim.RateLimit{Limit: 10, PerSecond: 10}
		s.LinkReads = sim.RateLimit{Limit: 2, PerSecond: 0.5}
		s.LinkWrites = sim.RateLimit{Limit: 1, PerSecond: 0.25}
	})
	limits := func(method, path, body string, status int, want [3]string) {
		t.Helper()
		got := n.call(method, path, body)
		if got.status != status || limitHeaders(got.header) != want {
			t.Errorf("%s %s: %d with %v, want %d with %v", method, path, got.status, limitHeaders(got.header), status, want)
		}
	}
	limits(http.MethodPost, links, link(id), http.StatusCreated, [3]string{"1", "0", n.epoch(4)})
	limits(http.MethodDelete, links+"/"+id, "", http.StatusTooManyRequests, [3]string{"1", "0", n.epoch(4)})
	if len(n.GrantOrganizations(id)) != 1 {
		t.Error("a refused call had its effect")
	}
	limits(http.MethodGet, links, "", http.StatusOK, [3]string{"2", "1", n.epoch(2)})
	limits(http.MethodGet, links, "", http.StatusOK, [3]string{"2", "0", n.epoch(4)})
	got := n.call(http.MethodGet, links, "")
	if field(t, got.body, "message") != "Endpoint limit has been reached" {
		t.Errorf("got %s", got.body)
	}
	// Six calls took from the tenant's bucket, too, those that were refused by the others included; the first made the grant.
	limits(http.MethodGet, grantsAt+"/"+id+"/organizations", "", http.StatusOK, [3]string{"10", "3", n.epoch(1)})
	n.Configure(func(s *sim.Settings) { s.Unknowns.GrantReadsAreLinkReads = true })
	limits(http.MethodGet, grantsAt+"/"+id+"/organizations", "", http.StatusTooManyRequests, [3]string{"2", "0", n.epoch(4)})
	n.Configure(func(s *sim.Settings) { s.RateLimit = sim.RateLimit{Limit: 1, PerSecond: 0.1} })
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	got = n.call(http.MethodGet, links, "")
	if field(t, got.body, "message") != "Global limit has been reached" {
		t.Errorf("the tenant's bucket comes first: %s", got.body)
	}
}

func TestLinks_AreReadInOffsetPages(t *testing.T) {
	undescribed(t)
	n := newTenant(t, settings(func(s *sim.Settings) { s.MaxLinks = 2000 }))
	org := n.AddOrganization(sim.Organization{Name: "acme"}).ID
	for _, id := range n.seed(1100) {
		n.Link(id, org)
	}
	links := "/organizations/" + org + "/client-grants?per_page=100&page="
	if body := n.want(http.MethodGet, links+"9", "", http.StatusOK); strings.Count(body, `"id"`) != 100 {
		t.Errorf("the last page before the ceiling is %s", body)
	}
	if body := n.want(http.MethodGet, links+"10", "", http.StatusBadRequest); field(t, body, "errorCode") != "invalid_paging" {
		t.Errorf("beyond the ceiling: %s", body)
	}
	n.want(http.MethodGet, "/organizations/"+org+"/client-grants?take=100", "", http.StatusBadRequest) // no checkpoints here
	n.Configure(func(s *sim.Settings) { s.Unknowns.NoOffsetCeiling = true })
	if body := n.want(http.MethodGet, links+"10", "", http.StatusOK); strings.Count(body, `"id"`) != 100 {
		t.Errorf("without the ceiling: %s", body)
	}
}

func TestLinks_AreFilteredByAtMostTenGrants(t *testing.T) {
	n, id, org, links := linkable(t, func(*sim.Settings) {})
	n.Link(id, org)
	n.Link(n.AddGrant(sim.Grant{ClientID: clientID, Audience: "https://other/"}).ID, org)
	query := "?grant_ids=" + id + strings.Repeat("&grant_ids=cgr_0000000000000000", 9)
	if body := n.want(http.MethodGet, links+query, "", http.StatusOK); strings.Count(body, `"id"`) != 1 || field(t, body[1:len(body)-1], "id") != id {
		t.Errorf("got %s", body)
	}
	n.want(http.MethodGet, links+query+"&grant_ids=cgr_0000000000000000", "", http.StatusBadRequest)
	n.want(http.MethodGet, links+"?grant_ids=x", "", http.StatusBadRequest)
}

func TestLinks_GoWithTheGrant(t *testing.T) {
	n, id, org, links := linkable(t, func(*sim.Settings) {})
	n.want(http.MethodPost, links, link(id), http.StatusCreated)
	n.EditGrant(id, func(g *sim.Grant) { g.OrganizationUsage = "require" })
	if got := n.GrantOrganizations(id); !slices.Equal(got, []string{org}) {
		t.Errorf("an edited grant has %v", got)
	}
	n.want(http.MethodPatch, grantsAt+"/"+id, `{"organization_usage":"deny"}`, http.StatusOK)
	n.expect(http.MethodPost, links, link(id), http.StatusConflict, failure(t, http.StatusConflict,
		"The client grant has already been added to this organization.", ""))
	n.expect(http.MethodDelete, grantsAt+"/"+id, "", http.StatusNoContent, "")
	n.expect(http.MethodGet, links, "", http.StatusOK, `[]`)
	n.expect(http.MethodGet, grantsAt+"/"+id+"/organizations", "", http.StatusNotFound, failure(t, http.StatusNotFound,
		"The grant does not exist.", "inexistent_client_grant"))
	again := n.create(newGrant)
	n.Link(again, org)
	n.EditGrant(again, func(g *sim.Grant) { g.ID = "cgr_0000000000000001" })
	if got := n.GrantOrganizations("cgr_0000000000000001"); len(got) != 0 {
		t.Errorf("a grant that was made again has %v", got)
	}
}

func TestLinks_AnswerUnknownsInTwoWays(t *testing.T) {
	other := "/organizations/org_0000000000000000/client-grants"
	for _, row := range []struct {
		name         string
		unknowns     sim.Unknowns
		method       string
		path, body   func(id, org string) string
		usual, other int
	}{
		{
			"linking a grant that denies",
			sim.Unknowns{RefuseDenyLinks: true},
			http.MethodPost,
			func(_, org string) string { return "/organizations/" + org + "/client-grants" }, func(id, _ string) string { return link(id) },
			http.StatusCreated, http.StatusBadRequest,
		},
		{
			"unlinking what is not linked",
			sim.Unknowns{UnlinkedStatus: http.StatusNotFound},
			http.MethodDelete,
			func(id, org string) string { return "/organizations/" + org + "/client-grants/" + id }, nil,
			http.StatusNoContent, http.StatusNotFound,
		},
		{
			"unlinking a grant that is not there",
			sim.Unknowns{UnlinkedStatus: http.StatusNotFound},
			http.MethodDelete,
			func(_, org string) string { return "/organizations/" + org + "/client-grants/cgr_0000000000000000" }, nil,
			http.StatusNoContent, http.StatusNotFound,
		},
		{
			"reading an organization that is not there",
			sim.Unknowns{UnknownOrganizationStatus: http.StatusNotFound},
			http.MethodGet,
			func(string, string) string { return other }, nil, http.StatusOK, http.StatusNotFound,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			undescribed(t)
			for _, unknowns := range []sim.Unknowns{{}, row.unknowns} {
				n := newTenant(t, unknown(unknowns))
				org := n.AddOrganization(sim.Organization{Name: "acme"}).ID
				id := n.create(newGrant)
				body, want := "", row.usual
				if row.body != nil {
					body = row.body(id, org)
				}
				if unknowns != (sim.Unknowns{}) {
					want = row.other
				}
				n.want(row.method, row.path(id, org), body, want)
			}
		})
	}
}

func TestLinks_CanBeRefusedToOtherSubjects(t *testing.T) {
	for _, refused := range []bool{false, true} {
		n := newTenant(t, unknown(sim.Unknowns{RefuseUserLinks: refused}))
		org := n.AddOrganization(sim.Organization{Name: "acme"}).ID
		id := n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[],"subject_type":"user"}`)
		want := http.StatusCreated
		if refused {
			want = http.StatusBadRequest
		}
		n.want(http.MethodPost, "/organizations/"+org+"/client-grants", link(id), want)
	}
}

func TestLinks_MayEndWithDeny(t *testing.T) {
	for _, row := range []struct {
		unlinks bool
		left    int
	}{{false, 1}, {true, 0}} {
		n, id, org, _ := linkable(t, func(s *sim.Settings) { s.Unknowns.DenyUnlinks = row.unlinks })
		n.Link(id, org)
		n.want(http.MethodPatch, grantsAt+"/"+id, `{"organization_usage":"deny"}`, http.StatusOK)
		if got := n.GrantOrganizations(id); len(got) != row.left {
			t.Errorf("where deny unlinks is %t the grant has %v", row.unlinks, got)
		}
	}
}

func TestOrganizations_AreDeletedWithTheirLinksOrKept(t *testing.T) {
	for _, kept := range []bool{false, true} {
		undescribed(t)
		n, id, org, _ := linkable(t, func(s *sim.Settings) { s.Unknowns.KeepLinkedOrganizations = kept })
		n.Link(id, org)
		want, left := http.StatusNoContent, 0
		if kept {
			want, left = http.StatusConflict, 1
		}
		n.want(http.MethodDelete, "/organizations/"+org, "", want)
		if got := n.GrantOrganizations(id); len(got) != left {
			t.Errorf("left are %v", got)
		}
		n.DeleteOrganization(org)
		if got := n.GrantOrganizations(id); len(got) != 0 {
			t.Errorf("behind every client's back %v are left", got)
		}
	}
}

func TestOrganizations_NeedAPlan(t *testing.T) {
	n, id, _, links := linkable(t, func(s *sim.Settings) { s.NoOrganizations = true })
	for _, row := range [][3]string{
		{http.MethodGet, links, ""},
		{http.MethodPost, links, link(id)},
		{http.MethodDelete, links + "/" + id, ""},
		{http.MethodGet, grantsAt + "/" + id + "/organizations", ""},
	} {
		if body := n.want(row[0], row[1], row[2], http.StatusForbidden); field(t, body, "errorCode") != "feature_not_enabled" {
			t.Errorf("%s %s: %s", row[0], row[1], body)
		}
	}
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
}

func TestUnlink_IsSeenByTheNextRead(t *testing.T) {
	n, id, org, links := linkable(t, func(*sim.Settings) {})
	n.Link(id, org)
	n.Unlink(id, org)
	n.expect(http.MethodGet, links, "", http.StatusOK, `[]`)
}
