package clientgrant

import (
	"context"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// SetupWithManager registers the reconciler with its watches.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.turns = wake.NewTurns(r.Workers)
	about, err := cached.IndexClientGrants(mgr)
	if err != nil {
		return err
	}
	r.worlds = world.New(&world.Gatherer{
		Cache: r.Client, Live: r.Live, Sessions: r.Sessions, Namespaced: r.Namespaced, TenantNamespaces: r.TenantNamespaces,
		TenantHosts: r.TenantHosts, Usable: r.Usable, Start: r.history.start, About: about, Gone: r.tombstones.about,
	})
	running := ctrl.NewControllerManagedBy(mgr).
		Named("clientgrant").
		For(&v1alpha1.ClientGrant{}, builder.WithPredicates(changed, predicate.Funcs{UpdateFunc: r.deleting, DeleteFunc: r.deleted})).
		Watches(&v1alpha1.ClientGrant{}, r.rivalsOf()).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.usersOf)).
		WatchesRawSource(r.Queue.Source()).
		WithOptions(wake.Options(r.turns))
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
		if _, err := objects.GetInformer(context.Background(), cached.MetadataOf(kind), cache.BlockUntilSynced(false)); err != nil {
			return err
		}
	}
	return nil
}

// within returns the ClientGrants of a namespace.
func (r *Reconciler) within(ctx context.Context, namespace client.Object) []reconcile.Request {
	return r.requests(ctx, "a namespace", client.InNamespace(namespace.GetName()))
}

// usersOf returns the ClientGrants that read their client ID from a ConfigMap.
func (r *Reconciler) usersOf(ctx context.Context, configMap client.Object) []reconcile.Request {
	return r.requests(ctx, "a ConfigMap", client.MatchingFields{cached.IndexConfigMap: client.ObjectKeyFromObject(configMap).String()})
}

func (r *Reconciler) requests(ctx context.Context, of string, match client.ListOption) []reconcile.Request {
	list := &v1alpha1.ClientGrantList{}
	if err := r.List(ctx, list, match, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the ClientGrants of "+of)
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// deleting has a deletion looked at before what others have changed.
func (r *Reconciler) deleting(e event.UpdateEvent) bool {
	if before, ok := e.ObjectOld.(*v1alpha1.ClientGrant); ok && before.UID != e.ObjectNew.GetUID() {
		r.tombstones.note(before) // A watch that was cut off does not tell of a deletion before another one of the name.
	}
	if e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero() {
		r.Queue.AddDeletion(client.ObjectKeyFromObject(e.ObjectNew))
	}
	return true
}

// deleted keeps what went too early; every deletion is looked at.
func (r *Reconciler) deleted(e event.DeleteEvent) bool {
	if obj, ok := e.Object.(*v1alpha1.ClientGrant); ok {
		r.tombstones.note(obj)
	}
	return true
}

// changed lets through what a pass may have to act on: not the conditions that the operator writes itself.
var changed = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.ClientGrant)
		after, also := e.ObjectNew.(*v1alpha1.ClientGrant)
		return !ok || !also || !reflect.DeepEqual(before.Annotations, after.Annotations) || concernsRivals(before, after)
	},
}

// concernsRivals says whether a change of a ClientGrant may change who owns its grants.
func concernsRivals(before, after *v1alpha1.ClientGrant) bool {
	return before.Generation != after.Generation || before.UID != after.UID ||
		!reflect.DeepEqual(before.Finalizers, after.Finalizers) ||
		!reflect.DeepEqual(before.DeletionTimestamp, after.DeletionTimestamp) ||
		before.Status.OwnershipRecord != after.Status.OwnershipRecord ||
		!reflect.DeepEqual(before.Status.Replaces, after.Status.Replaces)
}

// rivalsOf has an event of one ClientGrant wake every other one that is about the same grants. One that has no stake in any, and
// had none before, is nobody's concern.
func (r *Reconciler) rivalsOf() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList && r.mattered(ctx, e.Object) { // The controller begins with every object anyway.
				r.wakeRivals(ctx, q, e.Object)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, _ := e.ObjectOld.(*v1alpha1.ClientGrant)
			after, _ := e.ObjectNew.(*v1alpha1.ClientGrant)
			changed := concernsRivals(before, after) || reasonOf(before) != reasonOf(after)
			if changed && r.mattered(ctx, before, after) {
				r.wakeRivals(ctx, q, before, after)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			if r.mattered(ctx, e.Object) {
				r.wakeRivals(ctx, q, e.Object)
			}
		},
	}
}

// mattered says whether an object has a stake in a grant, or had one when its reason was told.
func (r *Reconciler) mattered(ctx context.Context, states ...client.Object) bool {
	hasStake := r.worlds.Stakes(ctx)
	return slices.ContainsFunc(states, func(state client.Object) bool {
		obj, ok := state.(*v1alpha1.ClientGrant)
		if !ok {
			return false
		}
		switch reasonOf(obj) {
		case "", v1alpha1.ReasonTenantNotReady, v1alpha1.ReasonNotPermitted, v1alpha1.ReasonClientNotResolved:
			return hasStake(obj)
		}
		return true
	})
}

// reasonOf is the reason of the Ready condition: whether a rule allows its grant is told by nothing else.
func reasonOf(obj *v1alpha1.ClientGrant) string {
	if ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return ""
}

func (r *Reconciler) wakeRivals(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request], states ...client.Object) {
	woken := map[types.NamespacedName]struct{}{client.ObjectKeyFromObject(states[0]): {}}
	for _, state := range states {
		obj, ok := state.(*v1alpha1.ClientGrant)
		if !ok {
			continue
		}
		for _, key := range r.sharing(ctx, obj) {
			if _, done := woken[key]; !done {
				woken[key] = struct{}{}
				q.Add(reconcile.Request{NamespacedName: key})
			}
		}
	}
}
