package sim_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// limitHeaders are the values of the three headers, or empty texts.
func limitHeaders(header http.Header) [3]string {
	return [3]string{
		header.Get("x-ratelimit-limit"), header.Get("x-ratelimit-remaining"), header.Get("x-ratelimit-reset"),
	}
}

func limitedTenant(t *testing.T, limit sim.RateLimit) *tenant {
	t.Helper()
	return newTenant(t, settings(func(s *sim.Settings) { s.RateLimit = limit }))
}

func (n *tenant) epoch(seconds int64) string {
	return strconv.FormatInt(n.clock.now.Unix()+seconds, 10)
}

func TestRateLimit_IsATokenBucket(t *testing.T) {
	n := limitedTenant(t, sim.RateLimit{Limit: 3, PerSecond: 0.5})
	for i, want := range [][3]string{{"3", "2", n.epoch(2)}, {"3", "1", n.epoch(4)}, {"3", "0", n.epoch(6)}} {
		got := n.call(http.MethodGet, grantsAt, "")
		if got.status != http.StatusOK || limitHeaders(got.header) != want {
			t.Errorf("request %d: %d with %v, want %v", i, got.status, limitHeaders(got.header), want)
		}
	}
	got := n.expect(http.MethodGet, grantsAt, "", http.StatusTooManyRequests, `{"statusCode":429,"error":"Too Many Requests",`+
		`"message":"Global limit has been reached","errorCode":"too_many_requests"}`)
	if want := [3]string{"3", "0", n.epoch(6)}; limitHeaders(got.header) != want || got.header.Get("Retry-After") != "" {
		t.Errorf("the 429 has %v", got.header)
	}
	n.clock.advance(1999 * time.Millisecond)
	n.want(http.MethodGet, grantsAt, "", http.StatusTooManyRequests)
	n.clock.advance(time.Millisecond)
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	n.want(http.MethodGet, grantsAt, "", http.StatusTooManyRequests)
	n.clock.advance(time.Hour) // no more than the limit gathers
	for range 3 {
		n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	}
	n.want(http.MethodGet, grantsAt, "", http.StatusTooManyRequests)
}

func TestRateLimit_RefusesBeforeAnyEffect(t *testing.T) {
	n := limitedTenant(t, sim.RateLimit{Limit: 1, PerSecond: 1})
	id := n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience}).ID
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	n.want(http.MethodDelete, grantsAt+"/"+id, "", http.StatusTooManyRequests)
	if n.GrantCount() != 1 {
		t.Error("the grant is gone")
	}
	n.newToken() // the token endpoint has limits of its own
}

func TestRateLimit_ShowsNoHeadersOnOtherErrors(t *testing.T) {
	n := limitedTenant(t, sim.RateLimit{Limit: 50, PerSecond: 16})
	for _, row := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodGet, missingGrant, "", http.StatusNotFound},
		{http.MethodPost, grantsAt, `{}`, http.StatusBadRequest},
	} {
		if got := n.call(row.method, row.path, row.body); limitHeaders(got.header) != [3]string{} {
			t.Errorf("a %d has %v", row.status, got.header)
		}
	}
	n.token = "x.y.z"
	if got := n.call(http.MethodGet, grantsAt, ""); got.status != http.StatusUnauthorized || limitHeaders(got.header) != [3]string{} {
		t.Errorf("a %d has %v", got.status, got.header)
	}
	n.token = n.newToken()
	if got := n.call(http.MethodGet, grantsAt, ""); got.header.Get("x-ratelimit-remaining") != "46" {
		t.Errorf("after three errors %s are left", got.header.Get("x-ratelimit-remaining"))
	}
}

func TestRateLimit_HasOtherForms(t *testing.T) {
	for _, row := range []struct {
		name       string
		limit      sim.RateLimit
		headers    func(*tenant) [3]string
		retryAfter string
		message    string
	}{
		{
			"an endpoint's limit with something left in the tenant's",
			sim.RateLimit{Endpoint: true, Remaining: 7},
			func(n *tenant) [3]string { return [3]string{"1", "7", n.epoch(2)} }, "", "Endpoint limit has been reached",
		},
		{
			"with Retry-After",
			sim.RateLimit{RetryAfter: true},
			func(n *tenant) [3]string { return [3]string{"1", "0", n.epoch(2)} }, "2", "Global limit has been reached",
		},
		{
			"without headers",
			sim.RateLimit{NoHeaders: true},
			func(*tenant) [3]string { return [3]string{} }, "", "Global limit has been reached",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.limit.Limit, row.limit.PerSecond = 1, 0.5
			n := limitedTenant(t, row.limit)
			n.want(http.MethodGet, grantsAt, "", http.StatusOK)
			got := n.call(http.MethodGet, grantsAt, "")
			if got.status != http.StatusTooManyRequests || limitHeaders(got.header) != row.headers(n) ||
				got.header.Get("Retry-After") != row.retryAfter || field(t, got.body, "message") != row.message {
				t.Errorf("got %d %s %v", got.status, got.body, got.header)
			}
		})
	}
}

func TestRateLimit_ChangesAtRunTime(t *testing.T) {
	n := newTenant(t)
	if got := n.call(http.MethodGet, grantsAt, ""); limitHeaders(got.header) != [3]string{} {
		t.Errorf("without a limit there is %v", got.header)
	}
	n.Configure(func(s *sim.Settings) { s.RateLimit = sim.RateLimit{Limit: 1} })
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	n.Configure(func(s *sim.Settings) { s.OmitTokenScope = true }) // another setting leaves the bucket alone
	n.want(http.MethodGet, grantsAt, "", http.StatusTooManyRequests)
	n.Configure(func(s *sim.Settings) { s.RateLimit = sim.RateLimit{} })
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
}

func TestRateLimit_CanRefillByWindows(t *testing.T) {
	n := limitedTenant(t, sim.RateLimit{Limit: 2, WindowSeconds: 60})
	for range 2 {
		if got := n.call(http.MethodGet, grantsAt, ""); got.status != http.StatusOK || got.header.Get("x-ratelimit-reset") != n.epoch(60) {
			t.Errorf("more is added at %s", got.header.Get("x-ratelimit-reset"))
		}
	}
	n.clock.advance(59 * time.Second)
	n.want(http.MethodGet, grantsAt, "", http.StatusTooManyRequests)
	n.clock.advance(time.Second)
	for range 2 {
		n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	}
	n.want(http.MethodGet, grantsAt, "", http.StatusTooManyRequests)
}
