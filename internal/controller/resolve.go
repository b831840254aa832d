package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// tenantKey names the Auth0Tenant of a ClientGrant.
func tenantKey(obj *v1alpha1.ClientGrant) types.NamespacedName {
	namespace := obj.Spec.TenantRef.Namespace
	if namespace == "" {
		namespace = obj.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: obj.Spec.TenantRef.Name}
}

// readTenant reads an Auth0Tenant. One in a namespace in which the operator may read none is not there: the cache and the
// API server refuse to look, and whoever else asks for the same grant would never get past that.
func (r *ClientGrantReconciler) readTenant(ctx context.Context, reader client.Reader, key types.NamespacedName, into *v1alpha1.Auth0Tenant,
) error {
	if r.Namespaced && !slices.Contains(r.TenantNamespaces, key.Namespace) {
		return apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("auth0tenants").GroupResource(), key.Name)
	}
	return reader.Get(ctx, key, into)
}

// resolve finds the Auth0Tenant and the client, in this order, and asks the access rules. Nothing is asked of the tenant,
// and nothing told about it, before all of that holds.
func (p *pass) resolve(ctx context.Context) error {
	if err := p.resolveTenant(ctx); err != nil {
		return err
	}
	err := p.identify(ctx)
	if !p.permission.admits() {
		// What it owns is refused, whatever else has become of it.
		return p.notPermitted(p.permission.decide(p.identity, desired(&p.obj.Spec)))
	}
	if err != nil {
		return err
	}
	return p.permitted(ctx)
}

// identify finds out which grant the spec names.
func (p *pass) identify(ctx context.Context) error {
	holder, err := p.resolveClient(ctx, p.Client, p.obj)
	if err != nil {
		return err
	}
	p.identity = grant.Identity{
		ClientID: holder.ClientID, DefaultFor: holder.DefaultFor, Audience: p.obj.Spec.Audience,
		SubjectType: string(p.obj.Spec.SubjectType),
	}
	if p.tenant != nil {
		p.identity.Tenant = canonicalHost(p.tenant)
	}
	return nil
}

// resolveTenant finds the Auth0Tenant and what it says about the object's namespace. One that is not there and one that
// does not admit the namespace are told alike, unless the object owns a grant: what exists elsewhere is nobody's business.
func (p *pass) resolveTenant(ctx context.Context) error {
	key := tenantKey(p.obj)
	missing := tenantNotReady("Auth0Tenant %q does not exist in namespace %q, or does not admit this namespace.",
		key.Name, key.Namespace)
	missing.keepsReady = len(recordedBy(p.obj)) > 0 // What was only observed nobody may look at any more.
	found := &v1alpha1.Auth0Tenant{}
	if err := p.readTenant(ctx, p.Client, key, found); apierrors.IsNotFound(err) {
		return missing
	} else if err != nil {
		return err
	}
	var err error
	if p.permission, err = p.permissionFor(ctx, p.Client, found, p.obj.Namespace); err != nil {
		return err
	}
	if !p.permission.admits() && len(recordedBy(p.obj)) == 0 {
		return missing
	}
	p.tenant, p.session = found, p.sessionOf(found)
	return nil
}

// usable says whether the session may be used for a ClientGrant that is not being deleted.
func (p *pass) usable() error {
	switch {
	case p.session == nil && !p.tried() && p.tenant.DeletionTimestamp.IsZero() && p.tenant.Spec.Mode != v1alpha1.ModeSuspend:
		return tenant.ErrPending
	case !p.tenant.DeletionTimestamp.IsZero():
		return tenantNotReady("Auth0Tenant %q is being deleted.", p.tenant.Name)
	case p.tenant.Spec.Mode == v1alpha1.ModeSuspend:
		return tenantNotReady("Auth0Tenant %q is suspended (spec.mode).", p.tenant.Name)
	case p.session == nil || p.session.Config().Dormant || p.session.Health().Suspect:
		return tenantNotReady("Auth0Tenant %q is not ready; its Ready condition says why.", p.tenant.Name)
	}
	return nil
}

// abroad says whether the Auth0Tenant is in another namespace, where its state is told as ready or not ready, never why.
func (p *pass) abroad() bool { return tenantKey(p.obj).Namespace != p.obj.Namespace }

// told is what may be told of a state in the object's namespace.
func (p *pass) told(s *state) *state {
	if recorded, owned := identityOf(p.record()); p.awaited && owned && recorded == p.identity {
		told := *s
		told.message += " Another ClientGrant asks for this grant too: deleting this one does not end the access."
		s = &told
	}
	if !p.abroad() || s.reason != v1alpha1.ReasonTenantNotReady && s.reason != v1alpha1.ReasonAPIUnavailable || p.tenant == nil {
		return s
	}
	told := *s
	told.reason, told.working = v1alpha1.ReasonTenantNotReady, false
	told.message = fmt.Sprintf("Auth0Tenant %q in namespace %q is not ready.", p.tenant.Name, p.tenant.Namespace)
	return &told
}

// tried says whether it is known if the Auth0Tenant can be used. The object is woken when it is.
func (p *pass) tried() bool {
	return p.Sessions.Tried(tenant.Key(client.ObjectKeyFromObject(p.tenant)), string(p.tenant.UID))
}

// desired are the fields that the spec manages.
func desired(spec *v1alpha1.ClientGrantSpec) grant.Fields {
	fields := grant.Fields{
		Scope:                     grant.Distinct(spec.Scopes),
		AllowAnyOrganization:      spec.AllowAnyOrganization,
		AuthorizationDetailsTypes: grant.Distinct(spec.AuthorizationDetailsTypes),
		AllowAllScopes:            spec.AllowAllScopes,
	}
	if spec.OrganizationUsage != nil {
		usage := string(*spec.OrganizationUsage)
		fields.OrganizationUsage = &usage
	}
	return fields
}

// unchanged reads everything that the pass decided on from the API server, and fails where any of it is not what the
// pass has seen: nothing is written to the tenant on old knowledge.
func (p *pass) unchanged(ctx context.Context) error {
	live := &v1alpha1.ClientGrant{}
	err := p.Live.Get(ctx, client.ObjectKeyFromObject(p.stored), live)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if there := err == nil && live.UID == p.stored.UID; there == p.gone {
		return errStale
	}
	if p.gone {
		return p.unchangedTenant(ctx)
	}
	if live.Generation != p.stored.Generation ||
		!live.DeletionTimestamp.Equal(p.stored.DeletionTimestamp) ||
		live.Status.OwnershipRecord != p.stored.Status.OwnershipRecord ||
		!equality.Semantic.DeepEqual(live.Status.Replaces, p.stored.Status.Replaces) ||
		!slices.Contains(live.Finalizers, v1alpha1.ClientGrantFinalizer) {
		return errStale
	}
	return p.unchangedTenant(ctx)
}

func (p *pass) unchangedTenant(ctx context.Context) error {
	live := &v1alpha1.Auth0Tenant{}
	if err := p.Live.Get(ctx, client.ObjectKeyFromObject(p.tenant), live); apierrors.IsNotFound(err) {
		return errStale
	} else if err != nil {
		return err
	}
	if live.UID != p.tenant.UID || live.Generation != p.tenant.Generation ||
		!live.DeletionTimestamp.Equal(p.tenant.DeletionTimestamp) {
		return errStale
	}
	labels, err := p.labelsFor(ctx, p.Live, p.permission.rules, p.obj.Namespace)
	if err == nil && !maps.Equal(labels, p.permission.labels) {
		return errStale
	}
	return err
}

// unchangedClient reads the ConfigMap again, if there is one.
func (p *pass) unchangedClient(ctx context.Context) error {
	holder, err := p.resolveClient(ctx, p.Live, p.obj)
	if err != nil {
		return err
	}
	if holder != p.identity.Holder() {
		return errStale
	}
	return nil
}
