package controller_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// ours is what the names of the operator's own metrics begin with.
const ours = "clientgrant_"

// series are the values that the operator's metrics have now of an Auth0Tenant, by name and labels but the tenant: as in
// grants{namespace="tenants",reason="Available"}.
func series(of *v1alpha1.Auth0Tenant) map[string]float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	found := map[string]float64{}
	for _, family := range families {
		name, own := strings.CutPrefix(family.GetName(), ours)
		for _, metric := range family.GetMetric() {
			labels, mine := []string{}, false
			for _, label := range metric.GetLabel() {
				if label.GetName() == "tenant" {
					mine = label.GetValue() == client.ObjectKeyFromObject(of).String()
					continue
				}
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			if own && mine {
				slices.Sort(labels)
				found[name+"{"+strings.Join(labels, ",")+"}"] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			}
		}
	}
	return found
}

// value is that of one series; -1 where it is absent.
func value(of *v1alpha1.Auth0Tenant, name string) func() float64 {
	return func() float64 {
		if value, ok := series(of)[name]; ok {
			return value
		}
		return -1
	}
}

var _ = Describe("The metrics", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
	})
	await := func(name string, want float64) {
		GinkgoHelper()
		Eventually(value(tenant, name)).Should(BeEquivalentTo(want), name)
	}

	It("keep Prometheus' rules, and have no labels but those that are documented", func() {
		obj := available(grantFor(remote, tenant, "read:secret-business"))
		problems, err := testutil.GatherAndLint(metrics.Registry)
		Expect(err).NotTo(HaveOccurred())
		for _, problem := range problems {
			Expect(problem.Metric).NotTo(HavePrefix(ours), problem.Text)
		}
		families, err := metrics.Registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		for _, family := range families {
			if !strings.HasPrefix(family.GetName(), ours) {
				continue
			}
			for _, metric := range family.GetMetric() {
				for _, label := range metric.GetLabel() {
					Expect(label.GetName()).To(BeElementOf("tenant", "namespace", "reason", "class", "method", "code"), family.GetName())
					Expect(label.GetValue()).NotTo(BeElementOf(obj.Name, obj.Spec.Audience, obj.Spec.ClientRef.ID, "read:secret-business",
						obj.Namespace+"/"+obj.Name, remote.ClientID()), family.GetName())
				}
			}
		}
	})

	It("count calls by method and code, from zero on", func() {
		Expect(series(tenant)).To(And(
			HaveKeyWithValue(`token_requests_total{code="200"}`, 1.0),
			HaveKeyWithValue(`api_calls_total{code="201",method="POST"}`, 0.0),
			HaveKeyWithValue(`api_calls_total{code="200",method="PATCH"}`, 0.0),
			HaveKeyWithValue(`api_calls_total{code="204",method="DELETE"}`, 0.0),
			HaveKeyWithValue(`grants_left_total{}`, 0.0), HaveKeyWithValue(`hand_overs_total{}`, 0.0),
			HaveKeyWithValue(`drift_found_total{}`, 0.0), HaveKeyWithValue(`drift_corrected_total{}`, 0.0),
		))
		refused := remote.Inject(sim.Fault{Method: http.MethodPost, Route: routeGrants, Status: http.StatusServiceUnavailable, Times: 1})
		lost := remote.Inject(sim.Fault{Method: http.MethodPatch, Route: routeGrant, Drop: true, Times: 1})
		obj := available(grantFor(remote, tenant, "a", "b"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"a"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		remove(obj)
		Eventually(func() int { return remote.Requests(http.MethodDelete, routeGrant) }).Should(Equal(1))
		Expect(refused.Hits() + lost.Hits()).To(Equal(2))
		Eventually(func() map[string]float64 { return series(tenant) }).Should(And(
			HaveKeyWithValue(`api_calls_total{code="503",method="POST"}`, 1.0),
			HaveKeyWithValue(`api_calls_total{code="201",method="POST"}`, 1.0),
			HaveKeyWithValue(`api_calls_total{code="none",method="PATCH"}`, 1.0),
			HaveKeyWithValue(`api_calls_total{code="204",method="DELETE"}`, 1.0),
			HaveKeyWithValue(`api_calls_total{code="200",method="GET"}`, BeNumerically(">=", 1)),
		))
	})

	It("tell how many ClientGrants there are, by namespace and reason, and end with their objects", func() {
		first, second := available(grantFor(remote, tenant, "a")), available(grantFor(remote, tenant, "a"))
		create(register(remote, fromElsewhere(tenant)))
		await(`grants{namespace="tenants",reason="Available"}`, 2)
		await(`grants{namespace="elsewhere",reason="TenantNotReady"}`, 1)
		await(`tenant_ready{reason="Available"}`, 1)
		await(`frozen_grants{namespace="tenants"}`, 0)
		remove(first)
		await(`grants{namespace="tenants",reason="Available"}`, 1)
		edit(second, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeSuspend })
		await(`grants{namespace="tenants",reason="Suspended"}`, 1)
		Expect(series(tenant)).NotTo(HaveKey(`grants{namespace="tenants",reason="Available"}`))
		remove(second)
		await(`frozen_grants{namespace="tenants"}`, -1)
		remove(tenant)
		Eventually(gone(tenant)).Should(BeTrue())
		Eventually(func() []string {
			return slices.DeleteFunc(slices.Collect(maps.Keys(series(tenant))), func(name string) bool {
				return strings.Contains(name, `namespace="elsewhere"`) // That ClientGrant is still there.
			})
		}).Should(BeEmpty())
	})

	It("tell of a tenant that is not ready, and why", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Credentials.SecretRef.Name = "not-there" })
		await(`tenant_ready{reason="SecretNotFound"}`, 0)
		Expect(series(tenant)).NotTo(HaveKey(`tenant_ready{reason="Available"}`))
	})

	It("count drift that is found and corrected", func() {
		obj := available(grantFor(remote, tenant, "a", "b"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"a"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(value(tenant, `drift_found_total{}`)()).To(BeZero())
		refused := remote.Inject(sim.Fault{Method: http.MethodPatch, Route: routeGrant, Status: http.StatusServiceUnavailable, Times: 2})
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"a", "by:hand"} })
		resync(tenant)
		await(`drift_corrected_total{}`, 1)
		Expect(refused.Hits()).To(Equal(2))
		await(`drift_found_total{}`, 1)
		remote.DeleteGrant(obj.Status.GrantID)
		resync(tenant)
		await(`drift_found_total{}`, 2)
		await(`drift_corrected_total{}`, 2)
	})

	It("tell of drift that is not corrected", func() {
		obj := available(grantFor(remote, tenant, "a"))
		await(`drifted_grants{namespace="tenants"}`, 0)
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.OrganizationUsage = "allow" })
		resync(tenant)
		lookAgain(obj)
		await(`drifted_grants{namespace="tenants"}`, 1)
	})

	It("tell what a refresh found and cost", func() {
		obj := available(grantFor(remote, tenant, "a"))
		for range 3 {
			foreign(remote, grantFor(remote, tenant, "a"), "a")
		}
		itself := remote.AddAPI(sim.API{Identifier: "https://of-the-operator/"})
		remote.AddGrant(sim.Grant{ClientID: remote.ClientID(), Audience: itself.Identifier})
		before := float64(time.Now().Unix())
		resync(tenant)
		await(`unmanaged_grants{}`, 3)
		Expect(tenant.Status.Unmanaged).To(HaveField("Count", BeEquivalentTo(3)))
		Expect(tenant.Status.Unmanaged.Names).To(And(HaveLen(3), HaveEach(HavePrefix("grant of client "))))
		await(`refresh_calls{}`, 1)
		await(`refresh_interval_seconds{}`, 600)
		Expect(series(tenant)).To(HaveKeyWithValue(`refresh_verified_timestamp_seconds{}`,
			And(BeNumerically(">=", before), BeNumerically("<", before+60))))
		Expect(series(tenant)).To(HaveKeyWithValue(`budget_remaining{}`, BeNumerically(">", 1)))
		for _, class := range []string{"revocation", "change", "resync"} {
			Expect(series(tenant)).To(HaveKeyWithValue(`budget_waiting{class="`+class+`"}`, BeNumerically(">=", 0)))
		}
		remove(obj)
	})

	It("tell of grants that no rule allows any more, and only if they are owned", func() {
		available(grantFor(remote, tenant, "a"))
		edit(tenant, func(t *v1alpha1.Auth0Tenant) {
			t.Spec.AccessRules = []v1alpha1.AccessRule{rule("none", []string{"https://another.example.com/"}, []string{"*"}, []string{"*"})}
			t.Spec.AccessRules[0].Namespaces = v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: []string{namespace}}
		})
		create(grantFor(remote, tenant, "a"))
		await(`grants{namespace="tenants",reason="NotPermitted"}`, 2)
		await(`frozen_grants{namespace="tenants"}`, 1)
	})

	It("tell of deletions that are held", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.DeletionLimit = new(int32(1)) })
		objects := []*v1alpha1.ClientGrant{}
		for range 3 {
			objects = append(objects, available(grantFor(remote, tenant, "a")))
		}
		for _, obj := range objects {
			remove(obj)
		}
		await(`deletions_held{namespace="tenants"}`, 2)
	})

	It("tell of grants that somebody else keeps changing back", func() {
		obj := available(grantFor(remote, tenant, "a", "b"))
		for range 3 {
			Expect(value(tenant, `contested_grants{namespace="tenants"}`)()).To(BeZero())
			remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"a"} })
			lookAgain(obj)
		}
		await(`contested_grants{namespace="tenants"}`, 1)
	})

	It("tell how things stand only while the operator works", func() {
		available(grantFor(remote, tenant, "a"))
		await(`grants{namespace="tenants",reason="Available"}`, 1)
		stop()
		for name := range series(tenant) {
			Expect(name).To(ContainSubstring("_total"))
		}
		startOperator()
		await(`grants{namespace="tenants",reason="Available"}`, 1)
	})
})
