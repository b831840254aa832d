package controller

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

func TestDeleting_KeepsAnObjectThatIsSeenToBecomeAnotherOne(t *testing.T) {
	r := &ClientGrantReconciler{Queue: &Queue{}, vanished: newVanished()}
	before := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{
		Namespace: "billing", Name: "grant", UID: "first", Finalizers: []string{v1alpha1.ClientGrantFinalizer},
	}}
	before.Status.OwnershipRecord = v1alpha1.OwnershipRecord{Origin: v1alpha1.OriginCreated, ClientID: "app", GrantID: "cgr_1"}
	same := before.DeepCopy()
	r.deleting(event.UpdateEvent{ObjectOld: before, ObjectNew: same})
	if kept := r.vanished.take(client.ObjectKeyFromObject(before)); len(kept) != 0 {
		t.Errorf("kept %v of an object that is still there", kept)
	}
	again := before.DeepCopy()
	again.UID, again.Status = "second", v1alpha1.ClientGrantStatus{}
	r.deleting(event.UpdateEvent{ObjectOld: before, ObjectNew: again})
	if kept := r.vanished.take(client.ObjectKeyFromObject(before)); len(kept) != 1 || kept[0].UID != "first" {
		t.Errorf("kept %v, want the first object: nobody else would revoke its grant", kept)
	}
}

func TestForget_WakesWhoWaitsForAnAuth0TenantThatNobodyHasLookedAt(t *testing.T) {
	ctx := context.Background()
	user := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: "grant"}}
	user.Spec.TenantRef.Name = "main"
	stored := fake.NewClientBuilder().WithScheme(NewScheme()).
		WithObjects(user, &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: "main"}}).
		WithIndex(&v1alpha1.ClientGrant{}, indexTenant, func(obj client.Object) []string {
			return []string{tenantKey(obj.(*v1alpha1.ClientGrant)).String()}
		}).Build()
	queue := priorityqueue.New[reconcile.Request](t.Name())
	defer queue.ShutDown()
	r := &TenantReconciler{
		Client: stored, Sessions: tenant.NewSessions(func(tenant.Key) {}, func(tenant.Key) {}, 1),
		Grants: &Queue{queue: queue}, vanished: newVanished(), known: map[types.NamespacedName]*knownTenant{},
	}
	r.forget(ctx, types.NamespacedName{Namespace: "billing", Name: "short-lived"})
	if queue.Len() != 1 {
		t.Errorf("%d ClientGrants were woken, want the one that may have waited to know which application short-lived uses", queue.Len())
	}
}
