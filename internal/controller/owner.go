package controller

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// rank orders the ClientGrants that are about one identity: who comes first owns it.
type rank struct {
	obj *v1alpha1.ClientGrant
	// recorded and held say that it has the record, and its finalizer.
	recorded, held bool
	// eligible says that it could own it now.
	eligible bool
}

// compare is negative where a comes before b: the record decides, then who could own it, then the finalizer, then age.
func (a rank) compare(b rank) int {
	for _, first := range [][2]bool{{a.recorded, b.recorded}, {a.eligible, b.eligible}, {a.held, b.held}} {
		if first[0] != first[1] {
			if first[0] {
				return -1
			}
			return 1
		}
	}
	if order := a.obj.CreationTimestamp.Compare(b.obj.CreationTimestamp.Time); order != 0 {
		return order
	}
	return cmp.Compare(a.obj.UID, b.obj.UID)
}

func rankWith(obj *v1alpha1.ClientGrant, identity grant.Identity, eligible bool) rank {
	recorded := slices.Contains(recordedBy(obj), identity)
	return rank{
		obj: obj, recorded: recorded, eligible: eligible,
		held: recorded && slices.Contains(obj.Finalizers, v1alpha1.ClientGrantFinalizer),
	}
}

// eligible says whether a ClientGrant could own the identity: it lives, enforces, asks for it, and is allowed it by an
// Auth0Tenant whose credentials were accepted: anybody may write the domain of a tenant into one. Where the tenant's grant
// is given, what that will be has to be allowed.
func (r *ClientGrantReconciler) eligible(ctx context.Context, reader client.Reader, obj *v1alpha1.ClientGrant, identity grant.Identity,
	held *grant.Grant,
) (bool, error) {
	if obj.Spec.Mode != v1alpha1.ModeEnforce {
		return false, nil
	}
	of, err := r.asks(ctx, reader, obj, identity)
	if err != nil || of == nil || r.sessionOf(of) == nil {
		return false, err
	}
	asked, err := r.permissionFor(ctx, reader, of, obj.Namespace)
	if err != nil {
		return false, err
	}
	fields := desired(&obj.Spec)
	if held != nil {
		fields = grant.Over(fields, *held)
	}
	if !asked.decide(identity, fields).Allowed {
		return false, nil
	}
	known := (*state)(nil)
	if err := r.protected(ctx, identity); errors.As(err, &known) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, nil
}

// asks returns the Auth0Tenant in which a ClientGrant asks for the identity; nil where it does not, or no longer.
func (r *ClientGrantReconciler) asks(ctx context.Context, reader client.Reader, obj *v1alpha1.ClientGrant, identity grant.Identity,
) (*v1alpha1.Auth0Tenant, error) {
	if !obj.DeletionTimestamp.IsZero() || obj.Spec.Audience != identity.Audience || string(obj.Spec.SubjectType) != identity.SubjectType {
		return nil, nil
	}
	of := &v1alpha1.Auth0Tenant{}
	if err := r.readTenant(ctx, reader, tenantKey(obj), of); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if canonicalHost(of) != identity.Tenant {
		return nil, nil
	}
	known := (*state)(nil)
	holder, err := r.resolveClient(ctx, reader, obj)
	if errors.As(err, &known) || err == nil && holder != identity.Holder() {
		return nil, nil
	}
	return of, err
}

// others lists the ClientGrants in the cache, but for this one, that record or ask for the identity. They are to be read
// alone.
func (p *pass) others(ctx context.Context, identity grant.Identity) ([]*v1alpha1.ClientGrant, error) {
	var found []*v1alpha1.ClientGrant
	for _, match := range []client.MatchingFields{{indexAbout: about(identity)}, {indexAbout: about(unresolved(identity))}} {
		list := &v1alpha1.ClientGrantList{}
		if err := p.List(ctx, list, match, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range list.Items {
			other := &list.Items[i]
			if other.UID != p.obj.UID && !slices.ContainsFunc(found, func(o *v1alpha1.ClientGrant) bool { return o.UID == other.UID }) {
				found = append(found, other)
			}
		}
	}
	return found, nil
}

// owner is the ClientGrant that owns the wanted identity, or may have it first: the pass's own, or another one.
func (p *pass) owner(ctx context.Context) (*v1alpha1.ClientGrant, error) {
	first := rankWith(p.obj, p.identity, p.obj.Spec.Mode == v1alpha1.ModeEnforce)
	others, err := p.others(ctx, p.identity)
	if err != nil {
		return nil, err
	}
	for _, obj := range others {
		eligible, err := p.eligible(ctx, p.Client, obj, p.identity, nil)
		if err != nil {
			return nil, err
		}
		p.awaited = p.awaited || eligible
		other := rankWith(obj, p.identity, eligible)
		if (other.held || other.eligible) && other.compare(first) < 0 {
			first = other
		}
	}
	return first.obj, nil
}

// successor is the ClientGrant that is to have a grant which this one must let go of, as the API server has it now; nil
// where there is none.
func (p *pass) successor(ctx context.Context, identity grant.Identity, held *grant.Grant) (*v1alpha1.ClientGrant, error) {
	others, err := p.others(ctx, identity)
	if err != nil {
		return nil, err
	}
	var first rank
	for _, obj := range others {
		live := &v1alpha1.ClientGrant{}
		if err := p.Live.Get(ctx, client.ObjectKeyFromObject(obj), live); apierrors.IsNotFound(err) {
			continue
		} else if err != nil {
			return nil, err
		}
		if may, err := p.mayTake(ctx, live, identity, held); err != nil {
			return nil, err
		} else if !may {
			continue
		}
		other := rankWith(live, identity, true)
		if first.obj == nil || other.compare(first) < 0 {
			first = other
		}
	}
	return first.obj, nil
}

// mayTake says whether a ClientGrant may be given the grant now: its own Auth0Tenant has to be in use.
func (p *pass) mayTake(ctx context.Context, live *v1alpha1.ClientGrant, identity grant.Identity, held *grant.Grant) (bool, error) {
	of := &v1alpha1.Auth0Tenant{}
	if err := p.readTenant(ctx, p.Live, tenantKey(live), of); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if p.sessionOf(of) == nil && of.DeletionTimestamp.IsZero() && of.Spec.Mode == v1alpha1.ModeEnforce &&
		!p.Sessions.Tried(tenant.Key(client.ObjectKeyFromObject(of)), string(of.UID)) {
		return false, &state{silent: true, after: time.Second} // Nothing wakes this object if that one goes unseen.
	}
	if !p.transfers(of) {
		return false, nil
	}
	return p.eligible(ctx, p.Live, live, identity, held)
}

// transfers says whether grants change hands in an Auth0Tenant: nothing does where nothing may be written.
func (r *ClientGrantReconciler) transfers(of *v1alpha1.Auth0Tenant) bool {
	session := r.Sessions.Get(tenant.Key(client.ObjectKeyFromObject(of)), string(of.UID))
	return of.DeletionTimestamp.IsZero() && of.Spec.Mode == v1alpha1.ModeEnforce && session != nil &&
		!session.Config().ReadOnly && !session.Config().Dormant
}
