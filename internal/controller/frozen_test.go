package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// twinOf is another ClientGrant that asks for the same grant.
func twinOf(obj *v1alpha1.ClientGrant, namespace string) *v1alpha1.ClientGrant {
	twin := obj.DeepCopy()
	twin.ObjectMeta = metav1.ObjectMeta{Name: unique("grant"), Namespace: namespace}
	twin.Status = v1alpha1.ClientGrantStatus{}
	return twin
}

var _ = Describe("A grant that the rules do not allow any more", func() {
	var (
		remote  *sim.Running
		tenant  *v1alpha1.Auth0Tenant
		obj     *v1alpha1.ClientGrant
		record  v1alpha1.OwnershipRecord
		held    sim.Grant
		allowed []v1alpha1.AccessRule
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, ruled(rule("all", []string{"https://api.example.com/*"}, []string{"*"}, []string{"app-*"}, everyField...)))
		allowed = tenant.Spec.AccessRules
		obj = available(register(remote, fromElsewhere(tenant, scopes("read:a", "read:b", "read:c"), anyOrganization)))
		record, held = obj.Status.OwnershipRecord, *remoteOf(remote, obj)
		remote.ClearLog()
	})
	change := func(change func(*v1alpha1.AccessRule)) {
		GinkgoHelper()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { change(&t.Spec.AccessRules[0]) })
	}
	expectFrozen := func() {
		GinkgoHelper()
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(obj.Status.OwnershipRecord).To(Equal(record))
		Expect(obj.Finalizers).To(ConsistOf(v1alpha1.ClientGrantFinalizer))
	}
	freeze := func() {
		GinkgoHelper()
		change(func(r *v1alpha1.AccessRule) { r.Audiences = []string{"https://another.example.com/"} })
		expectFrozen()
		remote.ClearLog()
	}
	allow := func() {
		GinkgoHelper()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.AccessRules = allowed })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	}

	DescribeTable("stays, with its record and finalizer, until it is allowed again or deleted",
		func(narrow func(*v1alpha1.AccessRule), told string) {
			change(narrow)
			expectFrozen()
			Expect(messageOf(obj)).To(ContainSubstring(told))
			Expect(messageOf(obj)).NotTo(ContainSubstring("rule-"))
			Eventually(notesAbout(tenant, obj)).Should(ConsistOf(HavePrefix(v1alpha1.EventNotPermitted)))
			lookAgain(obj)
			Expect(remote.Grants()).To(ConsistOf(held))
			Expect(sent(remote, "")).To(BeEmpty())

			allow()
			Expect(obj.Status.OwnershipRecord).To(Equal(record))
			Expect(remote.Grants()).To(ConsistOf(held))
			Expect(sent(remote, "")).To(BeEmpty())

			change(narrow)
			expectFrozen()
			remove(obj)
			Eventually(gone(obj)).Should(BeTrue())
			Expect(remote.GrantCount()).To(BeZero())
		},
		Entry("in its audience", func(r *v1alpha1.AccessRule) { r.Audiences = []string{"https://another.example.com/"} }, "spec.audience"),
		Entry("in one of its scopes", func(r *v1alpha1.AccessRule) { r.Scopes = []string{"read:a", "read:c"} }, `"read:b"`),
		Entry("in its client", func(r *v1alpha1.AccessRule) { r.ClientIDs = []string{"Zk3*"} }, "spec.clientRef"),
		Entry("in its namespace", func(r *v1alpha1.AccessRule) { r.Namespaces.Names = []string{"another"} }, "this namespace"),
		Entry("in a right", func(r *v1alpha1.AccessRule) { r.Allow = []v1alpha1.Right{v1alpha1.RightAllScopes} }, "AnyOrganization"),
	)

	It("is narrowed where access is added to it, and is not given back what is taken from it", func() {
		freeze()
		remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope = []string{"read:a", "by:hand", "read:b"} })
		resync(tenant)
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(ConsistOf("read:a", "read:b"))
		remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope, g.AllowAllScopes = nil, new(true) })
		resync(tenant)
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(ConsistOf("read:a", "read:b", "read:c"))
		remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope, g.OrganizationUsage = []string{"read:c"}, "deny" })
		remote.ClearLog()
		resync(tenant)
		lookAgain(obj)
		Consistently(func() []string { return sent(remote, "") }).Should(BeEmpty())
		Expect(remoteOf(remote, obj).Scope).To(ConsistOf("read:c"))
		expectFrozen()
		allow()
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(ConsistOf("read:a", "read:b", "read:c"))
	})

	It("is not made again where it vanished", func() {
		freeze()
		remote.DeleteGrant(held.ID)
		resync(tenant)
		lookAgain(obj)
		Consistently(func() []string { return sent(remote, "") }).Should(BeEmpty())
		expectFrozen()
		allow()
		Expect(remote.GrantCount()).To(Equal(1))
	})

	It("stays as it is over a restart", func() {
		freeze()
		stop()
		startOperator()
		remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope = []string{"read:a", "by:hand"} })
		resync(tenant)
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(ConsistOf("read:a"))
		expectFrozen()
		Expect(notesAbout(tenant, obj)()).To(HaveLen(1))
	})

	It("is not written where nothing may be", func() {
		freeze()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeObserve })
		Eventually(conditionOf(tenant)).Should(Equal("True Observed"))
		remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope = []string{"by:hand"} })
		resync(tenant)
		lookAgain(obj)
		Consistently(func() []string { return sent(remote, "") }).Should(BeEmpty())
		expectFrozen()
	})

	DescribeTable("is handed over to another ClientGrant that may have it",
		func(restart bool) {
			freeze()
			if restart {
				stop()
				startOperator()
				Eventually(conditionOf(tenant)).Should(Equal("True Available"))
				lookAgain(obj)
			}
			change(func(r *v1alpha1.AccessRule) {
				r.Audiences, r.Namespaces = []string{"*"}, v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame}
			})
			lookAgain(obj)
			Consistently(conditionOf(obj)).Should(Equal("False NotPermitted"))
			expectFrozen()
			heir := create(twinOf(obj, namespace))
			Eventually(conditionOf(heir)).Should(Equal("True Available"))
			Expect(heir.Status.GrantID).To(Equal(held.ID))
			Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
			Eventually(func() v1alpha1.OwnershipRecord { return reload(obj).Status.OwnershipRecord }).Should(Equal(v1alpha1.OwnershipRecord{}))
			Expect(obj.Finalizers).To(BeEmpty())
			remove(obj)
			Eventually(gone(obj)).Should(BeTrue())
			Expect(remote.Grants()).To(ConsistOf(held))
			Expect(sent(remote, "")).To(BeEmpty())
		},
		Entry("at once", false),
		Entry("after a restart", true),
	)

	It("is not handed over to one that may not have it either", func() {
		freeze()
		heir := create(twinOf(obj, elsewhere))
		Eventually(conditionOf(heir)).Should(Equal("False NotPermitted"))
		expectNothingOwned(heir)
		lookAgain(obj)
		expectFrozen()
		Expect(sent(remote, "")).To(BeEmpty())
	})

	Describe("under onViolation Revoke", func() {
		BeforeEach(func() {
			edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.OnViolation = v1alpha1.OnViolationRevoke })
		})

		It("is revoked, and its record cleared", func() {
			change(func(r *v1alpha1.AccessRule) { r.Scopes = []string{"read:a"} })
			Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
			Eventually(remote.GrantCount).Should(BeZero())
			Eventually(func() v1alpha1.OwnershipRecord { return reload(obj).Status.OwnershipRecord }).Should(Equal(v1alpha1.OwnershipRecord{}))
			expectNothingOwned(obj)
			Expect(conditionOf(obj)()).To(Equal("False NotPermitted"))
			Expect(sent(remote, "")).To(ConsistOf("DELETE /client-grants/" + held.ID))
			allow()
			Expect(remoteOf(remote, obj).ID).NotTo(Equal(held.ID))
		})

		It("is revoked where it was frozen, and only on proof", func() {
			edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.OnViolation = v1alpha1.OnViolationFreeze })
			freeze()
			away := remote.Inject(sim.Fault{Method: http.MethodDelete, Route: routeGrant, Status: http.StatusServiceUnavailable, Times: -1})
			edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.OnViolation = v1alpha1.OnViolationRevoke })
			Eventually(away.Hits).ShouldNot(BeZero())
			expectFrozen()
			away.Remove()
			Eventually(remote.GrantCount).Should(BeZero())
			Eventually(func() []string { return reload(obj).Finalizers }).Should(BeEmpty())
		})

		It("goes to another ClientGrant that may have it, and is not revoked", func() {
			twin := twinOf(obj, namespace)
			edit(tenant, func(t *v1alpha1.Auth0Tenant) {
				t.Spec.AccessRules = append(t.Spec.AccessRules, v1alpha1.AccessRule{
					Name: "same", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame}, Allow: everyField,
				})
			})
			create(twin)
			Eventually(conditionOf(twin)).Should(Equal("False AdoptionRefused"))
			change(func(r *v1alpha1.AccessRule) { r.Namespaces.Names = []string{"another"} })
			Eventually(conditionOf(twin)).Should(Equal("True Available"))
			Eventually(func() []string { return reload(obj).Finalizers }).Should(BeEmpty())
			Expect(remote.Grants()).To(ConsistOf(held))
			Expect(sent(remote, "")).To(BeEmpty())
		})

		It("stays where the spec asks for what was never allowed, but what it has is", func() {
			edit(obj, audience("https://never.example.com/"))
			Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
			Consistently(remote.Grants).Should(ConsistOf(held))
			Expect(reload(obj).Status.OwnershipRecord).To(Equal(record))
			edit(obj, audience(record.Audience))
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
			change(func(r *v1alpha1.AccessRule) { r.Scopes = []string{"read:*"} })
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
			edit(obj, scopes("read:a", "admin"))
			Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
			Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(ConsistOf("read:a"))
			Expect(sent(remote, http.MethodDelete)).To(BeEmpty())
			expectFrozen()
		})
	})
})

var _ = Describe("A grant that gives more than the rules allow in what the spec leaves alone", func() {
	It("is told, and written only to be narrowed", func() {
		remote := startTenant()
		tenant := readyTenant(remote, ruled(anything()), func(t *v1alpha1.Auth0Tenant) { t.Spec.OnViolation = v1alpha1.OnViolationRevoke })
		obj := available(register(remote, fromElsewhere(tenant, scopes("read:a", "read:b"))))
		remote.ClearLog()
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) {
			g.Scope, g.OrganizationUsage = []string{"read:a", "by:hand"}, "require"
		})
		resync(tenant)
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(obj.Status.Drift.Unmanaged).To(ConsistOf("organizationUsage"))
		Eventually(func() []string { return sent(remote, "") }).Should(ConsistOf("PATCH /client-grants/" + obj.Status.GrantID + ` {"scope":["read:a"]}`))
		Expect(remoteOf(remote, obj).OrganizationUsage).To(Equal("require"))
		Eventually(notesAbout(tenant, obj)).Should(HaveLen(1))
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.OrganizationUsage = "" })
		resync(tenant)
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(ConsistOf("read:a", "read:b"))
	})
})
