package sim_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// denied is the 401 for a token that does not count.
func denied(message string) string {
	return `{"statusCode":401,"error":"Unauthorized","message":"` + message + `","attributes":{"error":"` + message + `"}}`
}

func TestAuthorization_IsRefusedAsRecorded(t *testing.T) {
	n := newTenant(t)
	n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience})
	other := newTenant(t, func(o *sim.Options) { o.Domain = "other.example" })
	parts := strings.Split(n.token, ".")
	forged := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"aud":"x"}`)) + "." + parts[2]
	const malformed = `{"statusCode":400,"error":"Bad Request","message":"Bad HTTP authentication header format",` +
		`"errorCode":"Bearer"}`
	const missing = `{"statusCode":401,"error":"Unauthorized","message":"Missing authentication"}`
	for _, row := range []struct {
		name, header string
		status       int
		want         string
		challenge    string
	}{
		{"no header", "", http.StatusUnauthorized, missing, "Bearer"},
		{"another scheme", "Basic abc", http.StatusUnauthorized, missing, "Bearer"},
		{"no token", "Bearer", http.StatusBadRequest, malformed, ""},
		{"two tokens", "Bearer a.b.c d.e.f", http.StatusBadRequest, malformed, ""},
		{"an opaque token", "Bearer abc", http.StatusBadRequest, malformed, ""},
		{"no JWT", "Bearer a.b.c", http.StatusUnauthorized, denied("Invalid token"), `Bearer error="Invalid token"`},
		{
			"a forged token", "Bearer " + forged, http.StatusUnauthorized,
			denied("Invalid signature received for JSON Web Token validation"),
			`Bearer error="Invalid signature received for JSON Web Token validation"`,
		},
		{
			"a token of another tenant", "Bearer " + other.token, http.StatusUnauthorized,
			denied("Bad audience: https://other.example/api/v2/"), `Bearer error="Bad audience: https://other.example/api/v2/"`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			r := n.request(http.MethodGet, "/api/v2/client-grants", "")
			if row.header != "" {
				r.Header.Set("Authorization", row.header)
			}
			got := n.send(r)
			if got.status != row.status || got.body != row.want || got.header.Get("WWW-Authenticate") != row.challenge {
				t.Errorf("got %d %s %v", got.status, got.body, got.header)
			}
		})
	}
}

func TestTokens_StopCounting(t *testing.T) {
	const expired = "Expired token received for JSON Web Token validation"
	for _, row := range []struct {
		name string
		stop func(*tenant)
		want string
	}{
		{"after a day", func(n *tenant) { n.clock.advance(24 * time.Hour) }, denied(expired)},
		{"when they are expired", func(n *tenant) { n.ExpireTokens() }, denied(expired)},
		{"when they are revoked", func(n *tenant) { n.RevokeTokens() }, denied("Invalid token")},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newTenant(t)
			n.want(http.MethodGet, grantsAt, "", http.StatusOK)
			row.stop(n)
			n.expect(http.MethodGet, grantsAt, "", http.StatusUnauthorized, row.want)
			n.token = n.newToken()
			n.want(http.MethodGet, grantsAt, "", http.StatusOK)
		})
	}
}

func TestTokens_CanBeBoundToTheHostTheyCameFrom(t *testing.T) {
	n := newTenant(t, settings(func(s *sim.Settings) { s.BindTokenToHost = true }))
	r := n.request(http.MethodGet, "/api/v2"+grantsAt, "")
	r.Host = "login.acme.example"
	r.Header.Set("Authorization", "Bearer "+n.token)
	if got := n.send(r); got.status != http.StatusUnauthorized || got.body != denied("Invalid token") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestScopes_AreRequired(t *testing.T) {
	for _, row := range []struct{ method, path, body, scopes string }{
		{http.MethodGet, "/client-grants", "", "read:client_grants"},
		{http.MethodGet, missingGrant, "", "read:client_grants"},
		{http.MethodPost, "/client-grants", `{"nonsense":1}`, "create:client_grants"},
		{http.MethodPatch, missingGrant, `{}`, "update:client_grants"},
		{http.MethodDelete, missingGrant, "", "delete:client_grants"},
		{http.MethodGet, missingGrant + "/organizations", "", "read:organization_client_grants"},
		{http.MethodGet, "/organizations/org_1/client-grants", "", "read:organization_client_grants"},
		{http.MethodPost, "/organizations/org_1/client-grants", "", "create:organization_client_grants"},
		{http.MethodDelete, "/organizations/org_1/client-grants/x", "", "delete:organization_client_grants"},
		{http.MethodGet, "/resource-servers/x", "", "read:resource_servers"},
		{http.MethodDelete, "/clients/x", "", "delete:clients"},
		{http.MethodPatch, "/clients/x", "", "update:clients, update:client_keys"},
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			n := newTenant(t, settings(func(s *sim.Settings) { s.GrantedScopes = []string{"read:nothing"} }))
			n.expect(row.method, row.path, row.body, http.StatusForbidden,
				`{"statusCode":403,"error":"Forbidden","message":"Insufficient scope, expected any of: `+row.scopes+
					`","errorCode":"insufficient_scope"}`)
		})
	}
}

func TestGrantedScopes_CountForNewTokensOnly(t *testing.T) {
	n := newTenant(t)
	n.Configure(func(s *sim.Settings) { s.GrantedScopes = []string{"read:client_grants"} })
	n.want(http.MethodDelete, missingGrant, "", http.StatusNoContent)
	n.token = n.newToken()
	n.want(http.MethodDelete, missingGrant, "", http.StatusForbidden)
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
}
