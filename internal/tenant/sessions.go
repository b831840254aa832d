package tenant

import (
	"sync"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// Sessions holds the session of each Auth0Tenant whose credentials were proven, and one bucket for each host.
type Sessions struct {
	wake func(Key)

	mu      sync.Mutex
	open    map[Key]*open
	tried   map[Key]string
	buckets map[string]*Bucket
}

// open is a session with what it asks of its host's bucket.
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

// NewSessions makes an empty registry; wake is called with each ClientGrant that has something to look at again.
func NewSessions(wake func(Key)) *Sessions {
	return &Sessions{wake: wake, open: map[Key]*open{}, tried: map[Key]string{}, buckets: map[string]*Bucket{}}
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

// Open starts a session with proven credentials in the place of any other of that Auth0Tenant. Auth0Tenants of one host
// share its bucket, and the smallest limit holds.
func (s *Sessions) Open(tenant Key, config Config, limit Limit, client *auth0.Client, report func()) *Session {
	s.Close(tenant)
	s.mu.Lock()
	defer s.mu.Unlock()
	bucket := s.buckets[config.Host]
	if bucket == nil {
		bucket = NewBucket(limit.PerMinute, limit.Burst)
		s.buckets[config.Host] = bucket
	}
	session := NewSession(config, client, bucket, s.wake, report)
	s.open[tenant] = &open{session: session, host: config.Host, limit: limit}
	s.setLimit(config.Host)
	return session
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

// Close ends the session of the Auth0Tenant, if there is one. The bucket stays: what was used of it is used.
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
	for _, bucket := range s.buckets {
		bucket.Forget(key.String())
	}
}

// IsOperator says whether the client ID is that of an application that the operator itself uses on that host.
func (s *Sessions) IsOperator(host, clientID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.open {
		if o.host == host && o.session.Config().ClientID == clientID {
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
		s.buckets[host].SetLimit(limit.PerMinute, limit.Burst)
	}
}
