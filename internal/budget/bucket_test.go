package budget_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// links lets so many keys of a namespace ask for a call of a bucket.
func (c *callers) links(namespace string, count int, of budget.Bucket, class budget.Class) {
	for n := range count {
		c.send(in(namespace, "link-"+strconv.Itoa(n)), errand{class: class, bucket: of})
	}
}

// countIn counts the tokens of each namespace.
func countIn(tokens []token) map[string]int {
	counts := map[string]int{}
	for _, taken := range tokens {
		counts[taken.key.Namespace]++
	}
	return counts
}

func TestBudget_LinksHaveLimitsOfTheirOwn(t *testing.T) {
	for bucket, want := range map[budget.Bucket]struct{ burst, minute int }{
		budget.BucketLinkReads: {10, 100}, budget.BucketLinkWrites: {5, 150},
	} {
		withCallers(t, perSecond(100, 1000), 8, func(t *testing.T, c *callers) {
			c.waitFor(time.Hour)
			c.links("team", 500, bucket, budget.ClassChange)
			if got := c.waitFor(0); len(got) != want.burst {
				t.Errorf("bucket %d: %d calls at once, want %d", bucket, len(got), want.burst)
			}
			if got := c.waitFor(time.Minute); len(got) != want.burst+want.minute {
				t.Errorf("bucket %d: %d calls after a minute, want %d", bucket, len(got), want.burst+want.minute)
			}
		})
	}
}

func TestBudget_LinksCountAgainstTheHostToo(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 30, Burst: 2}, 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.links("a", 100, budget.BucketLinkReads, budget.ClassChange)
		c.links("b", 100, budget.BucketLinkWrites, budget.ClassChange)
		c.backlog("c", 100, budget.ClassChange)
		got := countIn(c.waitFor(time.Minute))
		if total := got["a"] + got["b"] + got["c"]; total != 32 || got["a"] < 9 || got["b"] < 9 || got["c"] < 9 { // Three of them go by age alone.
			t.Errorf("%v calls in a minute, want 32 and about the same of each kind", got)
		}
	})
}

func TestBudget_AnEmptyBucketDelaysNoOther(t *testing.T) {
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.links("links", 100, budget.BucketLinkWrites, budget.ClassRevocation)
		c.waitFor(0)
		c.backlog("grants", 200, budget.ClassResync)
		got := countIn(c.waitFor(10 * time.Second))
		if got["links"] != 5+25 || got["grants"] != 5+75 {
			t.Errorf("%v calls in ten seconds, want 30 of links and all that the host has left", got)
		}
	})
}

func TestBudget_ClassesHoldAcrossBuckets(t *testing.T) {
	withCallers(t, perSecond(1, 1), 8, func(t *testing.T, c *callers) {
		c.ask(in("team", "taker"), budget.ClassResync)
		c.send(in("team", "unlink"), errand{class: budget.ClassResync, bucket: budget.BucketLinkWrites})
		c.ask(in("team", "change"), budget.ClassChange)
		c.send(in("team", "look"), errand{class: budget.ClassRevocation, bucket: budget.BucketLinkReads})
		wantNames(t, c.waitFor(time.Minute), "taker", "look", "change", "unlink")
	})
}

func TestBudget_NoBucketStarves(t *testing.T) {
	withCallers(t, perSecond(1, 1), 8, func(t *testing.T, c *callers) {
		c.ask(in("team", "taker"), budget.ClassResync)
		c.send(in("team", "link"), errand{class: budget.ClassResync, bucket: budget.BucketLinkWrites})
		c.send(in("busy", "always"), errand{class: budget.ClassRevocation, again: 1000})
		for n, taken := range c.waitFor(time.Minute) {
			if taken.key.Name == "link" && n <= 10 {
				return
			}
		}
		t.Error("the link is not among the first eleven calls")
	})
}

func TestBudget_HeadersOfLinksSpeakOfTheirBucketAlone(t *testing.T) {
	short := func(limit int) auth0.RateLimit {
		return auth0.RateLimit{Limit: limit, Remaining: 0, Reset: time.Now().Add(20 * time.Second), Known: true}
	}
	for name, tell := range map[string]func(b *budget.Budget){
		"nothing is left": func(b *budget.Budget) { b.Told(told(http.MethodGet, linksRoute, http.StatusOK, short(10))) },
		"a 429": func(b *budget.Budget) {
			b.Told(told(http.MethodGet, "/api/v2/client-grants/{id}/organizations", http.StatusTooManyRequests, short(10)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
				c.waitFor(time.Hour)
				tell(c.budget.Budget)
				if left := c.budget.Remaining(); left != 10 {
					t.Errorf("the host has %v tokens", left)
				}
				c.links("reads", 9, budget.BucketLinkReads, budget.ClassRevocation)
				c.links("writes", 5, budget.BucketLinkWrites, budget.ClassChange)
				c.backlog("grants", 5, budget.ClassChange)
				if got := countIn(c.waitFor(19 * time.Second)); got["reads"] != 0 || got["writes"] != 5 || got["grants"] != 5 {
					t.Errorf("before the reset %v", got)
				}
				if got := countIn(c.waitFor(1100 * time.Millisecond)); got["reads"] < 1 {
					t.Errorf("after the reset %v", got)
				}
			})
		})
	}
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.budget.Told(told(http.MethodPost, linksRoute, http.StatusCreated, auth0.RateLimit{Limit: 5, Remaining: 1})) // no headers
		c.links("writes", 5, budget.BucketLinkWrites, budget.ClassChange)
		if got := c.waitFor(0); len(got) != 5 {
			t.Errorf("%d calls, want 5", len(got))
		}
	})
}

func TestBudget_ATokenOfABucketThatIsNotUsedGoesToTheNext(t *testing.T) {
	withCallers(t, perSecond(100, 100), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		for n := range 6 {
			taken := c.budget.AcquireLink(budget.BucketLinkWrites, in("team", strconv.Itoa(n)), budget.ClassChange)
			if taken != (n < 5) {
				t.Fatalf("the bucket of 5 gave token %d: %t", n, taken)
			}
		}
		for n := range 6 {
			c.budget.EndCall(in("team", strconv.Itoa(n)), budget.Unsent)
			c.budget.Forget(in("team", strconv.Itoa(n)))
		}
		for n := range 5 {
			key := in("team", strconv.Itoa(n))
			if !c.budget.AcquireLink(budget.BucketLinkWrites, key, budget.ClassChange) {
				t.Fatalf("the bucket holds %d tokens after calls that did not leave", n)
			}
			c.budget.StartCall(key)
			c.budget.EndCall(key, budget.Answered)
		}
		if c.budget.AcquireLink(budget.BucketLinkWrites, in("team", "sixth"), budget.ClassChange) {
			t.Error("the bucket holds more than five tokens")
		}
	})
}

func TestBudget_AKeyThatAsksForAnotherBucketQueuesThere(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.links("team", 5, budget.BucketLinkWrites, budget.ClassChange)
		key := in("team", "either")
		c.send(key, errand{class: budget.ClassChange, bucket: budget.BucketLinkWrites})
		c.giveUp(key)
		c.send(key, errand{class: budget.ClassChange})
		got := c.waitFor(time.Minute)
		if last := got[len(got)-1]; last.key != key || len(got) != 6 {
			t.Errorf("%v", got)
		}
		if waiting := c.budget.Waiting()[budget.ClassChange]; waiting != 0 {
			t.Errorf("%d keys wait still", waiting)
		}
	})
}

func TestBudget_ATokenIsGoodForItsBucketAlone(t *testing.T) {
	withCallers(t, perSecond(1, 1), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.comes = func(budget.Key) time.Duration { return 100 * time.Millisecond }
		c.ask(in("team", "taker"), budget.ClassChange)
		key := in("team", "other")
		c.ask(key, budget.ClassChange)
		c.waitFor(time.Second) // It is granted a token of the host, and on its way.
		c.budget.Told(told(http.MethodDelete, linksRoute+"/{id}", http.StatusTooManyRequests, auth0.RateLimit{RetryAfter: 20 * time.Second}))
		c.with(func() { c.wants[key] = errand{class: budget.ClassChange, bucket: budget.BucketLinkWrites} })
		if got := c.waitFor(15 * time.Second); len(got) != 1 {
			t.Errorf("%d calls during the stop", len(got)-1)
		}
		if got := c.waitFor(10 * time.Second); len(got) != 2 {
			t.Errorf("%d calls after the stop, want one", len(got)-1)
		}
	})
}

func TestBudget_HeadersOfGrantsSpeakOfTheHostAlone(t *testing.T) {
	for status, limit := range map[int]auth0.RateLimit{
		http.StatusTooManyRequests: {RetryAfter: 30 * time.Second}, http.StatusOK: {Limit: 50, Known: true},
	} {
		withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
			c.waitFor(time.Hour)
			c.budget.Told(told(http.MethodPatch, "/api/v2/client-grants/{id}", status, limit))
			if left := c.budget.Remaining(); left != 0 {
				t.Errorf("after a %d the host has %v tokens", status, left)
			}
			c.waitFor(40 * time.Second)
			c.links("team", 5, budget.BucketLinkWrites, budget.ClassChange)
			if got := c.waitFor(0); len(got) != 5 {
				t.Errorf("%d calls at once when the host has tokens again, want the 5 of the bucket", len(got))
			}
		})
	}
}

const linksRoute = "/api/v2/organizations/{id}/client-grants"

func told(method, route string, status int, limit auth0.RateLimit) auth0.Response {
	return auth0.Response{Method: method, Route: route, Status: status, RateLimit: limit}
}
