package tenant

import (
	"sync"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// Operator is the application that an Auth0Tenant uses: never a grantee on its host, whether there is a session or not.
type Operator struct {
	// UID of the Auth0Tenant.
	UID string
	// Host is the canonical host of the tenant.
	Host string
	// ClientID is empty where the Secret names none.
	ClientID string
}

// Registry keeps what this process found out about Auth0Tenants, whether or not they have a session.
type Registry struct {
	mu        sync.Mutex
	tried     map[budget.Key]string
	operators map[budget.Key]Operator
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{tried: map[budget.Key]string{}, operators: map[budget.Key]Operator{}}
}

// Tried says whether this process has found out if the Auth0Tenant can be used: before, nothing can be told of it.
func (r *Registry) Tried(tenant budget.Key, uid string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried[tenant] == uid
}

// SetTried notes that it was found out; an empty uid forgets it.
func (r *Registry) SetTried(tenant budget.Key, uid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if uid == "" {
		delete(r.tried, tenant)
		return
	}
	r.tried[tenant] = uid
}

// SetOperator notes the application that an Auth0Tenant uses, and says whether that is news. A Secret that was taken away
// does not make its application a grantee: an empty client ID leaves the one that is known.
func (r *Registry) SetOperator(tenant budget.Key, operator Operator) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.operators[tenant]
	if ok && known.UID == operator.UID && operator.ClientID == "" {
		operator.ClientID = known.ClientID
	}
	r.operators[tenant] = operator
	return known != operator
}

// ForgetOperator says that the Auth0Tenant is gone, and returns what was known.
func (r *Registry) ForgetOperator(tenant budget.Key) Operator {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.operators[tenant]
	delete(r.operators, tenant)
	return known
}

// KnowsOperator says whether it is known which application the Auth0Tenant uses, if any.
func (r *Registry) KnowsOperator(tenant budget.Key, uid string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.operators[tenant].UID == uid
}

// IsOperator says whether the client ID is that of an application that the operator itself uses on that host.
func (r *Registry) IsOperator(host, clientID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, operator := range r.operators {
		if operator.Host == host && operator.ClientID == clientID {
			return true
		}
	}
	return false
}
