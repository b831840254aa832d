package controller_test

import (
	"net/http"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("With nothing to do", func() {
	It("20 resyncs write nothing to Kubernetes but their answer, and nothing to the tenant", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		owned := []*v1alpha1.ClientGrant{}
		for range 10 {
			owned = append(owned, available(grantFor(remote, tenant, "b", "a", "b")))
		}
		unknown := grantFor(remote, tenant, "a")
		unknown.Spec.Audience = "https://unknown/"
		create(unknown)
		Eventually(conditionOf(unknown)).Should(Equal("False Rejected"))
		for _, obj := range owned {
			Eventually(eventsOf(obj)).Should(Equal([]string{v1alpha1.EventCreated}))
		}
		before := versions()
		specs := reload(owned[0]).Spec
		remote.ClearLog()
		for range 20 {
			status := reload(tenant).Status.Conditions
			resync(tenant)
			Expect(tenant.Status.Conditions).To(Equal(status))
		}
		Consistently(changedSince(before)).Should(BeEmpty())
		expectOnlyReads(remote)
		Expect(len(remote.Log())).To(BeNumerically("<=", 25), "one list each")
		Expect(reload(owned[0]).Spec).To(Equal(specs))
	})

	It("a label that somebody sets costs no call, and stays", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "a"))
		remote.ClearLog()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Labels = map[string]string{"team": "billing"} })
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Annotations = map[string]string{"note": "x"} })
		Consistently(func() int { return len(remote.Log()) }).Should(BeZero())
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"b"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(obj.Labels).To(HaveKeyWithValue("team", "billing"))
	})

	It("drift is repaired once, told once, and does not end Ready", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "a"))
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"a", "b"} })
		for range 3 {
			resync(tenant)
			lookAgain(obj)
		}
		Expect(bodies(remote, http.MethodPatch)).To(Equal([]string{`{"scope":["a"]}`}))
		Expect(statesOf(obj)).To(HaveExactElements("none", "False Progressing", "True Available"))
		Eventually(eventsOf(obj)).Should(ConsistOf(v1alpha1.EventCreated, v1alpha1.EventDriftCorrected))
		Consistently(eventsOf(obj)).Should(HaveLen(2))
	})
})

var _ = Describe("A rate limit", func() {
	It("that is reached stops the calls until its reset and keeps Ready", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "a"))
		remote.ClearLog()
		reset := time.Now().Add(2 * time.Second).Truncate(time.Second)
		fault := remote.Inject(sim.Fault{Times: 1, Status: http.StatusTooManyRequests, Header: http.Header{
			"X-Ratelimit-Limit": {"10"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(reset.Unix(), 10)},
		}})
		requestNow(tenant)
		request := requestNow(obj)
		Eventually(fault.Hits).Should(Equal(1))
		Eventually(func() string { return reload(obj).Status.LastHandledReconcileAt }).Should(Equal(request))
		resync(tenant)
		Expect(statesOf(obj)).To(HaveExactElements("none", "False Progressing", "True Available"))
		Expect(statesOf(tenant)).To(HaveEach(BeElementOf("none", "True Available")))
		Expect(len(remote.Log())).To(BeNumerically("<=", 6))
		for _, e := range remote.Log()[1:] {
			Expect(e.Time).To(BeTemporally(">=", reset), "%s %s was sent before the reset", e.Method, e.Path)
		}
	})

	It("that is low is kept to: all grants are made in the end, with few refused calls", func() {
		remote := startTenant(func(o *sim.Options) { o.Settings.RateLimit = sim.RateLimit{Limit: 10, PerSecond: 10} })
		tenant := readyTenant(remote)
		owned := []*v1alpha1.ClientGrant{}
		for range 30 {
			owned = append(owned, create(grantFor(remote, tenant, "a")))
		}
		for _, obj := range owned {
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
		}
		Expect(remote.Grants()).To(HaveLen(30))
		refused := 0
		for _, e := range remote.Log() {
			if e.Status == http.StatusTooManyRequests {
				refused++
			}
		}
		Expect(refused).To(BeNumerically("<", 30))
	})

	It("of the operator's own is never exceeded", func() {
		remote := startTenant()
		tenant := readyTenant(remote, func(t *v1alpha1.Auth0Tenant) {
			t.Spec.RateLimit = v1alpha1.RateLimit{RequestsPerMinute: 600, Burst: 2}
		})
		began := time.Now()
		owned := []*v1alpha1.ClientGrant{}
		for range 10 {
			owned = append(owned, create(grantFor(remote, tenant, "a")))
		}
		for _, obj := range owned {
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
			Expect(statesOf(obj)).To(HaveEach(BeElementOf("none", "False Progressing", "False RateLimited", "True Available")))
		}
		calls := remote.Requests("", routeGrants)
		Expect(calls).To(BeNumerically("<=", 2+int(time.Since(began).Seconds()*10)+1))
	})
})

var _ = Describe("Whatever fails", func() {
	It("is not tried all the time", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		changed := available(grantFor(remote, tenant, "a"))
		deleted := available(grantFor(remote, tenant, "a"))
		remote.Inject(sim.Fault{Times: -1, Status: http.StatusInternalServerError})
		remote.ClearLog()
		began := time.Now()
		edit(changed, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"b"} })
		remove(deleted)
		made := create(grantFor(remote, tenant, "a"))
		Eventually(conditionOf(made)).Should(Equal("False APIUnavailable"))
		Eventually(conditionOf(changed)).Should(Equal("False APIUnavailable"))
		Consistently(func() float64 {
			// 200 ms, doubled each time, for each of three objects, and the session's own tries.
			return float64(len(remote.Log())) - 10*(1+time.Since(began).Seconds())
		}, 2*time.Second).Should(BeNumerically("<", 0))
		remote.ClearFaults()
		Eventually(conditionOf(made)).Should(Equal("True Available"))
		Eventually(conditionOf(changed)).Should(Equal("True Available"))
		Eventually(gone(deleted)).Should(BeTrue())
	})
})
