package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("A ClientGrant whose identity is edited", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
		old    sim.Grant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, allowing(everyField...))
		obj = available(grantFor(remote, tenant, "read:users"))
		old = *remoteOf(remote, obj)
		remote.ClearLog()
	})
	// another is an API that the tenant knows.
	another := func() string {
		return remote.AddAPI(sim.API{Identifier: "https://" + unique("api") + ".example.com/"}).Identifier
	}

	DescribeTable("makes the new grant first, then deletes the old one and proves it",
		func(change func(*v1alpha1.ClientGrantSpec)) {
			edit(obj, func(o *v1alpha1.ClientGrant) { change(&o.Spec) })
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
			Expect(remote.Grants()).To(HaveLen(1))
			Expect(obj.Status.GrantID).To(Equal(remoteOf(remote, obj).ID))
			Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
			Expect(obj.Status.Replaces).To(BeNil())
			Expect(sent(remote, "")).To(HaveExactElements(HavePrefix("POST "), Equal("DELETE /client-grants/"+old.ID)))
			Expect(remote.Log()).To(HaveEach(HaveField("Status", BeNumerically("<", 300))))
			Expect(remote.Log()[len(remote.Log())-1].Method).To(Equal(http.MethodGet))
			remove(obj)
			Eventually(gone(obj)).Should(BeTrue())
			Expect(remote.GrantCount()).To(BeZero())
		},
		Entry("to another API", func(s *v1alpha1.ClientGrantSpec) { s.Audience = another() }),
		Entry("to another application", func(s *v1alpha1.ClientGrantSpec) { s.ClientRef.ID = remote.AddClient(sim.Client{}).ID }),
		Entry("to another subject type", func(s *v1alpha1.ClientGrantSpec) { s.SubjectType = v1alpha1.SubjectTypeUser }),
		Entry("to a default grant", func(s *v1alpha1.ClientGrantSpec) {
			s.ClientRef = v1alpha1.ClientReference{DefaultFor: "third_party_clients"}
		}),
	)

	It("keeps the old grant while the new one is refused, names it, and revokes it when deleted", func() {
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = "https://unknown/" })
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		Expect(obj.Status.Replaces).To(HaveValue(And(HaveField("Audience", old.Audience), HaveField("GrantID", old.ID))))
		resync(tenant)
		Expect(remote.Grants()).To(ConsistOf(old))

		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("keeps the old grant when the new one is somebody else's, and is not to be adopted", func() {
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse })
		other := remote.AddGrant(sim.Grant{ClientID: obj.Spec.ClientRef.ID, Audience: another(), Scope: []string{"by:hand"}})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = other.Audience })
		Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
		Expect(obj.Status.GrantID).To(Equal(old.ID))
		Expect(obj.Status.Audience).To(Equal(old.Audience))
		Expect(remote.Grants()).To(ConsistOf(old, other))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(other))
	})

	It("goes back to the old grant without a write", func() {
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = "https://unknown/" })
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		remote.ClearLog()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = old.Audience })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(obj.Status.GrantID).To(Equal(old.ID))
		Expect(obj.Status.Replaces).To(BeNil())
		Expect(sent(remote, "")).To(BeEmpty())
	})

	It("goes on to a third one when the second is refused", func() {
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = "https://unknown/" })
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = another() })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(ConsistOf(*remoteOf(remote, obj)))
	})

	It("settles a replacement that is open before it starts the next one", func() {
		fault := remote.Inject(sim.Fault{Method: http.MethodDelete, Times: -1, Status: http.StatusServiceUnavailable})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = another() })
		Eventually(fault.Hits).Should(BeNumerically(">", 1))
		Expect(remote.Grants()).To(HaveLen(2))
		Expect(reload(obj).Status.Replaces).To(HaveValue(HaveField("GrantID", old.ID)))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = another() })
		fault.Remove()
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(ConsistOf(*remoteOf(remote, obj)))
		Expect(obj.Status.Replaces).To(BeNil())
	})

	It("swaps the two on the way back", func() {
		fault := remote.Inject(sim.Fault{Method: http.MethodDelete, Times: -1, Status: http.StatusServiceUnavailable})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = another() })
		Eventually(fault.Hits).Should(BeNumerically(">", 1))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = old.Audience })
		fault.Remove()
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(ConsistOf(old))
		Expect(obj.Status.GrantID).To(Equal(old.ID))
	})

	It("revokes both grants when it is deleted meanwhile", func() {
		fault := remote.Inject(sim.Fault{Method: http.MethodDelete, Times: -1, Status: http.StatusServiceUnavailable})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = another() })
		Eventually(fault.Hits).Should(BeNumerically(">", 1))
		Expect(remote.Grants()).To(HaveLen(2))
		remove(obj)
		fault.Remove()
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("makes the old grant free for another ClientGrant that waits for it", func() {
		waiting := obj.DeepCopy()
		waiting.ObjectMeta = grantFor(remote, tenant).ObjectMeta
		create(waiting)
		Eventually(conditionOf(waiting)).Should(Equal("False Conflict"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = another() })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Eventually(conditionOf(waiting)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(ConsistOf(*remoteOf(remote, obj), *remoteOf(remote, waiting)))
	})
})
