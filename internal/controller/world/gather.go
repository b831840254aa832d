// Package world gathers what lifecycle.Next decides on: from the cache, or from the API server for the last look before a write.
package world

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// Gatherer gathers Worlds.
type Gatherer struct {
	// Cache and Live are the two readers: what is read from the API server decides about writes.
	Cache, Live client.Reader
	// Sessions of the Auth0Tenants.
	Sessions *tenant.Sessions
	// Namespaced says that nothing cluster-scoped may be read, and Auth0Tenants in TenantNamespaces alone.
	Namespaced       bool
	TenantNamespaces []string
	// TenantHosts are further hosts of the tenants: the installation names each of them in full.
	TenantHosts []string
	// Usable says whether an Auth0Tenant may be used in this installation.
	Usable func(*v1alpha1.Auth0Tenant) bool
	// Start is when the process first acted.
	Start func() time.Time
	// About finds the ClientGrants in the cache that are about a grant.
	About cached.About
	// Gone lists the ClientGrants that record a grant and are gone, with access that has not ended.
	Gone func(grant.Identity) []*v1alpha1.ClientGrant

	clients   clients
	rules     rules
	deletions deletions
}

// New makes a Gatherer of one that lacks only what it remembers.
func New(g *Gatherer) *Gatherer {
	g.clients, g.rules = newClients(), newRules()
	return g
}

// FromCache gathers the World of an object as the cache has it. Gone says that the object is not there any more.
func (g *Gatherer) FromCache(ctx context.Context, obj *v1alpha1.ClientGrant, memory lifecycle.Memory, gone bool) (lifecycle.World, Around, error) {
	return newGathering(g, g.Cache).world(ctx, obj, memory, gone)
}

// FromServer gathers it as the API server has it.
func (g *Gatherer) FromServer(ctx context.Context, obj *v1alpha1.ClientGrant, memory lifecycle.Memory, gone bool) (lifecycle.World, Around, error) {
	return newGathering(g, g.Live).world(ctx, obj, memory, gone)
}

// gathering gathers with one of the readers. What it has read of Auth0Tenants serves for the whole World, however many rivals
// use them.
type gathering struct {
	*Gatherer
	reader  client.Reader
	tenants map[types.NamespacedName]*v1alpha1.Auth0Tenant
	allowed map[asker]permission
	// host is the proven one of the object's Auth0Tenant; empty where there is none.
	host string
}

// asker is a namespace that asks an Auth0Tenant.
type asker struct {
	tenant    types.UID
	namespace string
}

func newGathering(g *Gatherer, reader client.Reader) *gathering {
	return &gathering{
		Gatherer: g, reader: reader, tenants: map[types.NamespacedName]*v1alpha1.Auth0Tenant{}, allowed: map[asker]permission{},
	}
}

// Around is what a World was gathered from.
type Around struct {
	// Tenant is nil where there is none for this namespace, Session where it cannot be used.
	Tenant  *v1alpha1.Auth0Tenant
	Session *tenant.Session
}

// world gathers what the next step of an object depends on.
func (g *gathering) world(ctx context.Context, obj *v1alpha1.ClientGrant, memory lifecycle.Memory, gone bool) (lifecycle.World, Around, error) {
	w := lifecycle.World{
		Now: time.Now(), Start: g.Start(), CallTimeout: g.Sessions.CallTimeout, Object: objectOf(obj, gone), Memory: memory,
		Seen: map[grant.Identity]lifecycle.Observation{}, Late: map[grant.Identity]time.Time{},
	}
	around, err := g.tenant(ctx, obj, &w)
	if err != nil {
		return w, around, err
	}
	if w.Wanted, w.Unresolved, err = g.identify(ctx, obj, w.Tenant.Host); err != nil {
		return w, around, err
	}
	if w.Tenant.OperatorsKnown, err = g.operatorsKnown(ctx, around.Tenant, &w); err != nil {
		return w, around, err
	}
	about := About(&w)
	if around.Session != nil {
		for _, identity := range about {
			g.observed(around.Session, identity, &w)
		}
	}
	if lifecycle.HasRivals(&w) {
		err = g.rivals(ctx, obj, about, &w)
	}
	return w, around, err
}

func objectOf(obj *v1alpha1.ClientGrant, gone bool) lifecycle.Object {
	return lifecycle.Object{
		Namespace: obj.Namespace, Name: obj.Name, Deleting: !obj.DeletionTimestamp.IsZero(), Gone: gone,
		Held: !gone && HasFinalizer(obj), Mode: obj.Spec.Mode,
		Orphan: obj.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan, Adopt: obj.Spec.AdoptionPolicy == v1alpha1.AdoptionPolicyAdopt,
		Fields: Desired(&obj.Spec), Record: ownership.FromStatus(&obj.Status.OwnershipRecord),
		Replaces: ownership.FromStatus(obj.Status.Replaces), Rank: rankOf(obj),
	}
}

func rankOf(obj *v1alpha1.ClientGrant) lifecycle.Rank {
	return lifecycle.Rank{Created: obj.CreationTimestamp.Time, UID: string(obj.UID)}
}

// HasFinalizer says whether the operator holds an object.
func HasFinalizer(obj *v1alpha1.ClientGrant) bool {
	return controllerutil.ContainsFinalizer(obj, v1alpha1.ClientGrantFinalizer)
}

// Desired are the fields that the spec manages.
func Desired(spec *v1alpha1.ClientGrantSpec) grant.Fields {
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

// About are the grants that a step may be about: the wanted one, those that are recorded, and those of further records.
func About(w *lifecycle.World, further ...*grant.Record) []grant.Identity {
	about := []grant.Identity{w.Wanted}
	for _, record := range append([]*grant.Record{w.Object.Record, w.Object.Replaces}, further...) {
		if record != nil && !slices.Contains(about, record.Identity) {
			about = append(about, record.Identity)
		}
	}
	return about
}

// observed adds what is known of a grant.
func (g *gathering) observed(session *tenant.Session, identity grant.Identity, w *lifecycle.World) {
	if seen, ok := session.Seen(identity); ok {
		for _, r := range []*grant.Record{w.Object.Record, w.Object.Replaces} {
			if seen.Grant != nil && r.Of(identity) {
				seen.Grant = seen.Grant.Ahead(r.ID) // Of several the one that is known.
			}
		}
		w.Seen[identity] = lifecycle.Observation(seen)
	}
	if until, late := session.Late(identity); late {
		w.Late[identity] = until
	}
}

// identify finds out which grant a spec names, or why that cannot be told.
func (g *gathering) identify(ctx context.Context, obj *v1alpha1.ClientGrant, host string) (grant.Identity, *status.State, error) {
	asked := ownership.Asked(obj)
	asked.Tenant = host
	var unresolved *status.State
	var err error
	if at, isReference := clientAtOf(obj); isReference {
		asked.ClientID, unresolved, err = g.clientID(ctx, at)
	}
	if unresolved == nil && !validName(obj.TenantKey()) {
		unresolved = status.Waiting(v1alpha1.ReasonTenantNotReady, "spec.tenantRef names no object: %q in namespace %q cannot exist.",
			obj.TenantKey().Name, obj.TenantKey().Namespace)
	}
	return asked, unresolved, err
}

// validName says whether the API server can be asked for an object of that name.
func validName(key types.NamespacedName) bool {
	return key.Name != "" && len(content.IsPathSegmentName(key.Name)) == 0 && len(content.IsPathSegmentName(key.Namespace)) == 0
}

// readTenant reads an Auth0Tenant. One in a namespace in which the operator may read none is not there, nor is one of a name
// that the API server refuses to look up.
func (g *gathering) readTenant(ctx context.Context, reader client.Reader, key types.NamespacedName) (*v1alpha1.Auth0Tenant, error) {
	if !validName(key) || g.Namespaced && !slices.Contains(g.TenantNamespaces, key.Namespace) {
		return nil, nil
	}
	if known := g.tenants[key]; known != nil && reader == g.reader {
		return known, nil
	}
	found := &v1alpha1.Auth0Tenant{}
	if err := reader.Get(ctx, key, found); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if reader == g.reader {
		g.tenants[key] = found
	}
	return found, nil
}

// tenant adds what the Auth0Tenant of an object is to it. To a namespace that no rule admits there is none, unless the object
// owns a grant in it.
func (g *gathering) tenant(ctx context.Context, obj *v1alpha1.ClientGrant, w *lifecycle.World) (Around, error) {
	key := obj.TenantKey()
	w.Tenant = lifecycle.Tenant{Name: key.Name, Namespace: key.Namespace, Near: key.Namespace == obj.Namespace}
	ending := w.Object.Deleting || w.Object.Gone
	found, err := g.readTenant(ctx, g.reader, key)
	if found == nil && err == nil && ending {
		found, err = g.readTenant(ctx, g.Live, key)
	}
	if found == nil || err != nil {
		return Around{}, err
	}
	may, err := g.permission(ctx, found, obj.Namespace)
	if err != nil || !may.admits() && w.Object.Record == nil && w.Object.Replaces == nil && !ending {
		return Around{}, err
	}
	t, session := &w.Tenant, g.sessionOf(found)
	t.Exists, t.Admits, t.Host, t.Mode = true, may.admits(), found.CanonicalHost(), found.Spec.Mode
	t.Deleting, t.Orphans = !found.DeletionTimestamp.IsZero(), found.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan
	t.Revokes, t.Interval = found.Spec.OnViolation == v1alpha1.OnViolationRevoke, found.ResyncInterval()
	t.Decide, t.Since = may.decide, may.since
	g.host = g.ProvenHost(found)
	if t.DeletionLimit, t.DeletionsFrom, err = g.DeletionsFrom(ctx, found, obj.Namespace, w.Now); err != nil {
		return Around{}, err
	}
	t.Access = g.access(found, session)
	if session != nil {
		health := session.Health()
		t.Failing, t.Refreshes = health.Err != nil, health.Completed
	}
	if t.Access == lifecycle.Dormant {
		t.Ending, err = g.terminating(ctx, found)
	}
	return Around{found, session}, err
}

// sessionOf is the session of an Auth0Tenant, nil where there is none.
func (g *Gatherer) sessionOf(of *v1alpha1.Auth0Tenant) *tenant.Session {
	return g.Sessions.Get(budget.Key(client.ObjectKeyFromObject(of)), string(of.UID))
}

func (g *gathering) access(of *v1alpha1.Auth0Tenant, session *tenant.Session) lifecycle.Access {
	switch {
	case session == nil && !g.Sessions.Tried(budget.Key(client.ObjectKeyFromObject(of)), string(of.UID)):
		return lifecycle.Untried
	case session == nil || session.Health().Suspect && !session.Config().Dormant:
		return lifecycle.Broken
	case session.Config().Dormant:
		return lifecycle.Dormant
	case session.Config().ReadOnly:
		return lifecycle.ReadOnly
	}
	return lifecycle.Open
}

// terminating says whether the Auth0Tenant or its namespace is being deleted: then credentials that were taken away still
// serve to revoke.
func (g *gathering) terminating(ctx context.Context, of *v1alpha1.Auth0Tenant) (bool, error) {
	if !of.DeletionTimestamp.IsZero() {
		return true, nil
	}
	if g.Namespaced {
		return false, nil // With its namespace the Auth0Tenant is deleted, too.
	}
	namespace := &corev1.Namespace{}
	if err := g.Live.Get(ctx, types.NamespacedName{Name: of.Namespace}, namespace); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return !namespace.DeletionTimestamp.IsZero(), nil
}
