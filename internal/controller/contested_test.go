package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("A grant that somebody else keeps changing back", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		obj = available(grantFor(remote, tenant, "a", "b"))
		remote.ClearLog()
	})
	byHand := func(scopes ...string) {
		GinkgoHelper()
		Expect(remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = scopes })).To(BeTrue())
	}
	corrections := func() int { return remote.Requests(http.MethodPatch, routeGrant) }
	contest := func() {
		GinkgoHelper()
		for i := range 3 {
			Expect(is(reload(obj), v1alpha1.ConditionContested)).To(BeFalse())
			byHand("a")
			lookAgain(obj)
			Expect(corrections()).To(Equal(i + 1))
		}
		Eventually(func() bool { return is(reload(obj), v1alpha1.ConditionContested) }).Should(BeTrue())
	}

	It("is corrected three times, then said to be contested", func() {
		contest()
		Expect(conditionOf(obj)()).To(Equal("True Available"))
	})

	It("is corrected once for each refresh from then on", func() {
		contest()
		for i := range 2 {
			byHand("a")
			lookAgain(obj)
			Eventually(conditionOf(obj)).Should(Equal("False Progressing"))
			Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
			lookAgain(obj)
			Expect(corrections()).To(Equal(3 + i))
			resync(tenant)
			lookAgain(obj)
			awaitReady(obj)
			Expect(corrections()).To(Equal(4 + i))
			Expect(remoteOf(remote, obj).Scope).To(ConsistOf("a", "b"))
			Expect(is(obj, v1alpha1.ConditionContested)).To(BeTrue())
		}
	})

	It("is never left with more than its spec says", func() {
		contest()
		for i := range 3 {
			byHand("a", "by:hand")
			lookAgain(obj)
			Expect(corrections()).To(Equal(4 + i))
			Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"a"}))
		}
	})

	It("follows its spec at once", func() {
		contest()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"c"} })
		awaitReady(obj)
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"c"}))
	})

	It("is not made again more often either", func() {
		for range 3 {
			remote.DeleteGrant(reload(obj).Status.GrantID)
			lookAgain(obj)
			awaitReady(obj)
		}
		Expect(is(obj, v1alpha1.ConditionContested)).To(BeTrue())
		posts := remote.Requests(http.MethodPost, routeGrants)
		remote.DeleteGrant(obj.Status.GrantID)
		lookAgain(obj)
		Eventually(conditionOf(obj)).Should(Equal("False Progressing"))
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(posts))
		resync(tenant)
		lookAgain(obj)
		awaitReady(obj)
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(posts + 1))
	})

	It("is revoked at once", func() {
		contest()
		remove(obj)
		awaitEnd(obj)
		Expect(remote.GrantCount()).To(BeZero())
	})
})
