package sim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// invalid is the message of a body with one problem.
func invalid(problem, place string) string {
	if place != "" {
		place = " on property " + place
	}
	return "Payload validation error: '" + problem + "'" + place + "."
}

const scopePlace = "scope (Scopes allowed for this client grant.)"

func TestCreate_RefusesWhatTheSchemaDoesNotAllow(t *testing.T) {
	n := newTenant(t)
	base := `"client_id":"` + clientID + `","audience":"` + audience + `","scope":[]`
	for _, row := range []struct{ name, body, message string }{
		{
			"unknown fields, the last one first", `{` + base + `,"first_setting":1,"second_setting":2}`,
			invalid("Additional properties not allowed: second_setting,first_setting", ""),
		},
		{"a field that only answers have", `{` + base + `,"is_system":true}`, invalid("Additional properties not allowed: is_system", "")},
		{"no audience", `{"client_id":"x","scope":[]}`, invalid("Missing required property: audience", "")},
		{
			"an empty audience", `{"client_id":"x","audience":"","scope":[]}`,
			invalid("String is too short (0 chars), minimum 1", "audience (The audience (API identifier) of this client grant)"),
		},
		{
			"a scope of null", `{"client_id":"x","audience":"y","scope":null}`,
			invalid("Expected type array but found type null", scopePlace),
		},
		{
			"a scope that is a text", `{"client_id":"x","audience":"y","scope":"read"}`,
			invalid("Expected type array but found type string", scopePlace),
		},
		{
			"an empty scope", `{"client_id":"x","audience":"y","scope":["a",""]}`,
			invalid("String is too short (0 chars), minimum 1", "scope[1]"),
		},
		{
			"a scope that is too long", `{"client_id":"x","audience":"y","scope":["` + strings.Repeat("é", 281) + `"]}`,
			invalid("String is too long (281 chars), maximum 280", "scope[0]"),
		},
		{
			"a scope that is a number", `{"client_id":"x","audience":"y","scope":[1]}`,
			invalid("Expected type string but found type integer", "scope[0]"),
		},
		{
			"a client that is a number", `{"client_id":1.5,"audience":"y","scope":[]}`,
			invalid("Expected type string but found type number", "client_id (ID of the client.)"),
		},
		{
			"an unknown organization usage", `{` + base + `,"organization_usage":"required"}`,
			invalid("No enum match for: required", "organization_usage (Defines whether organizations can be used with "+
				"client credentials exchanges for this grant.)"),
		},
		{
			"an unknown subject type", `{` + base + `,"subject_type":"anonymous_user"}`,
			invalid("No enum match for: anonymous_user", "subject_type (The type of application access the client grant allows.)"),
		},
		{
			"a flag that is a text", `{` + base + `,"allow_all_scopes":"true"}`,
			invalid("Expected type boolean but found type string", "allow_all_scopes (If enabled, all scopes configured on "+
				"the resource server are allowed for this grant.)"),
		},
		{
			"a details type that is too long",
			`{` + base + `,"subject_type":"user","authorization_details_types":["` + strings.Repeat("x", 256) + `"]}`,
			invalid("String is too long (256 chars), maximum 255", "authorization_details_types[0]"),
		},
		{
			"several problems, each a sentence", `{"client_id":"x","extra":1,"scope":[""]}`,
			invalid("Missing required property: audience", "") + " (also) " +
				invalid("Additional properties not allowed: extra", "") + " (also) " +
				invalid("String is too short (0 chars), minimum 1", "scope[0]"),
		},
		{"a list", `[]`, invalid("Expected type object but found type array", "")},
		{"nothing", ``, invalid("Expected type object but found type null", "")},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			n.expect(http.MethodPost, grantsAt, row.body, http.StatusBadRequest,
				failure(t, http.StatusBadRequest, row.message, "invalid_body"))
		})
	}
}

func TestUpdate_RefusesWhatTheSchemaDoesNotAllow(t *testing.T) {
	n := newTenant(t)
	id := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience}).ID
	for _, row := range []struct{ name, body, message string }{
		{"nothing to change", `{}`, invalid("Too few properties defined (0), minimum 1", "")},
		{
			"fields that never change", `{"client_id":"x","audience":"y","scope":[]}`,
			invalid("Additional properties not allowed: audience,client_id", ""),
		},
		{"a subject type", `{"subject_type":"user"}`, invalid("Additional properties not allowed: subject_type", "")},
		{
			"details types of null", `{"authorization_details_types":null}`,
			invalid("Expected type array but found type null",
				"authorization_details_types (Types of authorization_details allowed for this client grant.)"),
		},
		{"a scope that is an object", `{"scope":{}}`, invalid("Expected type array,null but found type object", scopePlace)},
		{
			"an unknown organization usage", `{"organization_usage":"none"}`,
			invalid("No enum match for: none", "organization_usage (Controls how organizations may be used with this grant)"),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			n.expect(http.MethodPatch, grantsAt+"/"+id, row.body, http.StatusBadRequest,
				failure(t, http.StatusBadRequest, row.message, "invalid_body"))
		})
	}
}

func TestBodies_MustBeReadable(t *testing.T) {
	undescribed(t)
	n := newTenant(t)
	for _, row := range []struct {
		name, contentType, body string
		status                  int
		message                 string
	}{
		{"half a document", "application/json", `{"scope":`, http.StatusBadRequest, "Invalid request payload JSON format"},
		{"two documents", "application/json", `{} {}`, http.StatusBadRequest, "Invalid request payload JSON format"},
		{"another type", "text/plain", `{}`, http.StatusUnsupportedMediaType, "Unsupported Media Type"},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			r := n.request(http.MethodPost, "/api/v2"+grantsAt, row.body)
			r.Header.Set("Authorization", "Bearer "+n.token)
			r.Header.Set("Content-Type", row.contentType)
			got := n.send(r)
			if want := failure(t, row.status, row.message, ""); got.status != row.status || got.body != want {
				t.Errorf("got %d %s, want %s", got.status, got.body, want)
			}
		})
	}
	t.Run("more than one megabyte", func(t *testing.T) {
		n := n.in(t)
		got := n.call(http.MethodPost, grantsAt, `{"scope":["`+strings.Repeat("x", 1<<20)+`"]}`)
		if got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "1048576") {
			t.Errorf("got %d %s", got.status, got.body)
		}
	})
}

func TestForms_AreReadLikeJSON(t *testing.T) {
	undescribed(t)
	n := newTenant(t)
	r := n.request(http.MethodPost, "/api/v2"+grantsAt, "client_id="+clientID+"&audience="+
		"https%3A%2F%2Fapi.example.com%2F&scope=read%3Aresource&scope=create%3Aresource&organization_usage=allow"+
		"&allow_any_organization=true")
	r.Header.Set("Authorization", "Bearer "+n.token)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	want := `{"id":"cgr_","client_id":"` + clientID + `","audience":"` + audience + `","scope":["read:resource",` +
		`"create:resource"],"organization_usage":"allow","allow_any_organization":true,"subject_type":"client"}`
	if got := n.send(r); got.status != http.StatusCreated || anonymous(got.body) != want {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestQueries_RefuseWhatTheSchemaDoesNotAllow(t *testing.T) {
	n := newTenant(t)
	for _, row := range []struct{ query, message string }{
		{"scope=read", "Query validation error: 'Additional properties not allowed: scope'."},
		{
			"per_page=101",
			"Query validation error: 'Value 101 is greater than maximum 100' on property per_page (Number of results per page.).",
		},
		{
			"per_page=0",
			"Query validation error: 'Value 0 is less than minimum 1' on property per_page (Number of results per page.).",
		},
		{
			"take=many", "Query validation error: 'Expected type integer but found type string' on property take " +
				"(Number of results per page. Defaults to 50.).",
		},
		{
			"page=-1", "Query validation error: 'Value -1 is less than minimum 0' on property page " +
				"(Page index of the results to return. First page is 0.).",
		},
		{
			"allow_any_organization=false", "Query validation error: 'No enum match for: false' on property " +
				"allow_any_organization (Optional filter on allow_any_organization.).",
		},
		{
			"client_id=a&client_id=b", "Query validation error: 'Expected type string but found type array' on property " +
				"client_id (Optional filter on client_id.).",
		},
		{"client_id=a&default_for=third_party_clients", "`client_id` and `default_for` are mutually exclusive"},
		{"subject_type=user", "`subject_type` requires one of `client_id`, `audience` or `default_for`"},
	} {
		t.Run(row.query, func(t *testing.T) {
			n := n.in(t)
			n.expect(http.MethodGet, grantsAt+"?"+row.query, "", http.StatusBadRequest,
				failure(t, http.StatusBadRequest, row.message, "invalid_query_string"))
		})
	}
}

func TestGrantIDs_HaveAFormat(t *testing.T) {
	n := newTenant(t)
	unusual := n.AddGrant(sim.Grant{ID: "unusual", ClientID: clientID, Audience: audience})
	for _, row := range []refusal{
		{
			"an update", http.MethodPatch, "/client-grants/cgr_short", `{"scope":[]}`, http.StatusBadRequest,
			"Path validation error: 'Object didn't pass validation for format client-grant-id: cgr_short' on property id " +
				"(ID of the client grant to update.).", "invalid_uri",
		},
		{
			"a delete", http.MethodDelete, "/client-grants/a%2Fb", "", http.StatusBadRequest,
			"Path validation error: 'Object didn't pass validation for format client-grant-id: a/b' on property id " +
				"(ID of the client grant to delete.).", "invalid_uri",
		},
		{
			"a link", http.MethodPost, "/organizations/org_1/client-grants", `{"grant_id":"x"}`, http.StatusBadRequest,
			"Payload validation error: 'Object didn't pass validation for format client-grant-id: x' on property grant_id " +
				"(A Client Grant ID to add to the organization.).", "invalid_body",
		},
	} {
		t.Run(row.name, func(t *testing.T) { row.check(t, n) })
	}
	n.expect(http.MethodDelete, grantsAt+"/"+unusual.ID, "", http.StatusNoContent, "")
}
