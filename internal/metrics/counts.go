package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// counts holds how many ClientGrants of a namespace use an Auth0Tenant, and how they are. All those that name none that is there
// are counted as one: their authors could write any text.
type counts struct {
	tenants map[string]struct{}
	users   map[user]*count
}

type user struct{ tenant, namespace string }

type count struct {
	byReason                           map[string]int
	frozen, contested, drifted, heldUp int
}

func newCounts(tenants []v1alpha1.Auth0Tenant) counts {
	c := counts{tenants: map[string]struct{}{}, users: map[user]*count{}}
	for i := range tenants {
		c.tenants[client.ObjectKeyFromObject(&tenants[i]).String()] = struct{}{}
	}
	return c
}

func (c counts) add(obj *v1alpha1.ClientGrant) {
	of := user{obj.TenantKey().String(), obj.Namespace}
	if _, there := c.tenants[of.tenant]; !there {
		of.tenant = ""
	}
	counted := c.users[of]
	if counted == nil {
		counted = &count{byReason: map[string]int{}}
		c.users[of] = counted
	}
	reason := status.ReasonOf(obj.Status.Conditions)
	counted.byReason[reason]++
	if reason == v1alpha1.ReasonNotPermitted && (obj.Status.Origin != "" || obj.Status.Replaces != nil) {
		counted.frozen++
	}
	if reason == v1alpha1.ReasonDeletionHeld {
		counted.heldUp++
	}
	if meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionContested) {
		counted.contested++
	}
	if obj.Status.Drift != nil {
		counted.drifted++
	}
}

// tell tells every kind of trouble of every user, also where there is none: an alert then sees the trouble begin and end.
func (c counts) tell(out chan<- prometheus.Metric) {
	tell := func(desc *prometheus.Desc, count int, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(count), labels...)
	}
	for of, counted := range c.users {
		for reason, count := range counted.byReason {
			tell(grants, count, of.tenant, of.namespace, reason)
		}
		tell(frozenGrants, counted.frozen, of.tenant, of.namespace)
		tell(contestedGrants, counted.contested, of.tenant, of.namespace)
		tell(driftedGrants, counted.drifted, of.tenant, of.namespace)
		tell(deletionsHeld, counted.heldUp, of.tenant, of.namespace)
	}
}
