package auth0tenant

import (
	"context"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/clientgrants/clientgrant-operator/internal/cached"
)

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
