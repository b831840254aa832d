package world

import (
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
)

// triedWithin bounds how long others wait until an Auth0Tenant was tried, from when it could be.
const triedWithin = 10 * time.Second

// ProvenHost is the host of the tenant that an Auth0Tenant is proven to be of. ClientGrants of different ones are no rivals,
// whatever their specs claim.
func (g *Gatherer) ProvenHost(of *v1alpha1.Auth0Tenant) string {
	if session := g.sessionOf(of); session != nil {
		return session.Config().Proven
	}
	return of.ProvenHost()
}

// operators are the applications that the operator itself uses in the tenant of an Auth0Tenant. What a spec claims bounds its own
// ClientGrants here, and nobody else's.
func (g *Gatherer) operators(ctx context.Context, of *v1alpha1.Auth0Tenant) (clientIDs []string, err error) {
	for _, host := range hostsOf(g.ProvenHost(of), of) {
		clientIDs = append(clientIDs, g.Sessions.OperatorsOf(host)...)
		users := &v1alpha1.Auth0TenantList{}
		if err := g.Cache.List(ctx, users, client.MatchingFields{cached.IndexAccepted: host}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range users.Items { // What an earlier process found out: what this one did is newer than the cache.
			user := &users.Items[i]
			if _, known := g.Sessions.Operator(budget.Key(client.ObjectKeyFromObject(user)), string(user.UID)); !known {
				clientIDs = append(clientIDs, user.Status.Accepted.ClientID)
			}
		}
	}
	return clientIDs, nil
}

// hostsOf are the proven host of an Auth0Tenant, and the one that it claims to be of.
func hostsOf(proven string, of *v1alpha1.Auth0Tenant) []string {
	return slices.Compact([]string{proven, of.CanonicalHost()})
}

// operatorsKnown says whether an application is known to be none that the operator uses. One that an Auth0Tenant names which
// could be of the same tenant is waited for until that was tried, but not for long, and only if the ClientGrant came later. To
// end access it need not be known.
func (g *Gatherer) operatorsKnown(ctx context.Context, of *v1alpha1.Auth0Tenant, w *lifecycle.World) (bool, error) {
	ends := (w.Object.Deleting || w.Object.Gone) && (w.Object.Record != nil || w.Object.Replaces != nil)
	if of == nil || ends || w.Wanted.ClientID == "" {
		return true, nil
	}
	for _, host := range hostsOf(g.ProvenHost(of), of) {
		others := &v1alpha1.Auth0TenantList{}
		if err := g.Cache.List(ctx, others, client.MatchingFields{cached.IndexHost: host}, client.UnsafeDisableDeepCopy); err != nil {
			return false, err
		}
		for i := range others.Items {
			if other := &others.Items[i]; other.UID != of.UID && g.mayUse(other, w) {
				return false, nil
			}
		}
	}
	return true, nil
}

// mayUse says whether an Auth0Tenant may yet turn out to use the application that a ClientGrant names.
func (g *Gatherer) mayUse(other *v1alpha1.Auth0Tenant, w *lifecycle.World) bool {
	return other.DeletionTimestamp.IsZero() && isNew(other, w) &&
		g.Sessions.MayUse(budget.Key(client.ObjectKeyFromObject(other)), string(other.UID), w.Wanted.ClientID) && g.Usable(other)
}

// isNew says that there may not have been the time to try an Auth0Tenant which was there when the ClientGrant came to what it
// wants now. One that is made later is not waited for: there could always be one more.
func isNew(of *v1alpha1.Auth0Tenant, w *lifecycle.World) bool {
	since := w.Memory.Since
	if w.Memory.DeletedAt.After(since) {
		since = w.Memory.DeletedAt
	}
	made := of.CreationTimestamp.Time
	return !made.After(since) && (w.Now.Sub(made) < triedWithin || w.Now.Sub(w.Start) < triedWithin)
}
