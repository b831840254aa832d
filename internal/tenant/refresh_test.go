package tenant_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestRefresh_WakesOnlyThoseToWhomSomethingChanged(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ids := map[string]string{}
		for _, name := range []string{"same", "reordered", "changed", "deleted", "made again"} {
			ids[name] = w.holds(identity(name), "a", "b").ID
			w.track(name)
		}
		w.track("appeared", "never there")
		w.session.Track(key("second"), identity("changed"), identity("same"))
		w.refresh(t)
		before := map[budget.Key]int{}
		names := []string{"same", "reordered", "changed", "deleted", "made again", "appeared", "never there", "second"}
		for _, name := range names {
			before[key(name)] = w.woken.of(key(name))
		}
		w.EditGrant(ids["reordered"], func(g *sim.Grant) { g.Scope = []string{"b", "a", "b"} })
		w.EditGrant(ids["changed"], func(g *sim.Grant) { g.OrganizationUsage = "allow" })
		w.DeleteGrant(ids["deleted"])
		w.DeleteGrant(ids["made again"])
		w.holds(identity("made again"), "a", "b")
		w.holds(identity("appeared"))
		w.holds(identity("nobody's"))
		w.refresh(t)
		for _, name := range names {
			want := 0
			if slices.Contains([]string{"changed", "deleted", "made again", "appeared", "second"}, name) {
				want = 1
			}
			if got := w.woken.of(key(name)) - before[key(name)]; got != want {
				t.Errorf("%s was woken %d times, want %d", name, got, want)
			}
		}
		if got := w.woken.of(key("nobody's")); got != 0 {
			t.Error("somebody was woken for a grant that nobody tracks")
		}
	})
}

func TestRefresh_ComesOnceInAnInterval(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track("app")
		advance(interval + time.Second)
		w.wantReads(t, "list")
		verified := w.session.Health().Verified
		advance(interval - 2*time.Second)
		w.wantReads(t, "list")
		advance(2 * time.Second)
		w.wantReads(t, "list", "list")
		if got := w.session.Health().Verified.Sub(verified); got < interval-time.Second || got > interval+time.Second {
			t.Errorf("the next look began %s after the last", got)
		}
		w.ClearLog()
		w.config.Interval = time.Minute
		w.session.Update(w.config, nil)
		advance(10*time.Minute - time.Second)
		if got := len(w.reads()); got < 9 || got > 10 {
			t.Errorf("%d refreshes in ten of the new intervals", got)
		}
	})
}

func TestRefresh_CostsNothingWhereNothingIsTracked(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		completed := w.session.Health().Completed
		advance(10 * interval)
		if got := w.Requests("", ""); got != 0 {
			t.Errorf("made %d calls", got)
		}
		if health := w.session.Health(); health.Completed != completed+10 || time.Since(health.Verified) > interval {
			t.Errorf("health %+v", health)
		}
		w.track("app")
		w.session.Track(key("app"))
		w.session.Refresh()
		advance(interval)
		if got := w.Requests("", ""); got != 0 {
			t.Errorf("made %d calls for what is no longer tracked", got)
		}
	})
}

func TestRefresh_ThatIsAskedForBeginsAfterwards(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 50)...)
		held := w.holds(identity("app"))
		w.track("app")
		hang := w.hang(2)
		first := w.session.Refresh()
		advance(time.Second)
		w.DeleteGrant(held.ID)
		asked := time.Now()
		second := w.session.Refresh()
		if second != first {
			t.Errorf("the one under way counts as another: %d and %d", first, second)
		}
		hang.Remove()
		advance(time.Second)
		health := w.session.Health()
		if health.Completed != second || health.Verified.Before(asked) {
			t.Errorf("health %+v, asked for at %s", health, asked)
		}
		w.wantReads(t, append(listReads(3), listReads(6)...)...)
		if seen, err := w.session.Observe(key("app"), identity("app"), asked, budget.ClassChange); err != nil || seen.Grant != nil {
			t.Errorf("saw %+v, error %v", seen, err)
		}
	}, pages(10), fill(51))
}

func TestRefresh_ThatIsAskedForDoesNotWaitForTheNextRetry(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		outage := w.Inject(sim.Fault{Method: http.MethodGet, Route: "/client-grants", Times: -1, Status: http.StatusBadGateway})
		w.pending(t, app, time.Time{})
		advance(10 * time.Minute)
		outage.Remove()
		w.session.Refresh()
		advance(10 * time.Millisecond)
		if health := w.session.Health(); health.Err != nil {
			t.Errorf("health %+v", health)
		}
		w.observe(t, app, time.Time{})
	})
}

// A refresh may be asked for at any moment of the one under way, over and over.
func TestRefresh_MayBeAskedForAtAnyMoment(t *testing.T) {
	w := overTLS(t, pages(5), fill(20))
	var reads atomic.Int64
	w.OnRequest(func(*http.Request) { reads.Add(1) })
	w.track(clients(0, 20)...)
	for reads.Load() < 100 {
		w.session.Refresh()
	}
	w.observe(t, identity("other-000"), time.Now())
}

func TestDormant_OnlyAnswersWhatIsAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 50)...)
		hang := w.hang(1)
		w.session.Refresh()
		advance(time.Second)
		w.config.Dormant = true
		w.session.Update(w.config, nil)
		hang.Remove()
		advance(10 * interval)
		w.wantReads(t, listReads(2)...)

		held := w.holds(identity("app"), "a")
		if seen := w.observe(t, identity("app"), time.Now()); seen.Grant == nil {
			t.Error("an observation does not show the grant")
		}
		if _, err := w.session.Delete(t.Context(), key("app"), identity("app"), held.ID); err != nil {
			t.Error(err)
		}
		if seen := w.observe(t, identity("app"), time.Now()); seen.Grant != nil {
			t.Error("an observation shows a grant that was deleted")
		}
		w.ClearLog()
		at := time.Now().Add(time.Second)
		for _, name := range clients(0, 50) { // Many deletions are proven together.
			w.pending(t, identity(name), at)
		}
		advance(10 * interval)
		if got := w.Requests(http.MethodGet, ""); got > 12 {
			t.Errorf("%d reads to serve 50 at once", got)
		}
		for _, name := range clients(0, 50) {
			if seen, err := w.session.Observe(key(name), identity(name), at, budget.ClassChange); err != nil || seen.Grant == nil {
				t.Errorf("%s: saw %+v, error %v", name, seen, err)
			}
		}
		w.ClearLog()
		w.config.Dormant = false
		w.session.Update(w.config, nil)
		advance(time.Minute)
		if got := w.Requests(http.MethodGet, ""); got == 0 {
			t.Error("there was no refresh after the credentials came back")
		}
	}, pages(10), fill(50))
}

// A refresh costs what is cheaper: the pages of the list, or a look-up for every client that is tracked.
func TestRefresh_CostsTheLessOfPagesAndClients(t *testing.T) {
	tests := map[string]struct{ grants, tracked, want int }{
		"one page for many clients":     {50, 50, 1},
		"few pages for many clients":    {250, 100, 3},
		"few clients in a long list":    {1000, 4, 4},
		"one client in a list of one":   {3, 1, 1},
		"as many clients as pages":      {300, 3, 3},
		"nobody":                        {300, 0, 0},
		"clients that the list lacks":   {0, 20, 1},
		"one client of a very long one": {2000, 1, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.track(clients(0, test.tracked)...)
				w.refresh(t) // The first one finds out how long the list is, and costs twice as much at most.
				if got := len(w.reads()); got > 2*test.want {
					t.Errorf("the first one made %d reads, want %d at most", got, 2*test.want)
				}
				for range 3 {
					w.ClearLog()
					w.refresh(t)
					if got := len(w.reads()); got != test.want {
						t.Errorf("made %d reads, want %d", got, test.want)
					}
				}
			}, fill(test.grants))
		})
	}
}
