package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("Leaving a grant behind", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
		held   sim.Grant
	)
	setUp := func(allow ...v1alpha1.Right) {
		remote = startTenant()
		tenant = readyTenant(remote, ruled(
			rule("own", []string{apiAudience}, []string{"*"}, []string{"*"}, allow...),
			rule("others", []string{"https://other.example.com/"}, []string{"*"}, []string{"*"}, allRights()...),
		))
		obj = available(register(remote, fromElsewhere(tenant)))
		held = *remoteOf(remote, obj)
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		remote.ClearLog()
	}
	expectBlocked := func() {
		GinkgoHelper()
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		Expect(messageOf(obj)).To(And(ContainSubstring("Orphan"), ContainSubstring(tenant.Name), ContainSubstring("Delete")))
		Expect(messageOf(obj)).NotTo(ContainSubstring("rule-"))
		Expect(advice.MatchString(messageOf(obj))).To(BeFalse())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(remote.Log()).To(BeEmpty())
	}
	expectLeft := func() {
		GinkgoHelper()
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(remote.Log()).To(BeEmpty())
		Eventually(eventsOf(tenant)).Should(ContainElement(v1alpha1.EventGrantLeft))
	}

	It("waits without the right to it, and is told what is missing", func() {
		setUp()
		remove(obj)
		expectBlocked()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete })
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("goes on as soon as the right is given", func() {
		setUp()
		remove(obj)
		expectBlocked()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.AccessRules[0].Allow = []v1alpha1.Right{v1alpha1.RightOrphan} })
		expectLeft()
	})

	It("goes on as soon as the Auth0Tenant's policy says so", func() {
		setUp()
		remove(obj)
		expectBlocked()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		expectLeft()
	})

	It("is done with the right to it", func() {
		setUp(v1alpha1.RightOrphan)
		remove(obj)
		expectLeft()
	})

	It("takes the right of the rule that allows the grant, not of one that allows another", func() {
		setUp()
		edit(obj, audience("https://other.example.com/"))
		Eventually(conditionOf(obj)).ShouldNot(Equal("none"))
		remove(obj)
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		Expect(remoteOf(remote, fromElsewhere(tenant, clientID(obj.Spec.ClientRef.ID)))).To(Equal(&held))
	})

	It("waits for an object that is not allowed any more", func() {
		setUp(v1alpha1.RightOrphan)
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.AccessRules[0].Audiences = []string{"https://gone.example.com/"} })
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		remote.ClearLog()
		remove(obj)
		expectBlocked()
	})

	It("says why it waits in the Auth0Tenant's own namespace, too", func() {
		setUp()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) {
			t.Spec.AccessRules = append(t.Spec.AccessRules, v1alpha1.AccessRule{
				Name: "same", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame},
			})
		})
		own := grantFor(remote, tenant, "read:users")
		own.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan
		available(own)
		remove(own)
		Eventually(conditionOf(own)).Should(Equal("False DeletionBlocked"))
		Expect(messageOf(own)).To(And(ContainSubstring("Orphan"), ContainSubstring(tenant.Name)))
	})

	It("ends with another ClientGrant that asks for the grant, even after a restart", func() {
		setUp()
		remove(obj)
		expectBlocked()
		stop()
		startOperator()
		lookAgain(obj)
		Consistently(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		heir := create(twinOf(obj, elsewhere))
		Eventually(conditionOf(heir)).Should(Equal("True Available"))
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(sent(remote, "")).To(BeEmpty())
	})

	It("is not needed where another ClientGrant asks for the grant, not even in mode Observe", func() {
		setUp()
		heir := create(twinOf(obj, elsewhere))
		Eventually(conditionOf(heir)).Should(Equal("False Conflict"))
		edit(obj, func(o *v1alpha1.ClientGrant) {
			o.Spec.Mode, o.Spec.DeletionPolicy = v1alpha1.ModeObserve, v1alpha1.DeletionPolicyDelete
		})
		Eventually(conditionOf(obj)).Should(Equal("True Observed"))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Eventually(conditionOf(heir)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(sent(remote, "")).To(BeEmpty())
		Expect(timesLeft(tenant)()).To(BeZero())
	})

	It("is what the message advises where a namespace that may is being deleted", func() {
		setUp(v1alpha1.RightOrphan)
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete })
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeSuspend })
		Eventually(conditionOf(tenant)).Should(Equal("False Suspended"))
		remote.ClearLog()
		remove(obj)
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		followAdvice(obj)
		expectLeft()
	})
})
