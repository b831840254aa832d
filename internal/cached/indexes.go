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

// About is what ClientGrants that record the identity or ask for it have in common. It leaves the tenant out, which not
// every spec tells.
func About(identity grant.Identity) string {
	return identity.SubjectType + " " + identity.DefaultFor + " " + identity.ClientID + " " + identity.Audience
}

// Unresolved is the identity without whose it is, which is not known of a reference.
func Unresolved(identity grant.Identity) grant.Identity {
	identity.ClientID, identity.DefaultFor = "", ""
	return identity
}

// IndexClientGrants registers the indexes of ClientGrants.
func IndexClientGrants(mgr ctrl.Manager) error {
	indexes := map[string]func(*v1alpha1.ClientGrant) []string{
		// One index for both: nearly every object records what it asks for, and an entry that no other object shares takes
		// a kilobyte.
		IndexAbout: func(obj *v1alpha1.ClientGrant) []string {
			values := []string{About(grant.Identity{
				ClientID: obj.Spec.ClientRef.ID, DefaultFor: obj.Spec.ClientRef.DefaultFor,
				SubjectType: string(obj.Spec.SubjectType), Audience: obj.Spec.Audience,
			})}
			for _, identity := range ownership.Identities(obj) {
				if value := About(identity); !slices.Contains(values, value) {
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
