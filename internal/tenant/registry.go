package tenant

import (
	"sync"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// Operator is an application that the operator itself uses: it is never a grantee in its tenant.
type Operator struct {
	// UID of the Auth0Tenant.
	UID string
	// Host is the one that accepted the application's credentials.
	Host string
	// ClientID of the application.
	ClientID string
}

// Registry keeps what this process found out about Auth0Tenants, whether or not they have a session.
type Registry struct {
	mu        sync.Mutex
	tried     map[budget.Key]string
	named     map[budget.Key]Operator
	operators map[budget.Key]Operator
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{tried: map[budget.Key]string{}, named: map[budget.Key]Operator{}, operators: map[budget.Key]Operator{}}
}

// Tried says whether this process has found out if the Auth0Tenant can be used: before, nothing can be told of it.
func (r *Registry) Tried(tenant budget.Key, uid string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried[tenant] == uid
}

// SetTried notes that it was found out.
func (r *Registry) SetTried(tenant budget.Key, uid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried[tenant] = uid
}

// SetNamed notes which application the Secret of an Auth0Tenant names; an empty client ID says that it names none.
func (r *Registry) SetNamed(tenant budget.Key, uid, clientID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.named[tenant] = Operator{UID: uid, ClientID: clientID}
}

// MayUse says whether the Auth0Tenant may yet turn out to use an application: nobody has tried its credentials.
func (r *Registry) MayUse(tenant budget.Key, uid, clientID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	named := r.named[tenant]
	return r.tried[tenant] != uid && (named.UID != uid || named.ClientID == clientID)
}

// SetOperator notes the application whose credentials were accepted, and says whether that is news.
func (r *Registry) SetOperator(tenant budget.Key, operator Operator) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news = r.operators[tenant] != operator
	r.operators[tenant] = operator
	return news
}

// Operator returns the application of an Auth0Tenant whose credentials were accepted last, if this process knows one.
func (r *Registry) Operator(tenant budget.Key, uid string) (operator Operator, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	operator = r.operators[tenant]
	return operator, operator.UID == uid && uid != ""
}

// ForgetTenant says that the Auth0Tenant is gone, and returns the application that it used.
func (r *Registry) ForgetTenant(tenant budget.Key) Operator {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.operators[tenant]
	delete(r.operators, tenant)
	delete(r.named, tenant)
	delete(r.tried, tenant)
	return was
}

// OperatorsOf are the applications that the operator itself uses in the tenant of a host.
func (r *Registry) OperatorsOf(host string) (clientIDs []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, operator := range r.operators {
		if operator.Host == host {
			clientIDs = append(clientIDs, operator.ClientID)
		}
	}
	return clientIDs
}
