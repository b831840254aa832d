package clientgrant

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
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

// about returns the keys of the ClientGrants and tombstones that record a grant or ask for it.
func (r *Reconciler) about(ctx context.Context, identity grant.Identity) (keys []types.NamespacedName) {
	for _, value := range []string{cached.About(identity), cached.About(cached.Unresolved(identity))} {
		list := &v1alpha1.ClientGrantList{}
		if err := r.List(ctx, list, client.MatchingFields{cached.IndexAbout: value}, client.UnsafeDisableDeepCopy); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Listing the ClientGrants that are about a grant")
			return keys
		}
		for i := range list.Items {
			if slices.Contains(r.concerned(&list.Items[i]), identity) {
				keys = append(keys, client.ObjectKeyFromObject(&list.Items[i]))
			}
		}
	}
	return keys
}
