package budget

import (
	"slices"
	"time"
)

// dispatch wakes the keys whose tickets are granted. It alone calls wake, and from the timer's goroutine: a caller of the
// budget may hold any lock, also one that wake takes.
func (b *Budget) dispatch() {
	for _, key := range b.grant() {
		b.wake(key)
	}
}

// grant reserves each free token and slot for the next ticket, and returns the keys.
func (b *Budget) grant() []Key {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.advance(now)
	defer b.arm(now)
	var keys []Key
	for t := b.next(now); t != nil; t = b.next(now) {
		b.serve(t)
		t.state, t.until = stateGranted, now.Add(grantedFor)
		t.share.granted++
		b.granted = append(b.granted, t)
		keys = append(keys, t.key)
	}
	return keys
}

// reserved is how many tokens are meant for granted tickets and for calls that have not left.
func (b *Budget) reserved() int { return len(b.granted) + b.unsent }

// next returns the ticket that is next, if there are a token and a slot that are not reserved; nil otherwise.
func (b *Budget) next(now time.Time) *ticket {
	if len(b.granted)+b.flight.count >= b.flight.slots() || !b.tokens.has(b.reserved()+1, now) {
		return nil
	}
	for {
		t := b.best(now)
		if t == nil || !t.page || b.pageDue(t, now) {
			return t
		}
		b.withdraw(t)
		b.enqueue(t, now)
	}
}

// enqueue puts a ticket into the queue, or beside it where it is for a page that is too early.
func (b *Budget) enqueue(t *ticket, now time.Time) {
	if t.page && !b.pageDue(t, now) {
		t.state = statePaced
		b.paced = append(b.paced, t)
		return
	}
	t.state = stateQueued
	t.share.queue.add(t)
}

// pageDue says whether a page may be granted: the last one is two tokens ago, and no granted ticket is for a page.
func (b *Budget) pageDue(t *ticket, now time.Time) bool {
	return !now.Before(t.share.pagesFrom()) && !slices.ContainsFunc(b.granted, isPage)
}

func isPage(t *ticket) bool { return t.page }

// withdraw takes a ticket away from where it is.
func (b *Budget) withdraw(t *ticket) {
	switch t.state {
	case stateQueued:
		t.share.queue.remove(t)
	case statePaced:
		b.paced = without(b.paced, t)
	case stateGranted:
		b.granted = without(b.granted, t)
		t.share.granted--
	case stateExpired:
		b.expired = without(b.expired, t)
	case stateUnderWay:
		b.flight.count--
		if !t.sent {
			b.unsent--
			t.share.unsent--
			b.endpoints[t.bucket].unsent--
		}
	case stateNew:
	}
	t.state = stateNew
}

func without(tickets []*ticket, t *ticket) []*ticket {
	return slices.DeleteFunc(tickets, func(other *ticket) bool { return other == t })
}

// advance does what is due by now: granted tickets expire, expired ones are dropped, and paced ones are queued.
func (b *Budget) advance(now time.Time) {
	for len(b.granted) > 0 && !now.Before(b.granted[0].until) {
		t := b.granted[0]
		b.withdraw(t)
		t.state, t.until = stateExpired, now.Add(expiredFor)
		b.expired = append(b.expired, t)
	}
	for len(b.expired) > 0 && !now.Before(b.expired[0].until) {
		b.drop(b.expired[0])
	}
	paced := b.paced
	b.paced = nil
	for _, t := range paced {
		b.enqueue(t, now)
	}
}

// drop forgets a ticket.
func (b *Budget) drop(t *ticket) {
	b.withdraw(t)
	delete(b.tickets, t.key)
}

// arm sets the timer to when something is due next.
func (b *Budget) arm(now time.Time) {
	var next time.Time
	earliest := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if len(b.granted) > 0 {
		earliest(b.granted[0].until)
	}
	if !slices.ContainsFunc(b.granted, isPage) {
		for _, t := range b.paced {
			earliest(t.share.pagesFrom())
		}
	}
	if len(b.granted)+b.flight.count < b.flight.slots() {
		if at, ever := b.tokens.due(b.reserved() + 1); ever {
			for _, s := range b.shares {
				s.armFrom(at, earliest)
			}
		}
	}
	if next.IsZero() {
		b.timer.Stop()
		return
	}
	b.timer.Reset(max(next.Sub(now), 0))
}
