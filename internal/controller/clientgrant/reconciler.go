// Package clientgrant reconciles ClientGrants: it gathers what lifecycle.Next decides on, takes the step that follows, and
// tells what came of it.
package clientgrant

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// +kubebuilder:rbac:groups=auth0.clientgrants.dev,resources=clientgrants,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=auth0.clientgrants.dev,resources=clientgrants/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one pass: it takes step after step until there is something to wait for, and tells the status once, at the
// end, beside the ownership records, which are written before what they speak of.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.Sessions.EndPass(budget.Key(req.NamespacedName))
	result, err := r.reconcile(ctx, req.NamespacedName)
	if result.Priority == nil {
		result.Priority = new(wake.PriorityNow) // That of this pass is not the next one's.
	}
	return result, err
}

func (r *Reconciler) reconcile(ctx context.Context, key types.NamespacedName) (ctrl.Result, error) {
	if isTombstone(key) {
		return r.reconcileTombstone(ctx, key)
	}
	r.bury(ctx, key)
	obj := &v1alpha1.ClientGrant{}
	if err := r.Get(ctx, key, obj); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.forget(key)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	past := r.history.of(key, obj)
	if past.isAhead(obj.ResourceVersion) {
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	p := r.newPass(ctx, key, obj, past)
	return p.finish(ctx, p.run(ctx))
}

// forget drops what is remembered of a ClientGrant that is gone.
func (r *Reconciler) forget(key types.NamespacedName) {
	if last := r.history.forget(key); last != nil {
		r.Tenants.Add(last.tenant)
	}
	r.Sessions.Forget(budget.Key(key))
}

// Begin says that the process is about to act: what is seen from now on is younger than the process.
func (r *Reconciler) Begin() { r.history.start() }

// Pending returns the keys of ClientGrants that are gone, and whose access in an Auth0Tenant is still being ended.
func (r *Reconciler) Pending(tenant types.NamespacedName) []types.NamespacedName {
	return r.tombstones.in(tenant)
}
