package auth0tenant

import (
	"slices"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// The quota of tokens names a time that may lie hours ahead: asking every second until then would help nobody.
func TestBackoff_WaitsForAQuotaOfTokens(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{0: firstUnavailable, 5 * time.Minute: 5 * time.Minute, 10 * time.Hour: 30 * time.Minute} {
		refused := refusedToken(nil, &auth0.TokenError{Status: 429, RateLimit: auth0.RateLimit{RetryAfter: asked}})
		b := &backoff{}
		b.fail(refused)
		if wait := time.Until(b.until).Round(time.Second); wait != want || refused.After != want {
			t.Errorf("asked to wait for %s it waits for %s, and looks again after %s", asked, wait, refused.After)
		}
	}
}

func TestInstallation_NamesHostsOfTenants(t *testing.T) {
	i := Installation{AllowedDomains: []string{"*.auth0.com", "login.acme.com", "*.acme.com"}}
	if hosts := i.TenantHosts(); !slices.Equal(hosts, []string{"login.acme.com"}) || len(i.AllowedDomains) != 3 {
		t.Errorf("they are %v of %v", hosts, i.AllowedDomains)
	}
}
