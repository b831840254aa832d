package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// page is a checkpoint page.
type page struct {
	Grants []sim.Grant `json:"client_grants"`
	Next   *string     `json:"next"`
}

// seed adds n grants of clients of their own and returns all IDs in order.
func (n *tenant) seed(count int) []string {
	n.t.Helper()
	for i := range count {
		n.AddGrant(sim.Grant{ClientID: fmt.Sprintf("client%03d", i), Audience: audience})
	}
	return ids(n.Grants())
}

func ids(grants []sim.Grant) []string {
	list := make([]string, 0, len(grants))
	for _, g := range grants {
		list = append(list, g.ID)
	}
	return list
}

func (n *tenant) page(query string) page {
	n.t.Helper()
	var p page
	if err := json.Unmarshal([]byte(n.want(http.MethodGet, grantsAt+"?"+query, "", http.StatusOK)), &p); err != nil {
		n.t.Fatal(err)
	}
	return p
}

// pages follows next to the end and returns the sizes of the pages and the IDs on them.
func (n *tenant) pages(query string) (sizes []int, found []string) {
	n.t.Helper()
	p := n.page(query)
	for {
		sizes, found = append(sizes, len(p.Grants)), append(found, ids(p.Grants)...)
		if p.Next == nil {
			return sizes, found
		}
		p = n.page(query + "&from=" + url.QueryEscape(*p.Next))
	}
}

func TestList_HasThreeShapes(t *testing.T) {
	n := newTenant(t)
	g := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience, Scope: []string{"read:resource"}})
	one := `{"id":"` + g.ID + `","client_id":"` + clientID + `","audience":"` + audience +
		`","scope":["read:resource"],"subject_type":"client"}`
	for _, row := range []struct{ query, want string }{
		{"", `[` + one + `]`},
		{"?include_totals=false", `[` + one + `]`},
		{"?page=1", `[]`},
		{"?include_totals=true", `{"total":1,"start":0,"limit":100,"client_grants":[` + one + `]}`},
		{"?include_totals=true&per_page=50", `{"total":1,"start":0,"limit":50,"client_grants":[` + one + `]}`},
		{"?per_page=100&page=0&include_totals=true", `{"total":1,"start":0,"limit":100,"client_grants":[` + one + `]}`},
		{"?include_totals=true&per_page=50&page=2", `{"total":1,"start":100,"limit":50,"client_grants":[]}`},
		{
			"?audience=nothing&include_totals=true&per_page=50",
			`{"total":0,"start":0,"limit":50,"client_grants":[]}`,
		},
		{"?take=50", `{"client_grants":[` + one + `]}`},
		{"?take=100&include_totals=true&per_page=50&audience=" + url.QueryEscape(audience), `{"client_grants":[` + one + `]}`},
		{"?take=1&audience=nothing", `{"client_grants":[]}`},
	} {
		t.Run("query "+row.query, func(t *testing.T) {
			n := n.in(t)
			n.expect(http.MethodGet, grantsAt+row.query, "", http.StatusOK, row.want)
		})
	}
}

func TestList_IsOrderedByID(t *testing.T) {
	n := newTenant(t)
	all := n.seed(120)
	if !slices.IsSorted(all) {
		t.Error("the grants are not in the order of their IDs")
	}
	for _, row := range []struct {
		query string
		sizes []int
	}{
		{"take=50", []int{50, 50, 20}},
		{"take=60", []int{60, 60}},
		{"take=100", []int{100, 20}},
		{"take=100&client_id=client007", []int{1}},
	} {
		sizes, found := n.pages(row.query)
		if !slices.Equal(sizes, row.sizes) {
			t.Errorf("%s: pages of %v, want %v", row.query, sizes, row.sizes)
		}
		if !strings.Contains(row.query, "client_id") && !slices.Equal(found, all) {
			t.Errorf("%s: not all grants were found in order", row.query)
		}
	}
	var bare []sim.Grant
	if err := json.Unmarshal([]byte(n.want(http.MethodGet, grantsAt, "", http.StatusOK)), &bare); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids(bare), all[:50]) {
		t.Errorf("without paging %d grants are listed", len(bare))
	}
}

func TestPages_CanBeShorterThanAskedForAndEmpty(t *testing.T) {
	n := newTenant(t)
	all := n.seed(7)
	for _, row := range []struct {
		name   string
		paging sim.Paging
		sizes  []int
	}{
		{"a cap", sim.Paging{Cap: 3}, []int{3, 3, 1}},
		{"empty pages", sim.Paging{Cap: 3, EmptyPages: true}, []int{3, 0, 3, 0, 1}},
		{"a trailing page", sim.Paging{Cap: 4, TrailingPage: true}, []int{4, 3, 0}},
		{"all of it", sim.Paging{Cap: 5, EmptyPages: true, TrailingPage: true}, []int{5, 0, 2, 0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			n.Configure(func(s *sim.Settings) { s.Paging = row.paging })
			sizes, found := n.pages("take=100")
			if !slices.Equal(sizes, row.sizes) || !slices.Equal(found, all) {
				t.Errorf("pages of %v, want %v", sizes, row.sizes)
			}
		})
	}
}

func TestPages_StayInPlaceWhileGrantsComeAndGo(t *testing.T) {
	n := newTenant(t)
	for _, id := range []string{"cgr_B000000000000000", "cgr_D000000000000000", "cgr_F000000000000000"} {
		n.AddGrant(sim.Grant{ID: id, ClientID: id, Audience: audience})
	}
	first := n.page("take=2")
	n.DeleteGrant("cgr_D000000000000000") // the last one of the page
	n.AddGrant(sim.Grant{ID: "cgr_A000000000000000", ClientID: "a", Audience: audience})
	n.AddGrant(sim.Grant{ID: "cgr_E000000000000000", ClientID: "e", Audience: audience})
	second := n.page("take=2&from=" + url.QueryEscape(*first.Next))
	if got := ids(second.Grants); !slices.Equal(got, []string{"cgr_E000000000000000", "cgr_F000000000000000"}) {
		t.Errorf("the second page has %v", got)
	}
}

func TestFrom_IsOpaqueAndExpires(t *testing.T) {
	n := newTenant(t)
	n.seed(3)
	next := *n.page("take=1").Next
	n.want(http.MethodGet, grantsAt+"?from="+next, "", http.StatusOK) // take defaults to 50
	for name, from := range map[string]string{"invented": "abc", "changed": next[:len(next)-2] + "AA", "an ID": "cgr_1"} {
		got := n.call(http.MethodGet, grantsAt+"?take=1&from="+from, "")
		if got.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	n.clock.advance(24*time.Hour + time.Second)
	n.token = n.newToken()
	n.want(http.MethodGet, grantsAt+"?take=1&from="+next, "", http.StatusBadRequest)
	n.Configure(func(s *sim.Settings) { s.Unknowns.InvalidFromRestarts = true })
	if p := n.page("take=1&from=" + next); p.Grants[0].ID != n.Grants()[0].ID {
		t.Errorf("restarted at %s", p.Grants[0].ID)
	}
}

func TestOffsets_EndAtAThousand(t *testing.T) {
	n := newTenant(t)
	n.want(http.MethodGet, grantsAt+"?page=9&per_page=100", "", http.StatusOK)
	n.expect(http.MethodGet, grantsAt+"?page=10&per_page=100", "", http.StatusBadRequest, failure(t, http.StatusBadRequest,
		"Requesting page 10 exceeds the allowed maximum of 1000 records. To fetch results beyond 1000, use the checkpoint pagination method.",
		"invalid_paging"))
	n.Configure(func(s *sim.Settings) { s.Unknowns.NoOffsetCeiling = true })
	n.want(http.MethodGet, grantsAt+"?page=10&per_page=100", "", http.StatusOK)
}

func TestFilters_ChooseGrants(t *testing.T) {
	n := newTenant(t)
	other := "https://other.example.com/"
	own := n.AddGrant(sim.Grant{ID: "cgr_1", ClientID: clientID, Audience: audience})
	user := n.AddGrant(sim.Grant{ID: "cgr_2", ClientID: clientID, Audience: audience, SubjectType: "user"})
	elsewhere := n.AddGrant(sim.Grant{
		ID: "cgr_3", ClientID: clientID, Audience: other, OrganizationUsage: "allow", AllowAnyOrganization: new(true),
	})
	fallback := n.AddGrant(sim.Grant{ID: "cgr_4", DefaultFor: "third_party_clients", Audience: audience})
	closed := n.AddGrant(sim.Grant{ID: "cgr_5", ClientID: "x", Audience: other, AllowAnyOrganization: new(false)})
	for _, row := range []struct {
		query string
		want  []sim.Grant
	}{
		{"client_id=" + clientID, []sim.Grant{own, user, elsewhere}},
		{"client_id=" + clientID + "&audience=" + url.QueryEscape(audience), []sim.Grant{own, user}},
		{"client_id=" + clientID + "&subject_type=user", []sim.Grant{user}},
		{"audience=" + url.QueryEscape(audience), []sim.Grant{own, user, fallback}},
		{"audience=" + url.QueryEscape(strings.ToUpper(audience)), nil},
		{"audience=" + url.QueryEscape(strings.TrimSuffix(audience, "/")), nil},
		{"audience=" + url.QueryEscape(audience) + "&subject_type=client", []sim.Grant{own, fallback}},
		{"default_for=third_party_clients", []sim.Grant{fallback}},
		{"default_for=third_party_clients&subject_type=user", nil},
		{"allow_any_organization=true", []sim.Grant{elsewhere}},
		{"", []sim.Grant{own, user, elsewhere, fallback, closed}},
	} {
		for _, paging := range []string{"take=2", "include_totals=true&per_page=100"} {
			_, found := n.pages(paging + "&" + row.query)
			if !slices.Equal(found, ids(row.want)) {
				t.Errorf("%s&%s: %v, want %v", paging, row.query, found, ids(row.want))
			}
		}
	}
}
