package budget_test

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// withShares runs the test with a share for each namespace.
func withShares(t *testing.T, whole budget.Limit, limits map[string]budget.Limit, test func(*testing.T, *callers)) {
	t.Helper()
	withCallers(t, whole, 8, func(t *testing.T, c *callers) {
		c.shares = map[string]*budget.Share{}
		for name, limit := range limits {
			c.shares[name] = c.budget.Share(limit)
		}
		test(t, c)
	})
}

func TestShare_DelaysNoOtherOne(t *testing.T) {
	limits := map[string]budget.Limit{"slow": {PerMinute: 1, Burst: 1}, "fast": perSecond(10, 5)}
	withShares(t, perSecond(10, 5), limits, func(t *testing.T, c *callers) {
		c.backlog("slow", 1000, budget.ClassRevocation)
		c.backlog("fast", 100, budget.ClassResync)
		of := map[string]int{}
		for _, taken := range c.waitFor(10*time.Second + time.Millisecond) {
			of[taken.key.Namespace]++
		}
		if of["slow"] != 1 || of["fast"] != 100 {
			t.Errorf("tokens in ten seconds: %v", of)
		}
		if slow, fast := c.shares["slow"].Remaining(), c.shares["fast"].Remaining(); slow > 0.2 || fast > c.budget.Remaining() {
			t.Errorf("remaining: %.1f and %.1f of %.1f", slow, fast, c.budget.Remaining())
		}
		if total := c.totalWakes(); total > 110 {
			t.Errorf("%d keys were woken for nothing", total-101)
		}
	})
}

func TestShare_TakeTurnsWithinAClass(t *testing.T) {
	limits := map[string]budget.Limit{"a": perSecond(10, 5), "b": perSecond(10, 5)}
	withShares(t, perSecond(10, 5), limits, func(t *testing.T, c *callers) {
		c.backlog("a", 100, budget.ClassChange)
		c.backlog("b", 20, budget.ClassChange)
		of := map[string]int{}
		for _, taken := range c.waitFor(3 * time.Second) {
			of[taken.key.Namespace]++
		}
		if of["a"] < 12 || of["b"] < 12 {
			t.Errorf("tokens in three seconds: %v", of)
		}
	})
}

func TestShare_WaitsNoMoreOnceItIsClosed(t *testing.T) {
	limits := map[string]budget.Limit{"a": perSecond(1, 5), "b": perSecond(1, 5)}
	withShares(t, perSecond(1, 5), limits, func(t *testing.T, c *callers) {
		c.backlog("a", 10, budget.ClassRevocation)
		c.backlog("b", 2, budget.ClassResync)
		closed := c.shares["a"]
		if waiting := closed.Close(); len(waiting) != 9 || len(closed.Close()) != 0 {
			t.Errorf("%d wait", len(waiting))
		}
		c.with(func() { delete(c.shares, "a") })
		got := c.waitFor(time.Minute)
		if len(got) != 3 || got[1].key.Namespace != "b" || got[2].key.Namespace != "b" {
			t.Errorf("tokens went to %q", names(got))
		}
	})
}

// No share takes more than its own limit allows in any span of time, all together no more than the budget does, and each key
// has its token in the end.
func TestShare_NeverTakesMoreThanItsOwn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) budget.Limit {
			return budget.Limit{
				PerMinute: rapid.SampledFrom([]int{1, 7, 50, 600}).Draw(rt, name+" rate"), Burst: rapid.IntRange(1, 8).Draw(rt, name+" burst"),
			}
		}
		whole, limits := draw("whole"), map[string]budget.Limit{"a": draw("a"), "b": draw("b"), "c": draw("c")}
		deeds := rapid.SliceOfN(rapid.Custom(drawDeed), 1, 80).Draw(rt, "deeds")
		var got []token
		unserved := 0
		withShares(t, whole, limits, func(_ *testing.T, c *callers) {
			for n, d := range deeds {
				switch d.what {
				case "page":
					c.send(in(d.key.Namespace, "reader"), errand{class: d.class, page: true, again: d.seconds % 8})
				case "ask":
					c.ask(in(d.key.Namespace, strconv.Itoa(n)), d.class)
				}
				c.waitFor(d.after)
			}
			got = c.waitFor(48 * time.Hour)
			c.with(func() { unserved = len(c.wants) })
		})
		if unserved > 0 {
			rt.Fatalf("%d never had the token that they wanted", unserved)
		}
		limits[""] = whole
		for name, limit := range limits {
			var of []token
			for _, taken := range got {
				if name == "" || taken.key.Namespace == name {
					taken.key.Namespace = "one"
					of = append(of, taken)
				}
			}
			judge(rt, &history{limits: []limitFrom{{Limit: limit}}}, of)
		}
	})
}
