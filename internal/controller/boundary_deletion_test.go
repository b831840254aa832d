package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// restored is a ClientGrant with the operator's finalizer in its manifest and no record, which the operator has not touched.
func restored(o *v1alpha1.ClientGrant) {
	o.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
	o.Spec.Mode = v1alpha1.ModeSuspend
}

// created makes an object and waits for the first look at it.
func created(obj *v1alpha1.ClientGrant) *v1alpha1.ClientGrant {
	GinkgoHelper()
	create(obj)
	Eventually(conditionOf(obj)).ShouldNot(Equal("none"))
	return obj
}

var _ = Describe("Deleting a ClientGrant that names a grant which was there first", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
		held   sim.Grant
	)
	setUp := func(rules func(*v1alpha1.Auth0Tenant), change ...func(*v1alpha1.ClientGrant)) {
		remote = startTenant()
		tenant = readyTenant(remote, rules)
		obj = fromElsewhere(tenant, change...)
		held = foreign(remote, obj, "read:users", "by:hand")
		remote.ClearLog()
		created(obj)
	}
	elsewhereOnly := func(t *v1alpha1.Auth0Tenant) {
		admitting := anything(allRights()...)
		admitting.Namespaces.Names = []string{"another"}
		ruled(admitting)(t)
	}
	expectUntouched := func() {
		GinkgoHelper()
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(sent(remote, "")).To(BeEmpty())
		expectNoDeeds(obj)
	}

	DescribeTable("leaves it untouched, and sends nothing, where no rule admits the namespace",
		func(change func(*v1alpha1.ClientGrant)) {
			setUp(elsewhereOnly, change)
			expectUntoldButHeld(obj)
			expectUntouched()
			Expect(remote.Log()).To(BeEmpty())
			Consistently(eventsOf(tenant)).Should(BeEmpty())
		},
		Entry("without the operator's finalizer", asItIs),
		Entry("with it", func(o *v1alpha1.ClientGrant) { o.Finalizers = []string{v1alpha1.ClientGrantFinalizer} }),
		Entry("with it and another one", func(o *v1alpha1.ClientGrant) {
			o.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
			o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan
		}),
		Entry("with it in mode Suspend", restored),
		Entry("with it in mode Observe", func(o *v1alpha1.ClientGrant) {
			restored(o)
			o.Spec.Mode = v1alpha1.ModeObserve
		}),
	)

	DescribeTable("leaves it untouched where the rule that allows it gives no right to adopt",
		func(change func(*v1alpha1.ClientGrant)) {
			setUp(ruled(anything(v1alpha1.RightOrphan)), change)
			expectUntouched()
		},
		Entry("without the operator's finalizer", asItIs),
		Entry("with it", restored),
		Entry("with it, to be left", both(restored, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })),
	)

	DescribeTable("with the operator's finalizer and no record leaves it untouched under every gate",
		func(change func(*v1alpha1.ClientGrant), rules ...v1alpha1.AccessRule) {
			setUp(ruled(rules...), restored, change)
			expectUntouched()
			Expect(remote.Log()).To(BeEmpty())
			Eventually(eventsOf(tenant)).Should(ConsistOf(v1alpha1.EventGrantLeft))
		},
		Entry("the right to adopt", asItIs, anything()),
		Entry("the spec's adoptionPolicy", func(o *v1alpha1.ClientGrant) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse },
			anything(v1alpha1.RightAdoptExisting)),
		Entry("the audience", asItIs, rule("a", []string{"https://api.example.com/"}, []string{"*"}, []string{"*"}, v1alpha1.RightAdoptExisting)),
		Entry("the scopes", asItIs, rule("a", []string{"*"}, []string{"write:*"}, []string{"*"}, v1alpha1.RightAdoptExisting)),
		Entry("the client", asItIs, rule("a", []string{"*"}, []string{"*"}, []string{"other"}, v1alpha1.RightAdoptExisting)),
		Entry("a right", anyOrganization, anything(v1alpha1.RightAdoptExisting)),
		Entry("two rules that do not add up", asItIs, anything(),
			rule("a", []string{"*"}, []string{"write:*"}, []string{"*"}, v1alpha1.RightAdoptExisting)),
	)

	It("with the operator's finalizer and no record leaves it untouched where it gives more than the rules allow", func() {
		setUp(ruled(anything(v1alpha1.RightAdoptExisting)), restored)
		Expect(remote.EditGrant(held.ID, func(g *sim.Grant) { g.OrganizationUsage = "require" })).To(BeTrue())
		held, _ = remote.Grant(held.ID)
		expectUntouched()
		Eventually(eventsOf(tenant)).Should(ConsistOf(v1alpha1.EventGrantLeft))
	})

	It("with the operator's finalizer and no record leaves the operator's own application untouched", func() {
		remote = startTenant()
		setUp(ruled(anything(allRights()...)), restored)
		own := fromElsewhere(tenant, restored, clientID(remote.ClientID()))
		kept := foreign(remote, own, "read:client_grants")
		created(own)
		remote.ClearLog()
		remove(own)
		Eventually(gone(own)).Should(BeTrue())
		Expect(remote.Grants()).To(ContainElement(kept))
		Expect(remote.Log()).To(BeEmpty())
	})

	It("with the operator's finalizer and no record revokes it where today's rules would have it adopted", func() {
		setUp(ruled(anything(v1alpha1.RightAdoptExisting)), restored)
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	DescribeTable("right after an edit to name it leaves it untouched, and revokes the own one",
		func(allow ...v1alpha1.Right) {
			remote = startTenant()
			tenant = readyTenant(remote, ruled(rule("own", []string{apiAudience, "https://b.example.com/"}, []string{"*"}, []string{"*"}, allow...)))
			for range 5 {
				obj = available(register(remote, fromElsewhere(tenant)))
				other := obj.DeepCopy()
				other.Spec.Audience = "https://b.example.com/"
				held = foreign(remote, other, "read:users", "by:hand")
				edit(obj, audience(other.Spec.Audience))
				remove(obj)
				Eventually(gone(obj)).Should(BeTrue())
				Expect(remote.GrantsOf(obj.Spec.ClientRef.ID)).To(ConsistOf(held))
				Expect(remote.Requests(http.MethodPatch, "")).To(BeZero())
			}
		},
		Entry("without the right to adopt"),
		Entry("with the right to leave its own", v1alpha1.RightOrphan),
	)
})

// expectUntoldButHeld is expectUntold of an object that may have the operator's finalizer.
func expectUntoldButHeld(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	bare := obj.DeepCopy()
	bare.Finalizers = nil
	expectUntold(bare)
}
