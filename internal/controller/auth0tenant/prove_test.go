package auth0tenant

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// TestMain has the process trust the simulators' authority, as SSL_CERT_FILE does for the operator.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	file := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(file, sim.AuthorityPEM(), 0o600); err != nil {
		panic(err)
	}
	if err := os.Setenv("SSL_CERT_FILE", file); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// What spec.managementAudience claims is proven by the host that it names, and by nothing else.
func TestProve_AsksTheHostThatIsClaimed(t *testing.T) {
	const custom = "login.example.com"
	refuses := func(status int, body string) func(*sim.Running) {
		return func(r *sim.Running) {
			r.Inject(sim.Fault{Route: "/oauth/token", Times: -1, Status: status, Body: body})
		}
	}
	tests := map[string]struct {
		tenant        func(*sim.Running)
		before        string // The application that was accepted before.
		domains       string // The key of the Secret.
		notAllowed    bool
		proven, again bool
		requests      int
		told          string
	}{
		"it accepts them":                        {proven: true, requests: 1},
		"it may be sent them":                    {domains: custom + ",127.0.0.1:PORT", proven: true, requests: 1},
		"it may not be sent them":                {domains: custom, told: "key domain"},
		"it is not allowed":                      {notAllowed: true, told: "--allowed-domains"},
		"it refuses them":                        {tenant: refuses(http.StatusUnauthorized, `{"error":"access_denied"}`), requests: 1, told: "does not accept"},
		"it refuses what it accepted before":     {tenant: refuses(http.StatusUnauthorized, `{"error":"access_denied"}`), before: "operator", requests: 1, told: "does not accept"},
		"the application lacks a scope there":    {tenant: func(r *sim.Running) { r.Configure(func(s *sim.Settings) { s.GrantedScopes = []string{"read:users"} }) }, requests: 1, told: "does not accept"},
		"it does not say for what":               {tenant: refuses(http.StatusOK, `{"access_token":"opaque","token_type":"Bearer","expires_in":86400}`), requests: 1, told: "good for"},
		"it is in trouble":                       {tenant: refuses(http.StatusServiceUnavailable, ""), again: true, requests: 1, told: "asked again"},
		"it is in trouble, and accepted them":    {tenant: refuses(http.StatusServiceUnavailable, ""), before: "operator", proven: true, again: true, requests: 1},
		"it is in trouble, and accepted another": {tenant: refuses(http.StatusServiceUnavailable, ""), before: "another", again: true, requests: 1, told: "asked again"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			remote, err := sim.StartTLS(sim.Options{ClientID: "operator"})
			if err != nil {
				t.Fatal(err)
			}
			defer remote.Close()
			if test.tenant != nil {
				test.tenant(remote)
			}
			obj := tenantNamed("main")
			obj.Spec.Domain, obj.Spec.ManagementAudience = custom, remote.ManagementAudience()
			if test.before != "" {
				obj.Status.Accepted = &v1alpha1.AcceptedCredentials{ClientID: test.before, Host: remote.Domain()}
			}
			r := reconcilerOf(t, interceptor.Funcs{}, obj)
			if r.Installation.AllowedDomains = []string{custom}; !test.notAllowed {
				r.Installation.AllowedDomains = append(r.Installation.AllowedDomains, remote.Domain())
			}
			read := tenant.Credentials{
				Credentials: auth0.Credentials{ClientID: "operator", ClientSecret: remote.ClientSecret()},
				Domains:     strings.Replace(test.domains, "127.0.0.1:PORT", remote.Domain(), 1),
			}
			want := custom
			if test.proven {
				want = remote.Domain()
			}
			got := r.prove(t.Context(), obj, read)
			if got.host != want {
				t.Errorf("it is of %q, want %q", got.host, want)
			}
			if !strings.Contains(got.unproven, test.told) || (got.unproven == "") != (test.told == "") {
				t.Errorf("told %q, want %q", got.unproven, test.told)
			}
			if got.again.IsZero() == test.again || got.isDue() {
				t.Errorf("it is asked again at %v", got.again)
			}
			if got := len(remote.Log()); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
		})
	}
}

func TestProve_TheDomainThatIsDialledProvesItself(t *testing.T) {
	for _, audience := range []string{"", "https://acme.eu.auth0.com/api/v2/", "https://Acme.EU.auth0.com:443/api/v2/"} {
		obj := tenantNamed("main")
		obj.Spec.ManagementAudience = audience
		r := reconcilerOf(t, interceptor.Funcs{}, obj)
		if got := r.prove(t.Context(), obj, tenant.Credentials{}); got.host != "acme.eu.auth0.com" {
			t.Errorf("with the audience %q it is of %q", audience, got.host)
		}
	}
}
