package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// The gauges that States tells.
var (
	tenantReady = gauge("clientgrant_tenant_ready",
		"1 where the Auth0Tenant is Ready, else 0; the reason is that of its Ready condition.", labelTenant, labelReason)
	grants = gauge("clientgrant_grants",
		"ClientGrants, by the reason of their Ready condition; Unknown where they have none yet.",
		labelTenant, labelNamespace, labelReason)
	frozenGrants = gauge("clientgrant_frozen_grants",
		"ClientGrants that own a grant which no access rule allows any more.", labelTenant, labelNamespace)
	contestedGrants = gauge("clientgrant_contested_grants",
		"ClientGrants whose grant somebody else keeps changing back.", labelTenant, labelNamespace)
	driftedGrants = gauge("clientgrant_drifted_grants",
		"ClientGrants whose status.drift tells of a difference that is not corrected.", labelTenant, labelNamespace)
	deletionsHeld = gauge("clientgrant_deletions_held",
		"ClientGrants whose grant is revoked later, because the deletionLimit of the Auth0Tenant is used up.",
		labelTenant, labelNamespace)
	unmanagedGrants = gauge("clientgrant_unmanaged_grants",
		"Grants in the tenant that no ClientGrant names; absent unless the last refresh read the whole list.", labelTenant)
	budgetRemaining = gauge("clientgrant_budget_remaining",
		"Calls that the budget of the tenant allows at once now.", labelTenant)
	budgetWaiting = gauge("clientgrant_budget_waiting",
		"ClientGrants and refreshes that wait for a call to the tenant, by class.", labelTenant, labelClass)
	refreshCalls = gauge("clientgrant_refresh_calls",
		"Calls that the last refresh of the tenant took.", labelTenant)
	refreshVerified = gauge("clientgrant_refresh_verified_timestamp_seconds",
		"When the last complete refresh of the tenant began, in seconds since 1970.", labelTenant)
	refreshInterval = gauge("clientgrant_refresh_interval_seconds",
		"Time from one refresh of the tenant to the next: the resyncInterval, or longer where the budget stretches it.", labelTenant)
)

// stateGauges are all of them.
var stateGauges = []*prometheus.Desc{
	tenantReady, grants, frozenGrants, contestedGrants, driftedGrants, deletionsHeld, unmanagedGrants, budgetRemaining, budgetWaiting,
	refreshCalls, refreshVerified, refreshInterval,
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// States tells how things stand when it is asked: from the cache and the sessions, so that nothing is told of an
// object that is gone. Only the leader tells: what others have in their caches would be the same once more, and their
// sessions know nothing.
type States struct {
	// Objects reads the cache.
	Objects  client.Reader
	Sessions *tenant.Sessions
}

// Start has the state told until the leadership ends.
func (c *States) Start(ctx context.Context) error {
	if err := metrics.Registry.Register(c); err != nil {
		return err
	}
	defer metrics.Registry.Unregister(c)
	<-ctx.Done()
	return nil
}

// NeedLeaderElection has it start with the leadership.
func (*States) NeedLeaderElection() bool { return true }

// Describe names what may be told.
func (*States) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range stateGauges {
		out <- desc
	}
}

// Collect tells it.
func (c *States) Collect(out chan<- prometheus.Metric) {
	tenants, users := &v1alpha1.Auth0TenantList{}, &v1alpha1.ClientGrantList{}
	for _, list := range []client.ObjectList{tenants, users} {
		// They are only read here: thousands of copies for each scrape would serve nobody.
		if err := c.Objects.List(context.Background(), list, client.UnsafeDisableDeepCopy); err != nil {
			out <- prometheus.NewInvalidMetric(grants, err)
			return
		}
	}
	for i := range tenants.Items {
		c.tellTenant(out, &tenants.Items[i])
	}
	counted := newCounts(tenants.Items)
	for i := range users.Items {
		counted.add(&users.Items[i])
	}
	counted.tell(out)
}

func (c *States) tellTenant(out chan<- prometheus.Metric, obj *v1alpha1.Auth0Tenant) {
	key := client.ObjectKeyFromObject(obj)
	tell := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{key.String()}, labels...)...)
	}
	ready := 0.0
	if meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionReady) {
		ready = 1
	}
	tell(tenantReady, ready, status.ReasonOf(obj.Status.Conditions))
	session := c.Sessions.Get(budget.Key(key), string(obj.UID))
	if session == nil {
		return
	}
	stats := session.Stats()
	tell(budgetRemaining, stats.Remaining)
	for class, waiting := range stats.Waiting {
		tell(budgetWaiting, float64(waiting), class.String())
	}
	tell(refreshInterval, stats.Interval.Seconds())
	if stats.Verified.IsZero() {
		return
	}
	tell(refreshCalls, float64(stats.Calls))
	tell(refreshVerified, float64(stats.Verified.UnixMilli())/1000)
	if stats.Unmanaged != nil {
		tell(unmanagedGrants, float64(stats.Unmanaged.Count))
	}
}
