package auth0tenant

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

func TestForget_WakesWhatWaitsForAnAuth0TenantThatWasNeverLookedAt(t *testing.T) {
	user := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: "grant"}}
	user.Spec.TenantRef.Name = "main"
	r := reconcilerOf(t, interceptor.Funcs{}, user,
		&v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: "main"}})
	queue := priorityqueue.New[reconcile.Request](t.Name())
	defer queue.ShutDown()
	if err := r.Grants.Source().Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	r.forget(t.Context(), types.NamespacedName{Namespace: "strangers", Name: "short-lived"})
	if queue.Len() != 0 {
		t.Errorf("%d ClientGrants were woken because of an Auth0Tenant that is not used", queue.Len())
	}
	r.forget(t.Context(), types.NamespacedName{Namespace: "auth0", Name: "short-lived"})
	if queue.Len() != 1 {
		t.Errorf("%d ClientGrants were woken, want the one that may have waited to know which application short-lived uses", queue.Len())
	}
}
