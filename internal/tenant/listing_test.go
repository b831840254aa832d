package tenant_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// refresh makes one and waits for its end.
func (w *world) refresh(t *testing.T) {
	t.Helper()
	completed := w.session.Refresh()
	advance(time.Minute)
	if health := w.session.Health(); health.Completed < completed || health.Err != nil {
		t.Fatalf("the refresh did not end: %+v", health)
	}
}

// listReads are the reads of a list with that many pages.
func listReads(pages int) []string {
	return append([]string{"list"}, slices.Repeat([]string{"list on"}, pages-1)...)
}

func TestListing_ServesManyClientsThatWait(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 20)...)
		w.refresh(t)
		w.wantReads(t, listReads(5)...)
		w.ClearLog()
		at := time.Now().Add(time.Second)
		for _, name := range clients(0, 20) {
			w.pending(t, identity(name), at)
		}
		advance(time.Minute)
		w.wantReads(t, listReads(5)...)
		for _, name := range clients(0, 20) {
			if seen, err := w.session.Observe(key(name), identity(name), at, budget.ClassChange); err != nil || seen.Grant == nil {
				t.Errorf("%s: saw %+v, error %v", name, seen, err)
			}
		}
	}, pages(10), fill(50))
}

func TestListing_ThatASessionBeginsWithServesAllThatAreKnownThen(t *testing.T) {
	known := map[budget.Key][]grant.Identity{}
	for _, name := range clients(0, 20) {
		known[key(name)] = []grant.Identity{identity(name)}
	}
	began := time.Time{}
	inBubble(t, func(t *testing.T, w *world) {
		advance(2500 * time.Microsecond)
		w.wantReads(t, "list") // It is under way, and only now they ask.
		for _, name := range clients(0, 20) {
			w.pending(t, identity(name), began)
		}
		advance(time.Minute)
		w.wantReads(t, listReads(5)...)
		for _, name := range clients(0, 20) {
			if seen, err := w.session.Observe(key(name), identity(name), began, budget.ClassChange); err != nil || seen.Grant == nil {
				t.Errorf("%s: saw %+v, error %v", name, seen, err)
			}
		}
	}, pages(10), fill(50), func(w *world) { w.before, began = known, time.Now() })
}

func TestListing_ServesManyClientsOfATenantThatIsNotKnownYet(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		at := time.Now().Add(time.Second)
		for _, name := range clients(0, 20) {
			w.pending(t, identity(name), at)
		}
		advance(time.Minute)
		w.wantReads(t, listReads(5)...)
	}, pages(10), fill(50))
}

func TestListing_FollowsEmptyPages(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.Configure(func(s *sim.Settings) { s.Paging = sim.Paging{Cap: 10, EmptyPages: true, TrailingPage: true} })
		names := append(clients(0, 40), "nobody")
		w.track(names...)
		w.refresh(t)
		w.wantReads(t, listReads(8)...)
		for _, name := range names {
			seen, err := w.session.Observe(key(name), identity(name), time.Time{}, budget.ClassChange)
			if err != nil || (seen.Grant == nil) != (name == "nobody") {
				t.Errorf("%s: saw %+v, error %v", name, seen, err)
			}
		}
	}, fill(40))
}

func TestListing_OfALongListIsGivenUpForFewClientsAndNotTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		names := clients(0, 3)
		w.track(names...)
		w.refresh(t)
		got := w.reads()
		slices.Sort(got[3:])
		if want := append(listReads(3), names...); !slices.Equal(got, want) {
			t.Errorf("read %q, want %q", got, want)
		}
		for range 3 {
			w.ClearLog()
			advance(interval)
			if got := w.reads(); !slices.Equal(slices.Sorted(slices.Values(got)), names) {
				t.Errorf("then read %q, want %q", got, names)
			}
		}
		w.ClearLog()
		w.track(clients(0, 50)...) // Now the list is the shorter way.
		w.refresh(t)
		w.wantReads(t, listReads(20)...)
	}, pages(1), fill(20))
}

func TestListing_GivenUpLooksEachClientUpOnceForRefreshAndThoseWhoWait(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		names := clients(0, 10)
		w.track(names...)
		w.session.Refresh()
		for _, name := range names {
			w.pending(t, identity(name), time.Time{})
		}
		advance(time.Minute)
		got := w.reads()
		slices.Sort(got[10:])
		if want := append(listReads(10), names...); !slices.Equal(got, want) {
			t.Errorf("read %q, want %q", got, want)
		}
		if health := w.session.Health(); health.Completed == 0 || health.Err != nil {
			t.Errorf("the refresh did not end: %+v", health)
		}
	}, pages(1), fill(20))
}

func TestListing_ForWhoeverWaitsLooksUpNobodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 4)...) // No refresh of these is due.
		w.observe(t, identity("app"), time.Time{})
		advance(interval / 2)
		got := slices.DeleteFunc(w.reads(), func(read string) bool { return read == "list" || read == "list on" })
		if !slices.Equal(got, []string{"app"}) {
			t.Errorf("looked %q up", got)
		}
	}, pages(1), fill(20))
}

func TestListing_TellsNothingAboutWhatCameToBeTrackedInItsMiddle(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.AddGrant(sim.Grant{ID: "cgr_0000000000000000", ClientID: "first", Audience: "https://api/"})
		w.AddGrant(sim.Grant{ID: "cgr_0000000000000001", ClientID: "second", Audience: "https://api/"})
		w.track(append(clients(0, 25), "second")...)
		hang := w.hang(1)
		completed := w.session.Refresh()
		advance(time.Second)
		w.track("first")               // Its page has been read.
		w.session.Track(key("second")) // Tracked when its page was read, then not, now again.
		w.track("second")
		hang.Remove()
		advance(time.Second)
		if w.session.Health().Completed < completed {
			t.Fatal("the listing did not end")
		}
		w.wantReads(t, listReads(3)...)
		for _, name := range []string{"first", "second"} {
			seen, err := w.session.Observe(key(name), identity(name), time.Time{}, budget.ClassChange)
			if err == nil {
				t.Errorf("the listing says of %s that it is %+v", name, seen.Grant)
			}
			if seen := w.observe(t, identity(name), time.Time{}); seen.Grant == nil {
				t.Errorf("%s is told to be absent", name)
			}
		}
	}, pages(10), fill(25))
}

func TestListing_EndsWhereItWasInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 50)...)
		w.Inject(sim.Fault{Method: http.MethodGet, Route: "/client-grants", Skip: 2, Times: 2, Status: http.StatusBadGateway})
		w.session.Refresh()
		advance(time.Minute)
		w.wantReads(t, "list", "list on", "list on", "list on", "list on", "list on", "list on")
		if health := w.session.Health(); health.Err != nil || health.Completed != 2 {
			t.Errorf("health %+v", health)
		}
	}, pages(10), fill(50))
}

func TestListing_StartsAnewAfterADayWithoutAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 50)...)
		outage := w.Inject(sim.Fault{Route: "/client-grants", Skip: 2, Times: -1, Status: http.StatusBadGateway})
		completed := w.session.Refresh()
		advance(25 * time.Hour)
		outage.Remove()
		w.ClearLog()
		advance(2 * time.Minute)
		if got := w.reads(); len(got) < 5 || !slices.Equal(got[:5], listReads(5)) {
			t.Errorf("read %q", got)
		}
		if health := w.session.Health(); health.Err != nil || health.Completed < completed {
			t.Errorf("health %+v", health)
		}
	}, pages(10), fill(50))
}

func TestListing_ThatServesNobodyIsNotReadOn(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *world){
		"a list of unknown length": func(*testing.T, *world) {},
		"a list of known length":   func(t *testing.T, w *world) { w.refresh(t) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.track(clients(0, 50)...)
				prepare(t, w)
				w.ClearLog()
				hang := w.hang(1)
				completed := w.session.Refresh()
				advance(time.Second)
				for _, name := range clients(0, 50) {
					w.session.Track(key(name))
				}
				hang.Remove()
				advance(time.Second)
				if got := w.session.Health().Completed; got < completed {
					t.Error("the refresh of nothing did not end")
				}
				advance(3 * interval)
				w.wantReads(t, listReads(2)...)
			}, pages(10), fill(50))
		})
	}
}

func TestLookup_FollowsEveryPageOfAClient(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.observe(t, identity("other-000"), time.Time{})
		w.ClearLog()
		w.Configure(func(s *sim.Settings) { s.Paging.EmptyPages = true })
		app := []grant.Identity{identity("app", "a"), identity("app", "b"), identity("app", "c")}
		for _, of := range app {
			w.holds(of)
		}
		w.session.Track(key("app"), app...)
		for _, of := range app {
			if seen := w.observe(t, of, time.Time{}); seen.Grant == nil || seen.Grant.Audience != of.Audience {
				t.Errorf("%s: saw %+v", of, seen.Grant)
			}
		}
		w.wantReads(t, "app", "app on", "app on", "app on", "app on")
	}, pages(1), fill(10))
}

func TestLookup_ThatBreaksOffSaysNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.observe(t, identity("other-000"), time.Time{})
		for _, name := range []string{"a", "b", "c"} {
			w.holds(identity("app", name))
		}
		broken := w.Inject(sim.Fault{Method: http.MethodGet, Route: "/client-grants", Skip: 1, Times: -1, Status: http.StatusBadGateway})
		w.pending(t, identity("app", "c"), time.Time{})
		advance(time.Second)
		if seen, err := w.session.Observe(key("app"), identity("app", "c"), time.Time{}, budget.ClassChange); err == nil || errors.Is(err, tenant.ErrPending) {
			t.Errorf("saw %+v, error %v", seen, err)
		}
		broken.Remove()
		advance(time.Minute)
		if seen := w.observe(t, identity("app", "c"), time.Time{}); seen.Grant == nil {
			t.Error("the grant is told to be absent")
		}
	}, pages(1), fill(10))
}
