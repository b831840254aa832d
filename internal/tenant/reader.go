package tenant

import (
	"context"
	"sync"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// Looks that prove deletions wait until there was no DELETE for proofIdle, so that one look proves many; but not longer than
// proofMax for deletions that still wait for the budget.
const (
	proofIdle = 100 * time.Millisecond
	proofMax  = 2 * time.Second
)

// reader is the one goroutine of a session that reads from the tenant.
type reader struct {
	session *Session
}

// read is the next read.
type read struct {
	run func(context.Context)
	// page says that it is one of a listing.
	page bool
}

func (r *reader) run(ctx context.Context) {
	defer close(r.session.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.session.kick:
		case <-timer.C:
		}
		timer.Reset(r.step(ctx))
	}
}

// step makes at most one read and returns how long to wait for the next. While it waits for its turn to call the tenant,
// the budget wakes the session.
func (r *reader) step(ctx context.Context) time.Duration {
	defer r.session.budget.EndPass(r.session.key())
	next, class, wait := r.choose(time.Now())
	switch {
	case next.run == nil:
		return wait
	case !r.acquire(next, class):
		return idle
	}
	next.run(ctx)
	return 0
}

// choose returns the next read and its class, or how long to wait where there is none.
func (r *reader) choose(now time.Time) (next read, class budget.Class, wait time.Duration) {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := s.failure.retry.Sub(now); wait > 0 {
		return read{}, 0, wait
	}
	wanted := r.demand(now)
	next, wait = r.next(now, wanted)
	return next, wanted.class, wait
}

// demand sums up what is wanted now. The caller holds the session's lock.
func (r *reader) demand(now time.Time) demand {
	s := r.session
	proof := sync.OnceValue(func() time.Duration { return r.proofWait(now) })
	return s.waiting.demand(s.refresh.enough(), func(w want) time.Duration {
		wait := w.notBefore.Sub(now)
		if w.class == budget.ClassRevocation && s.inventory.written(w.identity) {
			wait = max(wait, proof())
		}
		return wait
	})
}

// proofWait is how long to put off a look that proves a deletion. The caller holds the session's lock.
func (r *reader) proofWait(now time.Time) time.Duration {
	s := r.session
	since := now.Sub(s.deleted)
	others := s.budget.Waiting()[budget.ClassRevocation]
	if s.parked != nil && *s.parked == budget.ClassRevocation {
		others--
	}
	if others > 0 && since < proofMax {
		return min(proofMax-since, proofIdle)
	}
	return proofIdle - since
}

// next chooses the read that serves most: a look-up of the client that comes first, or a page of the list where more clients
// wait than the list has pages. The caller holds the session's lock.
func (r *reader) next(now time.Time, wanted demand) (next read, wait time.Duration) {
	s := r.session
	if wanted.count == 0 && (s.config.Dormant || len(s.inventory.holders) == 0) {
		s.refresh.stop() // What is being read serves no key any more.
	}
	if open := s.batchOpen(now); wanted.count > 0 && open > 0 && wanted.class != budget.ClassRevocation {
		return read{}, open
	}
	s.waiting.batch = batchWindow{}
	if !s.config.Dormant && !s.refresh.running && !now.Before(s.refresh.due) {
		s.refresh.start(now, s.inventory)
	}
	switch {
	case wanted.count > 0 && !s.refresh.listingServes(wanted.count):
		return read{run: func(ctx context.Context) { r.lookupFor(ctx, wanted) }}, 0
	case s.refresh.listing != nil:
		return read{run: r.listPage, page: true}, 0
	case len(s.refresh.lookups) > 0:
		holder := s.refresh.lookups[0]
		return read{run: func(ctx context.Context) { r.lookup(ctx, holder) }}, 0
	case s.config.Dormant:
		return read{}, wanted.later
	}
	return read{}, min(wanted.later, max(s.refresh.due.Sub(now), 0))
}

// acquire takes a token for a read.
func (r *reader) acquire(next read, class budget.Class) bool {
	s := r.session
	take := s.budget.Acquire
	if next.page {
		take = s.budget.AcquirePage
	}
	taken := take(s.key(), class)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parked = &class; taken {
		s.parked = nil
	}
	return taken
}

// succeeded ends a read: reading works, and the given keys have something to look at again. The caller holds the session's
// lock.
func (r *reader) succeeded(changed keySet) {
	s := r.session
	if s.failure.err != nil {
		s.failure = failure{}
		s.report()
	}
	for key := range changed {
		s.wake(key)
	}
}

// failed ends a read that failed: the next try comes later. Waiting keys are woken the first time, to tell the error.
func (r *reader) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure.err == nil {
		for key := range s.waiting.wants {
			s.wake(key)
		}
	}
	s.failure.add(err, time.Now())
	s.note(err)
	s.report()
}
