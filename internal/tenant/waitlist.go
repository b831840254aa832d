package tenant

import (
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// idle is how long the reader sleeps with nothing to do; a nudge ends it earlier.
const idle = time.Hour

// want is what a key waits for.
type want struct {
	identity  grant.Identity
	notBefore time.Time
	since     time.Time
	class     budget.Class
}

// waitlist holds the keys that wait for an observation, and the batch window of the newest. It is not safe for concurrent use.
type waitlist struct {
	wants map[budget.Key]want
	batch batchWindow
	// turns says when each namespace had its last look-up, by their number.
	turns  map[string]uint64
	served uint64
}

// rememberedTurns bounds how many namespaces keep their turn.
const rememberedTurns = 10000

func newWaitlist() waitlist {
	return waitlist{wants: map[budget.Key]want{}, turns: map[string]uint64{}}
}

// took says that a namespace has its look-up now: it is behind the others then.
func (w *waitlist) took(namespace string) {
	if len(w.turns) >= rememberedTurns {
		clear(w.turns)
	}
	w.served++
	w.turns[namespace] = w.served
}

// before says whether one key is looked up before another: by class, by the turns of their namespaces, and by age.
func (w *waitlist) before(a, b budget.Key) bool {
	one, two := w.wants[a], w.wants[b]
	switch turnOfA, turnOfB := w.turns[a.Namespace], w.turns[b.Namespace]; {
	case one.class != two.class:
		return one.class < two.class
	case turnOfA != turnOfB:
		return turnOfA < turnOfB
	}
	return one.since.Before(two.since)
}

// add makes key wait for an observation. A key that asks again for the same identity keeps its place.
func (w *waitlist) add(key budget.Key, wanted want) {
	if before, ok := w.wants[key]; ok && before.identity == wanted.identity {
		wanted.since = before.since
	} else if wanted.class != budget.ClassRevocation {
		w.batch.add(wanted.since)
	}
	w.wants[key] = wanted
}

func (w *waitlist) remove(key budget.Key) { delete(w.wants, key) }

// keep ends the wait of key for any identity but the given ones.
func (w *waitlist) keep(key budget.Key, identities []grant.Identity) {
	if wanted, ok := w.wants[key]; ok && !slices.Contains(identities, wanted.identity) {
		delete(w.wants, key)
	}
}

// serve takes out the keys whose observation is known now, and adds them to served.
func (w *waitlist) serve(known *inventory, served keySet) {
	for key, wanted := range w.wants {
		if seen, ok := known.seen(wanted.identity); ok && !seen.Began.Before(wanted.notBefore) {
			delete(w.wants, key)
			served[key] = struct{}{}
		}
	}
}

// postpone puts the keys that wait for a holder behind the others.
func (w *waitlist) postpone(holder grant.Holder, now time.Time) {
	for key, wanted := range w.wants {
		if wanted.identity.Holder() == holder {
			wanted.since = now
			w.wants[key] = wanted
		}
	}
}

// demand sums up what the waiting keys need. There may be as many keys as objects, and a sum is made for each object that
// asks.
type demand struct {
	// class is that of the most urgent want.
	class budget.Class
	// first is the key that comes first, and holder whose grants it waits for.
	first  budget.Key
	holder grant.Holder
	// count is how many holders wait, as far as that decides between a listing and look-ups.
	count int
	// later is how long until the next want that is put off is ready.
	later time.Duration
}

// demand counts at most enough holders; readyIn is how long a want has to be put off.
func (w *waitlist) demand(enough int, readyIn func(want) time.Duration) demand {
	sum := demand{class: budget.ClassResync, later: idle}
	holders := map[grant.Holder]struct{}{}
	for key, wanted := range w.wants {
		if wait := readyIn(wanted); wait > 0 {
			sum.later = min(sum.later, wait)
			continue
		}
		holder := wanted.identity.Holder()
		if len(holders) < enough {
			holders[holder] = struct{}{}
		}
		if sum.first == (budget.Key{}) || w.before(key, sum.first) {
			sum.class, sum.first, sum.holder = wanted.class, key, holder
		}
	}
	sum.count = len(holders)
	return sum
}
