// Package tenant is the operator's side of one Auth0 tenant: a session per Auth0Tenant object, with its client and what is
// known of the grants there. No method waits for an observation: an observation that is not known yet is made by the session's
// own goroutine, which then wakes the keys that asked for it.
package tenant

import (
	"context"
	"sync"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Config is what a session is made for.
type Config struct {
	// Name tells sessions apart: the UID of the Auth0Tenant.
	Name string
	// Host is the canonical host of the tenant, as the Auth0Tenant names it.
	Host string
	// Proven is the host that accepted the credentials: sessions of one have a tenant in common.
	Proven string
	// ClientID is the operator's own application.
	ClientID string
	// SystemHosts are hosts, beside the configured ones, that a token names as the tenant's own.
	SystemHosts []string
	// Interval between two refreshes.
	Interval time.Duration
	// ReadOnly refuses every write.
	ReadOnly bool
	// Dormant stops the refreshes: the credentials were taken away, and are kept for revocations alone.
	Dormant bool
}

// Session belongs to one Auth0Tenant object whose credentials were proven. Its methods may be called by many at once.
type Session struct {
	budget *budget.Share
	late   *lateCreates
	wake   func(budget.Key)
	report func()
	kick   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}

	// mu guards all that follows.
	mu        sync.Mutex
	config    Config
	client    *auth0.Client
	inventory *inventory
	waiting   waitlist
	refresh   refresh
	failure   failure
	// suspect is set when the tenant refused the credentials, until they are proven again; lacking is the Management API
	// scope that the last refused call needed.
	suspect bool
	lacking string
	// deleted is when a DELETE was answered last; parked is the class with which the reader waits for the budget.
	deleted time.Time
	parked  *budget.Class
}

// NewSession starts a session. Keys that are about identities already are given with it, so that the first look at the
// tenant serves all of them. wake is called with a key that has something to look at again; report when the
// Auth0Tenant has. Both are called from any goroutine, and must neither wait nor call the session.
func NewSession(config Config, client *auth0.Client, calls *budget.Share, tracked map[budget.Key][]grant.Identity,
	wake func(budget.Key), report func(),
) *Session {
	return newSession(config, client, calls, newLateCreates(auth0.DefaultTimeout), tracked, wake, report)
}

// newSession starts a session that shares its late creates with the other sessions of the tenant.
func newSession(config Config, client *auth0.Client, calls *budget.Share, late *lateCreates,
	tracked map[budget.Key][]grant.Identity, wake func(budget.Key), report func(),
) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{
		budget: calls, late: late, wake: wake, report: report, kick: make(chan struct{}, 1), cancel: cancel,
		done: make(chan struct{}), config: config, client: client, inventory: newInventory(), waiting: newWaitlist(),
		refresh: refresh{interval: config.Interval, report: report, due: time.Now(), verified: time.Now()},
	}
	for key, identities := range tracked {
		s.inventory.track(key, identities...)
	}
	go (&reader{session: s}).run(ctx)
	return s
}

// Close ends the session and every call that it has under way.
func (s *Session) Close() {
	s.cancel()
	<-s.done
	s.currentClient().Close()
}

// Config of the session.
func (s *Session) Config() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// Update changes the configuration, with what is known of the tenant kept. A client other than nil takes the place of
// the one so far.
func (s *Session) Update(config Config, client *auth0.Client) {
	s.mu.Lock()
	s.refresh.setInterval(config.Interval)
	s.config = config
	if client != nil {
		s.client.Close()
		s.client = client
	}
	s.mu.Unlock()
	s.nudge()
}

// Proven says that the credentials were accepted just now: reads that failed because of them are tried again.
func (s *Session) Proven() {
	s.mu.Lock()
	s.suspect, s.failure = false, failure{}
	s.mu.Unlock()
	s.nudge()
}

// Refresh asks for a look at everything that is tracked, begun after now, and returns the value that Health.Completed
// has when it came to its end.
func (s *Session) Refresh() (completed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh.stop()
	s.refresh.due = time.Now()
	s.failure.retry = time.Time{}
	s.nudge()
	return s.refresh.completed + 1
}

// Track says which identities key is about; whenever the tenant's grant of one of them changes, key is woken: at once where it is
// known already, because key may have looked before it was. It waits for no other identity any more.
func (s *Session) Track(key budget.Key, identities ...grant.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inventory.track(key, identities...) {
		s.wake(key)
	}
	s.waiting.keep(key, identities)
}

// Observe answers from any observation of the identity that began at notBefore or later. Where there is none it returns
// ErrPending, or the error with which looking failed last, and wakes key when there is one. class is how urgent that is.
func (s *Session) Observe(key budget.Key, identity grant.Identity, notBefore time.Time, class budget.Class) (Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inventory.add(key, identity)
	if seen, ok := s.inventory.seen(identity); ok && !seen.Began.Before(notBefore) {
		s.waiting.remove(key)
		return seen, nil
	}
	now := time.Now()
	open := s.batchOpen(now) > 0 && class != budget.ClassRevocation
	s.waiting.add(key, want{identity: identity, notBefore: notBefore, since: now, class: class})
	if !open { // Otherwise the reader looks again when the batch is complete.
		s.nudge()
	}
	if s.failure.err != nil {
		return Observation{}, s.failure.err
	}
	return Observation{}, ErrPending
}

// Seen returns the youngest observation of the identity that is known. It asks the tenant for nothing.
func (s *Session) Seen(identity grant.Identity) (Observation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inventory.seen(identity)
}

// Late returns until when a create request without an answer may still have its effect on the identity's grant: a proof that
// there is no grant must begin after that. It is told until some time after it passed, whether or not the identity is tracked.
func (s *Session) Late(identity grant.Identity) (until time.Time, late bool) {
	return s.late.of(identity)
}

// batchOpen is how long the batch window of the waiting keys is still open. The caller holds the lock.
func (s *Session) batchOpen(now time.Time) time.Duration {
	if !s.refresh.batches(len(s.waiting.wants)) {
		return 0
	}
	return s.waiting.batch.wait(now)
}

func (s *Session) currentClient() *auth0.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// Wake says that it is the session's turn to call the tenant.
func (s *Session) Wake() { s.nudge() }

// key is the session's name in the budget: a ClientGrant never has an empty namespace.
func (s *Session) key() budget.Key { return budget.Key{Name: s.Config().Name} }

func (s *Session) nudge() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}
