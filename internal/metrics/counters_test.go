package metrics_test

import (
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	registry "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clientgrants/clientgrant-operator/internal/metrics"
)

// countedOf adds up what is counted of an Auth0Tenant, and says how many series there are.
func countedOf(t *testing.T, of types.NamespacedName) (sum float64, series int) {
	t.Helper()
	families, err := registry.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "tenant" && label.GetValue() == of.String() {
					sum, series = sum+metric.GetCounter().GetValue(), series+1
				}
			}
		}
	}
	return sum, series
}

// A call may end after its Auth0Tenant is gone: it must not bring the series back.
func TestCounters_CountWhileTheAuth0TenantIsKnown(t *testing.T) {
	of := types.NamespacedName{Namespace: "auth0", Name: "main"}
	countAll := func() {
		metrics.APICall(of, http.MethodPost, 0)
		metrics.TokenRequest(of, http.StatusOK)
		for _, count := range []func(types.NamespacedName){metrics.DriftFound, metrics.DriftCorrected, metrics.HandedOver, metrics.GrantLeft} {
			count(of)
		}
	}
	countAll()
	if sum, series := countedOf(t, of); sum != 0 || series != 0 {
		t.Errorf("before: %v in %d series", sum, series)
	}
	metrics.Start(of)
	if sum, series := countedOf(t, of); sum != 0 || series != 9 {
		t.Errorf("at the start: %v in %d series", sum, series)
	}
	countAll()
	metrics.Start(of)
	if sum, series := countedOf(t, of); sum != 6 || series != 10 {
		t.Errorf("while it is known: %v in %d series", sum, series)
	}
	metrics.Stop(of)
	countAll()
	if sum, series := countedOf(t, of); sum != 0 || series != 0 {
		t.Errorf("after: %v in %d series", sum, series)
	}
}
