package tenant_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// signal returns a hook for requests to the Management API, and what is closed at the first of them.
func signal() (hook func(*http.Request), arrived chan struct{}) {
	arrived = make(chan struct{})
	var once atomic.Bool
	return func(r *http.Request) {
		if r.URL.Path != "/oauth/token" && once.CompareAndSwap(false, true) {
			close(arrived)
		}
	}, arrived
}

func TestClose_EndsAtOnceWhileACallHangs(t *testing.T) {
	for _, route := range []string{"/client-grants", "/oauth/token"} {
		t.Run(route, func(t *testing.T) {
			w := overTLS(t)
			arrived := make(chan struct{}, 10)
			w.OnRequest(func(*http.Request) { arrived <- struct{}{} })
			w.Inject(sim.Fault{Route: route, Hang: true, Times: -1})
			w.pending(t, app, time.Time{})
			<-arrived
			start := time.Now()
			w.session.Close()
			if took := time.Since(start); took > auth0Timeout/10 {
				t.Errorf("it took %s", took)
			}
			if got := w.woken.of(key("app")); got != 0 {
				t.Error("who waited was woken")
			}
		})
	}
}

// auth0Timeout is how long a call may hang before it ends by itself.
const auth0Timeout = 30 * time.Second

func TestClose_EndsAtOnceWhileTheNextPageWaitsForAToken(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, name := range []string{"a", "b", "c"} {
			w.holds(identity("app", name))
		}
		w.pending(t, identity("app", "a"), time.Time{})
		advance(2*time.Minute + time.Second)
		if got := w.reads(); !slices.Equal(got, []string{"list", "app", "app on"}) {
			t.Fatalf("read %q", got)
		}
		start := time.Now()
		w.session.Close()
		if took := time.Since(start); took > 0 {
			t.Errorf("it took %s", took)
		}
	}, pages(1), fill(5), func(w *world) { w.limit = budget.Limit{PerMinute: 1, Burst: 1} })
}

func TestClose_EndsCallsOfNobodyElse(t *testing.T) {
	w := overTLS(t, aClient)
	hook, arrived := signal()
	w.OnRequest(hook)
	hang := w.Inject(sim.Fault{Method: http.MethodPost, Route: "/client-grants", Hang: true})
	created := make(chan error, 1)
	go func() {
		_, err := w.create(t, "a")
		created <- err
	}()
	<-arrived
	w.session.Close()
	hang.Remove()
	if err := <-created; err != nil {
		t.Errorf("a write that was under way: %v", err)
	}
}

// counting counts the requests that a transport carries.
type counting struct {
	http.RoundTripper
	requests atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

func TestUpdate_UsesAnotherClientFromThenOnAndKeepsWhatIsKnown(t *testing.T) {
	first := &counting{}
	w := overTLS(t, aClient, func(w *world) { first.RoundTripper, w.transport = w.transport, first })
	w.observe(t, app, time.Time{})
	second := &counting{RoundTripper: first.RoundTripper}
	w.transport = second
	w.SetClientCredentials(w.ClientID(), "another secret", nil)
	w.session.Update(w.config, w.newClient(t))
	w.known(t, nil)
	before := first.requests.Load()
	if _, err := w.create(t, "a"); err != nil {
		t.Fatal(err)
	}
	w.observe(t, app, time.Now())
	if got := first.requests.Load() - before; got != 0 || second.requests.Load() != 3 {
		t.Errorf("%d requests with the former credentials, %d with the new ones", got, second.requests.Load())
	}
}

func TestUpdate_LetsACallOfTheFormerClientEnd(t *testing.T) {
	w := overTLS(t)
	hook, arrived := signal()
	w.OnRequest(hook)
	hang := w.hang(0)
	w.pending(t, app, time.Time{})
	<-arrived
	w.session.Update(w.config, w.newClient(t))
	hang.Remove()
	w.observe(t, app, time.Time{})
}

func TestTrack_EndsTheWaitForAnythingElse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.observe(t, identity("other-000"), time.Time{})
		w.ClearLog()
		hang := w.hang(0)
		w.pending(t, identity("app"), time.Time{})
		_, _ = w.session.Observe(key("later"), identity("later"), time.Now().Add(time.Minute), budget.ClassChange)
		advance(time.Second)
		w.session.Track(key("app"), identity("app", "x"))
		w.session.Track(key("later"))
		hang.Remove()
		advance(10 * time.Minute)
		w.wantReads(t, "app")
	}, pages(1), fill(10))
}

func TestTrack_KeepsTheWaitForWhatIsStillTracked(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		at := time.Now().Add(time.Minute)
		w.pending(t, identity("app"), at)
		w.session.Track(key("app"), identity("app"), identity("app", "x"))
		advance(2 * time.Minute)
		if seen, err := w.session.Observe(key("app"), identity("app"), at, budget.ClassChange); err != nil || w.woken.of(key("app")) == 0 {
			t.Errorf("saw %+v, error %v, woken %d times", seen, err, w.woken.of(key("app")))
		}
	})
}

func TestObserve_AskingAgainCostsNoPlace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.observe(t, identity("other-000"), time.Time{})
		w.ClearLog()
		hang := w.hang(0)
		at := time.Now()
		for _, name := range []string{"other-001", "other-002", "other-003", "other-002", "other-001"} {
			w.pending(t, identity(name), at)
			advance(time.Second)
		}
		hang.Remove()
		advance(time.Second)
		w.wantReads(t, "other-001", "other-002", "other-003")
	}, pages(1), fill(20))
}

// A session takes calls from many goroutines at once, and each of them comes to an answer.
func TestSession_NobodyIsLeftWaiting(t *testing.T) {
	ask := func(t *testing.T, w *world) {
		const callers, rounds = 30, 8
		done := make(chan error, callers)
		for n := range callers {
			go func() { done <- w.askOften(key(fmt.Sprint("caller ", n)), identity(clients(n, n+1)[0]), rounds) }()
		}
		for range callers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Run("over a network", func(t *testing.T) { ask(t, overTLS(t, pages(7), fill(60))) })
	t.Run("while calls fail", func(t *testing.T) {
		inBubble(t, func(t *testing.T, w *world) {
			for n, status := range []int{http.StatusBadGateway, http.StatusTooManyRequests, http.StatusNotFound} {
				w.Inject(sim.Fault{Method: http.MethodGet, Route: "/client-grants", Skip: 3 + 5*n, Times: 2, Status: status})
			}
			ask(t, w)
		}, pages(7), fill(60))
	})
}

// askOften asks for evidence from now on, from soon on, after a refresh, and as one that was forgotten meanwhile.
func (w *world) askOften(name budget.Key, of grant.Identity, rounds int) error {
	for round := range rounds {
		notBefore := time.Now()
		switch round % 4 {
		case 1:
			notBefore = notBefore.Add(time.Duration(len(name.Name)) * time.Millisecond)
		case 2:
			w.session.Refresh()
		case 3:
			w.session.Track(name)
		}
		seen, err := w.answer(name, of, notBefore, nil)
		if err != nil || seen.Grant == nil || seen.Began.Before(notBefore) {
			return fmt.Errorf("%s, round %d: saw %+v, error %w", name, round, seen, err)
		}
	}
	return nil
}

// A key that looks before the tenant's answer comes, and tracks after it, must not wait for the next change.
func TestTrack_OfWhatIsKnownAlreadyWakesOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		app, rival := identity("app"), key("rival")
		w.holds(app, "a")
		w.observe(t, app, time.Time{})
		w.session.Track(key("app"), app)
		before := w.woken.of(key("app"))
		w.session.Track(rival, app)
		w.session.Track(rival, app)
		w.session.Track(key("app"), app)
		synctest.Wait()
		if got, again := w.woken.of(rival), w.woken.of(key("app"))-before; got != 1 || again != 0 {
			t.Errorf("woken %d times, want once; and %d times who tracked it before", got, again)
		}
	})
}
