package budget_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// withLate has one key that comes late the first time.
func withSlow(c *callers, slow string, by time.Duration) {
	c.comes = func(key budget.Key) time.Duration {
		if key.Name == slow && c.wakes[key] == 1 {
			return by
		}
		return 10 * time.Millisecond
	}
}

func TestBudget_TokenOfATicketThatExpiresGoesToTheNext(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 6, Burst: 1}, 8, func(t *testing.T, c *callers) {
		withSlow(c, "slow", 8*time.Second)
		for _, name := range []string{"taker", "slow", "next", "last"} {
			c.ask(in("team", name), budget.ClassChange)
		}
		got := c.waitFor(15*time.Second + 20*time.Millisecond)
		wantNames(t, got, "taker", "next")
		if at := got[1].at; at != 15*time.Second+10*time.Millisecond {
			t.Errorf("the token of the expired ticket was given after %s, want five seconds after the grant", at)
		}
		// The expired ticket keeps its age: it is next. No token is lost, and none is there twice.
		got = c.waitFor(time.Minute)
		wantNames(t, got, "taker", "next", "slow", "last")
		if gap := got[2].at - got[1].at; gap != 10*time.Second+10*time.Millisecond {
			t.Errorf("%s between two tokens", gap)
		}
	})
}

// The work goes on even where every ticket expires.
func TestBudget_KeysThatAlwaysComeTooLateGetTheirTokens(t *testing.T) {
	withCallers(t, perSecond(1, 2), 8, func(t *testing.T, c *callers) {
		c.comes = func(budget.Key) time.Duration { return 7 * time.Second }
		c.backlog("team", 100, budget.ClassChange)
		if got := c.waitFor(time.Hour); len(got) != 100 {
			t.Errorf("%d of 100 had a token in an hour", len(got))
		}
	})
}

func TestBudget_TokenOfAKeyWithNothingToCallGoesToTheNextAtOnce(t *testing.T) {
	tests := map[string]func(c *callers){
		"it comes when it is granted": func(*callers) {},
		"it comes for another reason": func(c *callers) { c.look(in("team", "stale")) },
		"its key is gone":             func(c *callers) { c.budget.Forget(in("team", "stale")) },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			withCallers(t, budget.Limit{PerMinute: 6, Burst: 5}, 8, func(t *testing.T, c *callers) {
				withSlow(c, "stale", time.Second)
				for _, name := range []string{"taker", "stale", "next"} {
					c.ask(in("team", name), budget.ClassChange)
				}
				c.waitFor(10500 * time.Millisecond)
				c.giveUp(in("team", "stale"))
				end(c)
				got := c.waitFor(time.Second)
				wantNames(t, got, "taker", "next")
				c.waitFor(time.Hour)
				if left := c.budget.Remaining(); left != 5 {
					t.Errorf("%v tokens in a bucket of 5", left)
				}
			})
		})
	}
}

func TestBudget_PassThatAskedKeepsItsTicketWhenItEnds(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		key := in("team", "waiting")
		c.ask(in("team", "taker"), budget.ClassChange)
		if c.budget.Acquire(key, budget.ClassChange) {
			t.Fatal("a token that is not there")
		}
		c.waitFor(1500 * time.Millisecond) // The grant comes while the pass that asked still goes on.
		c.budget.EndPass(key)
		if !c.budget.Acquire(key, budget.ClassChange) {
			t.Error("its token was gone")
		}
		c.budget.EndPass(key) // A call that was not ended was not sent.
		if !c.budget.Acquire(key, budget.ClassChange) {
			t.Error("the token of a call that was not sent was gone")
		}
	})
}

func TestBudget_ExpiredTicketIsDroppedAfterAMinute(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 6, Burst: 1}, 8, func(t *testing.T, c *callers) {
		withSlow(c, "slow", 68*time.Second)
		for _, name := range []string{"taker", "slow", "1", "2", "3", "4", "5", "6", "7", "8"} {
			c.ask(in("team", name), budget.ClassChange)
		}
		wantNames(t, c.waitFor(time.Hour), "taker", "1", "2", "3", "4", "5", "6", "7", "8", "slow")
	})
}

func TestBudget_GrantsNoMoreThanTheBucketHolds(t *testing.T) {
	withCallers(t, perSecond(1, 2), 8, func(t *testing.T, c *callers) {
		c.comes = func(budget.Key) time.Duration { return 100 * time.Millisecond }
		c.budget.Acquire(in("team", "hanging"), budget.ClassChange)
		c.budget.EndCall(in("team", "hanging"), budget.Unanswered) // One at a time from now on.
		c.waitFor(time.Second)
		c.budget.Acquire(in("team", "hanging"), budget.ClassChange)
		c.budget.StartCall(in("team", "hanging"))
		c.backlog("team", 20, budget.ClassChange)
		c.waitFor(time.Hour)
		c.budget.EndCall(in("team", "hanging"), budget.Answered)
		if c.waitFor(50 * time.Millisecond); c.totalWakes() != 2 {
			t.Errorf("%d grants of a bucket of 2", c.totalWakes())
		}
		c.waitFor(time.Hour)
	})
}

func TestBudget_CountsACallWhenItLeaves(t *testing.T) {
	withCallers(t, perSecond(10, 10), 100, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		slow := []budget.Key{in("team", "0"), in("team", "1"), in("team", "2"), in("team", "3"), in("team", "4"), in("team", "5")}
		for _, key := range slow {
			if !c.budget.Acquire(key, budget.ClassChange) {
				t.Fatal("no token in a full bucket")
			}
		}
		c.waitFor(time.Second)
		for _, key := range slow[:3] {
			c.budget.StartCall(key)
		}
		for _, key := range slow[1:3] {
			c.budget.EndCall(key, budget.Answered)
		}
		for _, key := range slow[3:] {
			c.budget.EndCall(key, budget.Unsent)
		}
		c.backlog("other", 20, budget.ClassChange)
		if got := len(c.waitFor(0)); got != 7 {
			t.Errorf("%d calls beside three that left now, want the other 7 of 10", got)
		}
	})
	withCallers(t, perSecond(10, 10), 100, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		for n := range 8 {
			c.budget.Acquire(in("team", strconv.Itoa(n)), budget.ClassChange)
		}
		c.waitFor(time.Second)
		c.backlog("other", 20, budget.ClassChange)
		if got := len(c.waitFor(0)); got != 2 {
			t.Errorf("%d calls beside eight that are still to leave, want the other 2 of 10", got)
		}
	})
}

func TestBudget_BoundsTheCallsUnderWay(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 60000, Burst: 1000}, 8, func(t *testing.T, c *callers) {
		c.calls = 20 * time.Millisecond
		c.waitFor(time.Minute)
		c.backlog("team", 1000, budget.ClassChange)
		got := c.waitFor(time.Minute)
		if _, highest := c.underWay(); highest != 8 {
			t.Errorf("%d calls under way at once, want 8", highest)
		}
		if spent := got[len(got)-1].at - got[0].at; len(got) != 1000 || spent > 2600*time.Millisecond {
			t.Errorf("%d calls in %s, want 1,000 in 2.5 s", len(got), spent)
		}
		if c.totalWakes() != 1000-8 {
			t.Errorf("%d wakes, want one for each that found no slot", c.totalWakes())
		}
	})
}

func TestBudget_OneCallAtATimeAfterATimeOutUntilOneSucceeds(t *testing.T) {
	for _, trouble := range []budget.Outcome{budget.Unanswered, budget.Limited} {
		withCallers(t, perSecond(100, 100), 8, func(t *testing.T, c *callers) {
			hanging := true
			c.calls = 30 * time.Second
			c.answers = func() budget.Outcome {
				if hanging {
					return trouble
				}
				return budget.Answered
			}
			c.waitFor(time.Minute)
			c.backlog("team", 100, budget.ClassChange)
			if got := c.waitFor(29 * time.Second); len(got) != 8 {
				t.Errorf("%d calls before the first time-out, want 8", len(got))
			}
			if got := c.waitFor(4 * time.Minute); len(got) != 8+8 {
				t.Errorf("%d calls after four minutes of time-outs, want one at a time", len(got))
			}
			c.with(func() { hanging, c.calls = false, time.Second })
			c.waitFor(1500 * time.Millisecond)
			if flying, _ := c.underWay(); flying != 8 {
				t.Errorf("%d calls under way after one was answered, want 8", flying)
			}
			c.waitFor(time.Hour)
		})
	}
}

// The tenant's other users are near the end of its limit: no more calls leave at once than are left.
func TestBudget_SendsNoMoreAtOnceThanTheTenantSaysAreLeft(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 60000, Burst: 1000}, 8, func(t *testing.T, c *callers) {
		c.calls = 100 * time.Millisecond
		c.waitFor(time.Minute)
		c.budget.Observed(auth0.RateLimit{Limit: 12, Remaining: 2, Known: true}, 0)
		c.waitFor(time.Second)
		c.backlog("team", 50, budget.ClassChange)
		c.waitFor(time.Second)
		if _, highest := c.underWay(); highest != 2 {
			t.Errorf("%d calls at once with 2 left", highest)
		}
		c.budget.Observed(auth0.RateLimit{Limit: 12, Remaining: 12, Known: true}, 0)
		c.waitFor(time.Second)
		if _, highest := c.underWay(); highest != 8 {
			t.Errorf("%d calls at once with 12 left, want 8", highest)
		}
		c.waitFor(time.Minute)
	})
}

func TestBudget_ForgettingAKeyDoesNotEndItsCall(t *testing.T) {
	withCallers(t, perSecond(1000, 1000), 1, func(t *testing.T, c *callers) {
		c.waitFor(time.Minute)
		c.budget.Acquire(in("team", "a"), budget.ClassChange)
		c.budget.Forget(in("team", "a"))
		if c.budget.Acquire(in("team", "b"), budget.ClassChange) {
			t.Error("a second call at once with one slot")
		}
		c.budget.EndCall(in("team", "a"), budget.Answered)
		if !c.budget.Acquire(in("team", "b"), budget.ClassChange) {
			t.Error("no slot after the call")
		}
	})
}

// A call that is never ended does not cost a slot for good.
func TestBudget_AskingAgainEndsTheCallBefore(t *testing.T) {
	withCallers(t, perSecond(1000, 1000), 1, func(t *testing.T, c *callers) {
		c.waitFor(time.Minute)
		for n := range 10 {
			if !c.budget.Acquire(in("team", "a"), budget.ClassChange) {
				t.Fatalf("no slot for call %d", n)
			}
		}
	})
}

func TestOutcomeOf(t *testing.T) {
	tests := map[string]struct {
		err  error
		want budget.Outcome
	}{
		"a success":             {nil, budget.Answered},
		"a refusal":             {&auth0.Error{Status: 403}, budget.Answered},
		"a server in trouble":   {&auth0.Error{Status: 503}, budget.Answered},
		"the rate limit":        {fmt.Errorf("create: %w", &auth0.Error{Status: 429}), budget.Limited},
		"the token's quota":     {&auth0.TokenError{Status: 429}, budget.Limited},
		"no answer":             {fmt.Errorf("create: %w", &auth0.TransportError{Sent: true}), budget.Unanswered},
		"no connection":         {&auth0.TransportError{}, budget.Unanswered},
		"an answer of no sense": {errors.New("other grant"), budget.Answered},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := budget.OutcomeOf(test.err); got != test.want {
				t.Errorf("outcome %d, want %d", got, test.want)
			}
		})
	}
}
