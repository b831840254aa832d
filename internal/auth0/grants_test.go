package auth0_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

func newGrant() grant.New {
	return grant.New{ClientID: "c", Audience: "https://api.example.com/", Fields: fields("a")}
}

func fields(scopes ...string) grant.Fields {
	return grant.Fields{Scope: append([]string{}, scopes...)}
}

func TestClient_SendsExactlyTheseRequests(t *testing.T) {
	no, deny := false, "deny"
	tests := map[string]struct {
		call func(*auth0.Client) error
		want string
		body string
	}{
		"first page of everything": {
			call: func(c *auth0.Client) error { _, err := c.ListPage(t.Context(), auth0.Filter{}, ""); return err },
			want: "GET /api/v2/client-grants?take=100",
		},
		"later page of a client": {
			call: func(c *auth0.Client) error {
				filter := auth0.Filter{Holder: grant.Holder{ClientID: "a&b"}, Audience: "https://api/?x=1"}
				_, err := c.ListPage(t.Context(), filter, "Fe26.2*+/=")
				return err
			},
			want: "GET /api/v2/client-grants?audience=https%3A%2F%2Fapi%2F%3Fx%3D1&client_id=a%26b&from=Fe26.2%2A%2B%2F%3D&take=100",
		},
		"default grants": {
			call: func(c *auth0.Client) error {
				_, err := c.ListPage(t.Context(), auth0.Filter{Holder: grant.Holder{DefaultFor: "third_party_clients"}}, "")
				return err
			},
			want: "GET /api/v2/client-grants?default_for=third_party_clients&take=100",
		},
		"get": {
			call: func(c *auth0.Client) error { _, err := c.Get(t.Context(), "cgr_1"); return err },
			want: "GET /api/v2/client-grants/cgr_1",
		},
		"an ID is one segment of the path": {
			call: func(c *auth0.Client) error { return c.Delete(t.Context(), "../clients/a b?c#d%2e") },
			want: "DELETE /api/v2/client-grants/..%2Fclients%2Fa%20b%3Fc%23d%252e",
		},
		"create without any scope": {
			call: func(c *auth0.Client) error {
				body := newGrant()
				body.Scope = []string{}
				_, err := c.Create(t.Context(), body)
				return err
			},
			want: "POST /api/v2/client-grants",
			body: `{"client_id":"c","audience":"https://api.example.com/","scope":[]}`,
		},
		"create with every field": {
			call: func(c *auth0.Client) error {
				_, err := c.Create(t.Context(), grant.New{
					DefaultFor: "third_party_clients", Audience: "x", SubjectType: "user", Fields: grant.Fields{
						Scope: []string{"b", "a"}, OrganizationUsage: &deny, AllowAnyOrganization: &no,
						AuthorizationDetailsTypes: []string{}, AllowAllScopes: &no,
					},
				})
				return err
			},
			want: "POST /api/v2/client-grants",
			body: `{"default_for":"third_party_clients","audience":"x","subject_type":"user","scope":["b","a"],` +
				`"organization_usage":"deny","allow_any_organization":false,"authorization_details_types":[],"allow_all_scopes":false}`,
		},
		"change to no scope": {
			call: func(c *auth0.Client) error { _, err := c.Update(t.Context(), "cgr_1", fields()); return err },
			want: "PATCH /api/v2/client-grants/cgr_1",
			body: `{"scope":[]}`,
		},
		"change to false": {
			call: func(c *auth0.Client) error {
				_, err := c.Update(t.Context(), "cgr_1", grant.Fields{AllowAnyOrganization: &no, AllowAllScopes: &no})
				return err
			},
			want: "PATCH /api/v2/client-grants/cgr_1",
			body: `{"allow_any_organization":false,"allow_all_scopes":false}`,
		},
		"delete": {
			call: func(c *auth0.Client) error { return c.Delete(t.Context(), "cgr_1") },
			want: "DELETE /api/v2/client-grants/cgr_1",
		},
		"organizations of a grant": {
			call: func(c *auth0.Client) error {
				_, err := c.OrganizationsPage(t.Context(), "cgr_1", "Fe26.2*+/=")
				return err
			},
			want: "GET /api/v2/client-grants/cgr_1/organizations?from=Fe26.2%2A%2B%2F%3D&take=100",
		},
		"some grants of an organization": {
			call: func(c *auth0.Client) error {
				_, err := c.LinkedPage(t.Context(), "org_1", []string{"cgr_1", "cgr_2"}, 0)
				return err
			},
			want: "GET /api/v2/organizations/org_1/client-grants?grant_ids=cgr_1&grant_ids=cgr_2&include_totals=true&page=0&per_page=100",
		},
		"later page of all grants of an organization": {
			call: func(c *auth0.Client) error { _, err := c.LinkedPage(t.Context(), "a/../b", nil, 9); return err },
			want: "GET /api/v2/organizations/a%2F..%2Fb/client-grants?include_totals=true&page=9&per_page=100",
		},
		"link": {
			call: func(c *auth0.Client) error { return c.Link(t.Context(), "org_1", "cgr_1") },
			want: "POST /api/v2/organizations/org_1/client-grants",
			body: `{"grant_id":"cgr_1"}`,
		},
		"unlink": {
			call: func(c *auth0.Client) error { return c.Unlink(t.Context(), "org_1", "../x") },
			want: "DELETE /api/v2/organizations/org_1/client-grants/..%2Fx",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tenant := newTenant(t, api)
			if err := test.call(tenant.client(t)); err != nil {
				t.Fatal(err)
			}
			_, asked := tenant.asked()
			if len(asked) != 1 {
				t.Fatalf("%d API calls, want one", len(asked))
			}
			got := asked[0]
			if line := got.Method + " " + got.URI; line != test.want || got.Body != test.body {
				t.Errorf("sent %s\n%s\nwant %s\n%s", line, got.Body, test.want, test.body)
			}
			want := http.Header{
				"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "Authorization": {"Bearer " + tokenCanary + "-1"},
				"User-Agent": {"clientgrant-operator"},
			}
			if test.body != "" {
				want.Set("Content-Type", "application/json")
				want.Set("Content-Length", strconv.Itoa(len(test.body)))
			}
			if diff := cmp.Diff(want, got.Header); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

// api answers every right call.
func api(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodDelete:
		answer(w, http.StatusNoContent, "")
	case r.URL.Path == "/api/v2/client-grants/cgr_1/organizations":
		answer(w, http.StatusOK, `{"organizations":[{"id":"org_1","name":"acme"}]}`)
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/v2/organizations/"):
		answer(w, http.StatusOK, `{"client_grants":[`+one+`],"start":0,"limit":100,"total":1}`)
	case r.Method == http.MethodPost:
		answer(w, http.StatusCreated, one)
	case r.URL.Path == "/api/v2/client-grants":
		answer(w, http.StatusOK, `{"client_grants":[`+one+`]}`)
	default:
		answer(w, http.StatusOK, one)
	}
}

func TestClient_SendsOptionalHeaders(t *testing.T) {
	tests := map[string]string{
		"0c3d-7":                           "0c3d-7",
		"a b\r\nX-Injected: c/ü_.":         "abX-Injectedc_.",
		strings.Repeat("x/", 70):           strings.Repeat("x", 64),
		" \n ":                             "",
		strings.Repeat("é", 64) + "tail-1": "tail-1",
	}
	tenant := newTenant(t, api)
	client := tenant.client(t, func(o *auth0.Options) { o.UserAgent = "test/1 (x)" })
	for id, want := range tests {
		if _, err := client.Get(auth0.WithCorrelationID(t.Context(), id), "cgr_1"); err != nil {
			t.Fatal(err)
		}
		_, asked := tenant.asked()
		last := asked[len(asked)-1].Header
		if got := last.Get("X-Correlation-ID"); got != want {
			t.Errorf("correlation ID %q was sent as %q, want %q", id, got, want)
		}
		if _, ok := last["X-Correlation-Id"]; ok != (want != "") {
			t.Errorf("correlation ID %q: header is there: %v", id, ok)
		}
		if last.Get("User-Agent") != "test/1 (x)" {
			t.Errorf("user agent %q", last.Get("User-Agent"))
		}
	}
}

func TestClient_RefusesWrongCallsWithoutARequest(t *testing.T) {
	tenant := newTenant(t, api)
	client := tenant.client(t)
	both := auth0.Filter{Holder: grant.Holder{ClientID: "c", DefaultFor: "third_party_clients"}}
	_, list := client.ListPage(t.Context(), both, "")
	_, empty := client.Update(t.Context(), "cgr_1", grant.Fields{})
	_, update := client.Update(t.Context(), "", fields("a"))
	_, get := client.Get(t.Context(), "")
	_, dot := client.Get(t.Context(), ".")
	for name, err := range map[string]error{
		"list of two holders": list, "empty change": empty, "update without ID": update, "get without ID": get,
		"get of the parent": dot, "delete without ID": client.Delete(t.Context(), ""),
		"delete of the parent": client.Delete(t.Context(), ".."),
	} {
		if err == nil || auth0.Unanswered(err) || auth0.StatusOf(err) != 0 || !strings.Contains(err.Error(), "/api/v2/client-grants") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	if tokens, asked := tenant.asked(); len(tokens)+len(asked) != 0 {
		t.Errorf("sent %v %v", tokens, asked)
	}
}

func TestClient_ReadsGrantsAsTheyAre(t *testing.T) {
	const full = `{"id":"cgr_1","client_id":"c","audience":"a","scope":[],"organization_usage":"require",` +
		`"allow_any_organization":false,"is_system":true,"subject_type":"user","default_for":"third_party_clients",` +
		`"authorization_details_types":[],"allow_all_scopes":false,"new_member":{"x":[1]}}`
	no, require := false, "require"
	want := grant.Grant{
		ID: "cgr_1", ClientID: "c", Audience: "a", SubjectType: "user", DefaultFor: "third_party_clients", IsSystem: true,
		Fields: grant.Fields{
			Scope: []string{}, OrganizationUsage: &require, AllowAnyOrganization: &no,
			AuthorizationDetailsTypes: []string{}, AllowAllScopes: &no,
		},
	}
	client := newTenant(t, answering(http.StatusOK, full)).client(t)
	got, err := client.Get(t.Context(), "cgr_1")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, grant (-want +got):\n%s", err, diff)
	}

	const lean = `{"id":"cgr_1","audience":"a","allow_all_scopes":true}`
	client = newTenant(t, answering(http.StatusOK, lean)).client(t)
	yes := true
	got, err = client.Update(t.Context(), "cgr_1", fields())
	want = grant.Grant{ID: "cgr_1", Audience: "a", Fields: grant.Fields{AllowAllScopes: &yes}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || got.Scope != nil {
		t.Errorf("error %v, grant (-want +got):\n%s", err, diff)
	}
}

func TestClient_FollowsPagesUntilNextIsGone(t *testing.T) {
	pages := map[string]string{
		"":   `{"client_grants":[` + one + `],"next":"p2"}`,
		"p2": `{"client_grants":[],"next":"p3"}`,
		"p3": `{"client_grants":[` + one + `,` + one + `],"next":"p4","more":1}`,
		"p4": `{"client_grants":[],"next":""}`,
	}
	client := newTenant(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, pages[r.URL.Query().Get("from")])
	}).client(t)
	var sizes []int
	from := ""
	for {
		page, err := client.ListPage(t.Context(), auth0.Filter{}, from)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.Grants))
		if from = page.Next; from == "" {
			break
		}
	}
	if diff := cmp.Diff([]int{1, 0, 2, 0}, sizes); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestClient_TakesEveryEndOfAListing(t *testing.T) {
	for _, body := range []string{
		`{"client_grants":[]}`, `{"client_grants":[],"next":null}`, `{"client_grants":[` + one + `],"next":"","total":1}`,
	} {
		page, err := newTenant(t, answering(http.StatusOK, body)).client(t).ListPage(t.Context(), auth0.Filter{}, "")
		if err != nil || page.Next != "" {
			t.Errorf("%s: page %v, error %v", body, page, err)
		}
	}
}

func TestClient_RefusesPagesThatCannotBeTrusted(t *testing.T) {
	for name, body := range map[string]string{
		"a page that is its own next":   `{"client_grants":[],"next":"here"}`,
		"an array, which has no next":   `[` + one + `]`,
		"no list":                       `{"next":"p2"}`,
		"null for a list":               `{"client_grants":null}`,
		"null for a grant":              `{"client_grants":[null]}`,
		"a grant without ID":            `{"client_grants":[{"audience":"a"}]}`,
		"a grant without audience":      `{"client_grants":[{"id":"cgr_1"}]}`,
		"a number for next":             `{"client_grants":[],"next":7}`,
		"a string for a list of scopes": `{"client_grants":[{"id":"x","audience":"a","scope":"canary"}]}`,
		"a number for an ID":            `{"client_grants":[{"id":17,"audience":"a"}]}`,
		"an endless next":               `{"client_grants":[],"next":"` + strings.Repeat("n", 9<<10) + `"}`,
		"two values":                    `{"client_grants":[]}{}`,
		"an end in the middle":          `{"client_grants":[`,
		"nothing":                       ``,
	} {
		client := newTenant(t, answering(http.StatusOK, body)).client(t)
		_, err := client.ListPage(t.Context(), auth0.Filter{}, "here")
		failed, ok := errors.AsType[*auth0.TransportError](err)
		if !ok || !failed.Sent {
			t.Errorf("%s: got error %v", name, err)
		}
		tellsNothing(t, err)
	}
	offset := `{"client_grants":[` + one + `],"start":0,"limit":50,"total":2}`
	_, err := newTenant(t, answering(http.StatusOK, offset)).client(t).ListPage(t.Context(), auth0.Filter{}, "")
	if !auth0.Unanswered(err) {
		t.Errorf("first page of offset paging: got error %v", err)
	}
}
