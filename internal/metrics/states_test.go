package metrics_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// Anybody who may make a ClientGrant could make a series of each text that he writes.
func TestStates_LabelNothingByAnAuth0TenantThatIsNotThere(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects := fake.NewClientBuilder().WithScheme(scheme).
		WithObjects(&v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "auth0", Name: "main"}})
	for i := range 100 {
		obj := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: strconv.Itoa(i)}}
		obj.Spec.TenantRef = v1alpha1.TenantReference{Namespace: "auth0", Name: fmt.Sprintf("any text/%d", i)}
		if i == 0 {
			obj.Spec.TenantRef.Name = "main"
		}
		objects.WithObjects(obj)
	}
	sessions := tenant.NewSessions(func(budget.Key) {}, func(budget.Key) {}, 1, time.Minute)
	told := prometheus.NewRegistry()
	told.MustRegister(&metrics.States{Objects: objects.Build(), Sessions: sessions})
	families, err := told.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "tenant" && !slices.Contains([]string{"", "auth0/main"}, label.GetValue()) {
					t.Errorf("%s has the label %q", family.GetName(), label.GetValue())
				}
				if label.GetName() == "tenant" && family.GetName() == "clientgrant_grants" {
					counted[label.GetValue()] += metric.GetGauge().GetValue()
				}
			}
		}
	}
	if counted["auth0/main"] != 1 || counted[""] != 99 {
		t.Errorf("counted %v", counted)
	}
}
