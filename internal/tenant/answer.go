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

// StartCall says that the call for which key has a token leaves now. Only then the token is gone, and another one begins to
// come: the tenant counts when a call arrives, and there may be writes to Kubernetes between the token and the call.
func (b *Budget) StartCall(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.places[key]; p != nil && p.state == stateUnderWay {
		now := time.Now()
		b.send(p, now)
		b.arm(now)
	}
}

func (b *Budget) send(p *place, now time.Time) {
	if !p.sent {
		p.sent = true
		b.unsent--
		b.tokens.take(now)
	}
}

// EndCall ends the call for which key has a token. A call that was not sent leaves its token to the next.
func (b *Budget) EndCall(key Key, outcome Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.places[key]; p != nil && p.state == stateUnderWay {
		b.endCall(p, outcome)
	}
}

func (b *Budget) endCall(p *place, outcome Outcome) {
	now := time.Now()
	if outcome != Unsent {
		b.send(p, now)
	}
	b.drop(p)
	b.flight.learn(outcome)
	b.arm(now)
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

// Observed takes in the headers of an answer to a request that was sent so long ago: they speak of a moment after that. They
// lower the bucket and never raise it; no more calls are under way than the tenant says are left; and where others leave
// next to nothing, the host waits until the bucket is said to be full again: a call now would likely be one too many. An
// answer without such headers changes nothing, nor does a reset that cannot be true.
func (b *Budget) Observed(limit auth0.RateLimit, ago time.Duration) {
	if !limit.Known {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	sent := now.Add(-ago)
	left, others := limit.Remaining, b.othersUse(limit, sent)
	if !others && left == 0 && limit.Limit > 1 {
		left = -1 // The books of both sides are a request apart: with one token less they go on together.
	}
	// Answers to calls that were under way at the same time tell of the same shortage: the first decides.
	low := others && left*lowShare < limit.Limit && !b.tokens.stopped.After(now)
	if pause := limit.Reset.Sub(now); low && pause > 0 && pause <= longestPause {
		b.tokens.stop(limit.Reset)
	}
	b.tokens.lower(left, sent)
	b.flight.remaining = limit.Remaining
	b.arm(now)
}

// othersUse says whether it is not the operator itself that has used most of what is gone: that comes back at its own rate.
func (b *Budget) othersUse(limit auth0.RateLimit, at time.Time) bool {
	return float64(limit.Limit-limit.Remaining) > 2*b.tokens.spent(at)
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
