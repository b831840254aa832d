package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// perSecond is a limit of one token a second, or more.
func perSecond(rate, burst int) budget.Limit { return budget.Limit{PerMinute: 60 * rate, Burst: burst} }

func TestBudget_StartsWithOneTokenAndGivesTheRestAtItsRateInTheOrderOfAsking(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		for _, name := range []string{"e", "a", "d", "b"} {
			c.ask(in("team", name), budget.ClassChange)
		}
		got := c.waitFor(time.Minute)
		wantNames(t, got, "e", "a", "d", "b")
		for n, taken := range got {
			if want := time.Duration(n) * time.Second; taken.at != want {
				t.Errorf("token %d after %s, want %s", n, taken.at, want)
			}
		}
	})
}

func TestBudget_HoldsItsSizeAfterAQuietTimeAndNoMore(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		if left := c.budget.Remaining(); left != 5 {
			t.Errorf("%v tokens after an hour, want 5", left)
		}
		c.backlog("team", 7, budget.ClassChange)
		if got := c.waitFor(0); len(got) != 5 {
			t.Errorf("%d tokens at once, want 5", len(got))
		}
		if got := c.waitFor(time.Second); len(got) != 6 {
			t.Errorf("%d tokens after a second, want 6", len(got))
		}
	})
}

func TestBudget_ChangedLimitHoldsForWaitingKeys(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 1, Burst: 1}, 8, func(t *testing.T, c *callers) {
		c.backlog("team", 100, budget.ClassChange)
		c.waitFor(30 * time.Second) // half a token
		c.budget.SetLimit(perSecond(10, 10))
		if got := c.waitFor(time.Second); len(got) != 11 {
			t.Errorf("%d tokens a second after the limit was raised, want the first and 10 at the new rate", len(got))
		}
		c.budget.SetLimit(budget.Limit{PerMinute: 6, Burst: 2})
		if got := c.waitFor(time.Minute); len(got) != 17 {
			t.Errorf("%d tokens a minute after the limit was lowered, want 6 more", len(got))
		}
		c.budget.SetLimit(perSecond(10, 10))
		c.waitFor(time.Minute)
		c.budget.SetLimit(perSecond(10, 2))
		if left := c.budget.Remaining(); left != 2 {
			t.Errorf("%v tokens in a bucket of 2", left)
		}
	})
}

func TestBudget_RefusalStopsTheHostAndLetsOneCallThroughAfter(t *testing.T) {
	tests := map[string]struct {
		told func(now time.Time) auth0.RateLimit
		want time.Duration
	}{
		"the reset that it names": {
			func(now time.Time) auth0.RateLimit { return auth0.RateLimit{Reset: now.Add(7 * time.Second)} }, 7 * time.Second,
		},
		"Retry-After before the reset": {
			func(now time.Time) auth0.RateLimit {
				return auth0.RateLimit{Reset: now.Add(7 * time.Second), RetryAfter: 9 * time.Second}
			}, 9 * time.Second,
		},
		"a reset that is hours away is held for a minute": {
			func(now time.Time) auth0.RateLimit { return auth0.RateLimit{Reset: now.Add(5 * time.Hour)} }, time.Minute,
		},
		"a Retry-After of a day is held for a minute": {
			func(time.Time) auth0.RateLimit { return auth0.RateLimit{RetryAfter: 24 * time.Hour} }, time.Minute,
		},
		"a reset in the past says nothing": {
			func(now time.Time) auth0.RateLimit { return auth0.RateLimit{Reset: now.Add(-time.Hour)} }, 5 * time.Second,
		},
		"no headers": {func(time.Time) auth0.RateLimit { return auth0.RateLimit{} }, 5 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
				c.waitFor(time.Hour)
				stopped := time.Since(c.start)
				c.budget.Refused(test.told(time.Now()))
				if left := c.budget.Remaining(); left != 0 {
					t.Errorf("%v tokens during the stop", left)
				}
				c.backlog("team", 50, budget.ClassRevocation)
				c.waitFor(test.want - 50*time.Millisecond)
				if left := c.budget.Remaining(); left != 0 {
					t.Errorf("%v tokens right before the end of the stop", left)
				}
				got := c.waitFor(300 * time.Millisecond)
				if len(got) != 3 {
					t.Fatalf("%d tokens in the first quarter of a second after the stop, want 3", len(got))
				}
				for n, taken := range got {
					if want := stopped + test.want + time.Duration(n)*100*time.Millisecond; taken.at != want {
						t.Errorf("token %d after %s, want %s", n, taken.at-stopped, want-stopped)
					}
				}
			})
		})
	}
}

func TestBudget_StopHoldsForGrantedTicketsAndAcrossAChangeOfTheLimit(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.comes = func(budget.Key) time.Duration { return 100 * time.Millisecond }
		c.ask(in("a", "before"), budget.ClassChange)
		c.ask(in("a", "first"), budget.ClassChange)
		c.ask(in("b", "second"), budget.ClassChange)
		c.ask(in("a", "third"), budget.ClassChange)
		c.waitFor(time.Second + 50*time.Millisecond) // the first is granted and on its way
		c.budget.Refused(auth0.RateLimit{RetryAfter: 10 * time.Second})
		c.budget.SetLimit(perSecond(10, 5))
		c.budget.Refused(auth0.RateLimit{RetryAfter: time.Second}) // shortens nothing
		if got := c.waitFor(9900 * time.Millisecond); len(got) != 1 {
			t.Fatalf("%d tokens during the stop", len(got)-1)
		}
		got := c.waitFor(time.Minute)
		wantNames(t, got, "before", "first", "second", "third")
		if first, second := got[1].at, got[2].at; second-first != 100*time.Millisecond {
			t.Errorf("%s between the first two tokens after the stop, want the new rate", second-first)
		}
	})
}

func TestBudget_LowerLimitDuringAStopDoesNotLengthenIt(t *testing.T) {
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.budget.Refused(auth0.RateLimit{RetryAfter: time.Minute})
		c.budget.SetLimit(budget.Limit{PerMinute: 1, Burst: 5})
		c.ask(in("team", "a"), budget.ClassChange)
		if got := c.waitFor(time.Minute); len(got) != 1 {
			t.Errorf("%d tokens at the end of the stop, want 1", len(got))
		}
	})
}

func TestBudget_CallThatWasNotSentGivesItsTokenBack(t *testing.T) {
	withCallers(t, perSecond(1, 2), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		for range 10 {
			if !c.budget.Acquire(in("team", "a"), budget.ClassChange) {
				t.Fatal("no token, although none was used")
			}
			c.budget.EndCall(in("team", "a"), budget.Unsent)
		}
		c.waitFor(time.Hour)
		if left := c.budget.Remaining(); left != 2 {
			t.Errorf("%v tokens in a bucket of 2", left)
		}
		c.budget.Acquire(in("team", "a"), budget.ClassChange)
		c.budget.Observed(auth0.RateLimit{Limit: 2, Known: true}, 0)
		c.budget.EndCall(in("team", "a"), budget.Unsent)
		c.budget.EndCall(in("team", "a"), budget.Unsent)
		if left := c.budget.Remaining(); left != 0 {
			t.Errorf("%v tokens, although the tenant said that none is left", left)
		}
	})
}

func TestBudget_GivingATokenBackAtANewLimitCostsNothing(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 1, Burst: 5}, 8, func(t *testing.T, c *callers) {
		c.budget.Refused(auth0.RateLimit{RetryAfter: time.Second})
		c.waitFor(2 * time.Second)
		c.budget.SetLimit(perSecond(10, 5))
		if !c.budget.Acquire(in("team", "a"), budget.ClassChange) {
			t.Fatal("no token after the stop")
		}
		c.budget.EndCall(in("team", "a"), budget.Unsent)
		if left := c.budget.Remaining(); left < 1 || left > 1.1 {
			t.Errorf("%v tokens, want the one that was given back", left)
		}
	})
}

func TestBudget_CountsWaitingKeysByClass(t *testing.T) {
	withCallers(t, perSecond(1, 1), 8, func(t *testing.T, c *callers) {
		c.send(in("", "reader"), errand{class: budget.ClassResync, page: true, again: 1}) // It takes the token.
		c.backlog("team", 3, budget.ClassChange)
		c.backlog("other", 2, budget.ClassRevocation)
		waiting := c.budget.Waiting()
		if waiting[budget.ClassRevocation] != 2 || waiting[budget.ClassChange] != 3 || waiting[budget.ClassResync] != 1 {
			t.Errorf("waiting: %v", waiting)
		}
		c.waitFor(time.Minute)
		for class, count := range c.budget.Waiting() {
			if count != 0 {
				t.Errorf("%d of class %s wait although all had a token", count, class)
			}
		}
	})
}

// The caller of the budget and its wake function may need the same lock.
func TestBudget_NeverWakesFromWithinACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := make(chan struct{}, 1)
		var calls *budget.Share
		woken := 0
		calls = budget.New(perSecond(1, 5), 8, func(budget.Key) {
			lock <- struct{}{}
			woken++
			<-lock
		}).Whole()
		lock <- struct{}{}
		for _, name := range []string{"a", "b", "c", "d"} {
			calls.Acquire(in("team", name), budget.ClassChange)
		}
		time.Sleep(10 * time.Second)
		calls.EndCall(in("team", "a"), budget.Answered)
		calls.EndPass(in("team", "b"))
		calls.EndPass(in("team", "b"))
		calls.Forget(in("team", "c"))
		<-lock
		synctest.Wait()
		if woken == 0 {
			t.Error("no key was woken")
		}
	})
}
