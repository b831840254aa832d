package budget_test

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// deed is something that happens to a budget.
type deed struct {
	what    string
	key     budget.Key
	class   budget.Class
	limit   budget.Limit
	seconds int
	after   time.Duration
}

func drawDeed(t *rapid.T) deed {
	return deed{
		what: rapid.SampledFrom([]string{
			"ask", "ask", "ask", "ask", "ask", "ask", "page", "forget", "give up", "limit", "refused", "observed",
		}).Draw(t, "what"),
		key:   in(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "namespace"), strconv.Itoa(rapid.IntRange(0, 12).Draw(t, "name"))),
		class: budget.Class(rapid.IntRange(0, 2).Draw(t, "class")),
		limit: budget.Limit{
			PerMinute: rapid.SampledFrom([]int{1, 7, 50, 600}).Draw(t, "rate"), Burst: rapid.IntRange(1, 8).Draw(t, "burst"),
		},
		seconds: rapid.IntRange(0, 90).Draw(t, "seconds"),
		after:   time.Duration(rapid.IntRange(0, 4000).Draw(t, "after")) * time.Millisecond,
	}
}

// history is what a budget was told, to judge what it gave.
type history struct {
	limits []limitFrom
	stops  []stop
}

type limitFrom struct {
	budget.Limit
	from time.Duration
}

type stop struct{ from, to time.Duration }

// most is how many tokens may be taken in a span of time: the largest bucket in it, and what the rates in it add. Of
// these half are for pages; one page may come late and the next early, and one be due sooner at a new rate.
func (h *history) most(from, to time.Duration) (tokens, pages float64) {
	var burst, added float64
	for n, limit := range h.limits {
		start, end := max(limit.from, from), to
		if n+1 < len(h.limits) {
			end = min(h.limits[n+1].from, to)
		}
		if start <= end {
			pages++
			burst = max(burst, float64(limit.Burst))
			added += (end - start).Minutes() * float64(limit.PerMinute)
		}
	}
	return burst + added, pages + added/2
}

func (c *callers) apply(d deed, h *history) {
	now := time.Since(c.start)
	switch d.what {
	case "ask":
		c.ask(d.key, d.class)
	case "page":
		c.send(in("", d.key.Name), errand{class: d.class, page: true, again: d.seconds % 8})
	case "forget":
		c.giveUp(d.key)
		c.budget.Forget(d.key)
	case "give up":
		c.giveUp(d.key)
		c.look(d.key)
	case "limit":
		h.limits = append(h.limits, limitFrom{d.limit, now})
		c.budget.SetLimit(d.limit)
	case "refused":
		wait := time.Duration(d.seconds) * time.Second
		if wait == 0 {
			wait = 5 * time.Second
		}
		h.stops = append(h.stops, stop{now, now + min(wait, time.Minute)})
		c.budget.Refused(auth0.RateLimit{RetryAfter: time.Duration(d.seconds) * time.Second})
	case "observed":
		c.budget.Observed(auth0.RateLimit{Limit: 10, Remaining: d.seconds % 11, Known: true}, 0)
	}
}

// In no span of time more tokens are taken than the bucket holds and its rate adds, nor more pages than their half; no token
// is taken during a stop; no more calls are under way than there are slots; and each key that wants a token has one in the
// end.
func TestBudget_NeverGivesMoreThanSizeAndRate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first := budget.Limit{
			PerMinute: rapid.SampledFrom([]int{1, 7, 50, 600}).Draw(rt, "first rate"), Burst: rapid.IntRange(1, 8).Draw(rt, "first burst"),
		}
		slots := rapid.IntRange(1, 4).Draw(rt, "slots")
		quiet := rapid.Bool().Draw(rt, "quiet first")
		comes := rapid.SliceOfN(rapid.IntRange(0, 8000), 1, 5).Draw(rt, "comes")
		calls := rapid.SampledFrom([]int{0, 20, 3000}).Draw(rt, "calls")
		outcomes := rapid.SliceOfN(rapid.SampledFrom([]budget.Outcome{
			budget.Answered, budget.Answered, budget.Limited, budget.Unanswered,
		}), 1, 5).Draw(rt, "outcomes")
		draw := rapid.Custom(drawDeed)
		deeds := rapid.OneOf(rapid.SliceOfN(draw, 1, 20), rapid.SliceOfN(draw, 60, 120)).Draw(rt, "deeds")
		h := &history{limits: []limitFrom{{Limit: first}}}
		var got []token
		var unserved, highest, waiting int
		withCallers(t, first, slots, func(_ *testing.T, c *callers) {
			woken, ended := 0, 0
			c.calls = time.Duration(calls) * time.Millisecond
			c.comes = func(budget.Key) time.Duration {
				woken++
				return time.Duration(max(comes[woken%len(comes)]-3000, 0)) * time.Millisecond
			}
			c.answers = func() budget.Outcome {
				ended++
				return outcomes[ended%len(outcomes)]
			}
			if quiet {
				c.waitFor(10 * time.Minute)
			}
			for _, d := range deeds {
				c.apply(d, h)
				c.waitFor(d.after)
			}
			got = c.waitFor(48 * time.Hour)
			c.with(func() { unserved, highest = len(c.wants), c.highest })
			for _, count := range c.budget.Waiting() {
				waiting += count
			}
		})
		if unserved > 0 || waiting > 0 {
			rt.Fatalf("%d never had the token that they wanted, %d still wait", unserved, waiting)
		}
		if highest > slots {
			rt.Fatalf("%d calls under way with %d slots", highest, slots)
		}
		judge(rt, h, got)
	})
}

func judge(t *rapid.T, h *history, got []token) {
	for first, from := range got {
		for _, s := range h.stops {
			if from.at > s.from && from.at < s.to {
				t.Fatalf("a token was taken during a stop")
			}
		}
		pages := 0
		for last := first; last < len(got); last++ {
			if got[last].key.Namespace == "" {
				pages++
			}
			most, mostPages := h.most(from.at, got[last].at)
			if float64(last-first+1) > most+0.001 {
				t.Fatalf("%d tokens from %s to %s, want %.2f at most", last-first+1, from.at, got[last].at, most)
			}
			if float64(pages) > mostPages+0.001 {
				t.Fatalf("%d pages from %s to %s, want %.2f at most", pages, from.at, got[last].at, mostPages)
			}
		}
	}
}
