package budget

import (
	"slices"
	"time"
)

// Share is what some of the callers of a budget have of it: no more than a limit of their own. A share that has used up its
// limit delays no other one; those that have not take turns, within a class. The methods of the budget are those of the share
// where it has none of its own.
type Share struct {
	*Budget

	// tokens of its own; nil: it has all of the budget.
	tokens *tokens
	queue  lanes
	// granted and unsent count the tickets of the share that have a token reserved, and those whose call has not left.
	granted, unsent int
	// served is the turn in which the share was served last, lastPage when it had a page of a listing last.
	served   int
	lastPage time.Time
}

// Share makes a share with a limit. It begins with one token, as a budget does.
func (b *Budget) Share(limit Limit) *Share {
	own := newTokens(limit, time.Now())
	return b.addShare(&own)
}

// Whole makes a share without a limit of its own.
func (b *Budget) Whole() *Share { return b.addShare(nil) }

func (b *Budget) addShare(own *tokens) *Share {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &Share{Budget: b, tokens: own, queue: newLanes()}
	b.shares = append(b.shares, s)
	return s
}

// SetLimit changes rate and size of the share; of one without a limit of its own, those of the budget.
func (s *Share) SetLimit(limit Limit) {
	if s.tokens == nil {
		s.Budget.SetLimit(limit)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.tokens.set(limit, now)
	s.arm(now)
}

// Close ends the share, and returns the keys that wait in it. Calls that are under way go on.
func (s *Share) Close() (waiting []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, t := range s.tickets {
		if t.share == s && t.state != stateUnderWay {
			waiting = append(waiting, key)
			s.drop(t)
		}
	}
	s.shares = slices.DeleteFunc(s.shares, func(other *Share) bool { return other == s })
	s.arm(time.Now())
	return waiting
}

// Remaining is how many tokens the share may take of those that the budget holds.
func (s *Share) Remaining() float64 {
	remaining := s.Budget.Remaining()
	if s.tokens == nil {
		return remaining
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(remaining, max(s.tokens.level(time.Now()), 0))
}

// has says whether the share has so many tokens beside those that are meant for calls that have not left.
func (s *Share) has(reserved int, now time.Time) bool {
	return s.tokens == nil || s.tokens.has(reserved+1, now)
}

// armFrom tells when something of the share is due, with tokens of the host from a time on.
func (s *Share) armFrom(from time.Time, earliest func(time.Time)) {
	if s.tokens != nil {
		own, ever := s.tokens.due(s.granted + s.unsent + 1)
		if !ever {
			return
		}
		from = later(from, own)
	}
	for of := range s.queue.queues {
		if opens, will := s.opens(Bucket(of)); will && s.queue.queues[of].all.len() > 0 {
			earliest(later(from, opens))
		}
	}
}

// pagesFrom is when the share may have the next page.
func (s *Share) pagesFrom() time.Time {
	from := s.Budget.lastPage.Add(pageSpacing * s.Budget.tokens.interval)
	if s.tokens == nil {
		return from
	}
	return later(from, s.lastPage.Add(pageSpacing*s.tokens.interval))
}

// best returns the ticket that is next of the shares that have a token; nil where there is none.
func (b *Budget) best(now time.Time) (next *ticket) {
	byAge := b.served%everyOldest == everyOldest-1
	for _, s := range b.shares {
		if !s.has(s.granted+s.unsent, now) {
			continue
		}
		t := s.queue.best(byAge, func(of Bucket) bool { return b.isOpen(of, now) })
		switch {
		case t == nil:
		case next == nil, byAge && older(t, next):
			next = t
		case !byAge && (t.class < next.class || t.class == next.class && s.served < next.share.served):
			next = t
		}
	}
	return next
}

// serve takes out the ticket that was best: its share and its namespace have had their turn.
func (b *Budget) serve(t *ticket) {
	b.served++
	t.share.served = b.served
	t.share.queue.serve(t)
}
