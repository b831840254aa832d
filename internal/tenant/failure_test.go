package tenant_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// gaps are the times between the requests of that route, in the log's order.
func (w *world) gaps(route string) []time.Duration {
	var found []time.Duration
	var last time.Time
	for _, exchange := range w.Log() {
		if exchange.Route != route {
			continue
		}
		if !last.IsZero() {
			found = append(found, exchange.Time.Sub(last))
		}
		last = exchange.Time
	}
	return found
}

// wantBackoff checks that the gaps double from the first to the last, and are up to a fifth longer.
func wantBackoff(t *testing.T, gaps []time.Duration, first, last time.Duration) {
	t.Helper()
	if len(gaps) < 8 {
		t.Fatalf("only %d retries", len(gaps))
	}
	want := first
	for n, gap := range gaps {
		if gap < want || gap > want+want/5+10*time.Millisecond {
			t.Errorf("retry %d came after %s, want %s and up to a fifth more", n+1, gap, want)
		}
		want = min(2*want, last)
	}
}

func TestFailure_OfReadsBacksOffAndRecovers(t *testing.T) {
	faults := map[string]sim.Fault{
		"server errors":      {Status: http.StatusBadGateway},
		"broken connections": {Drop: true},
		"refusals":           {Status: http.StatusBadRequest},
		"broken answers":     {Status: http.StatusOK, Body: "[]"},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				fault.Method, fault.Route, fault.Times = http.MethodGet, "/client-grants", -1
				outage := w.Inject(fault)
				w.pending(t, app, time.Time{})
				advance(10 * time.Minute)
				wantBackoff(t, w.gaps("/client-grants"), time.Second, time.Minute)
				if got := w.woken.of(key("app")); got != 1 {
					t.Errorf("who waits was woken %d times", got)
				}
				health := w.session.Health()
				if _, err := w.session.Observe(key("app"), app, time.Time{}, budget.ClassChange); err == nil || !errors.Is(err, health.Err) {
					t.Errorf("told %v, health is %+v", err, health)
				}
				if health.Suspect || time.Since(health.Failed) > 2*time.Minute {
					t.Errorf("health %+v", health)
				}
				reports := w.reports.Load()
				outage.Remove()
				advance(80 * time.Second)
				if got := w.woken.of(key("app")); got != 2 {
					t.Errorf("who waits was woken %d times after it was over", got)
				}
				if seen, err := w.session.Observe(key("app"), app, time.Time{}, budget.ClassChange); err != nil || seen.Grant != nil {
					t.Errorf("saw %+v, error %v", seen, err)
				}
				if health := w.session.Health(); health.Err != nil || w.reports.Load() == reports {
					t.Errorf("health %+v, told %d times", health, w.reports.Load()-reports)
				}
			})
		})
	}
}

func TestFailure_ByARateLimitStopsTheWholeHost(t *testing.T) {
	tests := map[string]struct {
		route  string
		header http.Header
		want   time.Duration
	}{
		"for as long as the answer asks":          {"/client-grants", http.Header{"Retry-After": {"17"}}, 17 * time.Second},
		"until the bucket is said to be full":     {"/client-grants", http.Header{"X-Ratelimit-Reset": {"946684823"}}, 23 * time.Second},
		"for a moment where it does not say":      {"/client-grants", http.Header{"X-Ratelimit-Reset": nil}, 5 * time.Second},
		"for a moment where the time has passed":  {"/client-grants", http.Header{"X-Ratelimit-Reset": {"946684000"}}, 5 * time.Second},
		"no longer than a minute":                 {"/client-grants", http.Header{"Retry-After": {"86400"}}, time.Minute},
		"for a token quota too":                   {"/oauth/token", http.Header{"Retry-After": {"9"}}, 9 * time.Second},
		"no longer than a minute for a far reset": {"/client-grants", http.Header{"X-Ratelimit-Reset": {"946688400"}}, time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.Inject(sim.Fault{Route: test.route, Status: http.StatusTooManyRequests, Header: test.header})
				sibling := w.sibling(t)
				start := time.Now() // A bubble's clock starts with the year 2000, at 946684800.
				w.pending(t, app, time.Time{})
				advance(300 * time.Millisecond)
				if _, err := w.session.Observe(key("app"), app, time.Time{}, budget.ClassChange); !auth0.IsRateLimited(err) {
					t.Errorf("error %v", err)
				}
				if err := w.session.Ready(key("writer"), budget.ClassRevocation); !errors.Is(err, tenant.ErrParked) {
					t.Errorf("a write may go on: %v", err)
				}
				if err := sibling.Ready(key("another writer"), budget.ClassRevocation); !errors.Is(err, tenant.ErrParked) {
					t.Errorf("a write by another Auth0Tenant of the host may go on: %v", err)
				}
				w.budget.Forget(key("writer"))
				w.budget.Forget(key("another writer"))
				w.woken.await(t, key("app"), 2)
				if got := time.Since(start); got < test.want-time.Second || got > test.want+time.Second {
					t.Errorf("it went on after %s, want %s", got, test.want)
				}
				if health := w.session.Health(); health.Err != nil || health.Suspect {
					t.Errorf("health %+v", health)
				}
			})
		})
	}
}

// sibling is the session of another Auth0Tenant on the same host.
func (w *world) sibling(t *testing.T) *tenant.Session {
	t.Helper()
	config := w.config
	config.Name = "uid-2"
	sibling := tenant.NewSession(config, w.newClient(t), w.budget, nil, w.woken.wake, func() {})
	w.siblings = append(w.siblings, sibling)
	t.Cleanup(sibling.Close)
	return sibling
}

func TestFailure_ByRefusedCredentialsIsToldAndTriedAgainWhenTheyAreProven(t *testing.T) {
	faults := map[string]sim.Fault{
		"a token that is not accepted": {Route: "/client-grants", Status: http.StatusUnauthorized},
		"a missing scope": {
			Route: "/client-grants", Status: http.StatusForbidden,
			Body: `{"statusCode":403,"message":"Insufficient scope, expected any of: read:client_grants","errorCode":"insufficient_scope"}`,
		},
		"no token": {Route: "/oauth/token", Status: http.StatusUnauthorized},
		"no grant for the Management API": {
			Route: "/oauth/token", Status: http.StatusForbidden,
			Body: `{"error":"access_denied","error_description":"Client is not authorized to access \"x\"."}`,
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				fault.Times = -1
				refused := w.Inject(fault)
				w.pending(t, app, time.Time{})
				advance(12 * time.Hour)
				wantBackoff(t, w.gaps(fault.Route), time.Minute, 30*time.Minute)
				if health := w.session.Health(); !health.Suspect || health.Err == nil || w.reports.Load() == 0 {
					t.Errorf("health %+v, told %d times", health, w.reports.Load())
				}
				if got := w.woken.of(key("app")); got != 1 {
					t.Errorf("who waits was woken %d times", got)
				}
				refused.Remove()
				w.session.Update(w.config, w.newClient(t))
				w.session.Proven()
				advance(time.Second)
				if health := w.session.Health(); health.Suspect || health.Err != nil {
					t.Errorf("health %+v after the proof", health)
				}
				if got := w.woken.of(key("app")); got != 2 {
					t.Errorf("who waits was woken %d times after the proof", got)
				}
				w.observe(t, app, time.Time{})
			})
		})
	}
}

func TestFailure_OfAWriteMakesCredentialsSuspectOnlyWhereItIsAboutThem(t *testing.T) {
	tests := map[string]struct {
		fault sim.Fault
		want  bool
	}{
		"a token that is not accepted": {sim.Fault{Status: http.StatusUnauthorized}, true},
		"a missing scope":              {sim.Fault{Status: http.StatusForbidden, Body: `{"errorCode":"insufficient_scope"}`}, true},
		"a limit of the plan":          {sim.Fault{Status: http.StatusForbidden, Body: `{"errorCode":"too_many_entities"}`}, false},
		"a refusal":                    {sim.Fault{Status: http.StatusBadRequest}, false},
		"an unknown client":            {sim.Fault{Status: http.StatusNotFound}, false},
		"a server error":               {sim.Fault{Status: http.StatusBadGateway}, false},
		"the rate limit":               {sim.Fault{Status: http.StatusTooManyRequests}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				test.fault.Method, test.fault.Route = http.MethodPost, "/client-grants"
				w.Inject(test.fault)
				reports := w.reports.Load()
				if made, err := w.create(t, "a"); err == nil {
					t.Fatalf("made %+v", made)
				}
				if got := w.session.Health().Suspect; got != test.want || w.reports.Load() > reports != test.want {
					t.Errorf("suspect %v, told %d times", got, w.reports.Load()-reports)
				}
			}, aClient)
		})
	}
}

func TestFailure_NamesTheScopeThatIsLacking(t *testing.T) {
	calls := map[string]func(t *testing.T, w *world, id string){
		"read:client_grants":   func(t *testing.T, w *world, _ string) { w.pending(t, app, time.Now()); advance(time.Second) },
		"create:client_grants": func(t *testing.T, w *world, _ string) { _, _ = w.create(t, "a") },
		"update:client_grants": func(t *testing.T, w *world, id string) {
			_, _ = w.session.Change(t.Context(), key("app"), app, id, fields())
		},
		"delete:client_grants": func(t *testing.T, w *world, id string) { _, _ = w.session.Delete(t.Context(), key("app"), app, id) },
	}
	for lacking, call := range calls {
		t.Run(lacking, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				held := w.holds(app)
				w.Configure(func(s *sim.Settings) {
					s.GrantedScopes = slices.DeleteFunc(slices.Collect(maps.Keys(calls)), func(scope string) bool { return scope == lacking })
				})
				call(t, w, held.ID)
				if health := w.session.Health(); !health.Suspect || health.Lacking != lacking {
					t.Errorf("health %+v", health)
				}
			})
		})
	}
}

func TestFailure_OfTheTokenEndpointSaysNothingAboutTheCredentials(t *testing.T) {
	for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusRequestTimeout} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.Inject(sim.Fault{Route: "/oauth/token", Times: -1, Status: status})
				w.pending(t, app, time.Time{})
				advance(10 * time.Minute)
				wantBackoff(t, w.gaps("/oauth/token"), time.Second, time.Minute)
				if health := w.session.Health(); health.Suspect || health.Err == nil {
					t.Errorf("health %+v", health)
				}
			})
		})
	}
}
