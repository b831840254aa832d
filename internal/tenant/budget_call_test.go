package tenant_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// withLate has one key that comes late the first time.
func withLate(c *crowd, late string, by time.Duration) {
	c.comes = func(key tenant.Key) time.Duration {
		if key.Name == late && c.wakes[key] == 1 {
			return by
		}
		return 10 * time.Millisecond
	}
}

func TestBudget_TokenOfOneThatDoesNotComeGoesToTheNext(t *testing.T) {
	crowded(t, tenant.Limit{PerMinute: 6, Burst: 1}, 8, func(t *testing.T, c *crowd) {
		withLate(c, "late", 8*time.Second)
		for _, name := range []string{"taker", "late", "next", "last"} {
			c.ask(in("team", name), tenant.ClassChange)
		}
		got := c.waitFor(15*time.Second + 20*time.Millisecond)
		wantNames(t, got, "taker", "next")
		if at := got[1].at; at != 15*time.Second+10*time.Millisecond {
			t.Errorf("the token of one that did not come was given after %s, want five seconds after it was called", at)
		}
		// Its age stays: it is next. No token is lost, and none is there twice.
		got = c.waitFor(time.Minute)
		wantNames(t, got, "taker", "next", "late", "last")
		if gap := got[2].at - got[1].at; gap != 10*time.Second+10*time.Millisecond {
			t.Errorf("%s between two tokens", gap)
		}
	})
}

// Where everybody is late, the work goes on all the same.
func TestBudget_ThoseWhoAreAlwaysLateGetTheirTokens(t *testing.T) {
	crowded(t, perSecond(1, 2), 8, func(t *testing.T, c *crowd) {
		c.comes = func(tenant.Key) time.Duration { return 7 * time.Second }
		c.backlog("team", 100, tenant.ClassChange)
		if got := c.waitFor(time.Hour); len(got) != 100 {
			t.Errorf("%d of 100 had a token in an hour", len(got))
		}
	})
}

func TestBudget_TokenOfOneWithNothingToDoGoesToTheNextAtOnce(t *testing.T) {
	tests := map[string]func(c *crowd){
		"it comes when it was called": func(*crowd) {},
		"it comes for another reason": func(c *crowd) { c.look(in("team", "stale")) },
		"its key is gone":             func(c *crowd) { c.budget.Forget(in("team", "stale")) },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			crowded(t, tenant.Limit{PerMinute: 6, Burst: 5}, 8, func(t *testing.T, c *crowd) {
				withLate(c, "stale", time.Second)
				for _, name := range []string{"taker", "stale", "next"} {
					c.ask(in("team", name), tenant.ClassChange)
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

func TestBudget_PassThatAskedKeepsItsPlaceWhenItEnds(t *testing.T) {
	crowded(t, perSecond(1, 5), 8, func(t *testing.T, c *crowd) {
		key := in("team", "waiting")
		c.ask(in("team", "taker"), tenant.ClassChange)
		if c.budget.Acquire(key, tenant.ClassChange) {
			t.Fatal("a token that is not there")
		}
		c.waitFor(1500 * time.Millisecond) // It is called while the pass that asked still goes on.
		c.budget.EndPass(key)
		if !c.budget.Acquire(key, tenant.ClassChange) {
			t.Error("its token was gone")
		}
		c.budget.EndPass(key) // A call that was not ended was not sent.
		if !c.budget.Acquire(key, tenant.ClassChange) {
			t.Error("the token of a call that was not sent was gone")
		}
	})
}

func TestBudget_PlaceOfOneThatStaysAwayIsForgotten(t *testing.T) {
	crowded(t, tenant.Limit{PerMinute: 6, Burst: 1}, 8, func(t *testing.T, c *crowd) {
		withLate(c, "late", 68*time.Second)
		for _, name := range []string{"taker", "late", "1", "2", "3", "4", "5", "6", "7", "8"} {
			c.ask(in("team", name), tenant.ClassChange)
		}
		wantNames(t, c.waitFor(time.Hour), "taker", "1", "2", "3", "4", "5", "6", "7", "8", "late")
	})
}

func TestBudget_CallsNoMoreThanTheBucketHolds(t *testing.T) {
	crowded(t, perSecond(1, 2), 8, func(t *testing.T, c *crowd) {
		c.comes = func(tenant.Key) time.Duration { return 100 * time.Millisecond }
		c.budget.Acquire(in("team", "hanging"), tenant.ClassChange)
		c.budget.EndCall(in("team", "hanging"), tenant.Unanswered) // One at a time from now on.
		c.waitFor(time.Second)
		c.budget.Acquire(in("team", "hanging"), tenant.ClassChange)
		c.budget.StartCall(in("team", "hanging"))
		c.backlog("team", 20, tenant.ClassChange)
		c.waitFor(time.Hour)
		c.budget.EndCall(in("team", "hanging"), tenant.Answered)
		if c.waitFor(50 * time.Millisecond); c.totalWakes() != 2 {
			t.Errorf("%d were called to a bucket of 2", c.totalWakes())
		}
		c.waitFor(time.Hour)
	})
}

func TestBudget_CountsACallWhenItLeaves(t *testing.T) {
	crowded(t, perSecond(10, 10), 100, func(t *testing.T, c *crowd) {
		c.waitFor(time.Hour)
		slow := []tenant.Key{in("team", "0"), in("team", "1"), in("team", "2"), in("team", "3"), in("team", "4"), in("team", "5")}
		for _, key := range slow {
			if !c.budget.Acquire(key, tenant.ClassChange) {
				t.Fatal("no token in a full bucket")
			}
		}
		c.waitFor(time.Second)
		for _, key := range slow[:3] {
			c.budget.StartCall(key)
		}
		for _, key := range slow[1:3] {
			c.budget.EndCall(key, tenant.Answered)
		}
		for _, key := range slow[3:] {
			c.budget.EndCall(key, tenant.Unsent)
		}
		c.backlog("other", 20, tenant.ClassChange)
		if got := len(c.waitFor(0)); got != 7 {
			t.Errorf("%d calls beside three that left now, want the other 7 of 10", got)
		}
	})
	crowded(t, perSecond(10, 10), 100, func(t *testing.T, c *crowd) {
		c.waitFor(time.Hour)
		for n := range 8 {
			c.budget.Acquire(in("team", strconv.Itoa(n)), tenant.ClassChange)
		}
		c.waitFor(time.Second)
		c.backlog("other", 20, tenant.ClassChange)
		if got := len(c.waitFor(0)); got != 2 {
			t.Errorf("%d calls beside eight that are still to leave, want the other 2 of 10", got)
		}
	})
}

func TestBudget_BoundsTheCallsUnderWay(t *testing.T) {
	crowded(t, tenant.Limit{PerMinute: 60000, Burst: 1000}, 8, func(t *testing.T, c *crowd) {
		c.calls = 20 * time.Millisecond
		c.waitFor(time.Minute)
		c.backlog("team", 1000, tenant.ClassChange)
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
	for _, trouble := range []tenant.Outcome{tenant.Unanswered, tenant.Limited} {
		crowded(t, perSecond(100, 100), 8, func(t *testing.T, c *crowd) {
			hanging := true
			c.calls = 30 * time.Second
			c.answers = func() tenant.Outcome {
				if hanging {
					return trouble
				}
				return tenant.Answered
			}
			c.waitFor(time.Minute)
			c.backlog("team", 100, tenant.ClassChange)
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
	crowded(t, tenant.Limit{PerMinute: 60000, Burst: 1000}, 8, func(t *testing.T, c *crowd) {
		c.calls = 100 * time.Millisecond
		c.waitFor(time.Minute)
		c.budget.Observed(auth0.RateLimit{Limit: 12, Remaining: 2, Known: true}, 0)
		c.waitFor(time.Second)
		c.backlog("team", 50, tenant.ClassChange)
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
	crowded(t, perSecond(1000, 1000), 1, func(t *testing.T, c *crowd) {
		c.waitFor(time.Minute)
		c.budget.Acquire(in("team", "a"), tenant.ClassChange)
		c.budget.Forget(in("team", "a"))
		if c.budget.Acquire(in("team", "b"), tenant.ClassChange) {
			t.Error("a second call at once with one slot")
		}
		c.budget.EndCall(in("team", "a"), tenant.Answered)
		if !c.budget.Acquire(in("team", "b"), tenant.ClassChange) {
			t.Error("no slot after the call")
		}
	})
}

// Whoever forgets to end a call does not lose a slot for good.
func TestBudget_AskingAgainEndsTheCallBefore(t *testing.T) {
	crowded(t, perSecond(1000, 1000), 1, func(t *testing.T, c *crowd) {
		c.waitFor(time.Minute)
		for n := range 10 {
			if !c.budget.Acquire(in("team", "a"), tenant.ClassChange) {
				t.Fatalf("no slot for call %d", n)
			}
		}
	})
}

func TestOutcomeOf(t *testing.T) {
	tests := map[string]struct {
		err  error
		want tenant.Outcome
	}{
		"a success":             {nil, tenant.Answered},
		"a refusal":             {&auth0.Error{Status: 403}, tenant.Answered},
		"a server in trouble":   {&auth0.Error{Status: 503}, tenant.Answered},
		"the rate limit":        {fmt.Errorf("create: %w", &auth0.Error{Status: 429}), tenant.Limited},
		"the token's quota":     {&auth0.TokenError{Status: 429}, tenant.Limited},
		"no answer":             {fmt.Errorf("create: %w", &auth0.TransportError{Sent: true}), tenant.Unanswered},
		"no connection":         {&auth0.TransportError{}, tenant.Unanswered},
		"an answer of no sense": {errors.New("other grant"), tenant.Answered},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tenant.OutcomeOf(test.err); got != test.want {
				t.Errorf("outcome %d, want %d", got, test.want)
			}
		})
	}
}
