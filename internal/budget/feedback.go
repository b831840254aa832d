package budget

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

const (
	// defaultPause is how long a host is left alone after a 429 that names no time.
	defaultPause = 5 * time.Second
	// longestPause bounds how long an answer can stop a host: a clock that is far off must not stop it for good.
	longestPause = time.Minute
	// lowShare: a limit of which less than one in so many requests remains is left to the tenant's other users.
	lowShare = 10
)

// StartCall says that the call for which key has a token leaves now. Only then the token is spent: the tenant counts when a
// call arrives, and there may be writes to Kubernetes between the token and the call.
func (b *Budget) StartCall(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.tickets[key]; t != nil && t.state == stateUnderWay {
		now := time.Now()
		b.send(t, now)
		b.arm(now)
	}
}

func (b *Budget) send(t *ticket, now time.Time) {
	if !t.sent {
		t.sent = true
		b.unsent--
		b.tokens.take(now)
		t.share.unsent--
		if t.share.tokens != nil {
			t.share.tokens.take(now)
		}
		b.endpoints[t.bucket].unsent--
		b.endpoints[t.bucket].tokens.take(now)
	}
}

// EndCall ends the call for which key has a token. A call that was not sent leaves its token to the next ticket.
func (b *Budget) EndCall(key Key, outcome Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.tickets[key]; t != nil && t.state == stateUnderWay {
		b.endCall(t, outcome)
	}
}

func (b *Budget) endCall(t *ticket, outcome Outcome) {
	now := time.Now()
	if outcome != Unsent {
		b.send(t, now)
	}
	b.drop(t)
	b.flight.learn(outcome)
	b.arm(now)
}

// EndPass says that one reconciliation of the key's object ended. If the key did not ask for a token in it, there was
// nothing left to call for, and its ticket, or the token reserved for it, goes to the next one. A call that was not ended
// was not sent.
func (b *Budget) EndPass(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tickets[key]
	switch {
	case t == nil:
	case t.state == stateUnderWay:
		b.endCall(t, Unsent)
	case t.asked:
		t.asked = false
	default:
		b.drop(t)
		b.arm(time.Now())
	}
}

// Forget says that the key is gone: a token that is reserved for it goes to the next ticket. A call under way goes on.
func (b *Budget) Forget(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.tickets[key]; t != nil && t.state != stateUnderWay {
		b.drop(t)
		b.arm(time.Now())
	}
}

// Observed takes in the headers of an answer to a request that was sent so long ago: they speak of a moment after that. The
// headers lower the bucket and never raise it, and bound the calls under way by what the tenant says remains. Where other
// users leave next to nothing, the host waits for the reset, because a call now would likely be one too many. Headers that
// are missing, or name an impossible reset, change nothing.
func (b *Budget) Observed(limit auth0.RateLimit, ago time.Duration) {
	if !limit.Known {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	sent := now.Add(-ago)
	b.tokens.observe(limit, sent, now)
	b.flight.remaining = limit.Remaining
	b.arm(now)
}

// observe takes in what an answer to a request sent then says about the bucket.
func (t *tokens) observe(limit auth0.RateLimit, sent, now time.Time) {
	left, others := limit.Remaining, t.othersUse(limit, sent)
	if !others && left == 0 && limit.Limit > 1 {
		left = -1 // The tenant's count and the bucket are one request apart: one token less brings them together.
	}
	// Answers to calls that were under way at the same time tell of the same shortage: the first decides.
	low := others && left*lowShare < limit.Limit && !t.stopped.After(now)
	if pause := limit.Reset.Sub(now); low && pause > 0 && pause <= longestPause {
		t.stop(limit.Reset)
	}
	t.lower(left, sent)
}

// othersUse says whether other users of the tenant, and not the operator, used most of what is spent of the limit. The
// operator's own use comes back at its own rate.
func (t *tokens) othersUse(limit auth0.RateLimit, at time.Time) bool {
	return float64(limit.Limit-limit.Remaining) > 2*t.spent(at)
}

// Refused stops the host after a 429 until its reset, as its headers tell, a minute at most. Then there is one token, not a
// full bucket: the tenant's other users come back at that moment, too.
func (b *Budget) Refused(limit auth0.RateLimit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens.stop(now.Add(pauseOf(limit, now)))
	b.arm(now)
}

// pauseOf is how long a 429 asks to wait, as its headers tell.
func pauseOf(limit auth0.RateLimit, now time.Time) time.Duration {
	pause := defaultPause
	switch reset := limit.Reset.Sub(now); {
	case limit.RetryAfter > 0:
		pause = limit.RetryAfter
	case reset > 0:
		pause = reset
	}
	return min(pause, longestPause)
}

// Waiting is how many keys wait for a token, by class.
func (b *Budget) Waiting() map[Class]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := make(map[Class]int, classes)
	for _, s := range b.shares {
		s.queue.count(waiting)
	}
	for _, t := range b.paced {
		waiting[t.class]++
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
