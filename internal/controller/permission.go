package controller

import (
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// permission is what the access rules of an Auth0Tenant say about one namespace.
type permission struct {
	rules     *policy.Rules
	namespace string
	// labels of the namespace; nil where no rule asks for them, or nobody knows them.
	labels map[string]string
}

// permissionFor reads the rules of an Auth0Tenant, and the labels of the namespace that they ask for.
func (r *ClientGrantReconciler) permissionFor(ctx context.Context, reader client.Reader, of *v1alpha1.Auth0Tenant, namespace string,
) (permission, error) {
	hosts := []string{of.Spec.Domain, audience(of)}
	if session := r.sessionOf(of); session != nil {
		hosts = append(hosts, session.Config().SystemHosts...)
	}
	rules := policy.New(of.Spec.AccessRules, of.Namespace, hosts...)
	labels, err := r.labelsFor(ctx, reader, rules, namespace)
	return permission{rules: rules, namespace: namespace, labels: labels}, err
}

// labelsFor reads the labels of a namespace if a rule asks for them and Namespaces can be read: the cache would wait for
// one until the operator's end. They are nil where nobody knows them.
func (r *ClientGrantReconciler) labelsFor(ctx context.Context, reader client.Reader, rules *policy.Rules, namespace string,
) (map[string]string, error) {
	if r.Namespaced || !rules.NeedsLabels() {
		return nil, nil
	}
	found := metadataOf("Namespace")
	err := reader.Get(ctx, types.NamespacedName{Name: namespace}, found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if found.Labels == nil {
		return map[string]string{}, err
	}
	return found.Labels, err
}

// sessionOf is the session of an Auth0Tenant, nil where there is none.
func (r *ClientGrantReconciler) sessionOf(of *v1alpha1.Auth0Tenant) *tenant.Session {
	return r.Sessions.Get(tenant.Key(client.ObjectKeyFromObject(of)), string(of.UID))
}

func (p permission) admits() bool { return p.rules.Admits(p.namespace, p.labels) }

// decide asks for a grant as it will be, and for further rights.
func (p permission) decide(identity grant.Identity, fields grant.Fields, rights ...v1alpha1.Right) policy.Decision {
	return p.rules.Decide(policy.Question{
		Namespace: p.namespace, Labels: p.labels, Identity: identity, Fields: fields, Rights: rights,
	})
}

// permitted says whether the grant that the spec asks for may exist: nothing is asked of the tenant before.
func (p *pass) permitted(ctx context.Context) error {
	if err := p.protected(ctx, p.identity); err != nil {
		return err
	}
	return p.allowed(desired(&p.obj.Spec))
}

// allowed says whether the grant may have these fields. Who may edit the Auth0Tenant is told in full what stands against
// it, once for each generation of the object.
func (p *pass) allowed(fields grant.Fields) error {
	decision := p.permission.decide(p.identity, fields)
	if decision.Allowed {
		return nil
	}
	return p.notPermitted(decision)
}

func (p *pass) notPermitted(decision policy.Decision) *state {
	s := stalled(v1alpha1.ReasonNotPermitted, "%s", decision.ForUser)
	s.forOwner = decision.ForOwner
	return s
}

// protected says whether the identity is that of one of the operator's own applications: whoever could widen their
// access would own the tenant. Which these are is known once the Secret of each Auth0Tenant of the host was read.
func (r *ClientGrantReconciler) protected(ctx context.Context, identity grant.Identity) error {
	tenants := &v1alpha1.Auth0TenantList{}
	if err := r.List(ctx, tenants, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range tenants.Items {
		other := &tenants.Items[i]
		if canonicalHost(other) == identity.Tenant &&
			!r.Sessions.KnowsOperator(tenant.Key(client.ObjectKeyFromObject(other)), string(other.UID)) {
			return tenant.ErrPending
		}
	}
	if identity.ClientID != "" && r.Sessions.IsOperator(identity.Tenant, identity.ClientID) {
		s := stalled(v1alpha1.ReasonNotPermitted,
			"spec.clientRef names the application whose credentials an operator uses; it cannot be granted anything.")
		s.forOwner = s.message
		return s
	}
	return nil
}

// mayAdopt is the adoption gate: the spec wants it, and the access rule that allows what the grant will be lists the
// right to it.
func (p *pass) mayAdopt(held grant.Grant) bool {
	return p.obj.Spec.AdoptionPolicy == v1alpha1.AdoptionPolicyAdopt &&
		p.permission.decide(held.Identity(canonicalHost(p.tenant)), grant.Over(desired(&p.obj.Spec), held), v1alpha1.RightAdoptExisting).Allowed
}

// mayOrphan says whether the grants of the object may be left in the tenant as they are: the owner of the tenant wants
// that of every grant, or a rule that allows what the tenant holds lists the right to it. Where the tenant cannot be asked,
// the spec has to do: whoever is to be released must not wait for that.
func (p *pass) mayOrphan() (bool, error) {
	if !p.mayOrphanSpec() {
		return false, nil
	}
	if p.tenant == nil || p.tenant.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan {
		return true, nil
	}
	if p.usable() != nil {
		return true, nil //nolint:nilerr // said above
	}
	p.track()
	for _, identity := range recordedBy(p.obj) {
		seen, err := p.observe(identity, time.Time{})
		if errors.Is(err, tenant.ErrPending) {
			return false, err
		}
		if err == nil && seen.Grant != nil && !p.permission.decide(identity, seen.Grant.Fields, v1alpha1.RightOrphan).Allowed {
			return false, nil
		}
	}
	return true, nil
}

// mayOrphanSpec is mayOrphan for grants that are as the spec says.
func (p *pass) mayOrphanSpec() bool {
	if p.tenant == nil || p.tenant.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan {
		return true
	}
	return !slices.ContainsFunc(recordedBy(p.obj), func(identity grant.Identity) bool {
		return !p.permission.decide(identity, desired(&p.obj.Spec), v1alpha1.RightOrphan).Allowed
	})
}

// tellOwner tells the owner of the tenant of a refusal that is new at this generation.
func (p *pass) tellOwner(s *state) {
	if s.forOwner == "" || p.tenant == nil || p.memory.refusedAt == p.obj.Generation {
		return
	}
	p.memory.refusedAt = p.obj.Generation
	p.warnTenant(v1alpha1.EventNotPermitted, "ClientGrant %s/%s is refused: %s", p.obj.Namespace, p.obj.Name, s.forOwner)
}
