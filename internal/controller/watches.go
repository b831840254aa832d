package controller

import (
	"context"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// SetupWithManager registers the reconciler with its watches.
func (r *ClientGrantReconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.claims, r.clients = newClaims(), newClients()
	if err := indexClientGrants(mgr); err != nil {
		return err
	}
	running := ctrl.NewControllerManagedBy(mgr).
		Named("clientgrant").
		For(&v1alpha1.ClientGrant{}, builder.WithPredicates(clientGrantChanged, predicate.Funcs{UpdateFunc: r.deleting, DeleteFunc: r.deleted})).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.usersOf)).
		WatchesRawSource(r.Queue.source()).
		WithOptions(queueOptions(r.Workers))
	watched := []string{"ConfigMap"}
	if !r.Namespaced {
		running.WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.within), builder.WithPredicates(predicate.LabelChangedPredicate{}))
		watched = append(watched, "Namespace")
	}
	if err := fillEarly(mgr.GetCache(), watched); err != nil {
		return err
	}
	return running.Complete(r)
}

// fillEarly has a standby read what the leader watches beside its own kinds: it takes over without reading first, and what it
// may not read is noticed before.
func fillEarly(objects cache.Cache, kinds []string) error {
	for _, kind := range kinds {
		if _, err := objects.GetInformer(context.Background(), metadataOf(kind), cache.BlockUntilSynced(false)); err != nil {
			return err
		}
	}
	return nil
}

// within returns the ClientGrants of a namespace.
func (r *ClientGrantReconciler) within(ctx context.Context, namespace client.Object) []reconcile.Request {
	list := &v1alpha1.ClientGrantList{}
	if err := r.List(ctx, list, client.InNamespace(namespace.GetName())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the ClientGrants of a namespace")
		return nil
	}
	return requestsFor(list)
}

func requestsFor(list *v1alpha1.ClientGrantList) []reconcile.Request {
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// deleting has a deletion looked at before what others have changed.
func (r *ClientGrantReconciler) deleting(e event.UpdateEvent) bool {
	if before, ok := e.ObjectOld.(*v1alpha1.ClientGrant); ok && before.UID != e.ObjectNew.GetUID() {
		r.vanished.note(before) // A watch that was cut off does not tell of a deletion before another one of the name.
	}
	if e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero() {
		r.Queue.AddDeletion(client.ObjectKeyFromObject(e.ObjectNew))
	}
	return true
}

// deleted keeps what went too early; every deletion is looked at.
func (r *ClientGrantReconciler) deleted(e event.DeleteEvent) bool {
	if obj, ok := e.Object.(*v1alpha1.ClientGrant); ok {
		r.vanished.note(obj)
	}
	return true
}

// usersOf returns the ClientGrants that read their client ID from a ConfigMap.
func (r *ClientGrantReconciler) usersOf(ctx context.Context, configMap client.Object) []reconcile.Request {
	users := &v1alpha1.ClientGrantList{}
	key := client.ObjectKeyFromObject(configMap).String()
	if err := r.List(ctx, users, client.MatchingFields{indexConfigMap: key}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the ClientGrants of a ConfigMap", "configMap", key)
		return nil
	}
	return requestsFor(users)
}

// clientGrantChanged lets through what a pass may have to act on: not the conditions that the operator writes itself.
var clientGrantChanged = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.ClientGrant)
		after, also := e.ObjectNew.(*v1alpha1.ClientGrant)
		return !ok || !also || before.Generation != after.Generation || before.UID != after.UID ||
			!reflect.DeepEqual(before.Annotations, after.Annotations) ||
			!reflect.DeepEqual(before.Finalizers, after.Finalizers) ||
			!reflect.DeepEqual(before.DeletionTimestamp, after.DeletionTimestamp) ||
			before.Status.OwnershipRecord != after.Status.OwnershipRecord ||
			!reflect.DeepEqual(before.Status.Replaces, after.Status.Replaces)
	},
}
