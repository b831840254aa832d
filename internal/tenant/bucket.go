package tenant

import (
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// longestStop bounds how long an answer of the tenant can stop its host: a clock that is far off must not stop it for
// good.
const longestStop = time.Minute

// A caller that does not come back when it was told to keeps its place, but no longer holds up those behind it, and is
// forgotten in the end.
const (
	lateAfter      = time.Second
	forgottenAfter = time.Minute
)

// nearly is what may be missing of a token: arithmetic with fractions is not exact.
const nearly = 1e-6

// Bucket is the token bucket of one host: every Management API call takes a token. Callers that find none are told when
// it will be their turn, in the order in which they asked first, and come back then: nobody sleeps here. A token is gone
// only when it is taken, so that whoever comes late, or after a stop, never meets others in greater number than the
// bucket's size.
type Bucket struct {
	mu      sync.Mutex
	limiter *rate.Limiter
	queue   []turn
	stopped time.Time
}

// turn is the place of a caller in the queue, with when it was told to come back.
type turn struct {
	caller string
	due    time.Time
}

// NewBucket makes the bucket of a host. It starts with one token: what an earlier process used is not known.
func NewBucket(perMinute, burst int) *Bucket {
	limiter := rate.NewLimiter(perSecond(perMinute), burst)
	limiter.AllowN(time.Now(), burst-1)
	return &Bucket{limiter: limiter}
}

func perSecond(perMinute int) rate.Limit {
	return rate.Limit(float64(perMinute) / 60)
}

// SetLimit changes rate and size. Who waits comes back when it was told to and takes a new place then: nobody waits for
// those who were told a late time at a lower rate.
func (b *Bucket) SetLimit(perMinute, burst int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limiter.Limit() == perSecond(perMinute) && b.limiter.Burst() == burst {
		return
	}
	b.limiter.SetLimit(perSecond(perMinute))
	b.limiter.SetBurst(burst)
	b.queue = nil
}

// Take takes a token for the caller, or says how long to wait before asking again under the same name.
func (b *Bucket) Take(caller string) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.queue = slices.DeleteFunc(b.queue, func(t turn) bool { return now.Sub(t.due) > forgottenAfter })
	place, ahead := b.place(caller, now)
	if wait = b.until(ahead+1, now); wait == 0 {
		b.limiter.ReserveN(now, 1)
		if place < len(b.queue) {
			b.queue = slices.Delete(b.queue, place, place+1)
		}
		return 0
	}
	if place == len(b.queue) {
		b.queue = append(b.queue, turn{caller: caller})
	}
	b.queue[place].due = now.Add(wait)
	return wait
}

// Forget gives up the place of a caller that does not come back.
func (b *Bucket) Forget(caller string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = slices.DeleteFunc(b.queue, func(t turn) bool { return t.caller == caller })
}

// place returns where in the queue the caller is, and how many before it have to be waited for.
func (b *Bucket) place(caller string, now time.Time) (place, ahead int) {
	for _, t := range b.queue {
		if t.caller == caller {
			return place, ahead
		}
		if now.Sub(t.due) <= lateAfter {
			ahead++
		}
		place++
	}
	return place, ahead
}

// until is how long it takes for that many tokens to be there.
func (b *Bucket) until(tokens int, now time.Time) time.Duration {
	from := now
	if b.stopped.After(now) {
		from = b.stopped
	}
	wait := from.Sub(now)
	if missing := float64(tokens) - b.limiter.TokensAt(from); missing > nearly {
		wait += time.Duration(math.Ceil(missing / float64(b.limiter.Limit()) * float64(time.Second)))
	}
	return wait
}

// Stop lets nothing through until the given time, a minute from now at most: the tenant said that its limit is reached.
func (b *Bucket) Stop(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if latest := time.Now().Add(longestStop); until.After(latest) {
		until = latest
	}
	if until.After(b.stopped) {
		b.stopped = until
	}
}
