package auth0tenant

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
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
	i := Installation{AllowedDomains: []string{"*.auth0.com", "login.acme.com:8443", "*.acme.com", "login.acme.com"}}
	if hosts := i.TenantHosts(); !slices.Equal(hosts, []string{"login.acme.com"}) || len(i.AllowedDomains) != 4 {
		t.Errorf("they are %v of %v", hosts, i.AllowedDomains)
	}
}

// Nothing tells the operator that somebody corrected the application in Auth0: it is found within a minute while somebody waits.
func TestBackoff_IsShortWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backoff
		for range 10 {
			b.fail(outcome.Stalled("InvalidCredentials", "refused"))
		}
		if wait := b.wait(false); wait != lastRefused {
			t.Errorf("where nobody waits the next attempt is in %v", wait)
		}
		if b.failure.After > time.Minute {
			t.Errorf("whether somebody waits is asked again after %v", b.failure.After)
		}
		if wait := b.wait(true); wait != time.Minute {
			t.Errorf("while somebody waits it is in %v", wait)
		}
		time.Sleep(20 * time.Minute)
		if b.wait(false) <= 0 || b.wait(true) > 0 {
			t.Errorf("whoever comes later waits for another %v", b.wait(true))
		}
	})
}
