package tenant

import (
	"context"
	"sync"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// idle is how long the goroutine sleeps with nothing to do; a nudge ends it earlier.
const idle = time.Hour

// refresh is the state of looking at everything that is tracked.
type refresh struct {
	// due is when the next one starts.
	due time.Time
	// last is when the last one started; verified is when the last complete one began.
	last     time.Time
	verified time.Time
	// running is set from start to end.
	running bool
	// listing is the state of reading the whole list, page by page; nil while nothing is listed.
	listing *listing
	// lookups are the holders that this refresh still looks up, where that is cheaper than listing.
	lookups []grant.Holder
	// pages is what the whole list took the last time: 0 where that is not known.
	pages int
	// completed counts the refreshes that came to their end.
	completed int
	// calls is what the running one has cost so far; cost and took are what the last complete one did.
	calls int
	cost  int
	took  time.Duration
	// unmanaged is how many grants nobody tracks; nil unless the last complete look was at the whole list.
	unmanaged *int
}

// listing is a walk over all pages of the tenant's list.
type listing struct {
	began time.Time
	// next is where the next page starts, as the tenant said at the given time.
	next  string
	told  time.Time
	pages int
	found map[grant.Identity]*grant.Grant
	// unmanaged counts the grants on these pages that nobody tracks, but for those that nobody can.
	unmanaged int
}

// used is how many pages of the list were read so far.
func (r *refresh) used() int {
	if r.listing == nil {
		return 0
	}
	return r.listing.pages
}

// Health is what an Auth0Tenant tells of its session.
type Health struct {
	// Err is why reading fails now; nil while it works.
	Err error
	// Verified is when the last complete look at everything tracked began.
	Verified time.Time
	// Completed counts these looks.
	Completed int
	// Took is how long the last of them took, waiting for the rate limit included.
	Took time.Duration
	// Failed is when a read failed last.
	Failed time.Time
	// Suspect says that the tenant refused the credentials since they were proven.
	Suspect bool
	// Lacking is the Management API scope for want of which it did; empty for another cause.
	Lacking string
}

// Health of the session.
func (s *Session) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Health{
		Err: s.failure.err, Verified: s.refresh.verified, Completed: s.refresh.completed, Took: s.refresh.took,
		Failed: s.failure.at, Suspect: s.suspect, Lacking: s.lacking,
	}
}

// Refresh asks for a look at everything that is tracked, begun after now, and returns the value that Health.Completed
// has when it came to its end.
func (s *Session) Refresh() (completed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh.due = time.Now()
	s.refresh.running, s.refresh.listing, s.refresh.lookups = false, nil, nil
	s.failure.retry = time.Time{}
	s.nudge()
	return s.refresh.completed + 1
}

// step makes at most one read and returns how long to wait for the next. While it waits for its turn to call the tenant it
// is woken.
func (s *Session) step(ctx context.Context) time.Duration {
	defer s.budget.EndPass(s.key())
	s.mu.Lock()
	now := time.Now()
	if wait := s.failure.retry.Sub(now); wait > 0 {
		s.mu.Unlock()
		return wait
	}
	waiting := s.whoWaits(now)
	job, wait := s.next(now, waiting)
	s.mu.Unlock()
	switch {
	case job.read == nil:
		return wait
	case !s.acquire(job, waiting.class):
		return idle
	}
	job.read(ctx)
	return 0
}

// Looks that prove deletions wait until there was no DELETE for a moment, so that one look proves many; but not for those
// that wait for the budget longer than this.
const (
	proofQuiet    = 100 * time.Millisecond
	proofPatience = 2 * time.Second
)

// proofWait is how long to put off a look that proves a deletion.
func (s *Session) proofWait(now time.Time) time.Duration {
	since := now.Sub(s.deleted)
	others := s.budget.Waiting()[ClassRevocation]
	if s.parked != nil && *s.parked == ClassRevocation {
		others--
	}
	if others > 0 && since < proofPatience {
		return min(proofPatience-since, proofQuiet)
	}
	return proofQuiet - since
}

// job is the next read.
type job struct {
	read func(context.Context)
	// page says that it is one of a listing.
	page bool
}

func (s *Session) acquire(job job, class Class) bool {
	take := s.budget.Acquire
	if job.page {
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

// waiters sums up who waits for a read. There may be as many as objects, and one more with every object that asks.
type waiters struct {
	// class is that of the most urgent.
	class Class
	// oldest is the holder that waits longest among those, since when.
	oldest grant.Holder
	since  time.Time
	// count is how many holders wait, as far as that decides between a listing and look-ups.
	count int
	// later is how long until the next one may be looked up.
	later time.Duration
}

func (s *Session) whoWaits(now time.Time) waiters {
	found := waiters{class: ClassResync, later: idle}
	holders, enough := map[grant.Holder]struct{}{}, max(s.refresh.pages, s.refresh.used())+1
	proof := sync.OnceValue(func() time.Duration { return s.proofWait(now) })
	for _, w := range s.waiting {
		if until := s.readyIn(w, now, proof); until > 0 {
			found.later = min(found.later, until)
			continue
		}
		holder := w.identity.Holder()
		if len(holders) < enough {
			holders[holder] = struct{}{}
		}
		if w.class < found.class || w.class == found.class && (found.since.IsZero() || w.since.Before(found.since)) {
			found.class, found.since, found.oldest = w.class, w.since, holder
		}
	}
	found.count = len(holders)
	return found
}

// readyIn is how long a wanted look has to be put off.
func (s *Session) readyIn(w want, now time.Time, proof func() time.Duration) time.Duration {
	wait := w.notBefore.Sub(now)
	if w.class == ClassRevocation && s.picture.written(w.identity) {
		wait = max(wait, proof())
	}
	return wait
}

// next chooses the read that serves most: a look-up of the client that waits longest, or a page of the list where more
// clients wait than the list has pages.
func (s *Session) next(now time.Time, waiting waiters) (next job, wait time.Duration) {
	if waiting.count == 0 && (s.config.Dormant || len(s.picture.holders) == 0) {
		// What is being read serves nobody any more.
		s.refresh.running, s.refresh.listing, s.refresh.lookups = false, nil, nil
	}
	if growing := s.grows(now); waiting.count > 0 && growing > 0 && waiting.class != ClassRevocation {
		return job{}, growing
	}
	s.crowd = crowd{}
	s.startRefresh(now)
	switch r := &s.refresh; {
	case waiting.count > 0 && !s.listingServes(waiting.count):
		return job{read: func(ctx context.Context) { s.lookup(ctx, waiting.oldest) }}, 0
	case r.listing != nil:
		return job{read: s.listPage, page: true}, 0
	case len(r.lookups) > 0:
		holder := r.lookups[0]
		return job{read: func(ctx context.Context) { s.lookup(ctx, holder) }}, 0
	}
	if s.config.Dormant {
		return job{}, waiting.later
	}
	return job{}, min(waiting.later, max(s.refresh.due.Sub(now), 0))
}

// listingServes says whether reading the list is the cheaper way to serve that many holders, and starts it if so. Of an
// unknown tenant pages are read until as many were used as holders wait.
func (s *Session) listingServes(waiting int) bool {
	pages, used := s.refresh.pages, s.refresh.used()
	switch {
	case pages == 0 && used >= waiting:
		return false
	case pages > 0 && waiting <= max(pages-used, 1):
		return false
	}
	if s.refresh.listing == nil {
		s.startListing(time.Now())
	}
	return true
}

// startRefresh starts one when it is due: by listing, or by look-ups where fewer clients are tracked than the list has
// pages. With nothing tracked there is nothing to verify.
func (s *Session) startRefresh(now time.Time) {
	r := &s.refresh
	if s.config.Dormant || r.running || now.Before(r.due) {
		return
	}
	r.last, r.running, r.calls = now, true, 0
	switch holders := len(s.picture.holders); {
	case holders == 0:
		s.finishRefresh(now)
	case r.pages > 0 && holders < r.pages:
		s.startLookups()
	case r.listing == nil:
		s.startListing(now)
	}
}

func (s *Session) startListing(now time.Time) {
	s.refresh.listing = &listing{began: now, found: map[grant.Identity]*grant.Grant{}}
}

func (s *Session) startLookups() {
	s.refresh.listing, s.refresh.lookups = nil, nil
	for holder := range s.picture.holders {
		s.refresh.lookups = append(s.refresh.lookups, holder)
	}
}

func (s *Session) finishRefresh(began time.Time) {
	r := &s.refresh
	r.running = false
	r.verified = began
	r.completed++
	r.cost, r.took, r.unmanaged = r.calls, time.Since(r.last), nil
	r.due = r.last.Add(s.config.Interval)
	s.report()
}
