package sim_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// tokenFields are the fields of a token answer.
type tokenFields struct {
	AccessToken string  `json:"access_token"`
	ExpiresIn   int     `json:"expires_in"`
	TokenType   string  `json:"token_type"`
	Scope       *string `json:"scope"`
}

func decodeToken(t *testing.T, got answer) tokenFields {
	t.Helper()
	var fields tokenFields
	if err := json.Unmarshal([]byte(got.body), &fields); err != nil || got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	return fields
}

// claims are the claims of a JWT, unchecked.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(data, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestToken_IsIssuedHoweverTheClientAuthenticates(t *testing.T) {
	n := newTenant(t, func(o *sim.Options) { o.ClientSecret = "s+e/c r=e%t" })
	asJSON := `{"grant_type":"client_credentials","audience":"` + n.ManagementAudience() + `"`
	for _, row := range []struct {
		name, contentType, body string
		basic                   []string
	}{
		{"in a form", "application/x-www-form-urlencoded", n.form(), nil},
		{
			"in JSON", "application/json",
			asJSON + `,"client_id":"` + n.ClientID() + `","client_secret":"` + n.ClientSecret() + `"}`, nil,
		},
		{
			"by HTTP Basic, escaped", "application/x-www-form-urlencoded", n.form("client_id", "", "client_secret", ""),
			[]string{n.ClientID(), url.QueryEscape(n.ClientSecret())},
		},
		{"by HTTP Basic with JSON", "application/json", asJSON + `}`, []string{n.ClientID(), n.ClientSecret()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			r := n.request(http.MethodPost, "/oauth/token", row.body)
			r.Header.Set("Content-Type", row.contentType)
			if row.basic != nil {
				r.SetBasicAuth(row.basic[0], row.basic[1])
			}
			fields := decodeToken(t, n.send(r))
			if fields.ExpiresIn != 86400 || fields.TokenType != "Bearer" || fields.Scope == nil {
				t.Errorf("got %+v", fields)
			}
			n.token = fields.AccessToken
			n.want(http.MethodGet, grantsAt, "", http.StatusOK)
		})
	}
}

func TestToken_LooksLikeARealOne(t *testing.T) {
	n := newTenant(t, settings(func(s *sim.Settings) {
		s.GrantedScopes, s.TokenLifetime = []string{"read:client_grants", "delete:client_grants"}, 10*time.Minute
	}))
	fields := decodeToken(t, n.tokenRequest(n.form()))
	if fields.ExpiresIn != 600 || *fields.Scope != "read:client_grants delete:client_grants" {
		t.Errorf("got %+v", fields)
	}
	got := claims(t, fields.AccessToken)
	for name, want := range map[string]any{
		"iss": "https://tenant.example/", "aud": "https://tenant.example/api/v2/", "sub": n.ClientID() + "@clients",
		"azp": n.ClientID(), "gty": "client-credentials", "scope": *fields.Scope,
		"exp": float64(n.clock.now.Add(10 * time.Minute).Unix()), "iat": float64(n.clock.now.Unix()),
	} {
		if got[name] != want {
			t.Errorf("claim %s is %v, want %v", name, got[name], want)
		}
	}
}

func TestToken_CanLeaveScopeOut(t *testing.T) {
	n := newTenant(t, settings(func(s *sim.Settings) { s.OmitTokenScope = true }))
	if fields := decodeToken(t, n.tokenRequest(n.form())); fields.Scope != nil {
		t.Errorf("scope is %q", *fields.Scope)
	}
}

func TestToken_IsRefused(t *testing.T) {
	const notGranted = `{"error":"access_denied","error_description":"Client is not authorized to access ` +
		`\"https://api.example.com/\". You might probably want to create a \"client-grant\" associated to this API. ` +
		`See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants"}`
	n := newTenant(t)
	n.AddClient(sim.Client{ID: "web", Secret: "s", GrantTypes: []string{"authorization_code"}})
	for _, row := range []struct {
		name, body string
		status     int
		want       string
	}{
		{
			"a wrong secret", n.form("client_secret", "wrong"), http.StatusUnauthorized,
			`{"error":"access_denied","error_description":"Unauthorized"}`,
		},
		{
			"no secret", n.form("client_secret", ""), http.StatusUnauthorized,
			`{"error":"access_denied","error_description":"Unauthorized"}`,
		},
		{
			"an unknown client", n.form("client_id", "nobody"), http.StatusUnauthorized,
			`{"error":"access_denied","error_description":"Unauthorized"}`,
		},
		{
			"the Management API without its slash", n.form("audience", "https://tenant.example/api/v2"), http.StatusForbidden,
			`{"error":"access_denied","error_description":"Service not enabled within domain: https://tenant.example/api/v2"}`,
		},
		{"an API without a grant", n.form("audience", audience), http.StatusForbidden, notGranted},
		{
			"a scope that was not granted", n.form("scope", "read:client_grants read:users"), http.StatusForbidden,
			`{"error":"access_denied","error_description":"Client has not been granted scopes: read:users"}`,
		},
		{
			"a client that may not", n.form("client_id", "web", "client_secret", "s"), http.StatusForbidden,
			`{"error":"unauthorized_client","error_description":"Grant type 'client_credentials' not allowed for the client."}`,
		},
		{
			"no audience", n.form("audience", ""), http.StatusForbidden, `{"error":"access_denied","error_description":` +
				`"No audience parameter was provided, and no default audience has been configured"}`,
		},
		{
			"another grant type", n.form("grant_type", "password"), http.StatusForbidden,
			`{"error":"unsupported_grant_type","error_description":"Unsupported grant type: password"}`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			if got := n.tokenRequest(row.body); got.status != row.status || got.body != row.want {
				t.Errorf("got %d %s\nwant %d %s", got.status, got.body, row.status, row.want)
			}
		})
	}
}

func TestSecrets_AreRotated(t *testing.T) {
	n := newTenant(t)
	before := n.form()
	n.SetClientCredentials(n.ClientID(), "new", nil)
	if got := n.tokenRequest(before); got.status != http.StatusUnauthorized {
		t.Errorf("the old secret is answered with %d", got.status)
	}
	if got := n.tokenRequest(n.form()); got.status != http.StatusOK || n.ClientSecret() != "new" {
		t.Errorf("the new secret is answered with %d", got.status)
	}
	n.want(http.MethodGet, grantsAt, "", http.StatusOK) // what was issued stays valid
}

func TestGrants_AreWhatTokensAreMadeOf(t *testing.T) {
	n := newTenant(t)
	app := n.AddClient(sim.Client{Name: "App", AppType: "non_interactive"})
	ask := func() answer {
		return n.tokenRequest(n.form("client_id", app.ID, "client_secret", app.Secret, "audience", audience))
	}
	granted := func() string {
		got := ask()
		if got.status != http.StatusOK {
			return http.StatusText(got.status)
		}
		fields := decodeToken(t, got)
		if fields.Scope == nil {
			return ""
		}
		return *fields.Scope
	}
	n.AddGrant(sim.Grant{ClientID: app.ID, Audience: audience, SubjectType: "user", Scope: []string{"user:scope"}})
	if got := granted(); got != "Forbidden" {
		t.Errorf("with a user grant only: %s", got)
	}
	id := n.AddGrant(sim.Grant{ClientID: app.ID, Audience: audience, Scope: []string{"b", "a"}}).ID
	if got := granted(); got != "b a" {
		t.Errorf("with a grant: %s", got)
	}
	n.want(http.MethodPatch, grantsAt+"/"+id, `{"allow_all_scopes":true}`, http.StatusOK)
	if got := granted(); got != "create:resource read:resource" {
		t.Errorf("with all scopes: %s", got)
	}
	n.want(http.MethodPatch, grantsAt+"/"+id, `{"allow_all_scopes":false,"scope":[]}`, http.StatusOK)
	if got := granted(); got != "" {
		t.Errorf("with no scopes: %s", got)
	}
	n.want(http.MethodDelete, grantsAt+"/"+id, "", http.StatusNoContent)
	if got := granted(); got != "Forbidden" {
		t.Errorf("after the delete: %s", got)
	}
}

func TestDefaultGrants_CountForThirdParties(t *testing.T) {
	n := newTenant(t)
	third := n.AddClient(sim.Client{Name: "Third", ThirdParty: true})
	if !strings.HasPrefix(third.ID, "tpc_") {
		t.Errorf("its ID is %s", third.ID)
	}
	n.AddGrant(sim.Grant{DefaultFor: "third_party_clients", Audience: audience, Scope: []string{"default"}})
	ask := n.form("client_id", third.ID, "client_secret", third.Secret, "audience", audience)
	if fields := decodeToken(t, n.tokenRequest(ask)); *fields.Scope != "default" {
		t.Errorf("got %+v", fields)
	}
	n.AddGrant(sim.Grant{ClientID: third.ID, Audience: audience, Scope: []string{"own"}})
	if fields := decodeToken(t, n.tokenRequest(ask)); *fields.Scope != "own" {
		t.Errorf("got %+v", fields)
	}
}

func TestAPIs_CanDenyEveryClient(t *testing.T) {
	n := newTenant(t)
	app := n.AddClient(sim.Client{AppType: "non_interactive"})
	n.AddGrant(sim.Grant{ClientID: app.ID, Audience: audience})
	n.want(http.MethodPatch, "/resource-servers/https:%2F%2Fapi.example.com%2F",
		`{"subject_type_authorization":{"client":{"policy":"deny_all"}}}`, http.StatusOK)
	got := n.tokenRequest(n.form("client_id", app.ID, "client_secret", app.Secret, "audience", audience))
	if got.status != http.StatusForbidden || field(t, got.body, "error") != "access_denied" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
