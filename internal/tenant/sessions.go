package tenant

import (
	"sync"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Sessions holds the session of each Auth0Tenant whose credentials were proven, one budget for each host, and the registry of
// all Auth0Tenants.
type Sessions struct {
	*Registry
	// CallTimeout bounds one call to Auth0.
	CallTimeout time.Duration

	wake, call func(budget.Key)

	mu      sync.Mutex
	open    map[budget.Key]*open
	slots   int
	budgets map[string]*budget.Budget
	late    map[string]*lateCreates
}

// open is a session with its share of the budget of the host that it is proven for.
type open struct {
	session *Session
	host    string
	limit   budget.Limit
	share   *budget.Share
}

// NewSessions starts without sessions. wake is called with each ClientGrant that has something to look at again, call with
// each for which the budget has a token: the token is reserved for a few seconds. slots is how many calls to one host may be
// under way at once, callTimeout bounds each.
func NewSessions(wake, call func(budget.Key), slots int, callTimeout time.Duration) *Sessions {
	return &Sessions{
		Registry: NewRegistry(), CallTimeout: callTimeout, wake: wake, call: call, slots: slots, open: map[budget.Key]*open{},
		budgets: map[string]*budget.Budget{}, late: map[string]*lateCreates{},
	}
}

// Get returns the session of the Auth0Tenant, nil where there is none. An Auth0Tenant that was made again under its
// name, with another UID, has none.
func (s *Sessions) Get(tenant budget.Key, uid string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.open[tenant]; o != nil && o.session.Config().Name == uid {
		return o.session
	}
	return nil
}

// Open starts a session with proven credentials in the place of any other of that Auth0Tenant; tracked are the identities
// that its ClientGrants are about already. Auth0Tenants that are proven for one host share its budget: each is held to its own
// limit, all together to the largest.
func (s *Sessions) Open(tenant budget.Key, config Config, limit budget.Limit, client *auth0.Client,
	tracked map[budget.Key][]grant.Identity, report func(),
) *Session {
	former := s.close(tenant)
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.budgets[config.Proven]
	if calls == nil {
		calls = budget.New(limit, s.slots, s.dispatch)
		s.budgets[config.Proven], s.late[config.Proven] = calls, newLateCreates(s.CallTimeout)
	}
	if former != nil && former.host != config.Proven {
		s.late[config.Proven].join(s.late[former.host])
	}
	share := calls.Share(limit)
	session := newSession(config, client, share, s.late[config.Proven], tracked, s.wake, report)
	s.open[tenant] = &open{session: session, host: config.Proven, limit: limit, share: share}
	s.setLimit(config.Proven)
	return session
}

// dispatch wakes the ClientGrant or the session for which a host's budget has a token.
func (s *Sessions) dispatch(key budget.Key) {
	if key.Namespace != "" {
		s.call(key)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.open {
		if o.session.key() == key {
			o.session.Wake()
		}
	}
}

// EndPass says that one reconciliation of a ClientGrant ended: a token that it did not use is left to other keys.
func (s *Sessions) EndPass(key budget.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, calls := range s.budgets {
		calls.EndPass(key)
	}
}

// Observed takes in what an answer of a host says about its rate limit.
func (s *Sessions) Observed(host string, response auth0.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if calls := s.budgets[host]; calls != nil {
		calls.Told(response)
	}
}

// SetLimit changes the share that the Auth0Tenant asks for.
func (s *Sessions) SetLimit(tenant budget.Key, limit budget.Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.open[tenant]; o != nil {
		o.limit = limit
		o.share.SetLimit(limit)
		s.setLimit(o.host)
	}
}

// Close ends the session of the Auth0Tenant, if there is one. The budget stays, because its calls were made.
func (s *Sessions) Close(tenant budget.Key) { s.close(tenant) }

// close returns what it closed; nil where there was nothing.
func (s *Sessions) close(tenant budget.Key) *open {
	s.mu.Lock()
	o := s.open[tenant]
	delete(s.open, tenant)
	if o != nil {
		s.setLimit(o.host)
	}
	s.mu.Unlock()
	if o == nil {
		return nil
	}
	o.session.Close()
	for _, key := range o.share.Close() {
		if key.Namespace != "" {
			s.wake(key)
		}
	}
	return o
}

// CloseAll ends every session.
func (s *Sessions) CloseAll() {
	s.mu.Lock()
	tenants := make([]budget.Key, 0, len(s.open))
	for tenant := range s.open {
		tenants = append(tenants, tenant)
	}
	s.mu.Unlock()
	for _, tenant := range tenants {
		s.Close(tenant)
	}
}

// Forget says that a ClientGrant is gone: no session tracks anything for it any more.
func (s *Sessions) Forget(key budget.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.open {
		o.session.Track(key)
	}
	for _, calls := range s.budgets {
		calls.Forget(key)
	}
}

// setLimit gives the budget of a host the largest limit that its Auth0Tenants ask for. The caller holds the lock.
func (s *Sessions) setLimit(host string) {
	var limit budget.Limit
	for _, o := range s.open {
		if o.host != host {
			continue
		}
		limit.PerMinute, limit.Burst = max(limit.PerMinute, o.limit.PerMinute), max(limit.Burst, o.limit.Burst)
	}
	if limit.PerMinute > 0 {
		s.budgets[host].SetLimit(limit)
	}
}
