package remote

import (
	"errors"
	"net/http"
	"testing"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// Whatever the code asks for, nothing but GET and the token request leaves.
func TestTenant_LetsNoWriteLeave(t *testing.T) {
	simulated, err := sim.StartTLS(sim.Options{ClientID: "auditor", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(simulated.Close)
	held := simulated.AddGrant(sim.Grant{ClientID: "app", Audience: "https://api/"})
	tenant, err := Open(t.Context(), Options{
		Of:          &v1alpha1.Auth0Tenant{Spec: v1alpha1.Auth0TenantSpec{Domain: simulated.Domain()}},
		Credentials: auth0.Credentials{ClientID: "auditor", ClientSecret: "secret"}, Limit: budget.Limit{PerMinute: 6000, Burst: 10},
		Transport: simulated.Client().Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tenant.Close)
	_, created := tenant.client.Create(t.Context(), grant.New{ClientID: "other", Audience: "https://api/", Fields: grant.Fields{Scope: []string{"a"}}})
	_, changed := tenant.client.Update(t.Context(), held.ID, grant.Fields{Scope: []string{"a"}})
	deleted := tenant.client.Delete(t.Context(), held.ID)
	for what, err := range map[string]error{"create": created, "change": changed, "delete": deleted} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("a request to %s ends with %v", what, err)
		}
	}
	if found, err := tenant.Grants(t.Context()); err != nil || len(found) != 1 {
		t.Errorf("read %d grants: %v", len(found), err)
	}
	for _, call := range simulated.Log() {
		if call.Method != http.MethodGet && call.Path != "/oauth/token" {
			t.Errorf("%s %s has left", call.Method, call.Path)
		}
	}
}
