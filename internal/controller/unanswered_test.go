package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("A request whose answer is lost", func() {
	for _, policy := range []v1alpha1.AdoptionPolicy{v1alpha1.AdoptionPolicyAdopt, v1alpha1.AdoptionPolicyRefuse} {
		DescribeTable("makes one grant, which is the object's own, under adoptionPolicy "+string(policy),
			func(fault sim.Fault, posts int) {
				remote := startTenant()
				tenant := readyTenant(remote)
				fault.Method, fault.Route = http.MethodPost, routeGrants
				remote.Inject(fault)
				obj := grantFor(remote, tenant, "read:users", "write:users", "read:users")
				obj.Spec.AdoptionPolicy = policy
				available(obj)
				Expect(remote.Grants()).To(HaveLen(1))
				Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(posts))
				Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
				Expect(obj.Status.GrantID).To(Equal(remote.Grants()[0].ID))
				Expect(obj.Status.Sent).To(BeEmpty())
				Eventually(eventsOf(obj)).Should(Equal([]string{v1alpha1.EventCreated}))
			},
			Entry("when the connection breaks after the effect", sim.Fault{After: true, Drop: true}, 1),
			Entry("when the connection breaks before it", sim.Fault{Drop: true}, 2),
			Entry("when a proxy answers 502 after the effect", sim.Fault{After: true, Status: http.StatusBadGateway, Body: "<html>"}, 1),
			Entry("when a proxy answers 502 before it", sim.Fault{Status: http.StatusBadGateway}, 2),
			Entry("when the answer is not one of the API", sim.Fault{After: true, Status: http.StatusCreated, Body: "{}"}, 1),
			Entry("when it happens three times in a row", sim.Fault{Times: 3, Status: http.StatusServiceUnavailable}, 4),
		)
	}

	It("is known as the object's own after a restart, although the spec has changed since", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := unansweredCreate(remote, tenant)
		stop()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"write:users"} })
		remote.ClearFaults()
		startOperator()
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
		Expect(obj.Status.GrantID).To(Equal(remoteOf(remote, obj).ID))
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"write:users"}))
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(1))
	})

	It("is revoked when the object is deleted before anybody could look", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := unansweredCreate(remote, tenant)
		stop()
		remove(obj)
		remote.ClearFaults()
		startOperator()
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("is told apart from somebody else's grant that was made since, which is left and told of", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := unansweredCreate(remote, tenant)
		remote.DeleteGrant(remoteOf(remote, obj).ID)
		held := foreign(remote, obj, "by:hand")
		remote.ClearFaults()
		Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
		Eventually(func() []string { return reload(obj).Finalizers }).Should(BeEmpty())
		expectNothingOwned(obj)
		Expect(remote.Grants()).To(ConsistOf(held))
		Eventually(timesLeft(tenant)).Should(Equal(1))
	})

	It("changes or deletes a grant all the same", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "read:users"))
		remote.Inject(sim.Fault{Method: http.MethodPatch, After: true, Drop: true})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"write:users"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"write:users"}))
		Expect(bodies(remote, http.MethodPatch)).To(HaveLen(1))

		remote.Inject(sim.Fault{Method: http.MethodDelete, After: true, Drop: true})
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		Expect(remote.Requests(http.MethodDelete, routeGrant)).To(Equal(1))
	})
})

// unansweredCreate makes a ClientGrant under adoptionPolicy Refuse whose create request had its effect and no answer, in
// a tenant that cannot be read since.
func unansweredCreate(remote *sim.Running, tenant *v1alpha1.Auth0Tenant) *v1alpha1.ClientGrant {
	GinkgoHelper()
	obj := grantFor(remote, tenant, "read:users")
	obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
	remote.Inject(sim.Fault{Method: http.MethodPost, Route: routeGrants, After: true, Drop: true})
	remote.Inject(sim.Fault{Method: http.MethodGet, Times: -1, Skip: 1, Status: http.StatusServiceUnavailable})
	create(obj)
	Eventually(conditionOf(obj)).Should(Equal("False APIUnavailable"))
	Expect(obj.Status.Sent).To(HaveLen(64))
	Expect(obj.Status.GrantID).To(BeEmpty())
	Expect(remoteOf(remote, obj)).NotTo(BeNil())
	return obj
}
