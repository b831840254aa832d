package auth0tenant

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

func TestForget_WakesWhoWaitsForAnAuth0TenantThatNobodyHasLookedAt(t *testing.T) {
	ctx := t.Context()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	user := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: "grant"}}
	user.Spec.TenantRef.Name = "main"
	stored := fake.NewClientBuilder().WithScheme(scheme).
		WithObjects(user, &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: "main"}}).
		WithIndex(&v1alpha1.ClientGrant{}, cached.IndexTenant, func(obj client.Object) []string {
			return []string{obj.(*v1alpha1.ClientGrant).TenantKey().String()}
		}).Build()
	queue := priorityqueue.New[reconcile.Request](t.Name())
	defer queue.ShutDown()
	grants := &wake.Queue{}
	if err := grants.Source().Start(ctx, queue); err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{
		Client: stored, Sessions: tenant.NewSessions(func(budget.Key) {}, func(budget.Key) {}, 1), Grants: grants,
		Pending: func(types.NamespacedName) []types.NamespacedName { return nil }, known: map[types.NamespacedName]*knownTenant{},
	}
	r.forget(ctx, types.NamespacedName{Namespace: "billing", Name: "short-lived"})
	if queue.Len() != 1 {
		t.Errorf("%d ClientGrants were woken, want the one that may have waited to know which application short-lived uses", queue.Len())
	}
}
