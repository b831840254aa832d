package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("Two ClientGrants of one identity", func() {
	var (
		remote        *sim.Running
		tenant        *v1alpha1.Auth0Tenant
		first, second *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		first = grantFor(remote, tenant, "read:users")
		second = first.DeepCopy()
		second.Name, second.Spec.Scopes = unique("grant"), []string{"write:users"}
	})
	// lost makes the second ClientGrant and waits until it is refused.
	lost := func() {
		GinkgoHelper()
		create(second)
		Eventually(conditionOf(second)).Should(Equal("False Conflict"))
		Expect(messageOf(second)).To(ContainSubstring(first.Name))
		Expect(is(second, v1alpha1.ConditionStalled)).To(BeTrue())
		expectNothingOwned(second)
	}

	It("do not write in turns: the one with the grant keeps it", func() {
		available(first)
		lost()
		for range 3 {
			resync(tenant)
			lookAgain(second)
		}
		Expect(conditionOf(second)()).To(Equal("False Conflict"))
		Expect(remoteOf(remote, first).Scope).To(Equal([]string{"read:users"}))
		Expect(sent(remote, "")).To(HaveLen(1))
	})

	It("lose nothing when the one without the grant is deleted", func() {
		available(first)
		lost()
		held := remote.Grants()
		remote.ClearLog()
		remove(second)
		Eventually(gone(second)).Should(BeTrue())
		resync(tenant)
		Expect(remote.Grants()).To(Equal(held))
		Expect(sent(remote, "")).To(BeEmpty())
		Expect(timesLeft(tenant)()).To(BeZero())
	})

	It("are one again when the owner is deleted", func() {
		available(first)
		lost()
		remove(first)
		Eventually(gone(first)).Should(BeTrue())
		Eventually(conditionOf(second)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(HaveLen(1))
		Expect(remoteOf(remote, second).Scope).To(Equal([]string{"write:users"}))
	})

	It("are one again when the owner is deleted after a restart", func() {
		available(first)
		lost()
		stop()
		remove(first)
		startOperator()
		Eventually(gone(first)).Should(BeTrue())
		Eventually(conditionOf(second)).Should(Equal("True Available"))
	})

	It("are told apart by age where none owns anything", func() {
		first.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		foreign(remote, first, "by:hand")
		create(first)
		Eventually(conditionOf(first)).Should(Equal("False AdoptionRefused"))
		// Names and UIDs say nothing, and ages only to the second: either may win, but only one.
		create(second)
		Eventually(func() []string { return []string{conditionOf(first)(), conditionOf(second)()} }).Should(Or(
			Equal([]string{"False AdoptionRefused", "False Conflict"}), Equal([]string{"False Conflict", "True Available"})))
	})

	DescribeTable("are one again when the one that could not have the grant stops asking for it",
		func(stopAsking func(*v1alpha1.ClientGrant)) {
			first.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
			foreign(remote, first, "by:hand")
			create(first)
			Eventually(conditionOf(first)).Should(Equal("False AdoptionRefused"))
			second.UID = "" // The younger one, by a second at least.
			Eventually(func() bool {
				probe := create(second.DeepCopy())
				younger := first.CreationTimestamp.Before(&probe.CreationTimestamp)
				if !younger {
					remove(probe)
					Eventually(gone(probe)).Should(BeTrue())
				}
				return younger
			}).Should(BeTrue())
			Eventually(conditionOf(second)).Should(Equal("False Conflict"))
			stopAsking(first)
			Eventually(conditionOf(second)).Should(Equal("True Available"))
			Expect(remoteOf(remote, second).Scope).To(Equal(second.Spec.Scopes))
		},
		Entry("by its end", func(o *v1alpha1.ClientGrant) { remove(o) }),
		Entry("by its end, which something else holds up", func(o *v1alpha1.ClientGrant) {
			edit(o, func(o *v1alpha1.ClientGrant) { o.Finalizers = append(o.Finalizers, "example.com/held") })
			remove(o)
		}),
		Entry("by mode Suspend", func(o *v1alpha1.ClientGrant) {
			edit(o, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeSuspend })
		}),
		Entry("by mode Observe", func(o *v1alpha1.ClientGrant) {
			edit(o, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeObserve })
		}),
		Entry("by another subject type", func(o *v1alpha1.ClientGrant) {
			edit(o, func(o *v1alpha1.ClientGrant) { o.Spec.SubjectType = v1alpha1.SubjectTypeUser })
		}),
		Entry("by a client that cannot be resolved", func(o *v1alpha1.ClientGrant) {
			edit(o, func(o *v1alpha1.ClientGrant) {
				o.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "none", Key: "id"}}
			})
		}),
	)

	It("are one again when the owner's replacement is undone", func() {
		unknown := first.Spec.Audience
		remote.DeleteAPI(unknown)
		first.Spec.Audience = remote.AddAPI(sim.API{Identifier: "https://" + unique("api") + ".example.com/"}).Identifier
		back := first.Spec.Audience
		available(first)
		edit(first, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = unknown })
		Eventually(conditionOf(first)).Should(Equal("False Rejected"))
		lost()
		remote.AddAPI(sim.API{Identifier: unknown})
		edit(first, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = back })
		Eventually(conditionOf(first)).Should(Equal("True Available"))
		Eventually(conditionOf(second)).Should(Equal("True Available"))
	})

	It("never have two owners, however many appear at once", func() {
		all := []*v1alpha1.ClientGrant{}
		for range 8 {
			obj := first.DeepCopy()
			obj.Name = unique("grant")
			all = append(all, create(obj))
		}
		owners := func() (count int) {
			for _, obj := range all {
				if gone(obj)() {
					continue
				}
				if state := conditionOf(obj)(); state == "True Available" {
					count++
				} else if state != "False Conflict" {
					return -1
				}
			}
			return count
		}
		for range 3 {
			Eventually(owners).Should(Equal(1))
			Expect(remote.Grants()).To(HaveLen(1))
			for _, obj := range all {
				if !gone(obj)() && readyOf(obj) == "True Available" {
					remove(obj)
					Eventually(gone(obj)).Should(BeTrue())
					break
				}
			}
		}
	})

	It("do not stand in each other's way in different tenants", func() {
		other := startTenant()
		otherTenant := readyTenant(other)
		available(first)
		second.Spec.TenantRef.Name = otherTenant.Name
		other.AddClient(sim.Client{ID: second.Spec.ClientRef.ID})
		other.AddAPI(sim.API{Identifier: second.Spec.Audience})
		available(second)
		remove(first)
		Eventually(gone(first)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		Expect(other.GrantCount()).To(Equal(1))
		Expect(other.Requests("DELETE", "")).To(BeZero())
	})
})
