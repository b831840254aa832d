package tenant

import (
	"sync"
	"time"
)

// Class is how urgent a call is.
type Class int

const (
	// ClassRevocation is for calls that take access away: deletions, reductions, and the reads that prove them.
	ClassRevocation Class = iota
	// ClassChange is for calls that bring the tenant to a spec that somebody changed.
	ClassChange
	// ClassResync is for everything else.
	ClassResync

	classes = 3
)

// String is the class as a metric names it.
func (c Class) String() string {
	switch c {
	case ClassRevocation:
		return "revocation"
	case ClassChange:
		return "change"
	case ClassResync:
	}
	return "resync"
}

// How long a key that was called keeps its token without fetching it, and how long after that its place.
const (
	keptFor      = 5 * time.Second
	forgottenFor = time.Minute
)

// listingShare: between two pages of listings there is time for so many tokens.
const listingShare = 2

// Budget decides who makes the next Management API call to one host, and when. It is a token bucket with a line of those
// who wait: nobody sleeps, and nobody has to ask again before it is called.
//
// Tokens go by class; within a class the namespaces take turns; within a namespace they go by age, which is when a key
// asked first. Every tenth token goes to whoever waits longest. Whoever is called has a token and a slot for five seconds;
// then the next is called, and the late one takes what is there when it comes. A token is gone only when its call leaves, so
// that in no span of time more leave than the bucket holds and its rate adds, however late those come who were called.
//
// The price: as many calls as the bucket holds, or as may be under way at once, in the time between a call to a key and
// the leaving of its request. A bucket that is smaller than the rate times that time cannot give its whole rate.
type Budget struct {
	wake func(Key)

	mu     sync.Mutex
	tokens tokens
	flight inFlight
	line   line
	places map[Key]*place
	ages   uint64
	// called have a token and a slot waiting for them, late have not come for it; both in the order of being called.
	called []*place
	late   []*place
	// unsent is how many have their token, and have not made their call yet.
	unsent int
	// resting are those who want a page of a listing too early after lastPage.
	resting  []*place
	lastPage time.Time
	timer    *time.Timer
}

// state is where a place is.
type state int

const (
	stateNew state = iota
	stateInLine
	stateResting
	stateCalled
	stateLate
	stateUnderWay
)

// place is what is known of one key.
type place struct {
	key   Key
	class Class
	page  bool
	age   uint64
	state state
	// asked is set when the key asked in its present pass, sent when the call for which it has a token left.
	asked, sent bool
	// until is when being called, or late, ends.
	until time.Time
	// turn is what its namespace had when it was served; 0 while it waits.
	turn    uint64
	atAll   int
	atSpace int
}

// NewBudget makes the budget of a host, with one token: what an earlier process used is not known. Of the calls that it
// allows at most slots are under way at once; with fewer slots than there are workers, a tenant that hangs never holds
// them all. wake is called with each key whose turn it is, from a goroutine that holds no lock; it must not wait long.
//
// Keys are those of ClientGrants. Others who call the tenant use a key with an empty Namespace, which no ClientGrant has;
// together they have the turn of one namespace.
func NewBudget(limit Limit, slots int, wake func(Key)) *Budget {
	b := &Budget{
		wake: wake, tokens: newTokens(limit, time.Now()), flight: inFlight{most: max(slots, 1), remaining: -1},
		line: newLine(), places: map[Key]*place{},
	}
	b.timer = time.AfterFunc(time.Hour, b.tick)
	b.timer.Stop()
	return b
}

// SetLimit changes rate and size of the bucket: requests in a minute, and at once. Tokens that are there stay, as far as
// they fit.
func (b *Budget) SetLimit(limit Limit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens.set(limit, now)
	b.arm(now)
}

// Acquire takes a token for a call of key, which must be made at once, between StartCall and EndCall. Where there is none,
// or others are before it, the key gets a place, and is woken when it is its turn: it then asks again. Asking again
// earlier changes nothing but the class.
func (b *Budget) Acquire(key Key, class Class) bool { return b.acquire(key, class, false) }

// AcquirePage is Acquire for a page of a listing: those get at most half of the budget, whoever asks, and wait for their
// half without keeping others from theirs.
func (b *Budget) AcquirePage(key Key, class Class) bool { return b.acquire(key, class, true) }

func (b *Budget) acquire(key Key, class Class, page bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.advance(now)
	defer b.arm(now)
	p := b.places[key]
	if p == nil {
		b.ages++
		p = &place{key: key, age: b.ages}
		b.places[key] = p
	}
	mayTake := b.mayTake(p, class, page, now)
	b.withdraw(p)
	if class != p.class {
		p.turn = 0
	}
	p.class, p.page, p.asked = class, page, true
	if !mayTake {
		b.enqueue(p, now)
		if b.next(now) != p {
			return false
		}
		b.line.serve(p)
	}
	if page {
		b.lastPage = now
	}
	b.unsent++
	b.flight.count++
	p.state, p.turn, p.sent = stateUnderWay, 0, false
	return true
}

// mayTake says whether who was called takes a token. Late ones do where there is one, even one meant for another who was
// called: else those who are always late would never get any. One that asks for less than what it was called for has to
// wait for its turn again.
func (b *Budget) mayTake(p *place, class Class, page bool, now time.Time) bool {
	if p.state != stateCalled && p.state != stateLate || class > p.class {
		return false
	}
	if page && now.Before(b.pagesFrom()) {
		return false
	}
	return b.tokens.has(b.unsent+1, now) && b.flight.count < b.flight.slots()
}
