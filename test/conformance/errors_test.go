package conformance

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/auth0/go-auth0/v3/management"
	"github.com/auth0/go-auth0/v3/management/core"
	"github.com/auth0/go-auth0/v3/management/option"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

const missing = "cgr_0000000000000000"

// body is the body of an error that the SDK knows the type of.
func body(err error) map[string]any {
	var (
		bad       *management.BadRequestError
		denied    *management.UnauthorizedError
		forbidden *management.ForbiddenError
		unknown   *management.NotFoundError
		conflict  *management.ConflictError
		content   any
	)
	switch {
	case errors.As(err, &bad):
		content = bad.Body
	case errors.As(err, &denied):
		content = denied.Body
	case errors.As(err, &forbidden):
		content = forbidden.Body
	case errors.As(err, &unknown):
		content = unknown.Body
	case errors.As(err, &conflict):
		content = conflict.Body
	}
	object, _ := content.(map[string]any)
	return object
}

func TestErrors_HaveTheirTypes(t *testing.T) {
	create := func(client, api string) func(*testing.T, *tenant) error {
		return func(t *testing.T, n *tenant) error {
			t.Helper()
			request := &management.CreateClientGrantRequestContent{ClientID: &client, Audience: api}
			request.SetScope([]string{})
			_, err := n.grants.Create(t.Context(), request)
			return err
		}
	}
	for _, row := range []struct {
		name    string
		sdk     []option.RequestOption
		change  func(*tenant)
		call    func(*testing.T, *tenant) error
		status  int
		message string
		code    any
	}{
		{
			name: "a create without scopes", call: func(t *testing.T, n *tenant) error {
				t.Helper()
				_, err := n.grants.Create(t.Context(),
					&management.CreateClientGrantRequestContent{ClientID: new(clientID), Audience: audience})
				return err
			},
			status: 400, message: "Payload validation error: 'Missing required property: scope'.", code: "invalid_body",
		},
		{
			name: "an update with nothing", call: func(t *testing.T, n *tenant) error {
				t.Helper()
				id := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience}).ID
				_, err := n.grants.Update(t.Context(), id, &management.UpdateClientGrantRequestContent{})
				return err
			},
			status: 400, message: "Payload validation error: 'Too few properties defined (0), minimum 1'.", code: "invalid_body",
		},
		{
			name: "a page that is too long", call: func(t *testing.T, n *tenant) error {
				t.Helper()
				_, _, err := n.list(t.Context(), &management.ListClientGrantsRequestParameters{Take: new(101)})
				return err
			},
			status: 400, message: "Query validation error: 'Value 101 is greater than maximum 100' on property take " +
				"(Number of results per page. Defaults to 50.).", code: "invalid_query_string",
		},
		{
			name: "no such token", sdk: []option.RequestOption{option.WithToken("a.b.c")}, call: create(clientID, audience),
			status: 401, message: "Invalid token",
		},
		{
			name: "an expired token", change: func(n *tenant) {
				_, _ = n.grants.Get(context.Background(), missing) // obtains a token, which the SDK keeps
				n.ExpireTokens()
			}, call: create(clientID, audience),
			status: 401, message: "Expired token received for JSON Web Token validation",
		},
		{
			name: "a missing scope", change: func(n *tenant) {
				n.Configure(func(s *sim.Settings) { s.GrantedScopes = []string{"read:client_grants"} })
			}, call: create(clientID, audience),
			status: 403, message: "Insufficient scope, expected any of: create:client_grants", code: "insufficient_scope",
		},
		{
			name: "an unknown grant", call: func(t *testing.T, n *tenant) error {
				t.Helper()
				_, err := n.grants.Get(t.Context(), missing)
				return err
			},
			status: 404, message: "The grant does not exist.", code: "inexistent_client_grant",
		},
		{
			name: "an unknown client", call: create("nobody", audience),
			status: 404, message: "Client not found", code: "inexistent_client",
		},
		{
			name: "an unknown API", call: create(clientID, "https://foo/bar/"),
			status: 404, message: "No resource with identifier https://foo/bar/", code: "inexistent_resource_server",
		},
		{
			name: "a duplicate", change: func(n *tenant) { n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience}) },
			call:   create(clientID, audience),
			status: 409, message: "A client grant already exists between " + clientID + " and " + audience,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := start(t, sim.Options{}, row.sdk...)
			if row.change != nil {
				row.change(n)
			}
			err := row.call(t, n)
			var general *core.APIError
			if !errors.As(err, &general) || general.StatusCode != row.status {
				t.Fatalf("got %v", err)
			}
			if got := body(err); got["message"] != row.message || got["errorCode"] != row.code {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTokenFailure_LooksLikeMissingAuthentication(t *testing.T) {
	n := start(t, sim.Options{})
	n.SetClientCredentials(n.ClientID(), "another", nil)
	_, err := n.grants.Get(t.Context(), missing) // the SDK swallows the failure and sends the request without a token
	if got := body(err); got["statusCode"] != float64(http.StatusUnauthorized) || got["message"] != "Missing authentication" {
		t.Errorf("got %v", err)
	}
}

func TestRateLimit_ReachesTheSDK(t *testing.T) {
	limit := sim.RateLimit{Limit: 1, PerSecond: 0.001}
	n := start(t, sim.Options{Settings: sim.Settings{RateLimit: limit}})
	if err := n.grants.Delete(t.Context(), missing); err != nil {
		t.Fatal(err)
	}
	err := n.grants.Delete(t.Context(), missing)
	var limited *statusError
	if !errors.As(err, &limited) || limited.status != http.StatusTooManyRequests {
		t.Fatalf("got %v", err)
	}
	for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
		if limited.header.Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
}

func TestRateLimit_IsWaitedForAsTheHeadersSay(t *testing.T) {
	limit := sim.RateLimit{Limit: 1, PerSecond: 1}
	n := start(t, sim.Options{Settings: sim.Settings{RateLimit: limit}})
	began := time.Now()
	for range 2 { // with its own client the SDK waits and sends the second again
		if err := n.grants.Delete(t.Context(), missing, option.WithHTTPClient(http.DefaultClient)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); n.Requests(http.MethodDelete, "/client-grants/{id}") < 3 || took > 10*time.Second {
		t.Errorf("%d requests in %s", n.Requests(http.MethodDelete, ""), took)
	}
}

func TestLostAnswer_IsAnErrorOfTheConnection(t *testing.T) {
	n := start(t, sim.Options{})
	n.Inject(sim.Fault{Method: http.MethodPost, Route: "/client-grants", After: true, Drop: true})
	request := &management.CreateClientGrantRequestContent{ClientID: new(clientID), Audience: audience}
	request.SetScope([]string{})
	_, err := n.grants.Create(t.Context(), request)
	var answered *core.APIError
	if err == nil || errors.As(err, &answered) {
		t.Errorf("got %v", err)
	}
	if n.GrantCount() != 1 {
		t.Errorf("there are %d grants", n.GrantCount())
	}
}
