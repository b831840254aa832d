package cached

import (
	"context"
	"slices"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
)

// Names of the indexes of the cache.
const (
	IndexAbout     = "about"
	IndexTenant    = "tenant"
	IndexConfigMap = "configMap"
	IndexSecret    = "secret"
)

// ClientGrantsAbout lists the ClientGrants in the cache that record a grant or may ask for it, to be read alone. The tenant
// does not count, which not every spec tells, nor whose the grant is where a reference names the client.
func ClientGrantsAbout(ctx context.Context, objects client.Reader, identity grant.Identity) (found []*v1alpha1.ClientGrant, err error) {
	ofAnybody := grant.Identity{SubjectType: identity.SubjectType, Audience: identity.Audience}
	for _, value := range []string{about(identity), about(ofAnybody)} {
		list := &v1alpha1.ClientGrantList{}
		if err := objects.List(ctx, list, client.MatchingFields{IndexAbout: value}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range list.Items {
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}

// about is what ClientGrants that record the identity or ask for it have in common.
func about(identity grant.Identity) string {
	return identity.SubjectType + " " + identity.DefaultFor + " " + identity.ClientID + " " + identity.Audience
}

// IndexClientGrants registers the indexes of ClientGrants.
func IndexClientGrants(mgr ctrl.Manager) error {
	indexes := map[string]func(*v1alpha1.ClientGrant) []string{
		// One index for both: nearly every object records what it asks for, and an entry that no other object shares takes
		// a kilobyte.
		IndexAbout: func(obj *v1alpha1.ClientGrant) []string {
			values := []string{about(ownership.Asked(obj))}
			for _, identity := range ownership.Identities(obj) {
				if value := about(identity); !slices.Contains(values, value) {
					values = append(values, value)
				}
			}
			return values
		},
		IndexTenant: func(obj *v1alpha1.ClientGrant) []string { return []string{obj.TenantKey().String()} },
		IndexConfigMap: func(obj *v1alpha1.ClientGrant) []string {
			if ref := obj.Spec.ClientRef.ConfigMapKeyRef; ref != nil {
				return []string{obj.Namespace + "/" + ref.Name}
			}
			return nil
		},
	}
	for name, values := range indexes {
		extract := func(obj client.Object) []string {
			clientGrant, ok := obj.(*v1alpha1.ClientGrant)
			if !ok {
				return nil
			}
			return values(clientGrant)
		}
		if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.ClientGrant{}, name, extract); err != nil {
			return err
		}
	}
	return nil
}

// IndexAuth0Tenants registers the index of Auth0Tenants.
func IndexAuth0Tenants(mgr ctrl.Manager) error {
	extract := func(obj client.Object) []string {
		if found, ok := obj.(*v1alpha1.Auth0Tenant); ok {
			return []string{found.Spec.Credentials.SecretRef.Name}
		}
		return nil
	}
	return mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.Auth0Tenant{}, IndexSecret, extract)
}
