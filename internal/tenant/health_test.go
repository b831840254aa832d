package tenant_test

import (
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestStats_OfAFullListingTellGrantsThatNobodyTracks(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.AddGrant(sim.Grant{ClientID: "auth0", Audience: "https://system/", IsSystem: true})
		if stats := w.session.Stats(); stats.Unmanaged != nil || stats.Interval != interval {
			t.Errorf("with nothing tracked: %+v", stats)
		}
		w.track(clients(0, 20)...)
		w.track("without a grant")
		w.session.Refresh()
		before := time.Now()
		w.refresh(t)
		stats := w.session.Stats()
		if stats.Unmanaged == nil || stats.Unmanaged.Count != 30 {
			t.Errorf("after a listing: %+v, want 30 unmanaged", stats)
		}
		if stats.Calls != 6 || stats.Verified.Before(before) {
			t.Errorf("after a listing of 6 pages: %+v", stats)
		}
		w.track(clients(20, 25)...)
		w.refresh(t)
		if stats := w.session.Stats(); stats.Unmanaged == nil || stats.Unmanaged.Count != 25 {
			t.Errorf("after five more are tracked: %+v", stats)
		}
	}, pages(10), fill(50))
}

func TestStats_OfLookUpsDoNotTellGrantsThatNobodyTracks(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 20)...)
		w.refresh(t)
		for _, name := range clients(2, 20) {
			w.session.Track(key(name))
		}
		if stats := w.session.Stats(); stats.Unmanaged == nil || stats.Unmanaged.Count != 30 {
			t.Errorf("until the next refresh: %+v", stats)
		}
		w.ClearLog()
		w.refresh(t)
		if stats := w.session.Stats(); stats.Unmanaged != nil || stats.Calls != 2 {
			t.Errorf("after two look-ups: %+v", stats)
		}
		w.session.Refresh()
		time.Sleep(time.Microsecond) // The first look-up is under way.
		w.pending(t, identity("somebody new"), time.Now())
		advance(time.Minute)
		if stats := w.session.Stats(); len(w.reads()) != 5 || stats.Calls != 2 {
			t.Errorf("after the same with one for somebody who waits between them: %+v, reads %q", stats, w.reads())
		}
	}, pages(10), fill(50))
}

func TestStats_TellThatTheBudgetStretchesTheInterval(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 60)...)
		time.Sleep(interval) // The first refresh that is due.
		advance(29 * time.Minute)
		stats := w.session.Stats()
		if stats.Interval != interval {
			t.Errorf("29 minutes into a refresh: %s", stats.Interval)
		}
		if stats.Waiting[budget.ClassResync] != 1 || stats.Remaining > 2 {
			t.Errorf("waiting for half of the budget: %+v", stats)
		}
		advance(interval)
		if got := w.session.Stats().Interval; got != interval+29*time.Minute {
			t.Errorf("89 minutes into a refresh: %s", got)
		}
		advance(30 * time.Minute)
		if got := w.session.Stats().Interval; got < 95*time.Minute || got > 105*time.Minute {
			t.Errorf("after a refresh of 50 pages at one in two minutes: %s", got)
		}
	}, pages(1), fill(50), func(w *world) { w.limit = budget.Limit{PerMinute: 1, Burst: 1} })
}
