package tenant_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// opened are sessions with simulated tenants.
type opened struct {
	*tenant.Sessions
	world *world
}

// withSessions runs the test in a bubble, with sessions that are closed at its end.
func withSessions(t *testing.T, test func(t *testing.T, r *opened)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := sim.New(sim.Options{Domain: host})
		t.Cleanup(server.Close)
		w := &world{Server: server, transport: inMemory{server}, woken: newKeys()}
		w.config = tenant.Config{Host: host, Interval: interval}
		r := &opened{Sessions: tenant.NewSessions(w.woken.wake, w.woken.wake, 8, auth0.DefaultTimeout), world: w}
		t.Cleanup(r.CloseAll)
		test(t, r)
	})
}

func (r *opened) open(t *testing.T, name string, limit budget.Limit, change ...func(*tenant.Config)) *tenant.Session {
	t.Helper()
	config := r.world.config
	config.Name = "uid of " + name
	for _, c := range change {
		c(&config)
	}
	session := r.Open(key(name), config, limit, r.world.newClient(t), nil, func() {})
	synctest.Wait() // Its first refresh finds nothing tracked.
	return session
}

func onHost(host string) func(*tenant.Config) { return func(c *tenant.Config) { c.Host = host } }

// next makes a write for a new caller, and is how long it had to wait.
func (r *opened) next(t *testing.T, session *tenant.Session, caller string) time.Duration {
	t.Helper()
	start := time.Now()
	for session.Ready(key(caller), budget.ClassChange) != nil {
		if time.Since(start) > patience {
			t.Fatalf("%s still waits", caller)
		}
		r.world.woken.await(t, key(caller), r.world.woken.of(key(caller))+1)
	}
	waited := time.Since(start)
	if _, err := session.Delete(t.Context(), key(caller), app, "cgr_0000000000000000"); err != nil {
		t.Fatal(err)
	}
	return waited.Round(time.Millisecond)
}

var limit = budget.Limit{PerMinute: 60, Burst: 5}

func TestSessions_HoldsOneSessionForEachAuth0Tenant(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		if got := r.Get(key("main"), "uid of main"); got != nil {
			t.Error("there is one before it was opened")
		}
		opened := r.open(t, "main", limit)
		if got := r.Get(key("main"), "uid of main"); got != opened {
			t.Error("it is not found")
		}
		if got := r.Get(key("main"), "another uid"); got != nil {
			t.Error("an Auth0Tenant that was made again under its name has the session of the former")
		}
		if got := r.Get(key("other"), "uid of main"); got != nil {
			t.Error("another Auth0Tenant has its session")
		}
		_, _ = opened.Observe(key("app"), app, time.Now().Add(time.Minute), budget.ClassChange)
		again := r.open(t, "main", limit, func(c *tenant.Config) { c.Name = "new uid" })
		if got := r.Get(key("main"), "new uid"); got != again || r.Get(key("main"), "uid of main") != nil {
			t.Error("the new one did not take the place of the former")
		}
		advance(interval / 2)
		if got := r.world.Requests("", ""); got != 0 {
			t.Error("the former still works")
		}
		opened.Close() // Once more does no harm.
		r.Close(key("main"))
		r.Close(key("main"))
		if got := r.Get(key("main"), "new uid"); got != nil {
			t.Error("it is there after it was closed")
		}
	})
}

func TestSessions_ShareTheBudgetOfTheirHostAndTheSmallestLimitHolds(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		fast := r.open(t, "fast", budget.Limit{PerMinute: 600, Burst: 50})
		slow := r.open(t, "slow", budget.Limit{PerMinute: 60, Burst: 80})
		elsewhere := r.open(t, "elsewhere", limit, onHost("other.eu.auth0.com"))
		if a, b := r.next(t, fast, "a"), r.next(t, slow, "b"); a != 0 || b != time.Second {
			t.Errorf("the first waits %s, the second, with the slower limit, %s", a, b)
		}
		if c := r.next(t, elsewhere, "c"); c != 0 {
			t.Errorf("on another host the first waits %s", c)
		}
		advance(time.Hour)
		for n := range 50 {
			if wait := r.next(t, slow, string(rune('A'+n))); wait != 0 {
				t.Fatalf("token %d of the smaller burst after %s", n, wait)
			}
		}
		if wait := r.next(t, fast, "z"); wait != time.Second {
			t.Errorf("one more than the smaller burst after %s", wait)
		}
		r.SetLimit(key("slow"), budget.Limit{PerMinute: 6, Burst: 1})
		if wait := r.next(t, fast, "y"); wait != 10*time.Second {
			t.Errorf("after a change of the limit it comes after %s", wait)
		}
		r.Close(key("slow"))
		if wait := r.next(t, fast, "x"); wait != 100*time.Millisecond {
			t.Errorf("without the slower one it comes after %s", wait)
		}
		r.Close(key("fast"))
		fast = r.open(t, "fast", budget.Limit{PerMinute: 60, Burst: 50})
		if wait := r.next(t, fast, "w"); wait != time.Second {
			t.Errorf("after the session was opened again it comes after %s: what was used is used", wait)
		}
	})
}

func TestSessions_SetLimitOfNoneDoesNothing(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		r.SetLimit(key("main"), limit)
		r.Forget(key("app"))
		r.CloseAll()
		if r.IsOperator(host, "app") {
			t.Error("an operator without sessions")
		}
	})
}

func TestSessions_KnowsTheOperatorsOwnClients(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		const otherHost = "other.eu.auth0.com"
		uses := func(name, uid, host, client string, news bool) {
			t.Helper()
			if got := r.SetOperator(key(name), tenant.Operator{UID: uid, Host: host, ClientID: client}); got != news {
				t.Errorf("that %s uses %q is news: %v", name, client, got)
			}
		}
		check := func(host, client string, want bool) {
			t.Helper()
			if got := r.IsOperator(host, client); got != want {
				t.Errorf("%s on %s: %v", client, host, got)
			}
		}
		uses("first", "uid-1", host, "op-1", true)
		uses("second", "uid-2", host, "op-2", true)
		uses("elsewhere", "uid-3", otherHost, "op-3", true)
		uses("first", "uid-1", host, "op-1", false)
		check(host, "op-1", true)
		check(host, "op-2", true)
		check(host, "op-3", false)
		check(host, "OP-1", false)
		check(otherHost, "op-3", true)
		check(otherHost, "op-1", false)

		uses("first", "uid-1", host, "", false) // Its Secret is gone.
		check(host, "op-1", true)
		uses("first", "uid-1", host, "op-4", true)
		check(host, "op-1", false)
		check(host, "op-4", true)
		uses("first", "uid-4", host, "", true) // Another object of that name.
		check(host, "op-4", false)
		if r.KnowsOperator(key("first"), "uid-1") || !r.KnowsOperator(key("first"), "uid-4") || r.KnowsOperator(key("third"), "uid-1") {
			t.Error("it is not known of whom the operator is known")
		}
		if was := r.ForgetOperator(key("second")); was.ClientID != "op-2" || was.Host != host {
			t.Errorf("forgot %+v", was)
		}
		check(host, "op-2", false)
	})
}

func TestSessions_ForgetAClientGrantEverywhere(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		first, second := r.open(t, "first", limit), r.open(t, "second", limit)
		at := time.Now().Add(time.Second)
		for _, session := range []*tenant.Session{first, second} {
			_, _ = session.Observe(key("app"), app, at, budget.ClassChange)
		}
		r.Forget(key("app"))
		advance(3 * interval)
		if got := r.world.Requests("", ""); got != 0 || r.world.woken.of(key("app")) != 0 {
			t.Errorf("%d calls were made for it, and it was woken %d times", got, r.world.woken.of(key("app")))
		}
	})
}

func TestSessions_CloseAllEndsEveryOne(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		first, second := r.open(t, "first", limit), r.open(t, "second", limit)
		r.CloseAll()
		for _, session := range []*tenant.Session{first, second} {
			_, _ = session.Observe(key("app"), app, time.Time{}, budget.ClassChange)
		}
		advance(3 * interval)
		if got := r.world.Requests("", ""); got != 0 {
			t.Errorf("%d calls were made afterwards", got)
		}
	})
}
