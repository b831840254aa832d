package clientgrant

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
)

// concerned are the grants that an object records or asks for, without the tenant, which not every spec tells.
func (r *Reconciler) concerned(obj *v1alpha1.ClientGrant) []grant.Identity {
	identities := ownership.Identities(obj)
	for i := range identities {
		identities[i].Tenant = ""
	}
	if asked := r.worlds.Asked(obj); !slices.Contains(identities, asked) {
		identities = append(identities, asked)
	}
	return identities
}

// sharing returns the keys of the ClientGrants that record a grant of an object or ask for it, and have a stake in it: its own
// may be among them.
func (r *Reconciler) sharing(ctx context.Context, obj *v1alpha1.ClientGrant) (keys []types.NamespacedName) {
	hasStake := r.worlds.Stakes(ctx)
	for _, identity := range r.concerned(obj) {
		others, err := r.worlds.About(ctx, identity)
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Listing the ClientGrants that are about a grant")
			return keys
		}
		for _, other := range others {
			if hasStake(other) && slices.Contains(r.concerned(other), identity) {
				keys = append(keys, client.ObjectKeyFromObject(other))
			}
		}
	}
	return keys
}
