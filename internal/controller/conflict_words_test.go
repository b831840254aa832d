package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("Who does not get a grant that another ClientGrant owns", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		owner  *v1alpha1.ClientGrant
		held   sim.Grant
	)
	const endsNothing = "deleting this one does not end the access"
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, admitting())
		owner = available(grantFor(remote, tenant, "read:users"))
		held = *remoteOf(remote, owner)
		remote.ClearLog()
	})

	It("is told in its namespace who the owner is", func() {
		loser := create(twin(owner))
		awaitLost(loser)
		Expect(messageOf(loser)).To(HavePrefix("ClientGrant %q owns this grant", owner.Name))
		Expect(is(loser, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(is(loser, v1alpha1.ConditionReconciling)).To(BeFalse())
	})

	It("is told in another namespace what anybody is told whom a grant is refused", func() {
		loser := create(twin(owner, abroad))
		stranger := twin(owner, abroad, about(anotherAPI(remote)))
		foreign(remote, stranger, "by:hand")
		create(stranger)
		awaitLost(loser)
		awaitLost(stranger)
		told := func(obj *v1alpha1.ClientGrant) (all []string) {
			for _, c := range obj.Status.Conditions {
				all = append(all, c.Type+" "+string(c.Status)+" "+c.Reason+" "+c.Message)
			}
			return all
		}
		Expect(told(loser)).To(Equal(told(stranger)))
		remove(owner) // Nor is it told that the owner is on its way out.
		awaitEnd(owner)
		awaitReady(loser)
		Expect(statesOf(loser)).To(HaveEach(Or(Equal("none"), Equal("False AdoptionRefused"), Equal("False Progressing"), Equal("True Available"))))
	})

	It("waits for an owner that is being deleted, without a standstill", func() {
		edit(owner, inMode(v1alpha1.ModeObserve))
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeObserve })
		Eventually(conditionOf(tenant)).Should(Equal("True Observed"))
		remove(owner)
		Eventually(conditionOf(owner)).Should(Equal("False DeletionBlocked"))
		loser := create(twin(owner, inMode(v1alpha1.ModeEnforce)))
		Eventually(conditionOf(loser)).Should(Equal("False Conflict"))
		Expect(messageOf(loser)).To(ContainSubstring("%q owns this grant and is being deleted", owner.Name))
		Expect(is(loser, v1alpha1.ConditionStalled)).To(BeFalse())
		Expect(is(loser, v1alpha1.ConditionReconciling)).To(BeTrue())
		Consistently(gone(owner)).Should(BeFalse())
		expectNothingOwned(reload(loser))
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeEnforce })
		awaitEnd(owner)
		awaitReady(loser)
		Expect(loser.Status.GrantID).To(Equal(held.ID))
		Expect(sent(remote, "")).To(BeEmpty())
	})

	It("makes the owner say that its deletion does not end the access, for as long as it waits", func() {
		Expect(messageOf(owner)).NotTo(ContainSubstring(endsNothing))
		told := func() string { return messageOf(reload(owner)) }
		loser := create(twin(owner, abroad))
		Eventually(told).Should(ContainSubstring(endsNothing))
		Expect(conditionOf(owner)()).To(Equal("True Available"))
		Expect(told()).NotTo(ContainSubstring(loser.Name))
		edit(loser, inMode(v1alpha1.ModeSuspend))
		Eventually(told).ShouldNot(ContainSubstring(endsNothing))
		edit(loser, inMode(v1alpha1.ModeEnforce))
		Eventually(told).Should(ContainSubstring(endsNothing))
		stop()
		startOperator()
		resync(tenant)
		Expect(told()).To(ContainSubstring(endsNothing))
		remove(loser)
		Eventually(told).ShouldNot(ContainSubstring(endsNothing))
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(sent(remote, "")).To(BeEmpty())
		Expect(timesLeft(tenant)()).To(BeZero())
	})

	DescribeTable("never touches the grant when it is deleted",
		func(changes ...change) {
			loser := twin(owner, append(changes, scoped("write:users"))...)
			mode := loser.Spec.Mode
			create(loser)
			Eventually(conditionOf(loser)).Should(HavePrefix("False "), "mode %s", mode)
			remove(loser)
			awaitEnd(loser)
			resync(tenant)
			Expect(remote.Grants()).To(ConsistOf(held))
			Expect(sent(remote, "")).To(BeEmpty())
			Expect(timesLeft(tenant)()).To(BeZero())
			awaitReady(owner)
		},
		Entry("in the owner's namespace"),
		Entry("in another namespace", abroad),
		Entry("in mode Observe", inMode(v1alpha1.ModeObserve)),
		Entry("in mode Suspend", inMode(v1alpha1.ModeSuspend)),
		Entry("with a finalizer that was written by hand", func(o *v1alpha1.ClientGrant) {
			o.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
		}),
		Entry("under deletionPolicy Orphan", func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan }),
	)
})
