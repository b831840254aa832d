package v1alpha1

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// TenantKey names the Auth0Tenant of a ClientGrant.
func (g *ClientGrant) TenantKey() types.NamespacedName {
	namespace := g.Spec.TenantRef.Namespace
	if namespace == "" {
		namespace = g.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: g.Spec.TenantRef.Name}
}

// APIIdentifier is the identifier of the tenant's Management API: spec.managementAudience, or what follows from the domain.
// Auth0 compares it with case, and knows it in lower case alone.
func (t *Auth0Tenant) APIIdentifier() string { return "https://" + t.CanonicalHost() + "/api/v2/" }

// CanonicalHost is the one name of the Auth0 tenant, whatever names reach it: the host of its Management API's
// identifier, in lower case, without the default port.
func (t *Auth0Tenant) CanonicalHost() string {
	host := t.Spec.Domain
	if t.Spec.ManagementAudience != "" {
		host, _, _ = strings.Cut(strings.TrimPrefix(t.Spec.ManagementAudience, "https://"), "/")
	}
	return normalHost(host)
}

// DomainHost is the host that is dialled, written as CanonicalHost is.
func (t *Auth0Tenant) DomainHost() string { return normalHost(t.Spec.Domain) }

// ProvenHost is the host of the tenant that is known to have accepted the credentials: what spec.managementAudience claims
// counts for nothing before.
func (t *Auth0Tenant) ProvenHost() string {
	if accepted := t.Status.Accepted; accepted != nil && accepted.Host == t.CanonicalHost() {
		return accepted.Host
	}
	return t.DomainHost()
}

func normalHost(host string) string { return strings.TrimSuffix(strings.ToLower(host), ":443") }

// DefaultResyncInterval is that of an Auth0Tenant that names none.
const DefaultResyncInterval = 10 * time.Minute

// ResyncInterval is the time between two refreshes.
func (t *Auth0Tenant) ResyncInterval() time.Duration {
	if t.Spec.ResyncInterval == nil {
		return DefaultResyncInterval
	}
	return t.Spec.ResyncInterval.Duration
}
