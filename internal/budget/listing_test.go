package budget_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// pagesIn are the tokens of listings.
func pagesIn(tokens []token) (pages []token) {
	for _, taken := range tokens {
		if taken.key.Namespace == "" {
			pages = append(pages, taken)
		}
	}
	return pages
}

func TestBudget_ListingTakesHalfOfTheBudget(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 50, Burst: 5}, 8, func(t *testing.T, c *callers) {
		c.calls = 300 * time.Millisecond
		c.comes = func(budget.Key) time.Duration { return 50 * time.Millisecond }
		c.send(in("", "reader"), errand{class: budget.ClassResync, page: true, again: 99})
		got := c.waitFor(time.Hour)
		const half = 100 * 2 * time.Minute / 50
		if spent := got[len(got)-1].at; len(got) != 100 || spent > half*105/100 || spent < half*98/100 {
			t.Errorf("%d pages in %s, want 100 in about %s", len(got), spent, half)
		}
	})
}

func TestBudget_TwoListingsShareTheirHalf(t *testing.T) {
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Minute)
		for _, name := range []string{"one", "other"} {
			c.send(in("", name), errand{class: budget.ClassResync, page: true, again: 49})
		}
		got := c.waitFor(time.Hour)
		for n, page := range got[1:] {
			if gap := page.at - got[n].at; gap < 200*time.Millisecond {
				t.Fatalf("page %d only %s after the one before", n+1, gap)
			}
		}
		if spent := got[len(got)-1].at - got[0].at; len(got) != 100 || spent > 20*time.Second {
			t.Errorf("%d pages in %s", len(got), spent)
		}
		first := map[string]int{}
		for _, page := range got[:20] {
			first[page.key.Name]++
		}
		if first["one"] < 9 || first["one"] > 11 {
			t.Errorf("of the first 20 pages: %v", first)
		}
	})
}

func TestBudget_ListingLeavesTheOtherHalfToOthers(t *testing.T) {
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.send(in("", "reader"), errand{class: budget.ClassResync, page: true, again: 1000})
		c.waitFor(time.Minute)
		for n := range 10 { // Keys of no higher class never wait for a listing.
			before := time.Since(c.start)
			c.ask(in("team", strconv.Itoa(n)), budget.ClassResync)
			for _, taken := range c.waitFor(3 * time.Second) {
				if wait := taken.at - before; taken.key == in("team", strconv.Itoa(n)) && wait > 0 {
					t.Errorf("waited %s for a listing", wait)
				}
			}
		}
		if pages := pagesIn(c.waitFor(0)); len(pages) < 449 || len(pages) > 452 {
			t.Errorf("%d pages in 90 s, want 450", len(pages))
		}
		c.waitFor(time.Hour)
	})
}

func TestBudget_ListingIsNotSlowedAtTheHighestRate(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 60000, Burst: 1000}, 8, func(t *testing.T, c *callers) {
		c.calls = 20 * time.Millisecond
		c.send(in("", "reader"), errand{class: budget.ClassResync, page: true, again: 99})
		got := c.waitFor(time.Minute)
		if spent := got[len(got)-1].at; len(got) != 100 || spent > 2*time.Second {
			t.Errorf("%d pages in %s, want 100 in 1.98 s", len(got), spent)
		}
	})
}

func TestBudget_LookUpOfAListingReaderDoesNotWaitForItsHalf(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 6, Burst: 5}, 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		reader := in("", "reader")
		if !c.budget.AcquirePage(reader, budget.ClassResync) {
			t.Fatal("no token for the first page")
		}
		c.budget.EndCall(reader, budget.Answered)
		if c.budget.AcquirePage(reader, budget.ClassResync) {
			t.Error("a second page at once")
		}
		if !c.budget.Acquire(reader, budget.ClassChange) {
			t.Error("a look-up waited for the listing's half")
		}
	})
}

func TestBudget_ListingFollowsAChangeOfTheLimit(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 1, Burst: 5}, 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.send(in("", "reader"), errand{class: budget.ClassResync, page: true, again: 5})
		c.budget.SetLimit(perSecond(1, 5))
		if got := c.waitFor(10 * time.Second); len(got) != 6 {
			t.Errorf("%d pages in ten seconds at the new rate, want 6", len(got))
		}
	})
}
