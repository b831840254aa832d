package cached

import (
	"context"
	"slices"

	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
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
	// IndexHost is by the hosts that an Auth0Tenant may be of, IndexAccepted by the one that accepted its credentials.
	IndexHost     = "host"
	IndexAccepted = "accepted"
)

// About finds the ClientGrants in the cache that record a grant or may ask for it, to be read alone. The tenant does not count,
// which not every spec tells, nor whose the grant is where a reference names the client.
type About func(ctx context.Context, identity grant.Identity) ([]*v1alpha1.ClientGrant, error)

// AboutBy finds them by the index of a reader.
func AboutBy(objects client.Reader) About {
	return func(ctx context.Context, identity grant.Identity) (found []*v1alpha1.ClientGrant, err error) {
		for _, value := range valuesOf(identity) {
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
}

// aboutIn finds them in the indexer of an informer: a reader copies every object into its list, and there may be thousands that
// nobody but their author wants.
func aboutIn(objects toolscache.Indexer) About {
	return func(_ context.Context, identity grant.Identity) (found []*v1alpha1.ClientGrant, err error) {
		for _, value := range valuesOf(identity) {
			list, err := objects.ByIndex(IndexAbout, value)
			if err != nil {
				return nil, err
			}
			for _, one := range list {
				if obj, ok := one.(*v1alpha1.ClientGrant); ok {
					found = append(found, obj)
				}
			}
		}
		return found, nil
	}
}

// valuesOf are those of the index under which the ClientGrants about a grant are.
func valuesOf(identity grant.Identity) []string {
	return []string{about(identity), about(grant.Identity{SubjectType: identity.SubjectType, Audience: identity.Audience})}
}

// about is what ClientGrants that record the identity or ask for it have in common.
func about(identity grant.Identity) string {
	return identity.SubjectType + " " + identity.DefaultFor + " " + identity.ClientID + " " + identity.Audience
}

// indexedAbout is what an object records and asks for. One index for both: nearly every object records what it asks for, and an
// entry that no other object shares takes a kilobyte.
func indexedAbout(obj *v1alpha1.ClientGrant) []string {
	values := []string{about(ownership.Asked(obj))}
	for _, identity := range ownership.Identities(obj) {
		if value := about(identity); !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// IndexClientGrants registers the indexes of ClientGrants.
func IndexClientGrants(mgr ctrl.Manager) (About, error) {
	indexes := map[string]func(*v1alpha1.ClientGrant) []string{
		IndexTenant: func(obj *v1alpha1.ClientGrant) []string { return []string{obj.TenantKey().String()} },
		IndexConfigMap: func(obj *v1alpha1.ClientGrant) []string {
			if ref := obj.Spec.ClientRef.ConfigMapKeyRef; ref != nil {
				return []string{obj.Namespace + "/" + ref.Name}
			}
			return nil
		},
	}
	find, err := indexAbout(mgr)
	if err != nil {
		return nil, err
	}
	if find == nil { // The cache has an informer for each namespace.
		indexes[IndexAbout], find = indexedAbout, AboutBy(mgr.GetClient())
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
			return nil, err
		}
	}
	return find, nil
}

// indexAbout registers the index of what objects are about with the one informer of all namespaces; nil where there is none.
func indexAbout(mgr ctrl.Manager) (About, error) {
	informer, err := mgr.GetCache().GetInformer(context.Background(), &v1alpha1.ClientGrant{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	one, ok := informer.(toolscache.SharedIndexInformer)
	if !ok {
		return nil, nil
	}
	return aboutIn(one.GetIndexer()), one.AddIndexers(toolscache.Indexers{IndexAbout: func(obj any) ([]string, error) {
		if clientGrant, ok := obj.(*v1alpha1.ClientGrant); ok {
			return indexedAbout(clientGrant), nil
		}
		return nil, nil
	}})
}

// Auth0TenantIndexes are the indexes of Auth0Tenants.
var Auth0TenantIndexes = map[string]func(*v1alpha1.Auth0Tenant) []string{
	IndexSecret: func(obj *v1alpha1.Auth0Tenant) []string { return []string{obj.Spec.Credentials.SecretRef.Name} },
	IndexHost: func(obj *v1alpha1.Auth0Tenant) []string {
		return slices.Compact([]string{obj.DomainHost(), obj.CanonicalHost()})
	},
	IndexAccepted: func(obj *v1alpha1.Auth0Tenant) []string {
		if obj.Status.Accepted == nil {
			return nil
		}
		return []string{obj.ProvenHost()}
	},
}

// IndexAuth0Tenants registers the indexes of Auth0Tenants.
func IndexAuth0Tenants(mgr ctrl.Manager) error {
	for name, values := range Auth0TenantIndexes {
		extract := func(obj client.Object) []string {
			if found, ok := obj.(*v1alpha1.Auth0Tenant); ok {
				return values(found)
			}
			return nil
		}
		if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.Auth0Tenant{}, name, extract); err != nil {
			return err
		}
	}
	return nil
}
