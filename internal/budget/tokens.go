package budget

import (
	"math"
	"time"
)

// Limit is a share of a host's rate limit.
type Limit struct {
	// PerMinute is how many requests are allowed in a minute.
	PerMinute int
	// Burst is how many are allowed at once.
	Burst int
}

// tokens is the arithmetic of a token bucket, on whole nanoseconds: of a long series of tokens none is too early. It is
// not safe for concurrent use.
type tokens struct {
	// interval is what it takes for one more token to be there.
	interval time.Duration
	// burst is how many the bucket holds.
	burst int
	// full is when the bucket is full, if nothing is taken from now on.
	full time.Time
	// own is what full would be if nothing had come from outside.
	own time.Time
	// stopped is the end of the last stop: full is so far away that there is one token then, and none before.
	stopped time.Time
}

// newTokens makes a bucket with one token in it.
func newTokens(limit Limit, now time.Time) tokens {
	t := tokens{interval: intervalOf(limit), burst: max(limit.Burst, 1)}
	t.full = now.Add(t.span(t.burst - 1))
	t.own = t.full
	return t
}

func intervalOf(limit Limit) time.Duration {
	perMinute := time.Duration(max(limit.PerMinute, 1))
	return (time.Minute + perMinute - 1) / perMinute
}

// span is what it takes for that many tokens to gather.
func (t *tokens) span(count int) time.Duration { return time.Duration(count) * t.interval }

// level is how many tokens there are; less than none during a stop.
func (t *tokens) level(now time.Time) float64 {
	return float64(t.burst) - max(float64(t.full.Sub(now))/float64(t.interval), 0)
}

// due is when that many tokens are there if none is taken before, and whether the bucket holds as many.
func (t *tokens) due(count int) (at time.Time, ever bool) {
	return t.full.Add(-t.span(t.burst - count)), count <= t.burst
}

func (t *tokens) has(count int, now time.Time) bool {
	at, ever := t.due(count)
	return ever && !now.Before(at)
}

// spent is how many of the tokens that are not there the operator took itself.
func (t *tokens) spent(now time.Time) float64 {
	return max(float64(t.own.Sub(now))/float64(t.interval), 0)
}

// take takes a token that is there.
func (t *tokens) take(now time.Time) {
	t.full = later(t.full, now).Add(t.interval)
	t.own = later(t.own, now).Add(t.interval)
}

// lower leaves at most that many tokens in the bucket at the given time.
func (t *tokens) lower(count int, at time.Time) {
	if bound := at.Add(t.span(t.burst - min(count, t.burst))); bound.After(t.full) {
		t.full = bound
	}
}

// stop gives no token until then, and one then.
func (t *tokens) stop(until time.Time) {
	if until.After(t.stopped) {
		t.stopped = until
	}
	t.lower(1, until)
}

// set changes rate and size. Tokens that are there stay, as far as they fit; a stop goes on.
func (t *tokens) set(limit Limit, now time.Time) {
	interval, burst := intervalOf(limit), max(limit.Burst, 1)
	if t.interval == interval && t.burst == burst {
		return
	}
	level, spent := max(t.level(now), 0), t.spent(now)
	t.interval, t.burst = interval, burst
	missing := float64(t.burst) - level
	t.full = now.Add(time.Duration(math.Ceil(missing * float64(t.interval))))
	t.own = now.Add(time.Duration(min(spent, missing) * float64(t.interval)))
	if t.stopped.After(now) {
		t.lower(1, t.stopped)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
