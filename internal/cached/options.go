package cached

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// Options keep Secrets out of the cache but for their names, and out of every namespace but those of Auth0Tenants.
// ClientGrants and ConfigMaps are read in the given namespaces, or in all where none is given; then Auth0Tenants are, too,
// so that one in a wrong place can be told.
func Options(tenantNamespaces, namespaces []string) cache.Options {
	tenants, grants := configs(tenantNamespaces), configs(namespaces)
	secret, configMap, namespace := MetadataOf("Secret"), MetadataOf("ConfigMap"), MetadataOf("Namespace")
	options := cache.Options{
		DefaultTransform:  cache.TransformStripManagedFields(),
		DefaultNamespaces: grants,
		ByObject: map[client.Object]cache.ByObject{
			secret:    {Namespaces: tenants, Transform: nameOnly},
			configMap: {Transform: nameOnly},
			namespace: {Transform: labelsOnly},

			&v1alpha1.ClientGrant{}: {Transform: compact},
		},
	}
	if len(namespaces) > 0 {
		options.ByObject[&v1alpha1.Auth0Tenant{}] = cache.ByObject{Namespaces: tenants}
		delete(options.ByObject, namespace)
	}
	return options
}

func configs(namespaces []string) map[string]cache.Config {
	configs := map[string]cache.Config{}
	for _, namespace := range namespaces {
		configs[namespace] = cache.Config{}
	}
	return configs
}

// MetadataOf is what the cache keeps of a core kind.
func MetadataOf(kind string) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return object
}
