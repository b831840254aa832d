package sim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

const missingGrant = "/client-grants/cgr_0000000000000000"

// refusal is a request that the API refuses.
type refusal struct {
	name         string
	method, path string
	body         string
	status       int
	message      string
	code         string
}

func (r refusal) check(t *testing.T, n *tenant) {
	t.Helper()
	n.in(t).expect(r.method, r.path, r.body, r.status, failure(t, r.status, r.message, r.code))
}

func TestUnknownThings_AreNotFound(t *testing.T) {
	const notThere = http.StatusNotFound
	for _, row := range []refusal{
		{
			"a grant is read", http.MethodGet, missingGrant, "",
			notThere, "The grant does not exist.", "inexistent_client_grant",
		},
		{
			"a grant is updated", http.MethodPatch, missingGrant, `{"scope":[]}`,
			notThere, "The grant does not exist.", "inexistent_client_grant",
		},
		{
			"a grant's organizations are read", http.MethodGet, missingGrant + "/organizations", "",
			notThere, "The grant does not exist.", "inexistent_client_grant",
		},
		{
			"a malformed grant ID is read", http.MethodGet, "/client-grants/nonsense", "",
			notThere, "The grant does not exist.", "inexistent_client_grant",
		},
		{
			"a client is read", http.MethodGet, "/clients/nobody", "",
			notThere, "The client does not exist", "inexistent_client",
		},
		{
			"an API is read", http.MethodGet, "/resource-servers/https:%2F%2Fnowhere%2F", "",
			notThere, "The resource server does not exist", "inexistent_resource_server",
		},
		{
			"an organization is read", http.MethodGet, "/organizations/org_0000000000000000", "",
			notThere, "No organization found by that id or name", "",
		},
		{
			"a grant is created for a client", http.MethodPost, "/client-grants",
			`{"client_id":"nobody","audience":"` + audience + `","scope":[]}`,
			notThere, "Client not found", "inexistent_client",
		},
		{
			"a grant is created for an API", http.MethodPost, "/client-grants",
			`{"client_id":"` + clientID + `","audience":"https://foo/bar/","scope":[]}`,
			notThere, "No resource with identifier https://foo/bar/", "inexistent_resource_server",
		},
		{"an operation", http.MethodGet, "/users", "", notThere, "Not Found", ""},
		{"a method", http.MethodPut, "/client-grants", "", notThere, "Not Found", ""},
		{"a trailing slash", http.MethodGet, "/client-grants/", "", notThere, "Not Found", ""},
	} {
		t.Run(row.name, func(t *testing.T) { row.check(t, newTenant(t)) })
	}
}

func TestDuplicates_AreConflicts(t *testing.T) {
	for _, row := range []struct {
		name     string
		existing sim.Grant
		body     string
		message  string
	}{
		{
			"the same client, API and subject type",
			sim.Grant{ClientID: clientID, Audience: audience},
			`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["other"]}`,
			"A client grant already exists between " + clientID + " and " + audience,
		},
		{
			"the same default",
			sim.Grant{DefaultFor: "third_party_clients", Audience: audience},
			`{"default_for":"third_party_clients","audience":"` + audience + `","scope":[]}`,
			"A client grant already exists between third_party_clients and " + audience,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newTenant(t)
			n.AddGrant(row.existing)
			n.expect(http.MethodPost, "/client-grants", row.body, http.StatusConflict,
				failure(t, http.StatusConflict, row.message, ""))
			if n.GrantCount() != 1 {
				t.Errorf("there are %d grants", n.GrantCount())
			}
		})
	}
}

func TestIdentities_AreComparedExactly(t *testing.T) {
	n := newTenant(t)
	for _, identifier := range []string{"https://API.example.com/", "https://api.example.com"} {
		n.AddAPI(sim.API{Identifier: identifier})
	}
	for _, body := range []string{
		`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[]}`,
		`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[],"subject_type":"user"}`,
		`{"client_id":"` + clientID + `","audience":"https://API.example.com/","scope":[]}`,
		`{"client_id":"` + clientID + `","audience":"https://api.example.com","scope":[]}`,
		`{"default_for":"third_party_clients","audience":"` + audience + `","scope":[]}`,
		`{"default_for":"third_party_clients","audience":"` + audience + `","scope":[],"subject_type":"user"}`,
	} {
		n.create(body)
	}
}

func TestFields_MustGoTogether(t *testing.T) {
	const post, invalid = http.MethodPost, http.StatusBadRequest
	n := newTenant(t)
	n.AddClient(sim.Client{ID: "tpc_1", ThirdParty: true})
	management := n.ManagementAudience()
	one := `"client_id":"` + clientID + `","audience":"` + audience + `"`
	for _, row := range []refusal{
		{
			"a client and a default", post, grantsAt, `{` + one + `,"default_for":"third_party_clients","scope":[]}`,
			invalid, "`client_id` and `default_for` are mutually exclusive", "validation_error",
		},
		{
			"neither a client nor a default", post, grantsAt, `{"audience":"` + audience + `","scope":[]}`,
			invalid, "One of `client_id` or `default_for` must be provided", "validation_error",
		},
		{
			"no scope", post, grantsAt, `{` + one + `}`,
			invalid, "Payload validation error: 'Missing required property: scope'.", "invalid_body",
		},
		{
			"no scope although not all are allowed", post, grantsAt, `{` + one + `,"allow_all_scopes":false}`,
			invalid, "Payload validation error: 'Missing required property: scope'.", "invalid_body",
		},
		{
			"scopes and all scopes", post, grantsAt, `{` + one + `,"scope":["a"],"allow_all_scopes":true}`,
			invalid, "`scope` cannot be provided when `allow_all_scopes` is true", "validation_error",
		},
		{
			"allow_all_scopes with a system API, even if false", post, grantsAt,
			`{"client_id":"` + clientID + `","audience":"` + management + `","scope":[],"allow_all_scopes":false}`,
			invalid, "`allow_all_scopes` cannot be provided when `audience` is a system API", "validation_error",
		},
		{
			"an organization setting with a system API, even if false", post, grantsAt,
			`{"client_id":"` + clientID + `","audience":"` + management + `","scope":[],"allow_any_organization":false}`,
			invalid, "`allow_any_organization` cannot be provided when `audience` is a system API", "validation_error",
		},
		{
			"a default with a system API", post, grantsAt,
			`{"default_for":"third_party_clients","audience":"` + management + `","scope":[]}`,
			invalid, "`default_for` cannot be provided when `audience` is a system API", "validation_error",
		},
		{
			"a third party with the Management API", post, grantsAt,
			`{"client_id":"tpc_1","audience":"` + management + `","scope":[]}`,
			invalid, "Client grants for this API cannot be created for third-party clients.", "validation_error",
		},
		{
			"a third party with any organization", post, grantsAt,
			`{"client_id":"tpc_1","audience":"` + audience + `","scope":[],"organization_usage":"allow","allow_any_organization":true}`,
			invalid, "`allow_any_organization` cannot be true for third-party clients", "validation_error",
		},
		{
			"any organization although organizations are denied", post, grantsAt,
			`{` + one + `,"scope":[],"allow_any_organization":true}`,
			invalid, "`allow_any_organization` can only be true when `organization_usage` is `allow` or `require`",
			"validation_error",
		},
		{
			"organizations with a user grant", post, grantsAt,
			`{` + one + `,"scope":[],"subject_type":"user","organization_usage":"deny"}`,
			invalid, "`organization_usage` cannot be provided when `subject_type` is `user`", "validation_error",
		},
		{
			"organizations with a default grant", post, grantsAt,
			`{"default_for":"third_party_clients","audience":"` + audience + `","scope":[],"organization_usage":"deny"}`,
			invalid, "`organization_usage` cannot be provided when `default_for` is provided", "validation_error",
		},
		{
			"authorization details with a client grant", post, grantsAt,
			`{` + one + `,"scope":[],"authorization_details_types":["payment"]}`,
			invalid, "`authorization_details_types` can only be provided when `subject_type` is `user`", "validation_error",
		},
	} {
		t.Run(row.name, func(t *testing.T) { row.check(t, n) })
	}
	if n.GrantCount() != 0 {
		t.Errorf("a refused create left %+v", n.Grants())
	}
}

func TestUpdates_MustGoWithTheGrant(t *testing.T) {
	const patch, invalid = http.MethodPatch, http.StatusBadRequest
	n := newTenant(t)
	all := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience, AllowAllScopes: new(true)})
	user := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience, SubjectType: "user", Scope: []string{"kept"}})
	system := n.AddGrant(sim.Grant{ClientID: clientID, Audience: n.ManagementAudience(), IsSystem: true})
	const special = "This grant is a special grant created by Auth0. It cannot be modified or deleted directly."
	before := n.Grants()
	for _, row := range []refusal{
		{
			"scopes while all are allowed", patch, grantsAt + "/" + all.ID, `{"scope":["a"]}`,
			invalid, "`scope` cannot be provided when `allow_all_scopes` is true", "validation_error",
		},
		{
			"organizations on a user grant, although another field could be set", patch, grantsAt + "/" + user.ID,
			`{"scope":["a"],"organization_usage":"allow"}`,
			invalid, "`organization_usage` cannot be provided when `subject_type` is `user`", "validation_error",
		},
		{
			"organizations on a user grant, although a null before it could be taken", patch, grantsAt + "/" + user.ID,
			`{"scope":null,"organization_usage":"allow"}`,
			invalid, "`organization_usage` cannot be provided when `subject_type` is `user`", "validation_error",
		},
		{
			"an update of a system grant", patch, grantsAt + "/" + system.ID, `{"scope":[]}`,
			invalid, special, "operation_not_supported",
		},
		{
			"a delete of a system grant", http.MethodDelete, grantsAt + "/" + system.ID, "",
			invalid, special, "operation_not_supported",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			row.check(t, n)
			if after := n.Grants(); !sameGrants(before, after) {
				t.Errorf("grants changed to %+v", after)
			}
		})
	}
}

func sameGrants(a, b []sim.Grant) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID || strings.Join(a[i].Scope, " ") != strings.Join(b[i].Scope, " ") ||
			a[i].OrganizationUsage != b[i].OrganizationUsage {
			return false
		}
	}
	return true
}

func TestEntityLimit_IsForbidden(t *testing.T) {
	n := newTenant(t, settings(func(s *sim.Settings) { s.MaxGrants = 1 }))
	n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[]}`)
	n.expect(http.MethodPost, grantsAt,
		`{"client_id":"`+clientID+`","audience":"`+audience+`","scope":[],"subject_type":"user"}`, http.StatusForbidden,
		failure(t, http.StatusForbidden, "You reached the limit of entities of this type for this tenant.", "too_many_entities"))
}
