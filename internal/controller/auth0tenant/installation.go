package auth0tenant

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
)

// Installation says which Auth0Tenants may be used at all, as the operator was installed: credentials go nowhere else.
type Installation struct {
	// TenantNamespaces are the namespaces whose Auth0Tenants are used.
	TenantNamespaces []string
	// AllowedDomains are patterns for spec.domain: a host, with "*." at the start for any whole labels before the rest,
	// and with a port only where the domain has it.
	AllowedDomains []string
	// Namespaced says that the labels of namespaces cannot be read.
	Namespaced bool
	// ReadOnly treats every Auth0Tenant as if its mode were Observe.
	ReadOnly bool
}

// mode is what holds for the Auth0Tenant.
func (i Installation) mode(obj *v1alpha1.Auth0Tenant) v1alpha1.Mode {
	if i.ReadOnly && obj.Spec.Mode == v1alpha1.ModeEnforce {
		return v1alpha1.ModeObserve
	}
	return obj.Spec.Mode
}

// uses says whether the Auth0Tenants of a namespace are used. Whatever is in others concerns nobody else.
func (i Installation) uses(namespace string) bool {
	return slices.Contains(i.TenantNamespaces, namespace)
}

// check says why an Auth0Tenant may not be used, nil where it may.
func (i Installation) check(obj *v1alpha1.Auth0Tenant) *outcome.Outcome {
	if !i.uses(obj.Namespace) {
		return outcome.Stalled(v1alpha1.ReasonNamespaceNotAllowed,
			"The operator uses no Auth0Tenants in namespace %q: move this one, or add the namespace to --tenant-namespaces.", obj.Namespace)
	}
	if !i.allowsDomain(obj.Spec.Domain) {
		return outcome.Stalled(v1alpha1.ReasonDomainNotAllowed,
			"The operator sends credentials to no such domain as %q: add it to --allowed-domains.", obj.Spec.Domain)
	}
	for _, rule := range obj.Spec.AccessRules {
		if i.Namespaced && rule.Namespaces.From == v1alpha1.NamespacesFromSelector {
			return outcome.Stalled(v1alpha1.ReasonRulesUnsupported,
				"Access rule %q selects namespaces by label, which an operator with --watch-namespaces cannot read: use from: Names.", rule.Name)
		}
	}
	return nil
}

// Allows says whether an Auth0Tenant may be used.
func (i Installation) Allows(obj *v1alpha1.Auth0Tenant) bool { return i.check(obj) == nil }

// allowsDomain says whether credentials may be sent to a domain.
func (i Installation) allowsDomain(domain string) bool {
	return slices.ContainsFunc(i.AllowedDomains, func(pattern string) bool { return domainMatches(pattern, domain) })
}

// domainMatches compares without case. "*." stands for one or more whole labels; nothing else is a wildcard.
func domainMatches(pattern, domain string) bool {
	pattern, domain = strings.ToLower(pattern), strings.ToLower(domain)
	suffix, wild := strings.CutPrefix(pattern, "*")
	if !wild {
		return pattern == domain
	}
	labels, ok := strings.CutSuffix(domain, suffix)
	return ok && len(validation.IsDNS1123Subdomain(labels)) == 0 && net.ParseIP(withoutPort(domain)) == nil
}

// CheckDomainPattern says what is wrong with an entry of the allowed domains.
func CheckDomainPattern(pattern string) error {
	host, right := strings.TrimPrefix(pattern, "*."), true
	if name, port, err := net.SplitHostPort(host); err == nil {
		number, err := strconv.ParseUint(port, 10, 16)
		host, right = name, err == nil && number > 0
	}
	if net.ParseIP(host) == nil && len(validation.IsDNS1123Subdomain(strings.ToLower(host))) > 0 {
		right = false
	}
	if !right {
		return fmt.Errorf("allowed domain %q is not a host, a host with a port, or either behind %q", pattern, "*.")
	}
	return nil
}

// TenantHosts are the hosts of the allowed domains that are named in full, without ports: each is one of a tenant, also where no
// Auth0Tenant is reached by it. The audiences of Auth0's own APIs may be under a custom domain (documented).
func (i Installation) TenantHosts() (hosts []string) {
	for _, domain := range i.AllowedDomains {
		if !strings.HasPrefix(domain, "*") {
			hosts = append(hosts, withoutPort(domain))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func withoutPort(domain string) string {
	if host, _, err := net.SplitHostPort(domain); err == nil {
		return host
	}
	return domain
}
