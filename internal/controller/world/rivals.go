package world

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
)

// rivals adds the other ClientGrants that record or ask for a grant. One that cannot be read or resolved is none: nobody's
// trouble is another's.
func (g *gathering) rivals(ctx context.Context, obj *v1alpha1.ClientGrant, identity grant.Identity, w *lifecycle.World) error {
	others, err := g.others(ctx, obj, identity)
	if err != nil {
		return err
	}
	for _, other := range others {
		known := slices.ContainsFunc(w.Rivals, func(r lifecycle.Rival) bool { return r.Rank.UID == string(other.obj.UID) })
		if known {
			continue
		}
		rival, err := g.current(ctx, obj, other, identity)
		if err != nil {
			return err
		}
		if rival != nil {
			w.Rivals = append(w.Rivals, *rival)
		}
	}
	return nil
}

// current is a rival as the reader has it. Only those in the cache that have a stake in the grant are read from the API server:
// however many ask for what nobody gives them, they cost nothing.
func (g *gathering) current(ctx context.Context, obj *v1alpha1.ClientGrant, of other, identity grant.Identity) (*lifecycle.Rival, error) {
	cache := gathering{Gatherer: g.Gatherer, reader: g.Cache}
	rival, err := cache.rival(ctx, obj, of)
	if err != nil || rival == nil || !hasStake(rival, identity) {
		return nil, err
	}
	if g.reader != g.Live || of.gone {
		return rival, nil
	}
	live := &v1alpha1.ClientGrant{}
	if err := g.Live.Get(ctx, client.ObjectKeyFromObject(of.obj), live); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return g.rival(ctx, obj, other{obj: live})
}

// hasStake says whether a rival records the grant, or asks for it where a rule speaks of its namespace.
func hasStake(r *lifecycle.Rival, identity grant.Identity) bool {
	return r.Record.Of(identity) || r.Replaces.Of(identity) || !r.Unresolved && r.Asks == identity
}

// other is another ClientGrant, to be read alone; gone says that it is not there any more, and its access has not ended.
type other struct {
	obj  *v1alpha1.ClientGrant
	gone bool
}

// others lists the ClientGrants in the cache and those that are gone, but for the object itself, that record or may ask for a
// grant.
func (g *gathering) others(ctx context.Context, obj *v1alpha1.ClientGrant, identity grant.Identity) (found []other, err error) {
	add := func(one *v1alpha1.ClientGrant, gone bool) {
		if one.UID != obj.UID && !slices.ContainsFunc(found, func(o other) bool { return o.obj.UID == one.UID }) {
			found = append(found, other{one, gone})
		}
	}
	for _, gone := range g.Gone(identity) {
		add(gone, true)
	}
	objects, err := cached.ClientGrantsAbout(ctx, g.Cache, identity)
	for _, one := range objects {
		add(one, false)
	}
	return found, err
}

// rival is what another ClientGrant is to an object; nil where it has no Auth0Tenant and owns nothing.
func (g *gathering) rival(ctx context.Context, obj *v1alpha1.ClientGrant, of other) (*lifecycle.Rival, error) {
	other := of.obj
	r := &lifecycle.Rival{
		Namespace: other.Namespace, Name: other.Name, Near: other.Namespace == obj.Namespace, Rank: rankOf(other),
		Record:   ownership.FromStatus(&other.Status.OwnershipRecord),
		Replaces: ownership.FromStatus(other.Status.Replaces),
		Held:     of.gone || HasFinalizer(other), Deleting: of.gone || !other.DeletionTimestamp.IsZero(),
		Enforces: other.Spec.Mode == v1alpha1.ModeEnforce, Fields: desired(&other.Spec),
		Same: other.TenantKey() == obj.TenantKey(), Unresolved: true, Decide: permission{}.decide,
	}
	theirs, err := g.readTenant(ctx, g.reader, other.TenantKey())
	if theirs == nil || err != nil {
		return r, err
	}
	may, err := g.permission(ctx, theirs, other.Namespace)
	if err != nil || !may.admits() && r.Record == nil && r.Replaces == nil {
		return r, err
	}
	asks, unresolved, err := g.identify(ctx, other, theirs.CanonicalHost())
	if err != nil {
		return nil, err
	}
	session := g.sessionOf(theirs)
	r.Asks, r.Unresolved, r.Decide = asks, unresolved != nil, may.decide
	access := g.access(theirs, session)
	enforced := theirs.DeletionTimestamp.IsZero() && theirs.Spec.Mode == v1alpha1.ModeEnforce
	r.Known, r.Usable, r.Untried = session != nil, enforced && access == lifecycle.Open, enforced && access == lifecycle.Untried
	return r, nil
}
