package auth0tenant

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// SetupWithManager registers the reconciler with its watches.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.known, r.turns = map[types.NamespacedName]*knownTenant{}, wake.NewTurns(tenantWorkers)
	if err := cached.IndexAuth0Tenants(mgr); err != nil {
		return err
	}
	changed := predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	secrets, err := r.secrets(mgr)
	if err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("auth0tenant").
		For(&v1alpha1.Auth0Tenant{}, builder.WithPredicates(changed)).
		WatchesRawSource(secrets).
		WatchesRawSource(r.Queue.Source()).
		WithOptions(wake.Options(r.turns)).
		Complete(r)
}

// tenantWorkers is the number of Auth0Tenants that are reconciled at once.
const tenantWorkers = 8

// secrets wakes the Auth0Tenants whose Secret changed. Where the Role for Secrets is missing in a namespace, that is the
// trouble of the Auth0Tenants there: hence a cache of its own, because everything that uses the manager's cache waits
// until all of that is complete.
func (r *Reconciler) secrets(mgr ctrl.Manager) (source.Source, error) {
	options := cached.Options(r.Installation.TenantNamespaces, r.Namespaces)
	options.Scheme, options.Mapper, options.HTTPClient = mgr.GetScheme(), mgr.GetRESTMapper(), mgr.GetHTTPClient()
	secrets, err := cache.New(mgr.GetConfig(), options)
	if err != nil {
		return nil, err
	}
	start := func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		informer, err := secrets.GetInformer(ctx, cached.MetadataOf("Secret"), cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		wake := func(object any) { r.wakeUsers(ctx, object, queue) }
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: wake, UpdateFunc: func(_, after any) { wake(after) }, DeleteFunc: wake,
		})
		return err
	}
	return source.Func(start), mgr.Add(secrets)
}

func (r *Reconciler) wakeUsers(ctx context.Context, object any,
	queue workqueue.TypedRateLimitingInterface[reconcile.Request],
) {
	if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	if secret, ok := object.(client.Object); ok {
		for _, request := range r.usersOf(ctx, secret) {
			queue.Add(request)
		}
	}
}

// usersOf returns the Auth0Tenants that use a Secret.
func (r *Reconciler) usersOf(ctx context.Context, secret client.Object) []reconcile.Request {
	users := &v1alpha1.Auth0TenantList{}
	err := r.List(ctx, users, client.InNamespace(secret.GetNamespace()), client.MatchingFields{cached.IndexSecret: secret.GetName()})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Auth0Tenants of a Secret")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(users.Items))
	for i := range users.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&users.Items[i])})
	}
	return requests
}
