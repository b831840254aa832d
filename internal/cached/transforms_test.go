package cached

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// The cache's copy lacks what other programs keep in an object, and nothing that a pass acts on.
func TestCompact_DropsWhatOnlyOthersRead(t *testing.T) {
	want := &v1alpha1.ClientGrant{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "billing", Name: "reads", Finalizers: []string{v1alpha1.ClientGrantFinalizer},
			Annotations: map[string]string{v1alpha1.ReconcileRequestAnnotation: "now"},
		},
		Spec: v1alpha1.ClientGrantSpec{
			TenantRef: v1alpha1.TenantReference{Name: "main", Namespace: "auth0"}, ClientRef: v1alpha1.ClientReference{ID: "app"},
			Audience: "https://api.example.com/", Scopes: []string{"read:users", ""},
		},
		Status: v1alpha1.ClientGrantStatus{
			OwnershipRecord: v1alpha1.OwnershipRecord{Tenant: "acme.eu.auth0.com", Audience: "https://api.example.com/", GrantID: "cgr_1"},
			Conditions: []metav1.Condition{{
				Type: "Ready", Reason: "Available", Message: "As it should be.", LastTransitionTime: metav1.NewTime(time.Unix(1, 0)),
			}},
		},
	}
	stored := want.DeepCopy()
	stored.Annotations[corev1.LastAppliedConfigAnnotation] = "{}"
	stored.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	got, err := compact(stored)
	if err != nil || !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("compact is %+v, %v, want %+v", got, err, want)
	}
	other := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Name: "main"}}
	if got, err := compact(other); err != nil || got != any(other) {
		t.Errorf("compact of another kind is %v, %v", got, err)
	}
}
