package budget_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

func TestBudget_HeadersOnlyLowerTheBucket(t *testing.T) {
	soon := func(d time.Duration) time.Time { return time.Now().Add(d) }
	tests := map[string]struct {
		told func() auth0.RateLimit
		want float64
		ago  time.Duration
	}{
		"less is left than we have": {
			func() auth0.RateLimit {
				return auth0.RateLimit{Limit: 12, Remaining: 3, Reset: soon(time.Second), Known: true}
			}, 3, 0,
		},
		"less was left when the request was sent": {
			func() auth0.RateLimit {
				return auth0.RateLimit{Limit: 12, Remaining: 3, Reset: soon(time.Second), Known: true}
			}, 5, 200 * time.Millisecond,
		},
		"less was left long ago": {
			func() auth0.RateLimit {
				return auth0.RateLimit{Limit: 12, Remaining: 3, Reset: soon(time.Second), Known: true}
			}, 10, time.Second,
		},
		"more is left than we have": {
			func() auth0.RateLimit {
				return auth0.RateLimit{Limit: 5000, Remaining: 4999, Reset: soon(time.Second), Known: true}
			}, 10, 0,
		},
		"no headers":                       {func() auth0.RateLimit { return auth0.RateLimit{} }, 10, 0},
		"a reset alone says nothing":       {func() auth0.RateLimit { return auth0.RateLimit{Reset: soon(time.Second)} }, 10, 0},
		"nothing left, no reset":           {func() auth0.RateLimit { return auth0.RateLimit{Limit: 12, Known: true} }, 0, 0},
		"nothing left, a reset in an hour": {func() auth0.RateLimit { return auth0.RateLimit{Limit: 12, Reset: soon(time.Hour), Known: true} }, 0, 0},
		"nothing left, a reset in the past": {
			func() auth0.RateLimit { return auth0.RateLimit{Limit: 12, Reset: soon(-time.Hour), Known: true} }, 0, 0,
		},
		"a limit of nothing": {func() auth0.RateLimit { return auth0.RateLimit{Known: true, Reset: soon(time.Second)} }, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
				c.waitFor(time.Hour)
				c.budget.Observed(test.told(), test.ago)
				if left := c.budget.Remaining(); left != test.want {
					t.Errorf("%v tokens, want %v", left, test.want)
				}
				c.waitFor(time.Second)
				c.backlog("team", 20, budget.ClassChange)
				if got := c.waitFor(0); len(got) != 10 { // The shortage is over: the rate goes on.
					t.Errorf("%d tokens after a second, want 10", len(got))
				}
			})
		})
	}
}

func TestBudget_WaitsForTheResetWhereNextToNothingIsLeft(t *testing.T) {
	withCallers(t, perSecond(10, 50), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.budget.Observed(auth0.RateLimit{Limit: 50, Remaining: 4, Reset: time.Now().Add(3 * time.Second), Known: true}, 0)
		c.backlog("team", 20, budget.ClassRevocation)
		if got := c.waitFor(3*time.Second - time.Millisecond); len(got) != 0 {
			t.Errorf("%d calls before the reset", len(got))
		}
		if got := c.waitFor(101 * time.Millisecond); len(got) != 2 {
			t.Errorf("%d calls at the reset and a tenth of a second after, want 2", len(got))
		}
	})
	withCallers(t, perSecond(2, 2), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.budget.Observed(auth0.RateLimit{Limit: 2, Remaining: 1, Reset: time.Now().Add(time.Second), Known: true}, 0)
		if !c.budget.Acquire(in("team", "a"), budget.ClassChange) {
			t.Error("the last but one of a tiny limit was not used")
		}
	})
}

func TestBudget_DoesNotWaitForTheResetBecauseOfWhatItUsedItself(t *testing.T) {
	for remaining, want := range map[int]int{1: 10, 0: 9} {
		withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
			c.waitFor(time.Hour)
			c.backlog("team", 30, budget.ClassChange)
			before := len(c.waitFor(time.Second))
			c.budget.Observed(auth0.RateLimit{Limit: 12, Remaining: remaining, Reset: time.Now().Add(2 * time.Second), Known: true}, 0)
			if got := len(c.waitFor(time.Second)) - before; got != want {
				t.Errorf("%d left: %d calls in the next second, want %d", remaining, got, want)
			}
		})
	}
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.backlog("team", 10, budget.ClassChange)
		c.waitFor(time.Second)
		c.budget.Observed(auth0.RateLimit{Limit: 12, Remaining: 1, Reset: time.Now().Add(2 * time.Second), Known: true}, time.Second)
		if left := c.budget.Remaining(); left != 10 {
			t.Errorf("%v tokens after an answer that took as long as the bucket takes to fill, want 10", left)
		}
	})
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.backlog("team", 30, budget.ClassChange)
		c.waitFor(time.Second)
		c.budget.Observed(auth0.RateLimit{Limit: 12, Remaining: 11, Known: true}, 0)
		before := len(c.waitFor(10 * time.Second)) // The operator's own use is back long since: what is spent now others spent.
		c.budget.Observed(auth0.RateLimit{Limit: 12, Remaining: 1, Reset: time.Now().Add(2 * time.Second), Known: true}, 0)
		c.backlog("other", 30, budget.ClassChange)
		if got := len(c.waitFor(time.Second)) - before; got != 0 {
			t.Errorf("%d calls although others leave one", got)
		}
	})
}

// others is a tenant's bucket that the operator shares with other users.
type others struct {
	limit, rate float64
	level       float64
	at          time.Time
	// calls and refused are the operator's.
	calls, refused int
}

func (o *others) take() (ok bool, told auth0.RateLimit) {
	now := time.Now()
	o.level = min(o.limit, o.level+now.Sub(o.at).Seconds()*o.rate)
	o.at = now
	if ok = o.level >= 1; ok {
		o.level--
	}
	seconds := max(1, int((o.limit-o.level)/o.rate+0.999))
	return ok, auth0.RateLimit{
		Limit: int(o.limit), Remaining: int(o.level), Known: true, Reset: now.Add(time.Duration(seconds) * time.Second),
	}
}

func TestBudget_MakesDoWithWhatTheTenantsOtherUsersLeave(t *testing.T) {
	tests := map[string]struct {
		limit, rate float64
		budget      budget.Limit
		elsewhere   time.Duration // between two calls of the others
		want        float64       // calls a second
	}{
		"all of ten a second":                    {12, 10, perSecond(10, 10), time.Hour, 10},
		"all of a production plan":               {52, 16, perSecond(16, 50), time.Hour, 16},
		"all of 150 a minute":                    {12, 2.5, budget.Limit{PerMinute: 150, Burst: 10}, time.Hour, 2.5},
		"half of ten a second":                   {12, 10, perSecond(10, 10), 200 * time.Millisecond, 5},
		"half of a production plan":              {50, 16, perSecond(16, 50), 125 * time.Millisecond, 8},
		"half of the smallest plan":              {2, 2, perSecond(2, 2), time.Second, 1},
		"half of 150 a minute":                   {10, 2.5, budget.Limit{PerMinute: 150, Burst: 10}, 800 * time.Millisecond, 1.25},
		"a budget far beyond the smallest plan":  {2, 2, budget.Limit{PerMinute: 60000, Burst: 1000}, time.Hour, 2},
		"a budget far beyond a production plan":  {50, 16, budget.Limit{PerMinute: 60000, Burst: 1000}, time.Hour, 16},
		"half of it, and a budget far beyond it": {50, 16, budget.Limit{PerMinute: 60000, Burst: 1000}, 125 * time.Millisecond, 8},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			withCallers(t, test.budget, 8, func(t *testing.T, c *callers) {
				o := &others{limit: test.limit, rate: test.rate, level: test.limit, at: time.Now()}
				ctx, end := context.WithCancel(t.Context())
				go func() {
					for ctx.Err() == nil {
						c.with(func() { o.take() })
						time.Sleep(test.elsewhere)
					}
				}()
				c.calls = 20 * time.Millisecond
				c.answers = func() budget.Outcome {
					ok, told := o.take()
					o.calls++
					if ok {
						c.budget.Observed(told, 0)
						return budget.Answered
					}
					o.refused++
					c.budget.Refused(told)
					return budget.Limited
				}
				for n := range 40 {
					c.send(in("team", strconv.Itoa(n)), errand{class: budget.ClassChange, again: 1 << 30})
				}
				c.waitFor(10 * time.Minute)
				var calls, refused int
				c.with(func() { calls, refused = o.calls, o.refused })
				progress := float64(calls-refused) / 600
				t.Logf("%d calls, %d refused, %.2f a second of %.2f", calls, refused, progress, test.want)
				if refused*50 >= calls || progress < test.want*0.9 {
					t.Errorf("%d of %d calls refused, %.2f a second", refused, calls, progress)
				}
				end()
				for n := range 40 {
					c.giveUp(in("team", strconv.Itoa(n)))
				}
				c.waitFor(2 * time.Hour)
			})
		})
	}
}
