package controller_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// always is a fault of every request to a route.
func always(route string, fault sim.Fault) func(*sim.Running) *sim.Injection {
	return func(r *sim.Running) *sim.Injection {
		fault.Route, fault.Times = route, -1
		return r.Inject(fault)
	}
}

// medianReady makes ClientGrants one after the other, and is how long it took in the middle until one was Ready.
func medianReady(remote *sim.Running, tenant *v1alpha1.Auth0Tenant) time.Duration {
	GinkgoHelper()
	var took []time.Duration
	for range 5 {
		start := time.Now()
		available(grantFor(remote, tenant, "a"))
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2].Round(time.Millisecond)
}

var _ = Describe("A tenant that is broken, slow or hostile changes nothing for another", func() {
	huge := strings.Repeat(" ", 40<<20)
	DescribeTable("while",
		func(spoil func(*sim.Running) *sim.Injection) {
			good := startTenant()
			tenant := readyTenant(good)
			before := medianReady(good, tenant)
			good.ClearLog()

			bad := startTenant()
			spoilt := spoil(bad)
			badTenant := create(tenantFor(bad, create(secretFor(bad)).Name))
			for range 20 { // More than there are workers.
				create(grantFor(bad, badTenant, "a"))
			}
			Eventually(spoilt.Hits).ShouldNot(BeZero())
			during := medianReady(good, tenant)
			AddReportEntry("ready in", fmt.Sprintf("%s without it, %s beside it", before, during))
			Expect(during).To(BeNumerically("<", before+time.Second))
			Expect(sent(good, http.MethodPost)).To(HaveLen(5))
			Expect(sent(good, "")).To(HaveLen(5))
			Expect(conditionOf(tenant)()).To(Equal("True Available"))
			Expect(bad.GrantCount()).To(BeZero())
		},
		Entry("its Management API hangs", always(routeGrants, sim.Fault{Hang: true})),
		Entry("everything of it hangs", always("", sim.Fault{Hang: true})),
		Entry("it breaks every connection", always("", sim.Fault{Drop: true})),
		Entry("its answers never end", always(routeGrants, sim.Fault{Status: http.StatusOK, Body: huge})),
		Entry("its tokens never end", always(routeToken, sim.Fault{Status: http.StatusOK, Body: huge})),
		Entry("its list never ends", always(routeGrants, sim.Fault{Status: http.StatusOK, Body: `{"client_grants":[],"next":"again"}`})),
		Entry("it redirects", always("", sim.Fault{
			Status: http.StatusTemporaryRedirect, Body: "{}", Header: http.Header{"Location": {"https://evil.example.com/"}},
		})),
		Entry("it answers with HTML", always(routeGrants, sim.Fault{
			Status: http.StatusOK, Body: "<html>", Header: http.Header{"Content-Type": {"text/html"}},
		})),
		Entry("it answers with garbage", always("", sim.Fault{Status: http.StatusOK, Body: "\x00\xff{[}"})),
		Entry("it answers 500", always("", sim.Fault{Status: http.StatusInternalServerError})),
		Entry("it answers 429 with a reset that is hours away", always("", sim.Fault{
			Status: http.StatusTooManyRequests, Header: http.Header{"X-Ratelimit-Reset": {"4102444800"}},
		})),
	)

	It("while it has the wrong secret for the same host", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		secret := secretFor(remote)
		secret.StringData[secretKey] = unique("wrong")
		seen.keep(secret.StringData[secretKey])
		slow := tenantFor(remote, create(secret).Name)
		slow.Spec.RateLimit = v1alpha1.RateLimit{RequestsPerMinute: 1, Burst: 1}
		create(slow)
		Eventually(conditionOf(slow)).Should(Equal("False InvalidCredentials"))
		Expect(medianReady(remote, tenant)).To(BeNumerically("<", time.Second), "the limit of an unproven one does not count")
	})
})
