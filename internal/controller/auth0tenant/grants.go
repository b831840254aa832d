package auth0tenant

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// grants finds the ClientGrants of Auth0Tenants, and wakes them.
type grants struct {
	client.Reader
	queue *wake.Queue
	// pending lists those that are gone, and whose access is still being ended.
	pending func(types.NamespacedName) []types.NamespacedName
}

// of lists the ClientGrants of an Auth0Tenant in the cache, to be read alone.
func (g grants) of(ctx context.Context, key types.NamespacedName) (*v1alpha1.ClientGrantList, error) {
	list := &v1alpha1.ClientGrantList{}
	return list, g.List(ctx, list, client.MatchingFields{cached.IndexTenant: key.String()}, client.UnsafeDisableDeepCopy)
}

// wakeHost wakes the ClientGrants of every Auth0Tenant that is of a host, or says so.
func (g grants) wakeHost(ctx context.Context, host string) {
	tenants := &v1alpha1.Auth0TenantList{}
	if err := g.List(ctx, tenants); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Auth0Tenants")
		return
	}
	for i := range tenants.Items {
		if obj := &tenants.Items[i]; obj.DomainHost() == host || obj.CanonicalHost() == host {
			g.wake(ctx, client.ObjectKeyFromObject(obj))
		}
	}
}

func (g grants) wake(ctx context.Context, key types.NamespacedName) {
	users, err := g.of(ctx, key)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the ClientGrants of an Auth0Tenant")
		return
	}
	for i := range users.Items {
		g.queue.AddLater(client.ObjectKeyFromObject(&users.Items[i]))
	}
	g.queue.AddLater(g.pending(key)...)
}
