package tenant

import (
	"slices"
	"time"
)

// tick calls those whose turn it is. It alone wakes anybody, and from its own goroutine: whoever asks for a token may hold
// any lock, also one that wake takes.
func (b *Budget) tick() {
	for _, key := range b.callNext() {
		b.wake(key)
	}
}

// callNext gives each token and slot that is there to who is next, and returns the keys.
func (b *Budget) callNext() []Key {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.advance(now)
	defer b.arm(now)
	var keys []Key
	for p := b.next(now); p != nil; p = b.next(now) {
		b.line.serve(p)
		p.state, p.until = stateCalled, now.Add(keptFor)
		b.called = append(b.called, p)
		keys = append(keys, p.key)
	}
	return keys
}

// reserved is how many of the tokens that are there are meant for somebody, who is on the way or has not made the call yet.
func (b *Budget) reserved() int { return len(b.called) + b.unsent }

// next returns who is next, if there are a token and a slot that nobody else was called for or has; nil otherwise.
func (b *Budget) next(now time.Time) *place {
	if len(b.called)+b.flight.count >= b.flight.slots() || !b.tokens.has(b.reserved()+1, now) {
		return nil
	}
	for {
		p := b.line.best()
		if p == nil || !p.page || b.pageDue(now) {
			return p
		}
		b.withdraw(p)
		b.enqueue(p, now)
	}
}

// enqueue gives p a place where it waits.
func (b *Budget) enqueue(p *place, now time.Time) {
	if p.page && !b.pageDue(now) {
		p.state = stateResting
		b.resting = append(b.resting, p)
		return
	}
	p.state = stateInLine
	b.line.add(p)
}

// pageDue says whether a page may be called for: the last one is two tokens ago, and nobody is on the way to take one.
func (b *Budget) pageDue(now time.Time) bool {
	return !now.Before(b.pagesFrom()) && !slices.ContainsFunc(b.called, isPage)
}

func (b *Budget) pagesFrom() time.Time { return b.lastPage.Add(listingShare * b.tokens.interval) }

func isPage(p *place) bool { return p.page }

// withdraw takes p away from where it is.
func (b *Budget) withdraw(p *place) {
	switch p.state {
	case stateInLine:
		b.line.remove(p)
	case stateResting:
		b.resting = without(b.resting, p)
	case stateCalled:
		b.called = without(b.called, p)
	case stateLate:
		b.late = without(b.late, p)
	case stateUnderWay:
		b.flight.count--
		if !p.sent {
			b.unsent--
		}
	case stateNew:
	}
	p.state = stateNew
}

func without(places []*place, p *place) []*place {
	return slices.DeleteFunc(places, func(other *place) bool { return other == p })
}

// advance does what is due by now: who was called and did not come is late, who was late for long is forgotten, and pages
// may be asked for again.
func (b *Budget) advance(now time.Time) {
	for len(b.called) > 0 && !now.Before(b.called[0].until) {
		p := b.called[0]
		b.withdraw(p)
		p.state, p.until = stateLate, now.Add(forgottenFor)
		b.late = append(b.late, p)
	}
	for len(b.late) > 0 && !now.Before(b.late[0].until) {
		b.drop(b.late[0])
	}
	if len(b.resting) == 0 || !b.pageDue(now) {
		return
	}
	resting := b.resting
	b.resting = nil
	for _, p := range resting {
		b.enqueue(p, now)
	}
}

// drop forgets p.
func (b *Budget) drop(p *place) {
	b.withdraw(p)
	delete(b.places, p.key)
}

// arm sets the timer to when something is due next.
func (b *Budget) arm(now time.Time) {
	var next time.Time
	earliest := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if len(b.called) > 0 {
		earliest(b.called[0].until)
	}
	if len(b.resting) > 0 && !slices.ContainsFunc(b.called, isPage) {
		earliest(b.pagesFrom())
	}
	if b.line.all.len() > 0 && len(b.called)+b.flight.count < b.flight.slots() {
		if at, ever := b.tokens.due(b.reserved() + 1); ever {
			earliest(at)
		}
	}
	if next.IsZero() {
		b.timer.Stop()
		return
	}
	b.timer.Reset(max(next.Sub(now), 0))
}
