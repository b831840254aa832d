package tenant

import (
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// refresh is the state of looking at everything that is tracked. It is not safe for concurrent use.
type refresh struct {
	// interval between two refreshes.
	interval time.Duration
	// report tells that a refresh came to its end.
	report func()
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
	// unmanaged are the grants that are not tracked; nil unless the last complete look was at the whole list.
	unmanaged *Unmanaged
}

// setInterval changes the interval; the next refresh follows the new one.
func (r *refresh) setInterval(interval time.Duration) {
	if interval != r.interval {
		r.interval, r.due = interval, r.last.Add(interval)
	}
}

// start starts a refresh: by listing, or by look-ups where fewer clients are tracked than the list has pages. With nothing
// tracked there is nothing to verify.
func (r *refresh) start(now time.Time, tracked *inventory) {
	r.last, r.running, r.calls = now, true, 0
	switch holders := len(tracked.holders); {
	case holders == 0:
		r.finish(now)
	case r.pages > 0 && holders < r.pages:
		r.startLookups(tracked)
	case r.listing == nil:
		r.startListing()
	}
}

// stop gives up what is being read.
func (r *refresh) stop() { r.running, r.listing, r.lookups = false, nil, nil }

func (r *refresh) startListing() {
	r.listing = &listing{}
	r.listing.prepare(time.Now())
}

func (r *refresh) startLookups(tracked *inventory) {
	r.listing, r.lookups = nil, nil
	for holder := range tracked.holders {
		r.lookups = append(r.lookups, holder)
	}
}

func (r *refresh) finish(began time.Time) {
	r.running = false
	r.verified = began
	r.completed++
	r.cost, r.took, r.unmanaged = r.calls, time.Since(r.last), nil
	r.due = r.last.Add(r.interval)
	r.report()
}

// used is how many pages of the list were read so far.
func (r *refresh) used() int {
	if r.listing == nil {
		return 0
	}
	return r.listing.pages
}

// countCall counts a read for what the running refresh costs: a page of the list, or the look-up that is its next.
func (r *refresh) countCall(of grant.Holder) {
	if r.running && (of == grant.Holder{} || len(r.lookups) > 0 && r.lookups[0] == of) {
		r.calls++
	}
}

// enough is how many waiting holders decide between a listing and look-ups.
func (r *refresh) enough() int { return max(r.pages, r.used()) + 1 }

// batches says whether a listing for so many waiting keys is put off until their batch is complete. A lone caller in a tenant
// whose list is known is looked up at once, and a listing that runs goes on.
func (r *refresh) batches(waiting int) bool {
	return r.listing == nil && (r.pages == 0 || waiting > r.pages)
}

// listingServes says whether reading the list is the cheaper way to serve that many holders, and starts it if so. Where the
// length of the list is not known, pages are read until as many were used as holders wait.
func (r *refresh) listingServes(waiting int) bool {
	pages, used := r.pages, r.used()
	switch {
	case pages == 0 && used >= waiting:
		return false
	case pages > 0 && waiting <= max(pages-used, 1):
		return false
	}
	if r.listing == nil {
		r.startListing()
	}
	return true
}

// listed ends a listing that is complete.
func (r *refresh) listed(l *listing) {
	r.pages, r.listing = l.pages, nil
	if r.running && len(r.lookups) == 0 {
		r.finish(l.began)
	}
	r.unmanaged = &l.unmanaged
}

// longer deals with a list that has more pages than it had: how many is not known. Once reading on would cost more than
// looking up every client that is tracked, these are looked up, and it is remembered that the list is long.
func (r *refresh) longer(l *listing, tracked *inventory) {
	r.pages = 0
	if l.pages < len(tracked.holders) {
		return
	}
	r.pages, r.listing = l.pages+1, nil
	if r.running {
		r.startLookups(tracked)
	}
}

// lookedUp takes a holder that was looked up from those that the refresh still needs.
func (r *refresh) lookedUp(holder grant.Holder) {
	at := slices.Index(r.lookups, holder)
	if at < 0 {
		return
	}
	r.lookups = slices.Delete(r.lookups, at, at+1)
	if len(r.lookups) == 0 && r.running {
		r.finish(r.last)
	}
}

// postpone puts the first of the look-ups behind the others, if it is that of the holder.
func (r *refresh) postpone(holder grant.Holder) {
	if len(r.lookups) > 1 && r.lookups[0] == holder {
		r.lookups = append(r.lookups[1:], holder)
	}
}
