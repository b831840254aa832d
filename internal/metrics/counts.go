package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// reasonUnknown stands for that of a condition which is not there yet.
const reasonUnknown = "Unknown"

// counts holds how many ClientGrants of a namespace use an Auth0Tenant, and how they are.
type counts map[user]*count

type user struct{ tenant, namespace string }

type count struct {
	byReason                           map[string]int
	frozen, contested, drifted, heldUp int
}

func (c counts) add(obj *v1alpha1.ClientGrant) {
	of := user{obj.TenantKey().String(), obj.Namespace}
	if c[of] == nil {
		c[of] = &count{byReason: map[string]int{}}
	}
	reason := readyReason(obj.Status.Conditions)
	c[of].byReason[reason]++
	if reason == v1alpha1.ReasonNotPermitted && (obj.Status.Origin != "" || obj.Status.Replaces != nil) {
		c[of].frozen++
	}
	if reason == v1alpha1.ReasonDeletionHeld {
		c[of].heldUp++
	}
	if meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionContested) {
		c[of].contested++
	}
	if obj.Status.Drift != nil {
		c[of].drifted++
	}
}

// tell tells every kind of trouble of every user, also where there is none: an alert then sees the trouble begin and end.
func (c counts) tell(out chan<- prometheus.Metric) {
	tell := func(desc *prometheus.Desc, count int, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(count), labels...)
	}
	for of, counted := range c {
		for reason, count := range counted.byReason {
			tell(grants, count, of.tenant, of.namespace, reason)
		}
		tell(frozenGrants, counted.frozen, of.tenant, of.namespace)
		tell(contestedGrants, counted.contested, of.tenant, of.namespace)
		tell(driftedGrants, counted.drifted, of.tenant, of.namespace)
		tell(deletionsHeld, counted.heldUp, of.tenant, of.namespace)
	}
}

func readyReason(conditions []metav1.Condition) string {
	if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return reasonUnknown
}
