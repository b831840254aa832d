package budget_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// callers are the keys that call one host, as a controller's queue lets them: one pass of a key at a time, and another one
// after it where the key was woken meanwhile.
type callers struct {
	budget *budget.Share
	// shares are those of namespaces that have one of their own.
	shares map[string]*budget.Share
	start  time.Time

	mu sync.Mutex
	// comes is how long a key that was woken takes to ask; calls is how long a call takes.
	comes func(budget.Key) time.Duration
	calls time.Duration
	// answers says what becomes of a call; nil is an answer.
	answers func() budget.Outcome
	wants   map[budget.Key]errand
	queued  map[budget.Key]bool
	running map[budget.Key]bool
	taken   []token
	wakes   map[budget.Key]int
	flying  int
	highest int
}

// errand is what a key wants to call for, again so many times.
type errand struct {
	class  budget.Class
	page   bool
	bucket budget.Bucket
	again  int
}

// token is a token that was taken: by which key, and how long after the start.
type token struct {
	key   budget.Key
	class budget.Class
	at    time.Duration
}

// withCallers runs the test on a clock that jumps to the next event. Woken keys ask at once, and calls take no time, until
// the test says otherwise.
func withCallers(t *testing.T, limit budget.Limit, slots int, test func(t *testing.T, c *callers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &callers{
			start: time.Now(), wants: map[budget.Key]errand{}, queued: map[budget.Key]bool{}, running: map[budget.Key]bool{},
			wakes: map[budget.Key]int{}, comes: func(budget.Key) time.Duration { return 0 },
		}
		c.budget = budget.New(limit, slots, c.wake).Whole()
		test(t, c)
	})
}

func (c *callers) wake(key budget.Key) {
	c.mu.Lock()
	c.wakes[key]++
	wait := c.comes(key)
	c.mu.Unlock()
	if wait > 0 {
		go func() {
			time.Sleep(wait)
			c.look(key)
		}()
		return
	}
	c.look(key)
}

// ask lets a key want a call, and look at it at once.
func (c *callers) ask(key budget.Key, class budget.Class) { c.send(key, errand{class: class}) }

func (c *callers) send(key budget.Key, e errand) {
	c.mu.Lock()
	c.wants[key] = e
	c.mu.Unlock()
	c.look(key)
	synctest.Wait()
}

// giveUp says that a key has nothing to call for any more.
func (c *callers) giveUp(key budget.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.wants, key)
}

// look makes one pass of the key, after the one that runs.
func (c *callers) look(key budget.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queued[key] = true
	if c.running[key] {
		return
	}
	c.running[key] = true
	go c.passes(key)
}

func (c *callers) passes(key budget.Key) {
	for {
		c.mu.Lock()
		if !c.queued[key] {
			delete(c.running, key)
			c.mu.Unlock()
			return
		}
		delete(c.queued, key)
		e, wanted := c.wants[key]
		c.mu.Unlock()
		if wanted {
			c.pass(key, e)
		}
		c.budget.EndPass(key)
	}
}

func (c *callers) pass(key budget.Key, e errand) {
	share := c.shares[key.Namespace]
	if share == nil {
		share = c.budget
	}
	acquire := share.Acquire
	if e.page {
		acquire = share.AcquirePage
	} else if e.bucket != budget.BucketHost {
		acquire = func(key budget.Key, class budget.Class) bool { return share.AcquireLink(e.bucket, key, class) }
	}
	if !acquire(key, e.class) {
		return
	}
	c.budget.StartCall(key)
	c.mu.Lock()
	c.taken = append(c.taken, token{key, e.class, time.Since(c.start)})
	c.flying++
	c.highest = max(c.highest, c.flying)
	if delete(c.wants, key); e.again > 0 {
		e.again--
		c.wants[key] = e
		c.queued[key] = true
	}
	calls := c.calls
	c.mu.Unlock()
	time.Sleep(calls)
	outcome := budget.Answered
	c.mu.Lock()
	if c.answers != nil {
		outcome = c.answers()
	}
	c.flying--
	c.mu.Unlock()
	c.budget.EndCall(key, outcome)
}

// waitFor lets time pass.
func (c *callers) waitFor(d time.Duration) []token {
	time.Sleep(d)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.taken)
}

// with changes how the callers behave while they are at work.
func (c *callers) with(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// underWay is how many calls are under way, and how many were at most.
func (c *callers) underWay() (now, highest int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flying, c.highest
}

// names are those of the keys that took tokens, in order.
func names(tokens []token) []string {
	all := make([]string, 0, len(tokens))
	for _, taken := range tokens {
		all = append(all, taken.key.Name)
	}
	return all
}

// backlog lets so many keys of a namespace ask.
func (c *callers) backlog(namespace string, count int, class budget.Class) {
	for n := range count {
		c.mu.Lock()
		key := in(namespace, strconv.Itoa(n))
		c.wants[key] = errand{class: class}
		c.mu.Unlock()
		c.look(key)
		if n%500 == 0 {
			synctest.Wait()
		}
	}
	synctest.Wait()
}

func in(namespace, name string) budget.Key { return budget.Key{Namespace: namespace, Name: name} }

func (c *callers) totalWakes() (total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, count := range c.wakes {
		total += count
	}
	return total
}

func wantNames(t *testing.T, tokens []token, want ...string) {
	t.Helper()
	if got := names(tokens); !slices.Equal(got, want) {
		t.Fatalf("tokens went to %q, want %q", got, want)
	}
}
