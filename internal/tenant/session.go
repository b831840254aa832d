// Package tenant is the operator's side of one Auth0 tenant: a session per Auth0Tenant object, with its client, what is
// known of the grants there, and the call budget of the host. Nothing in it waits inside a call of a caller: what is
// not known yet is looked up by the session's own goroutine, which then wakes whoever asked.
package tenant

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Config is what a session is made for.
type Config struct {
	// Name tells sessions apart: the UID of the Auth0Tenant.
	Name string
	// Host is the canonical host of the tenant.
	Host string
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
	budget *Budget
	wake   func(Key)
	report func()
	kick   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	config  Config
	client  *auth0.Client
	picture *picture
	waiting map[Key]want
	crowd   crowd
	refresh refresh
	failure failure
	// suspect is set when the tenant refused the credentials, until they are proven again.
	suspect bool
	// deleted is when a DELETE was answered last; parked is the urgency with which the session waits for its turn.
	deleted time.Time
	parked  *Class
	// lacking is the Management API scope that the last refused call needed.
	lacking string
}

// want is what a key waits for.
type want struct {
	identity  grant.Identity
	notBefore time.Time
	since     time.Time
	class     Class
}

// failure is the state of reading from the tenant after an error.
type failure struct {
	err   error
	at    time.Time
	count int
	retry time.Time
}

// ErrPending says that the answer is not known yet: the key is woken when it is.
var ErrPending = errors.New("the tenant is being looked up")

// ErrReadOnly refuses a write where the tenant is only observed.
var ErrReadOnly = errors.New("the tenant is read only")

// NewSession starts a session. Keys that are about identities already are given with it, so that the first look at the
// tenant serves all of them. wake is called with a key that has something to look at again; report when the
// Auth0Tenant has. Both are called from any goroutine, and must neither wait nor call the session.
func NewSession(config Config, client *auth0.Client, budget *Budget, tracked map[Key][]grant.Identity,
	wake func(Key), report func(),
) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{
		budget: budget, wake: wake, report: report, kick: make(chan struct{}, 1), cancel: cancel,
		done: make(chan struct{}), config: config, client: client, picture: newPicture(),
		waiting: map[Key]want{},
	}
	for key, identities := range tracked {
		s.picture.track(key, identities...)
	}
	s.refresh.due = time.Now()
	s.refresh.verified = time.Now()
	go s.run(ctx)
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
	if config.Interval != s.config.Interval {
		s.refresh.due = s.refresh.last.Add(config.Interval)
	}
	s.config = config
	if client != nil {
		s.client.Close()
		s.client = client
	}
	s.mu.Unlock()
	s.nudge()
}

// Proven says that the credentials were accepted just now: what failed because of them is tried again.
func (s *Session) Proven() {
	s.mu.Lock()
	s.suspect, s.failure = false, failure{}
	s.mu.Unlock()
	s.nudge()
}

// Track says which identities key is about; whenever the tenant's grant of one of them changes, key is woken. It waits
// for no other identity any more.
func (s *Session) Track(key Key, identities ...grant.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture.track(key, identities...)
	if w, ok := s.waiting[key]; ok && !slices.Contains(identities, w.identity) {
		delete(s.waiting, key)
	}
}

// Observe answers from any observation of the identity that began at notBefore or later. Where there is none it returns
// ErrPending, or the error with which looking failed last, and wakes key when there is one. class is how urgent that is.
func (s *Session) Observe(key Key, identity grant.Identity, notBefore time.Time, class Class) (Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture.add(key, identity)
	if seen, ok := s.picture.seen(identity); ok && !seen.Began.Before(notBefore) {
		delete(s.waiting, key)
		return seen, nil
	}
	since := time.Now()
	growing := s.grows(since) > 0 && class != ClassRevocation // Then the session looks again when the crowd is complete.
	if w, ok := s.waiting[key]; ok && w.identity == identity {
		since = w.since // Asking again costs no place.
	} else if class != ClassRevocation {
		s.crowd.join(since)
	}
	s.waiting[key] = want{identity: identity, notBefore: notBefore, since: since, class: class}
	if !growing {
		s.nudge()
	}
	if s.failure.err != nil {
		return Observation{}, s.failure.err
	}
	return Observation{}, ErrPending
}

func (s *Session) currentClient() *auth0.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// Wake says that it is the session's turn to call the tenant.
func (s *Session) Wake() { s.nudge() }

// key is the session's name in the line for calls: no ClientGrant has an empty namespace.
func (s *Session) key() Key { return Key{Name: s.Config().Name} }

func (s *Session) nudge() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run is the session's one reader of the tenant.
func (s *Session) run(ctx context.Context) {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		case <-timer.C:
		}
		timer.Reset(s.step(ctx))
	}
}
