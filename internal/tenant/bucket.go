package tenant

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// longestStop bounds how long an answer of the tenant can stop its host: a clock that is far off must not stop it for
// good.
const longestStop = time.Minute

// forgottenAfter is how long a token is kept for a caller that does not come back for it.
const forgottenAfter = time.Minute

// Bucket is the token bucket of one host: every Management API call takes a token. Callers that find none are given the
// time of theirs, in the order in which they asked, and come back then: nobody sleeps here.
type Bucket struct {
	mu       sync.Mutex
	limiter  *rate.Limiter
	reserved map[string]time.Time
	stopped  time.Time
}

// NewBucket makes the bucket of a host. It starts with one token: what an earlier process used is not known.
func NewBucket(perMinute, burst int) *Bucket {
	limiter := rate.NewLimiter(perSecond(perMinute), burst)
	limiter.AllowN(time.Now(), burst-1)
	return &Bucket{limiter: limiter, reserved: map[string]time.Time{}}
}

func perSecond(perMinute int) rate.Limit {
	return rate.Limit(float64(perMinute) / 60)
}

// SetLimit changes rate and size. Tokens promised before keep their time.
func (b *Bucket) SetLimit(perMinute, burst int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limiter.Limit() == perSecond(perMinute) && b.limiter.Burst() == burst {
		return
	}
	b.limiter.SetLimit(perSecond(perMinute))
	b.limiter.SetBurst(burst)
}

// Take takes a token for the caller, or says how long to wait before asking again under the same name.
func (b *Bucket) Take(caller string) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.forget(now)
	at, ok := b.reserved[caller]
	if !ok {
		at = now.Add(b.limiter.ReserveN(now, 1).DelayFrom(now))
	}
	if at.Before(b.stopped) {
		at = b.stopped
	}
	if at.After(now) {
		b.reserved[caller] = at
		return at.Sub(now)
	}
	delete(b.reserved, caller)
	return 0
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

func (b *Bucket) forget(now time.Time) {
	for caller, at := range b.reserved {
		if now.Sub(at) > forgottenAfter {
			delete(b.reserved, caller)
		}
	}
}
