package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("The grant that a replacement is to end", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
		old    sim.Grant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, allowing())
		obj = available(grantFor(remote, tenant, "read:users"))
		old = *remoteOf(remote, obj)
		remote.ClearLog()
	})
	expectInForce := func() {
		GinkgoHelper()
		Expect(remote.Grants()).To(ContainElement(old))
		Expect(remote.Requests(http.MethodDelete, routeGrant)).To(BeZero())
	}
	var named OmegaMatcher
	BeforeEach(func() { named = HaveValue(And(HaveField("Audience", old.Audience), HaveField("GrantID", old.ID))) })

	It("stays in force, is named and is revoked in the end where another ClientGrant owns the new one", func() {
		owner := available(twin(obj, about(anotherAPI(remote))))
		edit(obj, about(owner.Spec.Audience))
		Eventually(conditionOf(obj)).Should(Equal("False Conflict"))
		expectInForce()
		Expect(obj.Status.Audience).To(Equal(old.Audience))
		Expect(obj.Status.GrantID).To(Equal(old.ID))
		remove(obj)
		awaitEnd(obj)
		Expect(remote.Grants()).To(ConsistOf(*remoteOf(remote, owner)))
	})

	It("stays in force where the rules refuse the new one", func() {
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.SubjectType = v1alpha1.SubjectTypeUser })
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		expectInForce()
		Expect(obj.Status.GrantID).To(Equal(old.ID))
	})

	It("stays in force through refusal after refusal, and a restart", func() {
		for _, unknown := range []string{"https://unknown/", "https://not-known-either/"} {
			edit(obj, about(unknown))
			Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
			Expect(obj.Status.Audience).To(Equal(unknown))
			Expect(obj.Status.Replaces).To(named)
		}
		stop()
		startOperator()
		lookAgain(obj)
		expectInForce()
		Expect(obj.Status.Replaces).To(named)
		remove(obj)
		awaitEnd(obj)
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("is not deleted before there is a successor, where the request for the first one had no effect", func() {
		out := remote.Inject(sim.Fault{Method: http.MethodPost, Times: -1, Status: http.StatusServiceUnavailable})
		edit(obj, about(anotherAPI(remote)))
		Eventually(out.Hits).ShouldNot(BeZero())
		Eventually(func() *v1alpha1.OwnershipRecord { return reload(obj).Status.Replaces }).Should(named)
		stop()
		edit(obj, about(anotherAPI(remote)))
		out.Remove()
		remote.ClearLog()
		startOperator()
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(ConsistOf(HaveField("ID", obj.Status.GrantID)))
		Expect(sent(remote, "")).To(HaveExactElements(HavePrefix("POST "), Equal("DELETE /client-grants/"+old.ID)))
	})

	It("goes first where the successor is there, before the next one is made", func() {
		fault := remote.Inject(sim.Fault{Method: http.MethodDelete, Times: -1, Status: http.StatusServiceUnavailable})
		edit(obj, about(anotherAPI(remote)))
		Eventually(fault.Hits).ShouldNot(BeZero())
		between := remoteOf(remote, obj).ID
		edit(obj, about(anotherAPI(remote)))
		remote.ClearLog()
		fault.Remove()
		awaitReady(obj)
		effects := []string{}
		for _, e := range remote.Log() {
			if e.Method != http.MethodGet && !e.Fault && e.Route != routeToken {
				effects = append(effects, e.Method+" "+e.Path)
			}
		}
		Expect(effects).To(HaveExactElements("DELETE /api/v2/client-grants/"+old.ID, "POST /api/v2/client-grants",
			"DELETE /api/v2/client-grants/"+between))
	})

	It("is the object's own again when the spec returns to it while nobody knows of the new one", func() {
		remote.Inject(sim.Fault{Method: http.MethodPost, After: true, Drop: true})
		look := remote.Inject(sim.Fault{Method: http.MethodGet, Times: -1, Status: http.StatusServiceUnavailable})
		api := anotherAPI(remote)
		edit(obj, about(api))
		Eventually(look.Hits).ShouldNot(BeZero())
		edit(obj, about(old.Audience))
		look.Remove()
		awaitReady(obj)
		Expect(obj.Status.GrantID).To(Equal(old.ID))
		Expect(obj.Status.Replaces).To(BeNil())
		Eventually(remote.Grants).Should(ConsistOf(old))
	})
})
