package tenant_test

import (
	"slices"
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
		w.config = tenant.Config{Host: host, Proven: host, Interval: interval}
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

func onHost(host string) func(*tenant.Config) {
	return func(c *tenant.Config) { c.Host, c.Proven = host, host }
}

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

func TestSessions_AreEachHeldToTheirOwnLimitAndTogetherToTheLargest(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		fast := r.open(t, "fast", budget.Limit{PerMinute: 600, Burst: 50})
		slow := r.open(t, "slow", budget.Limit{PerMinute: 60, Burst: 20})
		elsewhere := r.open(t, "elsewhere", limit, onHost("other.eu.auth0.com"))
		claiming := r.open(t, "claiming", limit, func(c *tenant.Config) { c.Proven = "login.example.com" })
		if a, b := r.next(t, fast, "a"), r.next(t, slow, "b"); a != 0 || b != 100*time.Millisecond {
			t.Errorf("the first waits %s, the second, for what they have together, %s", a, b)
		}
		if c, d := r.next(t, elsewhere, "c"), r.next(t, claiming, "d"); c != 0 || d != 0 {
			t.Errorf("on another host the first waits %s, where no more is claimed than the host %s", c, d)
		}
		if e, f := r.next(t, slow, "e"), r.next(t, fast, "f"); e != 900*time.Millisecond || f != 0 { // The first bucket has filled since it was opened.
			t.Errorf("the second of the slow one waits %s, that of the fast one %s", e, f)
		}
		advance(time.Hour)
		for n := range 20 {
			if wait := r.next(t, slow, string(rune('A'+n))); wait != 0 {
				t.Fatalf("token %d of the smaller burst after %s", n, wait)
			}
		}
		if wait := r.next(t, slow, "z"); wait != time.Second {
			t.Errorf("one more than the smaller burst after %s", wait)
		}
		for n := range 30 {
			if wait := r.next(t, fast, string(rune('A'+n))); wait != 0 {
				t.Fatalf("token %d of what is left of the larger burst after %s", n, wait)
			}
		}
		r.SetLimit(key("slow"), budget.Limit{PerMinute: 6, Burst: 1})
		if wait := r.next(t, slow, "y"); wait != 10*time.Second {
			t.Errorf("after a change of the limit it comes after %s", wait)
		}
		r.Close(key("fast"))
		if wait := r.next(t, slow, "x"); wait != 10*time.Second {
			t.Errorf("without the faster one it comes after %s", wait)
		}
		r.Close(key("slow"))
		fast = r.open(t, "fast", budget.Limit{PerMinute: 60, Burst: 50})
		if wait := r.next(t, fast, "w"); wait != time.Second {
			t.Errorf("after the session was opened again it comes after %s: what was used is used", wait)
		}
	})
}

// Whatever waits for the budget when a session ends looks again: there may be another session.
func TestSessions_WakeWhatWaitsWhenASessionEnds(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		session := r.open(t, "main", budget.Limit{PerMinute: 1, Burst: 1})
		r.next(t, session, "a")
		if err := session.Ready(key("b"), budget.ClassChange); err == nil {
			t.Fatal("there is a token")
		}
		before := r.world.woken.of(key("b"))
		r.Close(key("main"))
		if got := r.world.woken.of(key("b")); got != before+1 {
			t.Errorf("woken %d times", got-before)
		}
	})
}

func TestSessions_SetLimitOfNoneDoesNothing(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		r.SetLimit(key("main"), limit)
		r.Forget(key("app"))
		r.CloseAll()
		if len(r.OperatorsOf(host)) > 0 {
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
			if got := slices.Contains(r.OperatorsOf(host), client); got != want {
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

		uses("first", "uid-1", host, "op-4", true)
		check(host, "op-1", false)
		check(host, "op-4", true)
		uses("first", "uid-1", otherHost, "op-4", true)
		check(host, "op-4", false)
		if was, known := r.Operator(key("second"), "uid-2"); !known || was.ClientID != "op-2" {
			t.Errorf("of second is known %v: %+v", known, was)
		}
		if _, known := r.Operator(key("second"), "uid-1"); known {
			t.Error("another object of that name has its application")
		}
		if was := r.ForgetTenant(key("second")); was.ClientID != "op-2" || was.Host != host {
			t.Errorf("forgot %+v", was)
		}
		check(host, "op-2", false)
	})
}

func TestSessions_KnowWhatMayTurnOutToBeAnOperatorsClient(t *testing.T) {
	r := tenant.NewRegistry()
	check := func(uid, client string, want bool) {
		t.Helper()
		if got := r.MayUse(key("main"), uid, client); got != want {
			t.Errorf("%s may use %q: %v", uid, client, got)
		}
	}
	check("uid-1", "app", true) // Nobody has read its Secret.
	r.SetNamed(key("main"), "uid-1", "op-1")
	check("uid-1", "app", false)
	check("uid-1", "op-1", true)
	check("uid-2", "app", true)
	r.SetTried(key("main"), "uid-1")
	check("uid-1", "op-1", false)
	check("uid-2", "op-1", true)
	r.ForgetTenant(key("main"))
	check("uid-1", "app", true)
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
