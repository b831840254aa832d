package tenant_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// registry is a registry with simulated tenants.
type registry struct {
	*tenant.Sessions
	world *world
}

// inRegistry runs the test in a bubble, with a registry that is closed at its end.
func inRegistry(t *testing.T, test func(t *testing.T, r *registry)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := sim.New(sim.Options{Domain: host})
		t.Cleanup(server.Close)
		w := &world{Server: server, transport: inMemory{server}, woken: newKeys()}
		w.config = tenant.Config{Host: host, ClientID: w.ClientID(), Interval: interval}
		r := &registry{Sessions: tenant.NewSessions(w.woken.wake), world: w}
		t.Cleanup(r.CloseAll)
		test(t, r)
	})
}

func (r *registry) open(t *testing.T, name string, limit tenant.Limit, change ...func(*tenant.Config)) *tenant.Session {
	t.Helper()
	config := r.world.config
	config.Name = "uid of " + name
	for _, c := range change {
		c(&config)
	}
	opened := r.Open(key(name), config, limit, r.world.newClient(t), func() {})
	synctest.Wait() // Its first refresh finds nothing tracked.
	return opened
}

func onHost(host string) func(*tenant.Config) { return func(c *tenant.Config) { c.Host = host } }

// next is how long the next write of a new caller has to wait.
func next(t *testing.T, session *tenant.Session, caller string) time.Duration {
	t.Helper()
	wait := &tenant.WaitError{}
	switch err := session.Ready(key(caller)); {
	case err == nil:
		return 0
	case !errors.As(err, &wait):
		t.Fatal(err)
	}
	return wait.Wait.Round(time.Millisecond)
}

var limit = tenant.Limit{PerMinute: 60, Burst: 5}

func TestSessions_HoldsOneSessionForEachAuth0Tenant(t *testing.T) {
	inRegistry(t, func(t *testing.T, r *registry) {
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
		_, _ = opened.Observe(key("app"), app, time.Now().Add(time.Minute))
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

func TestSessions_ShareTheBucketOfTheirHostAndTheSmallestLimitHolds(t *testing.T) {
	inRegistry(t, func(t *testing.T, r *registry) {
		fast := r.open(t, "fast", tenant.Limit{PerMinute: 600, Burst: 50})
		slow := r.open(t, "slow", tenant.Limit{PerMinute: 60, Burst: 80})
		elsewhere := r.open(t, "elsewhere", limit, onHost("other.eu.auth0.com"))
		if a, b := next(t, fast, "a"), next(t, slow, "b"); a != 0 || b != time.Second {
			t.Errorf("the first waits %s, the second, with the slower limit, %s", a, b)
		}
		if c := next(t, elsewhere, "c"); c != 0 {
			t.Errorf("on another host the first waits %s", c)
		}
		advance(time.Hour)
		for n := range 50 {
			if wait := next(t, slow, string(rune('A'+n))); wait != 0 {
				t.Fatalf("token %d of the smaller burst after %s", n, wait)
			}
		}
		if wait := next(t, fast, "z"); wait != time.Second {
			t.Errorf("one more than the smaller burst after %s", wait)
		}
		r.SetLimit(key("slow"), tenant.Limit{PerMinute: 6, Burst: 1})
		if wait := next(t, fast, "y"); wait != 10*time.Second {
			t.Errorf("after a change of the limit it comes after %s", wait)
		}
		r.Close(key("slow"))
		if wait := next(t, fast, "x"); wait != 100*time.Millisecond {
			t.Errorf("without the slower one it comes after %s", wait)
		}
		r.Close(key("fast"))
		fast = r.open(t, "fast", tenant.Limit{PerMinute: 60, Burst: 50})
		if wait := next(t, fast, "w"); wait != time.Second {
			t.Errorf("after the session was opened again it comes after %s: what was used is used", wait)
		}
	})
}

func TestSessions_SetLimitOfNoneDoesNothing(t *testing.T) {
	inRegistry(t, func(t *testing.T, r *registry) {
		r.SetLimit(key("main"), limit)
		r.Forget(key("app"))
		r.CloseAll()
		if r.IsOperator(host, "app") {
			t.Error("an operator without sessions")
		}
	})
}

func TestSessions_KnowsTheOperatorsOwnClients(t *testing.T) {
	inRegistry(t, func(t *testing.T, r *registry) {
		first := r.open(t, "first", limit, func(c *tenant.Config) { c.ClientID = "op-1" })
		r.open(t, "second", limit, func(c *tenant.Config) { c.ClientID = "op-2" })
		r.open(t, "elsewhere", limit, onHost("other.eu.auth0.com"), func(c *tenant.Config) { c.ClientID = "op-3" })
		check := func(host, client string, want bool) {
			t.Helper()
			if got := r.IsOperator(host, client); got != want {
				t.Errorf("%s on %s: %v", client, host, got)
			}
		}
		check(host, "op-1", true)
		check(host, "op-2", true)
		check(host, "op-3", false)
		check(host, "OP-1", false)
		check(host, "", false)
		check("other.eu.auth0.com", "op-3", true)
		check("other.eu.auth0.com", "op-1", false)
		config := first.Config()
		config.ClientID = "op-4"
		first.Update(config, nil)
		check(host, "op-1", false)
		check(host, "op-4", true)
	})
}

func TestSessions_ForgetAClientGrantEverywhere(t *testing.T) {
	inRegistry(t, func(t *testing.T, r *registry) {
		first, second := r.open(t, "first", limit), r.open(t, "second", limit)
		at := time.Now().Add(time.Second)
		for _, session := range []*tenant.Session{first, second} {
			_, _ = session.Observe(key("app"), app, at)
		}
		r.Forget(key("app"))
		advance(3 * interval)
		if got := r.world.Requests("", ""); got != 0 || r.world.woken.of(key("app")) != 0 {
			t.Errorf("%d calls were made for it, and it was woken %d times", got, r.world.woken.of(key("app")))
		}
	})
}

func TestSessions_CloseAllEndsEveryOne(t *testing.T) {
	inRegistry(t, func(t *testing.T, r *registry) {
		first, second := r.open(t, "first", limit), r.open(t, "second", limit)
		r.CloseAll()
		for _, session := range []*tenant.Session{first, second} {
			_, _ = session.Observe(key("app"), app, time.Time{})
		}
		advance(3 * interval)
		if got := r.world.Requests("", ""); got != 0 {
			t.Errorf("%d calls were made afterwards", got)
		}
	})
}
