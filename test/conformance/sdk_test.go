// Package conformance has programs of others judge what this project makes: here Auth0's own Go SDK drives the
// simulated tenant through every call on client grants. What the SDK cannot read, or reads as something else than the
// tenant holds, the tenant answers wrongly.
package conformance

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/auth0/go-auth0/v3/management"
	clientgrants "github.com/auth0/go-auth0/v3/management/clientgrants/client"
	clients "github.com/auth0/go-auth0/v3/management/clients/client"
	"github.com/auth0/go-auth0/v3/management/core"
	"github.com/auth0/go-auth0/v3/management/option"
	organizationgrants "github.com/auth0/go-auth0/v3/management/organizations/clientgrants"
	"github.com/auth0/go-auth0/v3/management/resourceservers"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

const (
	clientID = "r2nehQVWws3du9VlSCnuuT6QI8xLdDyR"
	audience = "https://api.example.com/v1/"
)

// TestMain makes every HTTP client of the process trust the tenants, those that the SDK makes for itself included.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(file, sim.AuthorityPEM(), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.Setenv("SSL_CERT_FILE", file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// statusError is an answer that the SDK must not see: it would sleep, up to a minute, and send the request again, a
// create included.
type statusError struct {
	status int
	header http.Header
}

func (e *statusError) Error() string { return http.StatusText(e.status) }

// impatient turns such answers into errors.
type impatient struct{}

func (impatient) Do(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultClient.Do(r)
	if err == nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= http.StatusInternalServerError) {
		_ = response.Body.Close()
		return nil, &statusError{response.StatusCode, response.Header}
	}
	return response, err
}

// tenant is a simulated tenant with an SDK for it.
type tenant struct {
	*sim.Running
	grants        *clientgrants.Client
	organizations *organizationgrants.Client
	clients       *clients.Client
	apis          *resourceservers.Client
}

func start(t *testing.T, options sim.Options, sdk ...option.RequestOption) *tenant {
	t.Helper()
	running, err := sim.StartTLS(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Close)
	running.AddClient(sim.Client{ID: clientID, Name: "Billing"})
	running.AddAPI(sim.API{Identifier: audience, Scopes: []string{"read:users", "write:users"}})
	if len(sdk) == 0 {
		// The token outlives a request's context, so its own must not end.
		ctx := context.WithoutCancel(t.Context())
		sdk = append(sdk, option.WithClientCredentials(ctx, running.ClientID(), running.ClientSecret()))
	}
	// The address comes first: the credentials take the token's address from it.
	all := append([]option.RequestOption{
		option.WithBaseURL("https://" + running.Domain() + "/api/v2"), option.WithHTTPClient(impatient{}),
	}, sdk...)
	requests := core.NewRequestOptions(all...)
	return &tenant{
		Running: running, grants: clientgrants.NewClient(requests), organizations: organizationgrants.NewClient(requests),
		clients: clients.NewClient(requests), apis: resourceservers.NewClient(requests),
	}
}

// shown is a grant as the SDK reads it, whichever call it comes from.
type shown interface {
	GetID() string
	GetClientID() string
	GetAudience() string
	GetScope() []string
	GetOrganizationUsage() management.ClientGrantOrganizationUsageEnum
	GetAllowAnyOrganization() bool
	GetDefaultFor() management.ClientGrantDefaultForEnum
	GetIsSystem() bool
	GetSubjectType() management.ClientGrantSubjectTypeEnum
	GetAuthorizationDetailsTypes() []string
	GetAllowAllScopes() bool
	GetExtraProperties() map[string]any
}

// compare compares what the SDK read with what is wanted, and with what the tenant holds.
func (n *tenant) compare(t *testing.T, got shown, want sim.Grant) {
	t.Helper()
	want.ID = got.GetID()
	stored, ok := n.Grant(want.ID)
	if !ok || !equal(stored, want) {
		t.Errorf("the tenant holds %+v, want %+v", stored, want)
	}
	read := sim.Grant{
		ID: got.GetID(), ClientID: got.GetClientID(), Audience: got.GetAudience(), Scope: got.GetScope(),
		OrganizationUsage: string(got.GetOrganizationUsage()), IsSystem: got.GetIsSystem(),
		SubjectType: string(got.GetSubjectType()), DefaultFor: string(got.GetDefaultFor()),
		AuthorizationDetailsTypes: got.GetAuthorizationDetailsTypes(),
		AllowAnyOrganization:      new(got.GetAllowAnyOrganization()), AllowAllScopes: new(got.GetAllowAllScopes()),
	}
	if !equal(read, want) {
		t.Errorf("the SDK read %+v, want %+v", read, want)
	}
	if extra := got.GetExtraProperties(); len(extra) > 0 {
		t.Errorf("the SDK does not know %v", extra)
	}
}

// equal compares grants; the getters of the SDK do not tell a flag that is unset from one that is false.
func equal(a, b sim.Grant) bool {
	return a.ID == b.ID && a.ClientID == b.ClientID && a.Audience == b.Audience && slices.Equal(a.Scope, b.Scope) &&
		(a.Scope == nil) == (b.Scope == nil) && a.OrganizationUsage == b.OrganizationUsage && a.IsSystem == b.IsSystem &&
		a.SubjectType == b.SubjectType && a.DefaultFor == b.DefaultFor &&
		slices.Equal(a.AuthorizationDetailsTypes, b.AuthorizationDetailsTypes) &&
		isTrue(a.AllowAnyOrganization) == isTrue(b.AllowAnyOrganization) && isTrue(a.AllowAllScopes) == isTrue(b.AllowAllScopes)
}

func isTrue(flag *bool) bool { return flag != nil && *flag }
