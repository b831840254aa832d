package world

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
)

// DeletionWindow is the time that spec.deletionLimit speaks of.
const DeletionWindow = time.Hour

// DeletionsFrom is the limit of an Auth0Tenant, zero where it has none, and when it allows the next deletion to a namespace. One
// that has had as many as are left waits, where others own grants, too: whatever it does, something is left for them.
func (g *Gatherer) DeletionsFrom(ctx context.Context, of *v1alpha1.Auth0Tenant, namespace string, now time.Time) (limit int32, from time.Time, err error) {
	counted := of.Status.Deletions
	if of.Spec.DeletionLimit == nil {
		return 0, time.Time{}, nil
	}
	limit = *of.Spec.DeletionLimit
	if counted == nil || counted.Since.After(now) {
		return limit, time.Time{}, nil
	}
	end, left := counted.Since.Add(DeletionWindow), limit-counted.Count
	switch {
	case left <= 0:
		return limit, end, nil
	case now.Before(end) && g.deletions.had(of, namespace) >= left:
		shared, err := g.isShared(ctx, of, namespace)
		if err != nil || shared {
			return limit, end, err
		}
	}
	return limit, time.Time{}, nil
}

// isShared says whether another namespace owns grants in the tenant.
func (g *Gatherer) isShared(ctx context.Context, of *v1alpha1.Auth0Tenant, namespace string) (bool, error) {
	users := &v1alpha1.ClientGrantList{}
	err := g.Cache.List(ctx, users, client.UnsafeDisableDeepCopy,
		client.MatchingFields{cached.IndexTenant: client.ObjectKeyFromObject(of).String()})
	return slices.ContainsFunc(users.Items, func(user v1alpha1.ClientGrant) bool {
		return user.Namespace != namespace && user.Status.Origin != ""
	}), err
}

// Deleted notes a deletion that was counted in the status of an Auth0Tenant.
func (g *Gatherer) Deleted(of *v1alpha1.Auth0Tenant, namespace string) {
	g.deletions.add(of, namespace)
}

// deletions remember which namespaces had the deletions that the status of an Auth0Tenant counts. They are lost with the process:
// then the shares are those of what was left. The zero value is ready.
type deletions struct {
	mu       sync.Mutex
	byTenant map[types.UID]*shares
}

// shares are those of the window that began then.
type shares struct {
	since time.Time
	had   map[string]int32
}

func (d *deletions) add(of *v1alpha1.Auth0Tenant, namespace string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.byTenant[of.UID]
	if known == nil || !known.since.Equal(of.Status.Deletions.Since.Time) {
		known = &shares{since: of.Status.Deletions.Since.Time, had: map[string]int32{}}
		if d.byTenant == nil {
			d.byTenant = map[types.UID]*shares{}
		}
		d.byTenant[of.UID] = known
	}
	known.had[namespace]++
}

func (d *deletions) had(of *v1alpha1.Auth0Tenant, namespace string) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.byTenant[of.UID]; known != nil && known.since.Equal(of.Status.Deletions.Since.Time) {
		return known.had[namespace]
	}
	return 0
}
