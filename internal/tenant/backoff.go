package tenant

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// How long a read that failed is not tried again, doubled from the first to the last.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
	// Refused credentials need somebody to act.
	firstProof = time.Minute
	lastProof  = 30 * time.Minute
)

// serve adds those who waited for what is known now.
func (s *Session) serve(changed map[Key]struct{}) {
	for key, w := range s.waiting {
		if seen, ok := s.picture.seen(w.identity); ok && !seen.Began.Before(w.notBefore) {
			delete(s.waiting, key)
			changed[key] = struct{}{}
		}
	}
}

// succeeded ends a read: it unlocks the session and wakes whoever waited for what was read, or is changed by it.
func (s *Session) succeeded(changed map[Key]struct{}) {
	defer s.mu.Unlock()
	if s.failure.err != nil {
		s.failure = failure{}
		s.report()
	}
	for key := range changed {
		s.wake(key)
	}
}

// failed ends a read that failed: the next try comes later, and who waits is told the first time.
func (s *Session) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure.err == nil {
		for key := range s.waiting {
			s.wake(key)
		}
	}
	s.failure.err, s.failure.at = err, time.Now()
	s.failure.retry = time.Now().Add(s.backoff(err))
	s.note(err)
	s.report()
}

// backoff is the time until the next try. Refused credentials are proven by whoever has the Auth0Tenant in hand, and
// then tried at once; the minutes here are for the case that nobody does.
func (s *Session) backoff(err error) time.Duration {
	if auth0.IsRateLimited(err) {
		return 0 // The budget knows when.
	}
	first, last := firstRetry, lastRetry
	if Refused(err) {
		first, last = firstProof, lastProof
	}
	wait := min(first<<min(s.failure.count, 10), last)
	s.failure.count++
	return wait + rand.N(wait/5) //nolint:gosec // spreads retries; nothing depends on its being hard to guess
}
