package world

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
)

// rivals adds the other ClientGrants that record or ask for one of the grants. One that cannot be read or resolved is none:
// nobody's trouble is another's.
func (g *gathering) rivals(ctx context.Context, obj *v1alpha1.ClientGrant, about []grant.Identity, w *lifecycle.World) error {
	cache := newGathering(g.Gatherer, g.Cache)
	cache.host = g.host
	hasStake := cache.stakes(ctx)
	known := map[types.UID]struct{}{obj.UID: {}}
	for _, identity := range about {
		others, err := g.others(ctx, identity, known, hasStake)
		if err != nil {
			return err
		}
		for _, other := range others {
			rival, err := g.current(ctx, cache, obj, other, identity, w)
			if err != nil {
				return err
			}
			if rival != nil {
				known[other.obj.UID] = struct{}{}
				w.Rivals = append(w.Rivals, *rival)
			}
		}
	}
	return nil
}

// current is a rival as the reader has it. Only those that have a stake in the grant, as the cache has them, are read from the
// API server: however many ask for what nobody gives them, they cost nothing.
func (g *gathering) current(ctx context.Context, cache *gathering, obj *v1alpha1.ClientGrant, of other, identity grant.Identity,
	w *lifecycle.World,
) (*lifecycle.Rival, error) {
	rival, err := cache.rival(ctx, obj, of, w)
	if err != nil || rival == nil || !rival.HasStake(identity) {
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
	return g.rival(ctx, obj, other{obj: live}, w)
}

// other is another ClientGrant, to be read alone; gone says that it is not there any more, and its access has not ended.
type other struct {
	obj  *v1alpha1.ClientGrant
	gone bool
}

// others lists the ClientGrants in the cache that have a stake and those that are gone, but for those known, that record or may ask
// for a grant.
func (g *gathering) others(ctx context.Context, identity grant.Identity, known map[types.UID]struct{}, hasStake func(*v1alpha1.ClientGrant) bool,
) (found []other, err error) {
	listed := map[types.UID]struct{}{}
	add := func(one *v1alpha1.ClientGrant, gone bool) {
		_, is := known[one.UID]
		if _, twice := listed[one.UID]; !is && !twice {
			listed[one.UID] = struct{}{}
			found = append(found, other{one, gone})
		}
	}
	for _, gone := range g.Gone(identity) {
		add(gone, true)
	}
	objects, err := g.About(ctx, identity)
	for _, one := range objects {
		if hasStake(one) {
			add(one, false)
		}
	}
	return found, err
}

// rival is what another ClientGrant is to an object; nil where its Auth0Tenant is not proven to be of the same tenant: what it
// records is something else, then.
func (g *gathering) rival(ctx context.Context, obj *v1alpha1.ClientGrant, of other, w *lifecycle.World) (*lifecycle.Rival, error) {
	other := of.obj
	r := &lifecycle.Rival{
		Namespace: other.Namespace, Name: other.Name, Near: other.Namespace == obj.Namespace, Rank: rankOf(other),
		Record:   ownership.FromStatus(&other.Status.OwnershipRecord),
		Replaces: ownership.FromStatus(other.Status.Replaces),
		Held:     of.gone || HasFinalizer(other), Deleting: of.gone || !other.DeletionTimestamp.IsZero(),
		Enforces: other.Spec.Mode == v1alpha1.ModeEnforce, Fields: Desired(&other.Spec),
		Same: other.TenantKey() == obj.TenantKey(), Unresolved: true, Decide: permission{}.decide,
	}
	theirs, err := g.readTenant(ctx, g.reader, other.TenantKey())
	if theirs == nil || err != nil || g.ProvenHost(theirs) != g.host {
		return nil, err
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
	r.Known, r.Usable = session != nil, enforced && access == lifecycle.Open
	r.Untried = enforced && access == lifecycle.Untried && isNew(theirs, w)
	return r, nil
}

// Stakes says of ClientGrants in the cache whether they may have a stake in a grant: only such an object has a pass that
// depends on others, and is of concern to others. What serves for one serves for all, so it is to be asked of many at once.
func (g *Gatherer) Stakes(ctx context.Context) func(*v1alpha1.ClientGrant) bool {
	return newGathering(g, g.Cache).stakes(ctx)
}

func (g *gathering) stakes(ctx context.Context) func(*v1alpha1.ClientGrant) bool {
	type strangers struct {
		tenant    types.NamespacedName
		namespace string
	}
	refused := map[strangers]struct{}{}
	return func(obj *v1alpha1.ClientGrant) bool {
		if obj.Status.Origin != "" || obj.Status.Replaces != nil || HasFinalizer(obj) || !obj.DeletionTimestamp.IsZero() {
			return true
		}
		by := strangers{obj.TenantKey(), obj.Namespace}
		if _, is := refused[by]; is {
			return false
		}
		theirs, err := g.readTenant(ctx, g.reader, by.tenant)
		var may permission
		if err == nil && theirs != nil {
			may, err = g.permission(ctx, theirs, obj.Namespace)
		}
		switch {
		case err != nil:
			return true
		case theirs == nil || !may.admits():
			refused[by] = struct{}{}
			return false
		}
		if _, isReference := clientAtOf(obj); isReference {
			return true // Whose grant it asks for may be another one by now.
		}
		asked := ownership.Asked(obj)
		asked.Tenant = theirs.CanonicalHost()
		return may.decide(asked, Desired(&obj.Spec)).Allowed
	}
}
