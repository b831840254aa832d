package tenant

import (
	"net/http"
	"sync"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Sessions holds the session of each Auth0Tenant whose credentials were proven, and one budget for each host.
type Sessions struct {
	wake, call func(Key)

	mu        sync.Mutex
	open      map[Key]*open
	tried     map[Key]string
	operators map[Key]Operator
	slots     int
	budgets   map[string]*Budget
}

// Operator is the application that an Auth0Tenant uses: never a grantee on its host, whether there is a session or not.
type Operator struct {
	// UID of the Auth0Tenant.
	UID string
	// Host is the canonical host of the tenant.
	Host string
	// ClientID is empty where the Secret names none.
	ClientID string
}

// open is a session with what it asks of its host's budget.
type open struct {
	session *Session
	host    string
	limit   Limit
}

// Limit is the share of a host's rate limit that one Auth0Tenant asks for.
type Limit struct {
	PerMinute int
	Burst     int
}

// NewSessions makes an empty registry. wake is called with each ClientGrant that has something to look at again, call with
// each whose turn it is to call its tenant: the turn is kept for a few seconds. slots is how many calls to one host may be
// under way at once.
func NewSessions(wake, call func(Key), slots int) *Sessions {
	return &Sessions{
		wake: wake, call: call, slots: slots, open: map[Key]*open{}, tried: map[Key]string{}, operators: map[Key]Operator{},
		budgets: map[string]*Budget{},
	}
}

// Get returns the session of the Auth0Tenant, nil where there is none. An Auth0Tenant that was made again under its
// name, with another UID, has none.
func (s *Sessions) Get(tenant Key, uid string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.open[tenant]; o != nil && o.session.Config().Name == uid {
		return o.session
	}
	return nil
}

// Tried says whether this process has found out if the Auth0Tenant can be used: before, nothing can be told of it.
func (s *Sessions) Tried(tenant Key, uid string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried[tenant] == uid
}

// SetTried notes that it was found out; an empty uid forgets it.
func (s *Sessions) SetTried(tenant Key, uid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if uid == "" {
		delete(s.tried, tenant)
		return
	}
	s.tried[tenant] = uid
}

// Open starts a session with proven credentials in the place of any other of that Auth0Tenant, with what its ClientGrants
// are about already. Auth0Tenants of one host
// share its budget, and the smallest limit holds.
func (s *Sessions) Open(tenant Key, config Config, limit Limit, client *auth0.Client, tracked map[Key][]grant.Identity,
	report func(),
) *Session {
	s.Close(tenant)
	s.mu.Lock()
	defer s.mu.Unlock()
	budget := s.budgets[config.Host]
	if budget == nil {
		budget = NewBudget(limit, s.slots, s.turn)
		s.budgets[config.Host] = budget
	}
	session := NewSession(config, client, budget, tracked, s.wake, report)
	s.open[tenant] = &open{session: session, host: config.Host, limit: limit}
	s.setLimit(config.Host)
	return session
}

// turn wakes whoever may make the next call to a host.
func (s *Sessions) turn(key Key) {
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

// EndPass says that a ClientGrant was looked at: a call that it did not make is left to others.
func (s *Sessions) EndPass(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, budget := range s.budgets {
		budget.EndPass(key)
	}
}

// Observed takes in what an answer of a host says about its rate limit.
func (s *Sessions) Observed(host string, response auth0.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	budget := s.budgets[host]
	switch {
	case budget == nil:
	case response.Status == http.StatusTooManyRequests:
		budget.Refused(response.RateLimit)
	default:
		budget.Observed(response.RateLimit, response.Duration)
	}
}

// SetLimit changes the share that the Auth0Tenant asks for.
func (s *Sessions) SetLimit(tenant Key, limit Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.open[tenant]; o != nil {
		o.limit = limit
		s.setLimit(o.host)
	}
}

// Close ends the session of the Auth0Tenant, if there is one. The budget stays: what was used of it is used.
func (s *Sessions) Close(tenant Key) {
	s.mu.Lock()
	o := s.open[tenant]
	delete(s.open, tenant)
	if o != nil {
		s.setLimit(o.host)
	}
	s.mu.Unlock()
	if o != nil {
		o.session.Close()
	}
}

// CloseAll ends every session.
func (s *Sessions) CloseAll() {
	s.mu.Lock()
	tenants := make([]Key, 0, len(s.open))
	for tenant := range s.open {
		tenants = append(tenants, tenant)
	}
	s.mu.Unlock()
	for _, tenant := range tenants {
		s.Close(tenant)
	}
}

// Forget says that a ClientGrant is gone: no session tracks anything for it any more.
func (s *Sessions) Forget(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.open {
		o.session.Track(key)
	}
	for _, budget := range s.budgets {
		budget.Forget(key)
	}
}

// SetOperator notes the application that an Auth0Tenant uses, and says whether that is news. A Secret that was taken away
// does not make its application a grantee: an empty client ID leaves the one that is known.
func (s *Sessions) SetOperator(tenant Key, operator Operator) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.operators[tenant]
	if ok && known.UID == operator.UID && operator.ClientID == "" {
		operator.ClientID = known.ClientID
	}
	s.operators[tenant] = operator
	return known != operator
}

// ForgetOperator says that the Auth0Tenant is gone, and returns what was known.
func (s *Sessions) ForgetOperator(tenant Key) Operator {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.operators[tenant]
	delete(s.operators, tenant)
	return known
}

// KnowsOperator says whether it is known which application the Auth0Tenant uses, if any.
func (s *Sessions) KnowsOperator(tenant Key, uid string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.operators[tenant].UID == uid
}

// IsOperator says whether the client ID is that of an application that the operator itself uses on that host.
func (s *Sessions) IsOperator(host, clientID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, operator := range s.operators {
		if operator.Host == host && operator.ClientID == clientID {
			return true
		}
	}
	return false
}

func (s *Sessions) setLimit(host string) {
	var limit Limit
	for _, o := range s.open {
		if o.host != host {
			continue
		}
		if limit.PerMinute == 0 || o.limit.PerMinute < limit.PerMinute {
			limit.PerMinute = o.limit.PerMinute
		}
		if limit.Burst == 0 || o.limit.Burst < limit.Burst {
			limit.Burst = o.limit.Burst
		}
	}
	if limit.PerMinute > 0 {
		s.budgets[host].SetLimit(limit)
	}
}
