package sim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestAPIs_AreFoundByIDAndIdentifier(t *testing.T) {
	n := newTenant(t)
	body := n.want(http.MethodPost, "/resource-servers", `{"name":"Uat","identifier":"https://uat.tf/client-grant/A"}`,
		http.StatusCreated)
	id := field(t, body, "id")
	want := `{"id":"` + id + `","name":"Uat","identifier":"https://uat.tf/client-grant/A","allow_offline_access":false,` +
		`"skip_consent_for_verifiable_first_party_clients":false,"subject_type_authorization":{"client":{"policy":` +
		`"require_client_grant"},"user":{"policy":"allow_all"}},"token_lifetime":86400,"token_lifetime_for_web":7200,` +
		`"signing_alg":"RS256"}`
	const escaped = "/resource-servers/https:%2F%2Fuat.tf%2Fclient-grant%2FA"
	n.expect(http.MethodGet, "/resource-servers/"+id, "", http.StatusOK, want)
	n.expect(http.MethodGet, escaped, "", http.StatusOK, want)
	n.want(http.MethodGet, "/resource-servers/https://uat.tf/client-grant/A", "", http.StatusNotFound)
	scopes := `"scopes":[{"value":"read:data","description":"Read data"}]`
	n.expect(http.MethodPatch, escaped, `{`+scopes+`}`, http.StatusOK, strings.TrimSuffix(want, "}")+`,`+scopes+`}`)
	n.expect(http.MethodPatch, escaped, `{"scopes":[]}`, http.StatusOK, strings.TrimSuffix(want, "}")+`,"scopes":[]}`)
	want = strings.TrimSuffix(want, "}") + `,"scopes":[]}`
	n.expect(http.MethodPatch, escaped, `{"authorization_details":null}`, http.StatusOK, want)
	n.expect(http.MethodGet, "/resource-servers?include_totals=true&per_page=50&identifiers=https%3A%2F%2Fuat.tf%2Fclient-grant%2FA",
		"", http.StatusOK, `{"total":1,"start":0,"limit":50,"resource_servers":[`+want+`]}`)
	n.expect(http.MethodDelete, "/resource-servers/"+id, "", http.StatusNoContent, "")
	n.want(http.MethodGet, escaped, "", http.StatusNotFound)
	n.expect(http.MethodDelete, "/resource-servers/"+id, "", http.StatusNoContent, "")
}

func TestAPIs_AreChecked(t *testing.T) {
	n := newTenant(t)
	system := "/resource-servers/https:%2F%2Ftenant.example%2Fapi%2Fv2%2F"
	for _, row := range []refusal{
		{
			"an identifier that is taken", http.MethodPost, "/resource-servers", `{"identifier":"` + audience + `"}`,
			http.StatusConflict, "A resource server with the same identifier already exists.", "",
		},
		{
			"the Management API's", http.MethodPost, "/resource-servers", `{"identifier":"` + n.ManagementAudience() + `"}`,
			http.StatusBadRequest, "The selected identifier is reserved.", "invalid_body",
		},
		{
			"no identifier", http.MethodPost, "/resource-servers", `{"name":"x"}`,
			http.StatusBadRequest, invalid("Missing required property: identifier", ""), "invalid_body",
		},
		{
			"a scope without a value", http.MethodPost, "/resource-servers", `{"identifier":"x","scopes":[{"description":"x"}]}`,
			http.StatusBadRequest, invalid("Missing required property: value", "scopes[0]"), "invalid_body",
		},
		{
			"a change of a system API", http.MethodPatch, system, `{"name":"x"}`,
			http.StatusBadRequest, "System resource servers cannot be patched.", "invalid_body",
		},
		{
			"the end of a system API", http.MethodDelete, system, "",
			http.StatusBadRequest, "System resource servers cannot be deleted.", "invalid_uri",
		},
	} {
		t.Run(row.name, func(t *testing.T) { row.check(t, n) })
	}
	if body := n.want(http.MethodGet, system, "", http.StatusOK); !strings.Contains(body, `"is_system":true`) {
		t.Errorf("got %s", body)
	}
}

func TestClients_AreCreatedAndRead(t *testing.T) {
	n := newTenant(t)
	body := n.want(http.MethodPost, "/clients", `{"name":"App","jwt_configuration":{"alg":"RS256"},"organization_usage":"allow"}`,
		http.StatusCreated)
	for _, want := range []string{
		`{"name":"App","client_id":"`, `"client_secret":"`, `"is_first_party":true`, `"organization_usage":"allow"`,
		`"jwt_configuration":{"secret_encoded":false,"alg":"RS256"}`,
		`"grant_types":["authorization_code","implicit","refresh_token","client_credentials"]`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	id := field(t, body, "client_id")
	n.expect(http.MethodGet, "/clients/"+id, "", http.StatusOK, body)
	n.expect(http.MethodGet, "/clients/"+id+"?fields=client_id&include_fields=true", "", http.StatusOK, `{"client_id":"`+id+`"}`)
	n.want(http.MethodPatch, "/clients/"+id, `{"name":"Renamed","organization_usage":null}`, http.StatusOK)
	body = n.want(http.MethodGet, "/clients/"+id, "", http.StatusOK)
	if field(t, body, "name") != "Renamed" || strings.Contains(body, "organization_usage") {
		t.Errorf("got %s", body)
	}
	n.Configure(func(s *sim.Settings) { s.GrantedScopes = []string{"read:clients"} })
	n.token = n.newToken()
	if body := n.want(http.MethodGet, "/clients/"+id, "", http.StatusOK); strings.Contains(body, "client_secret") {
		t.Errorf("the secret is shown: %s", body)
	}
}

func TestClients_AreListed(t *testing.T) {
	n := newTenant(t)
	org := n.AddOrganization(sim.Organization{Name: "acme"})
	n.Link(n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience}).ID, org.ID)
	n.AddGrant(sim.Grant{ClientID: "any", Audience: audience, AllowAnyOrganization: new(true)})
	n.AddClient(sim.Client{ID: "tpc_1", ThirdParty: true, AppType: "native"})
	one := func(id string) string {
		return `{"total":1,"start":0,"limit":50,"clients":[{"client_id":"` + id + `"}]}`
	}
	const only = "&fields=client_id&include_totals=true"
	for _, row := range []struct{ query, want string }{
		{"is_first_party=false", one("tpc_1")},
		{"app_type=native,spa", one("tpc_1")},
		{"q=client_grant.organization_id%3A" + org.ID, one(clientID)},
		{"q=client_grant.allow_any_organization%3Atrue", one("any")},
		{"is_global=true", `{"total":0,"start":0,"limit":50,"clients":[]}`},
		{
			"page=0&per_page=2", `{"total":4,"start":0,"limit":2,"clients":[{"client_id":"` + n.ClientID() +
				`"},{"client_id":"` + clientID + `"}]}`,
		},
	} {
		t.Run(row.query, func(t *testing.T) {
			n := n.in(t)
			n.expect(http.MethodGet, "/clients?"+row.query+only, "", http.StatusOK, row.want)
		})
	}
	n.expect(http.MethodGet, "/clients?is_first_party=false&fields=client_id", "", http.StatusOK, `[{"client_id":"tpc_1"}]`)
}

func TestOrganizations_AreLinkedAtMostAHundredTimes(t *testing.T) {
	undescribed(t)
	n := newTenant(t)
	org := n.AddOrganization(sim.Organization{Name: "acme"})
	for _, id := range n.seed(100) {
		n.Link(id, org.ID)
	}
	id := n.create(newGrant)
	n.expect(http.MethodPost, "/organizations/"+org.ID+"/client-grants", `{"grant_id":"`+id+`"}`, http.StatusConflict,
		failure(t, http.StatusConflict, "Quota exceeded; cannot add more than 100 client grants to a single organization", ""))
	n.expect(http.MethodPost, "/organizations/org_x/client-grants", `{"grant_id":"`+id+`"}`, http.StatusNotFound,
		failure(t, http.StatusNotFound, "No organization found by that id", ""))
	n.expect(http.MethodPost, "/organizations/"+org.ID+"/client-grants", `{"grant_id":"cgr_0000000000000000"}`,
		http.StatusNotFound, failure(t, http.StatusNotFound, "The grant does not exist.", "inexistent_client_grant"))
	n.expect(http.MethodDelete, "/organizations/org_x/client-grants/"+id, "", http.StatusNotFound,
		failure(t, http.StatusNotFound, "No organization found by that id.", ""))
	n.want(http.MethodPatch, "/organizations/"+org.ID, `{"display_name":"Acme"}`, http.StatusOK)
	if body := n.want(http.MethodGet, "/organizations?take=5", "", http.StatusOK); !strings.Contains(body, `"display_name":"Acme"`) {
		t.Errorf("got %s", body)
	}
	n.expect(http.MethodPost, "/organizations", `{"name":"acme"}`, http.StatusConflict,
		failure(t, http.StatusConflict, "An organization with this name already exists.", "organization_conflict"))
}

func TestAnswers_HaveTheRecordedHeaders(t *testing.T) {
	n := newTenant(t)
	header := n.call(http.MethodGet, grantsAt, "").header
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-cache", "Vary": "origin,accept-encoding",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(header.Get("ot-baggage-auth0-request-id")) != 16 {
		t.Errorf("the request ID is %q", header.Get("ot-baggage-auth0-request-id"))
	}
}
