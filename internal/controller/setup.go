package controller

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// Settings say how the operator works in one installation.
type Settings struct {
	// Policy says which Auth0Tenants may be used.
	Policy Policy
	// Namespaces are those whose ClientGrants are managed; none means all.
	Namespaces []string
	// Guard refuses writes to a tenant while the operator is not surely the leader; nil where there is no leader.
	Guard func() error
	// UserAgent of the requests to Auth0.
	UserAgent string
	// Workers is the number of ClientGrants that are reconciled at once.
	Workers int
}

// mostSlots is how many calls to one host are under way at once.
const mostSlots = 8

// NewScheme knows the kinds that the operator reads and writes.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // The types are compiled in: this cannot depend on anything outside.
		}
	}
	return scheme
}

// CacheOptions keep Secrets out of the cache but for their names, and out of every namespace but those of Auth0Tenants.
// ClientGrants and ConfigMaps are read in the given namespaces, or in all where none is given; then Auth0Tenants are, too,
// so that one in a wrong place can be told.
func CacheOptions(tenantNamespaces, namespaces []string) cache.Options {
	tenants, grants := configs(tenantNamespaces), configs(namespaces)
	secret, configMap, namespace := metadataOf("Secret"), metadataOf("ConfigMap"), metadataOf("Namespace")
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

// labelsOnly keeps what access rules ask of a namespace.
func labelsOnly(object any) (any, error) {
	if metadata, ok := object.(metav1.Object); ok {
		metadata.SetAnnotations(nil)
		metadata.SetManagedFields(nil)
	}
	return object, nil
}

// nameOnly drops what nobody needs and what may be content: kubectl keeps a copy of a Secret in an annotation.
func nameOnly(object any) (any, error) {
	if metadata, ok := object.(metav1.Object); ok {
		metadata.SetAnnotations(nil)
		metadata.SetLabels(nil)
		metadata.SetManagedFields(nil)
	}
	return object, nil
}

// SetUp registers the two reconcilers, which wake each other by their queues, and ends their sessions with the manager.
func SetUp(mgr ctrl.Manager, settings Settings) error {
	grants, tenants := &Queue{}, &Queue{}
	gone, memories := newVanished(), newMemories()
	// With fewer calls under way to one host than there are workers, a tenant that hangs does not stop the others.
	slots := min(mostSlots, max(1, settings.Workers/2))
	sessions := tenant.NewSessions(
		func(key tenant.Key) { grants.Add(types.NamespacedName(key)) },
		func(key tenant.Key) { grants.AddTurn(types.NamespacedName(key)) }, slots)
	err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		sessions.CloseAll()
		return nil
	}))
	if err != nil {
		return err
	}
	if err := mgr.Add(&stateCollector{objects: mgr.GetClient(), sessions: sessions}); err != nil {
		return err
	}
	settings.Policy.Namespaced = len(settings.Namespaces) > 0
	err = (&TenantReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Sessions: sessions, Policy: settings.Policy, Namespaces: settings.Namespaces,
		Guard: settings.Guard, UserAgent: settings.UserAgent, Queue: tenants, Grants: grants, vanished: gone, memories: memories,
	}).SetupWithManager(mgr)
	if err != nil {
		return err
	}
	return (&ClientGrantReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder("clientgrant-operator"),
		Sessions: sessions, Workers: settings.Workers, Namespaced: settings.Policy.Namespaced, TenantNamespaces: settings.Policy.TenantNamespaces,
		Queue: grants, Tenants: tenants, vanished: gone, memories: memories,
	}).SetupWithManager(mgr)
}
