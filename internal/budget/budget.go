// Package budget decides which caller makes the next Management API call to a host, and when. All callers of one process
// share a [Budget] for each host; none of them sleeps while it waits.
package budget

import (
	"sync"
	"time"
)

// The times that a granted key has to come for its token: within grantedFor the token is reserved for it, and within
// expiredFor after that the key keeps its ticket.
const (
	grantedFor = 5 * time.Second
	expiredFor = time.Minute
)

// pageSpacing is how many tokens become available between two pages of listings.
const pageSpacing = 2

// Budget is a token bucket with a queue of waiting keys. A key that finds no token gets a ticket; the budget wakes it when
// a token is granted, so that no caller has to sleep or to ask again before.
//
// Callers ask by a [Share]. The queue orders tickets by class, within a class by turns of the shares, then of the namespaces of a
// share, and within a namespace by age, which is when the key asked first. Every tenth token goes to the oldest ticket. A grant reserves a token and a slot for
// five seconds; after that the next ticket is granted, and the expired one takes whatever token is there when its key
// comes. A token is spent only when its call leaves. So the calls that leave in any span of time are at most as many as the
// bucket holds and its rate adds, however late a granted key comes.
//
// The price is throughput: at most as many calls as the bucket holds, or as may be under way at once, fit in the time
// between a grant and the departure of its request. A bucket that is smaller than its rate times that time cannot give its
// whole rate.
type Budget struct {
	wake func(Key)

	mu     sync.Mutex
	tokens tokens
	flight inFlight
	// endpoints are the buckets beside that of the host.
	endpoints [buckets]endpoint
	shares    []*Share
	served    int
	tickets   map[Key]*ticket
	// lastAge is the age of the youngest ticket.
	lastAge uint64
	// granted tickets have a token and a slot reserved, expired ones had; both in the order of being granted.
	granted []*ticket
	expired []*ticket
	// unsent counts the tokens that were taken for calls that have not left.
	unsent int
	// paced tickets ask for a page of a listing too early after lastPage.
	paced    []*ticket
	lastPage time.Time
	timer    *time.Timer
}

// New makes the budget of a host. It begins with one token, because the calls of an earlier process are not known. At most
// slots of the calls are under way at once. wake is called with each granted key, from a goroutine that holds no lock; it must
// not wait long.
func New(limit Limit, slots int, wake func(Key)) *Budget {
	b := &Budget{
		wake: wake, tokens: newTokens(limit, time.Now()), flight: inFlight{most: max(slots, 1), remaining: -1},
		endpoints: newEndpoints(time.Now()), tickets: map[Key]*ticket{},
	}
	b.timer = time.AfterFunc(time.Hour, b.dispatch)
	b.timer.Stop()
	return b
}

// SetLimit changes rate and size of the bucket. Tokens that are there stay, as far as they fit.
func (b *Budget) SetLimit(limit Limit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens.set(limit, now)
	b.arm(now)
}

// Acquire takes a token for a call of key, which must be made at once, between StartCall and EndCall. Where there is no
// token, or other tickets come first, the key gets a ticket and is woken when the ticket is granted: it then asks again.
// Asking again earlier changes nothing but the class.
func (s *Share) Acquire(key Key, class Class) bool { return s.acquire(key, class, false, BucketHost) }

// AcquirePage is Acquire for a page of a listing. Pages get at most half of the budget, all readers together, and wait for
// their half without delaying other calls.
func (s *Share) AcquirePage(key Key, class Class) bool {
	return s.acquire(key, class, true, BucketHost)
}

func (s *Share) acquire(key Key, class Class, page bool, of Bucket) bool {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.advance(now)
	defer b.arm(now)
	t := b.tickets[key]
	if t == nil {
		b.lastAge++
		t = &ticket{key: key, age: b.lastAge}
		b.tickets[key] = t
	}
	redeemable := t.share == s && t.bucket == of && b.redeemable(t, class, page, now)
	b.withdraw(t)
	if class != t.class || of != t.bucket || t.share != s {
		t.turn = 0
	}
	t.share, t.class, t.page, t.bucket, t.asked = s, class, page, of, true
	if !redeemable {
		b.enqueue(t, now)
		if b.next(now) != t {
			return false
		}
		b.serve(t)
	}
	if page {
		b.lastPage, s.lastPage = now, now
	}
	b.unsent++
	s.unsent++
	b.endpoints[of].unsent++
	b.flight.count++
	t.state, t.turn, t.sent = stateUnderWay, 0, false
	return true
}

// redeemable says whether a ticket that was granted takes a token now. An expired ticket does where there is one, even one
// reserved for another ticket: otherwise a key that is always slow would never get any. A key that asks for a less urgent
// class than its ticket was granted for has to queue again.
func (b *Budget) redeemable(t *ticket, class Class, page bool, now time.Time) bool {
	if t.state != stateGranted && t.state != stateExpired || class > t.class {
		return false
	}
	if page && now.Before(t.share.pagesFrom()) {
		return false
	}
	own := &b.endpoints[t.bucket]
	if t.bucket != BucketHost && !own.tokens.has(own.unsent+1, now) {
		return false
	}
	return b.tokens.has(b.unsent+1, now) && t.share.has(t.share.unsent, now) && b.flight.count < b.flight.slots()
}
