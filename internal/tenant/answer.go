package tenant

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// defaultPause is how long a host is left alone after a 429 that does not say.
const defaultPause = 5 * time.Second

// longestPause bounds how long an answer can stop a host: a clock that is far off must not stop it for good.
const longestPause = time.Minute

// lowShare: a limit of which less than one in so many requests is left is left to the tenant's other users.
const lowShare = 10

// roundings is by how many requests the two sides' books may differ: headers tell whole requests, and of a moment ago.
const roundings = 2

// EndCall ends the call for which key has a token. A call that was not sent gives its token back.
func (b *Budget) EndCall(key Key, outcome Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.places[key]; p != nil && p.state == stateUnderWay {
		b.endCall(p, outcome)
	}
}

func (b *Budget) endCall(p *place, outcome Outcome) {
	b.drop(p)
	b.flight.learn(outcome)
	if outcome == Unsent {
		b.tokens.putBack()
	}
	b.arm(time.Now())
}

// EndPass says that one look at the key's object came to its end. If it did not ask for a token, the key's place, or the
// token that waits for it, goes to the next: there was nothing to do any more. A call that was not ended was not sent.
func (b *Budget) EndPass(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.places[key]
	switch {
	case p == nil:
	case p.state == stateUnderWay:
		b.endCall(p, Unsent)
	case p.asked:
		p.asked = false
	default:
		b.drop(p)
		b.arm(time.Now())
	}
}

// Forget says that the key is gone: its place, or the token that waits for it, goes to the next. A call under way goes on.
func (b *Budget) Forget(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.places[key]; p != nil && p.state != stateUnderWay {
		b.drop(p)
		b.arm(time.Now())
	}
}

// Observed takes in the headers of an answer. They lower the bucket and never raise it; no more calls are under way than
// the tenant says are left; and where others leave next to nothing, the host waits until the bucket is said to be full
// again: a call now would likely be one too many. An answer without such headers changes nothing, nor does a reset that
// cannot be true.
func (b *Budget) Observed(limit auth0.RateLimit) {
	if !limit.Known {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	low := b.low(limit, now)
	b.tokens.lower(limit.Remaining, now)
	b.flight.remaining = limit.Remaining
	// Answers to calls that were under way at the same time tell of the same shortage: the first decides.
	if pause := limit.Reset.Sub(now); low && pause > 0 && pause <= longestPause && !b.tokens.stopped.After(now) {
		b.tokens.stop(limit.Reset)
	}
	b.arm(now)
}

// low says whether others, or a limit that is smaller than the operator was told, leave next to nothing. What the operator
// itself has used comes back at its own rate, which the tenant grants.
func (b *Budget) low(limit auth0.RateLimit, now time.Time) bool {
	gone := float64(limit.Limit - limit.Remaining)
	ours := b.tokens.spent(now) + roundings
	return limit.Remaining*lowShare < limit.Limit && (limit.Remaining == 0 || gone > ours)
}

// Refused stops the host after a 429 until its reset, as its headers tell, a minute at most. Then there is one token:
// everybody else in the tenant comes back at that moment, too.
func (b *Budget) Refused(limit auth0.RateLimit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	pause := defaultPause
	switch reset := limit.Reset.Sub(now); {
	case limit.RetryAfter > 0:
		pause = limit.RetryAfter
	case reset > 0:
		pause = reset
	}
	b.tokens.stop(now.Add(min(pause, longestPause)))
	b.arm(now)
}

// Waiting is how many keys wait for a token, by class.
func (b *Budget) Waiting() map[Class]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := make(map[Class]int, classes)
	for class := range b.line.classes {
		waiting[Class(class)] = b.line.classes[class].waiting
	}
	for _, p := range b.resting {
		waiting[p.class]++
	}
	return waiting
}

// Remaining is how many tokens the bucket holds; none during a stop.
func (b *Budget) Remaining() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.tokens.stopped.After(now) {
		return 0
	}
	return max(b.tokens.level(now), 0)
}
