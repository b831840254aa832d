package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("Owners that hand grants to each other", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		a, b   *v1alpha1.ClientGrant
		ofA    sim.Grant
		ofB    sim.Grant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, admitting())
		a = available(grantFor(remote, tenant, "read:users"))
		b = available(grantFor(remote, tenant, "write:users"))
		b.Spec.ClientRef.ID = a.Spec.ClientRef.ID
		ofA, ofB = *remoteOf(remote, a), sim.Grant{}
		edit(b, func(o *v1alpha1.ClientGrant) { o.Spec.ClientRef.ID = a.Spec.ClientRef.ID })
		awaitReady(b)
		ofB = *remoteOf(remote, b)
		remote.ClearLog()
	})
	// expectHolds says that the object has exactly that grant, with its scopes.
	expectHolds := func(obj *v1alpha1.ClientGrant, held sim.Grant) {
		GinkgoHelper()
		awaitReady(obj)
		Eventually(func() *v1alpha1.OwnershipRecord { return reload(obj).Status.Replaces }).Should(BeNil())
		Expect(obj.Status.GrantID).To(Equal(held.ID))
		found, ok := remote.Grant(held.ID)
		Expect(ok).To(BeTrue())
		Expect(found.Scope).To(ConsistOf(obj.Spec.Scopes))
	}

	It("swap them without making or deleting one", func() {
		for range 3 {
			first, second := a.Spec.Audience, b.Spec.Audience
			edit(a, about(second))
			edit(b, about(first))
			ofA, ofB = ofB, ofA
			expectHolds(a, ofA)
			expectHolds(b, ofB)
		}
		Expect(requestsTo(remote, http.MethodPost, http.MethodDelete)).To(BeZero())
		Expect(sent(remote, http.MethodPatch)).To(HaveLen(6))
	})

	It("swap them in a restart", func() {
		stop()
		first, second := a.Spec.Audience, b.Spec.Audience
		edit(a, about(second))
		edit(b, about(first))
		startOperator()
		expectHolds(a, ofB)
		expectHolds(b, ofA)
		Expect(requestsTo(remote, http.MethodPost, http.MethodDelete)).To(BeZero())
	})

	It("pass three of them round", func() {
		c := grantFor(remote, tenant, "admin:users")
		c.Spec.ClientRef.ID = a.Spec.ClientRef.ID
		available(c)
		ofC := *remoteOf(remote, c)
		remote.ClearLog()
		first, second, third := a.Spec.Audience, b.Spec.Audience, c.Spec.Audience
		stop() // Between two edits nobody asks for one of the grants: it would be revoked.
		edit(a, about(second))
		edit(b, about(third))
		edit(c, about(first))
		startOperator()
		expectHolds(a, ofB)
		expectHolds(b, ofC)
		expectHolds(c, ofA)
		Expect(requestsTo(remote, http.MethodPost, http.MethodDelete)).To(BeZero())
	})

	It("give a grant to one that has another so far, which is let go", func() {
		edit(b, about(a.Spec.Audience))
		Eventually(conditionOf(b)).Should(Equal("False Conflict"))
		Expect(remote.Grants()).To(ConsistOf(ofA, ofB))
		remove(a)
		awaitEnd(a)
		expectHolds(b, ofA)
		Expect(remote.Grants()).To(HaveLen(1))
		Expect(sent(remote, "")).To(HaveExactElements(HavePrefix("PATCH /client-grants/"+ofA.ID), Equal("DELETE /client-grants/"+ofB.ID)))
	})

	It("give a grant to one that is busy with a replacement", func() {
		fault := remote.Inject(sim.Fault{Method: http.MethodDelete, Times: -1, Status: http.StatusServiceUnavailable})
		edit(b, about(anotherAPI(remote)))
		Eventually(fault.Hits).ShouldNot(BeZero())
		between := remoteOf(remote, b)
		edit(b, about(a.Spec.Audience))
		remove(a)
		Consistently(gone(a)).Should(BeFalse())
		fault.Remove()
		awaitEnd(a)
		expectHolds(b, ofA)
		Expect(remote.Grants()).To(HaveLen(1))
		Expect(sent(remote, "")).To(ContainElements("DELETE /client-grants/"+ofB.ID, "DELETE /client-grants/"+between.ID))
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(1))
	})

	It("have one owner again where two have the record", func() {
		twins := create(twin(a, scoped("write:users")))
		awaitLost(twins)
		writeRecord(a, twins)
		lookAgain(a)
		lookAgain(twins)
		Eventually(func() []string { return []string{conditionOf(a)(), conditionOf(twins)()} }).Should(
			ConsistOf("True Available", "False Conflict"))
		owner, loser := a, twins
		if readyOf(twins) == "True Available" {
			owner, loser = twins, a
		}
		Expect(remoteOf(remote, a)).To(And(HaveField("ID", ofA.ID), HaveField("Scope", owner.Spec.Scopes)))
		remote.ClearLog()
		remove(loser)
		awaitEnd(loser)
		Expect(remoteOf(remote, owner)).To(And(HaveField("ID", ofA.ID), HaveField("Scope", owner.Spec.Scopes)))
		Expect(sent(remote, "")).To(BeEmpty())
		remove(owner)
		awaitEnd(owner)
		Expect(sent(remote, "")).To(Equal([]string{"DELETE /client-grants/" + ofA.ID}))
	})
})
