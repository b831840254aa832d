package tenant_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// crowd is everybody who calls one host, as a controller's queue lets them: one pass of a key at a time, another one after
// it where the key was woken meanwhile.
type crowd struct {
	budget *tenant.Budget
	start  time.Time

	mu sync.Mutex
	// comes is how long a key that was woken takes to ask; calls is how long a call takes.
	comes func(tenant.Key) time.Duration
	calls time.Duration
	// answers says what becomes of a call; nil is an answer.
	answers func() tenant.Outcome
	wants   map[tenant.Key]errand
	queued  map[tenant.Key]bool
	running map[tenant.Key]bool
	taken   []token
	wakes   map[tenant.Key]int
	flying  int
	highest int
}

// errand is what a key wants to call for, again and again where it is a walk of so many.
type errand struct {
	class tenant.Class
	page  bool
	again int
}

// token is one that was taken: by whom, and how long after the start.
type token struct {
	key   tenant.Key
	class tenant.Class
	at    time.Duration
}

// crowded runs the test on a clock that jumps to whatever happens next. Those who are woken come at once, and calls take
// no time, until the test says otherwise.
func crowded(t *testing.T, limit tenant.Limit, slots int, test func(t *testing.T, c *crowd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{
			start: time.Now(), wants: map[tenant.Key]errand{}, queued: map[tenant.Key]bool{}, running: map[tenant.Key]bool{},
			wakes: map[tenant.Key]int{}, comes: func(tenant.Key) time.Duration { return 0 },
		}
		c.budget = tenant.NewBudget(limit, slots, c.wake)
		test(t, c)
	})
}

func (c *crowd) wake(key tenant.Key) {
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
func (c *crowd) ask(key tenant.Key, class tenant.Class) { c.send(key, errand{class: class}) }

func (c *crowd) send(key tenant.Key, e errand) {
	c.mu.Lock()
	c.wants[key] = e
	c.mu.Unlock()
	c.look(key)
	synctest.Wait()
}

// give up: a key has nothing to do any more.
func (c *crowd) giveUp(key tenant.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.wants, key)
}

// look has one pass of the key made, after the one that runs.
func (c *crowd) look(key tenant.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queued[key] = true
	if c.running[key] {
		return
	}
	c.running[key] = true
	go c.passes(key)
}

func (c *crowd) passes(key tenant.Key) {
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

func (c *crowd) pass(key tenant.Key, e errand) {
	if e.page && !c.budget.AcquirePage(key, e.class) || !e.page && !c.budget.Acquire(key, e.class) {
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
	outcome := tenant.Answered
	c.mu.Lock()
	if c.answers != nil {
		outcome = c.answers()
	}
	c.flying--
	c.mu.Unlock()
	c.budget.EndCall(key, outcome)
}

// waitFor lets time pass.
func (c *crowd) waitFor(d time.Duration) []token {
	time.Sleep(d)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.taken)
}

// with changes how the crowd behaves: while it is at work only so.
func (c *crowd) with(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// underWay is how many calls are, and how many were at most.
func (c *crowd) underWay() (now, highest int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flying, c.highest
}

// names of those who took tokens, in their order.
func names(tokens []token) []string {
	all := make([]string, 0, len(tokens))
	for _, taken := range tokens {
		all = append(all, taken.key.Name)
	}
	return all
}

// backlog lets so many keys of a namespace ask.
func (c *crowd) backlog(namespace string, count int, class tenant.Class) {
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

func in(namespace, name string) tenant.Key { return tenant.Key{Namespace: namespace, Name: name} }

func (c *crowd) totalWakes() (total int) {
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
