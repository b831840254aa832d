package auth0_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestClient_RefusesWrongLinksWithoutARequest(t *testing.T) {
	tenant := newTenant(t, api)
	client := tenant.client(t)
	_, organizations := client.OrganizationsPage(t.Context(), "..", "")
	_, linked := client.LinkedPage(t.Context(), "", nil, 0)
	_, many := client.LinkedPage(t.Context(), "org_1", make([]string, auth0.MaxGrantIDs+1), 0)
	_, far := client.LinkedPage(t.Context(), "org_1", nil, 10)
	for name, err := range map[string]error{
		"organizations of the parent": organizations, "grants of no organization": linked, "too many grants": many,
		"beyond the ceiling": far, "link to the parent": client.Link(t.Context(), "..", "cgr_1"),
		"link of nothing": client.Link(t.Context(), "org_1", ""), "unlink of the parent": client.Unlink(t.Context(), "org_1", "."),
		"unlink from nothing": client.Unlink(t.Context(), "", "cgr_1"),
	} {
		if err == nil || auth0.Unanswered(err) || auth0.StatusOf(err) != 0 {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	if tokens, asked := tenant.asked(); len(tokens)+len(asked) != 0 {
		t.Errorf("sent %v %v", tokens, asked)
	}
}

func TestClient_RefusesPagesOfLinksThatCannotBeTrusted(t *testing.T) {
	for name, body := range map[string]string{
		"no list": `{"next":"p2"}`, "an array": `[{"id":"org_1"}]`, "null for a list": `{"organizations":null}`,
		"an organization without ID": `{"organizations":[{"name":"acme"}]}`, "a number for an ID": `{"organizations":[{"id":7}]}`,
		"its own next": `{"organizations":[],"next":"here"}`, "an end in the middle": `{"organizations":[`,
	} {
		_, err := newTenant(t, answering(http.StatusOK, body)).client(t).OrganizationsPage(t.Context(), "cgr_1", "here")
		if !auth0.Unanswered(err) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	offset := `{"organizations":[{"id":"org_1"}],"start":0,"limit":50,"total":2}`
	if _, err := newTenant(t, answering(http.StatusOK, offset)).client(t).OrganizationsPage(t.Context(), "cgr_1", ""); !auth0.Unanswered(err) {
		t.Errorf("a first page of offset paging: got error %v", err)
	}
	for name, body := range map[string]string{
		"no list": `{"total":0}`, "no total": `{"client_grants":[]}`, "a checkpoint page": `{"client_grants":[` + one + `],"next":"x"}`,
		"a short page with more to follow": `{"client_grants":[` + one + `],"start":0,"limit":50,"total":101}`,
		"a grant without ID":               `{"client_grants":[{"audience":"a"}],"total":1}`,
		"an array":                         `[` + one + `]`,
	} {
		if _, err := newTenant(t, answering(http.StatusOK, body)).client(t).LinkedPage(t.Context(), "org_1", nil, 0); !auth0.Unanswered(err) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

func TestClient_ReadsTheAnswerToALinkInBothForms(t *testing.T) {
	for body, want := range map[string]bool{
		`{"grant_id":"cgr_1","client_id":"c"}`: true, `{"id":"cgr_1"}`: true, `{"grant_id":"cgr_2"}`: false, `{}`: false,
	} {
		err := newTenant(t, answering(http.StatusCreated, body)).client(t).Link(t.Context(), "org_1", "cgr_1")
		if (err == nil) != want || err != nil && !auth0.Unanswered(err) {
			t.Errorf("%s: got error %v", body, err)
		}
	}
}

// organizationsOf are all that a grant is linked to, on so many pages.
func organizationsOf(t *testing.T, client *auth0.Client, grantID string) (ids []string, pages int) {
	t.Helper()
	from := ""
	for {
		page, err := client.OrganizationsPage(t.Context(), grantID, from)
		if err != nil {
			t.Fatal(err)
		}
		ids, pages = append(ids, page.IDs...), pages+1
		if from = page.Next; from == "" {
			return ids, pages
		}
	}
}

func TestSimulator_LinksAndUnlinks(t *testing.T) {
	tenant, client := simulate(t, false)
	org := tenant.AddOrganization(sim.Organization{Name: "acme"}).ID
	body := grant.New{ClientID: "app", Audience: "https://api.example.com/", Fields: fields("a")}
	require := "require"
	body.OrganizationUsage = &require
	made, err := client.Create(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	if ids, _ := organizationsOf(t, client, made.ID); len(ids) != 0 {
		t.Errorf("a new grant has %v", ids)
	}
	if err := client.Link(t.Context(), org, made.ID); err != nil {
		t.Fatal(err)
	}
	if ids, _ := organizationsOf(t, client, made.ID); !slices.Equal(ids, []string{org}) {
		t.Errorf("the grant has %v", ids)
	}
	for _, about := range [][]string{nil, {made.ID}, {"cgr_0000000000000000", made.ID}} {
		page, err := client.LinkedPage(t.Context(), org, about, 0)
		if err != nil || page.More || !slices.Equal(page.GrantIDs, []string{made.ID}) {
			t.Errorf("of %v the organization has %v, %v", about, page, err)
		}
	}
	if err := client.Link(t.Context(), org, made.ID); !auth0.IsConflict(err) || auth0.Unanswered(err) {
		t.Errorf("a second link: %v", err)
	}
	if err := client.Link(t.Context(), "org_0000000000000000", made.ID); !auth0.IsNotFound(err) {
		t.Errorf("an unknown organization: %v", err)
	}
	if err := client.Link(t.Context(), org, "cgr_0000000000000000"); !auth0.IsNotFound(err) {
		t.Errorf("an unknown grant: %v", err)
	}
	if _, err := client.OrganizationsPage(t.Context(), "cgr_0000000000000000", ""); !auth0.IsNotFound(err) {
		t.Errorf("organizations of an unknown grant: %v", err)
	}
	if err := client.Unlink(t.Context(), org, made.ID); err != nil {
		t.Error(err)
	}
	if left := tenant.GrantOrganizations(made.ID); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	if err := client.Unlink(t.Context(), "org_0000000000000000", made.ID); !auth0.IsNotFound(err) {
		t.Errorf("unlinked from an unknown organization: %v", err)
	}
	tenant.Configure(func(s *sim.Settings) { s.NoOrganizations = true })
	if err := client.Link(t.Context(), org, made.ID); !auth0.IsForbidden(err) {
		t.Errorf("without the feature: %v", err)
	}
}

func TestSimulator_ListsEveryLink(t *testing.T) {
	tenant, client := simulate(t, false)
	tenant.Configure(func(s *sim.Settings) { s.MaxLinks = 1000 })
	var organizations, grants []string
	held := tenant.AddGrant(sim.Grant{ClientID: "app", Audience: "https://api.example.com/"}).ID
	for i := range 230 {
		id := tenant.AddOrganization(sim.Organization{Name: fmt.Sprintf("org-%d", i)}).ID
		tenant.Link(held, id)
		organizations = append(organizations, id)
		grants = append(grants, tenant.AddGrant(sim.Grant{ClientID: fmt.Sprintf("app-%d", i), Audience: "https://api-x/"}).ID)
		tenant.Link(grants[i], organizations[0])
	}
	found, pages := organizationsOf(t, client, held)
	slices.Sort(found)
	slices.Sort(organizations)
	if !slices.Equal(found, organizations) || pages != 3 {
		t.Errorf("%d of %d organizations on %d pages", len(found), len(organizations), pages)
	}
	var linked []string
	for page, more := 0, true; more; page++ {
		answer, err := client.LinkedPage(t.Context(), tenant.GrantOrganizations(grants[0])[0], nil, page)
		if err != nil {
			t.Fatal(err)
		}
		linked, more = append(linked, answer.GrantIDs...), answer.More
	}
	want := append([]string{held}, grants...)
	slices.Sort(want)
	if !slices.Equal(linked, want) {
		t.Errorf("%d of %d grants", len(linked), len(want))
	}
}

func TestClient_TellsTheRouteOfALink(t *testing.T) {
	var told []string
	tenant := newTenant(t, api)
	client := tenant.client(t, func(o *auth0.Options) {
		o.OnResponse = func(r auth0.Response) { told = append(told, r.Method+" "+strings.TrimPrefix(r.Route, "/api/v2")) }
	})
	for _, name := range []string{"GET organizations", "GET linked", "POST link", "DELETE unlink"} {
		if err := calls(client)[name](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"GET /client-grants/{id}/organizations", "GET /organizations/{id}/client-grants", "POST /organizations/{id}/client-grants",
		"DELETE /organizations/{id}/client-grants/{id}",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told of %v", told)
	}
}
