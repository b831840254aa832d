package controller_test

import (
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// expectOnlyReads checks that nothing was asked of the tenant but to be read.
func expectOnlyReads(remote *sim.Running) {
	GinkgoHelper()
	for _, e := range remote.Log() {
		Expect(e.Method == http.MethodGet || e.Path == routeToken).To(BeTrue(), "%s %s was sent", e.Method, e.Path)
	}
}

var _ = Describe("Mode Observe", func() {
	for _, whose := range []string{"the ClientGrant's", "the Auth0Tenant's"} {
		Describe(whose, func() {
			var (
				remote *sim.Running
				tenant *v1alpha1.Auth0Tenant
				obj    *v1alpha1.ClientGrant
			)
			BeforeEach(func() {
				remote = startTenant()
				tenant = readyTenant(remote, allowing(everyField...), func(t *v1alpha1.Auth0Tenant) {
					if whose == "the Auth0Tenant's" {
						t.Spec.Mode = v1alpha1.ModeObserve
					}
				})
				obj = grantFor(remote, tenant, "read:users", "write:users")
				if whose == "the ClientGrant's" {
					obj.Spec.Mode = v1alpha1.ModeObserve
				}
			})
			enforce := func() []string {
				GinkgoHelper()
				resync(tenant)
				expectOnlyReads(remote)
				expectNothingOwnedBut(reload(obj))
				if whose == "the ClientGrant's" {
					edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeEnforce })
				} else {
					edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeEnforce })
				}
				Eventually(func() string { return reload(obj).Status.GrantID }).ShouldNot(BeEmpty())
				Eventually(conditionOf(obj)).Should(Equal("True Available"))
				Expect(obj.Status.Drift).To(BeNil())
				return sent(remote, "")
			}

			It("tells that the grant would be created", func() {
				create(obj)
				Eventually(conditionOf(obj)).Should(Equal("False WouldChange"))
				Expect(messageOf(obj)).To(ContainSubstring("create"))
				Expect(obj.Status.Drift).To(HaveValue(And(HaveField("Summary", "+2 -0"),
					HaveField("Names", ConsistOf("+read:users", "+write:users")))))
				Expect(enforce()).To(HaveExactElements(HavePrefix("POST /client-grants ")))
			})

			It("tells which scopes and fields would change", func() {
				obj.Spec.OrganizationUsage = ptr.To(v1alpha1.OrganizationUsageAllow)
				held := foreign(remote, obj, "read:users", "by:hand")
				create(obj)
				Eventually(conditionOf(obj)).Should(Equal("False WouldChange"))
				Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
				Expect(obj.Status.Drift).To(HaveValue(And(HaveField("Summary", "+1 -1"),
					HaveField("Names", ConsistOf("+write:users", "-by:hand", "organizationUsage")))))
				Expect(enforce()).To(HaveExactElements(
					"PATCH /client-grants/" + held.ID + ` {"scope":["read:users","write:users"],"organization_usage":"allow"}`))
			})

			It("is Ready only where nothing would change", func() {
				foreign(remote, obj, "write:users", "read:users")
				create(obj)
				Eventually(conditionOf(obj)).Should(Equal("True Observed"))
				Expect(obj.Status.Drift).To(BeNil())
				Expect(enforce()).To(BeEmpty())
			})

			It("tells of a change in the tenant, and of its end", func() {
				held := foreign(remote, obj, "write:users", "read:users")
				create(obj)
				Eventually(conditionOf(obj)).Should(Equal("True Observed"))
				remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope = nil })
				resync(tenant)
				Eventually(conditionOf(obj)).Should(Equal("False WouldChange"))
				remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope = []string{"read:users", "write:users"} })
				resync(tenant)
				Eventually(conditionOf(obj)).Should(Equal("True Observed"))
				expectOnlyReads(remote)
			})

			It("asks first whether the grant may be adopted", func() {
				obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
				foreign(remote, obj, "write:users", "read:users")
				create(obj)
				Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
				expectNothingOwned(obj)
				expectOnlyReads(remote)
			})

			It("bounds what it lists", func() {
				for i := range 300 {
					obj.Spec.Scopes = append(obj.Spec.Scopes, fmt.Sprintf("scope:%d:%0200d", i, i))
				}
				create(obj)
				Eventually(conditionOf(obj)).Should(Equal("False WouldChange"))
				Expect(obj.Status.Drift.Summary).To(Equal("+302 -0"))
				Expect(len(obj.Status.Drift.Names)).To(And(BeNumerically(">", 5), BeNumerically("<=", 20)))
				size := 0
				for _, name := range obj.Status.Drift.Names {
					size += len(name)
				}
				Expect(size).To(BeNumerically("<=", 2048))
			})
		})
	}

	It("keeps a grant that is owned, tells what was changed, and revokes nothing for another identity", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "read:users"))
		held := *remoteOf(remote, obj)
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeObserve })
		Eventually(conditionOf(obj)).Should(Equal("True Observed"))
		remote.ClearLog()

		// The grant that the spec names now is there already: enforcing would still revoke the one that is owned.
		other := remote.AddGrant(sim.Grant{ClientID: held.ClientID, Audience: "https://" + unique("api") + "/", Scope: held.Scope})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = other.Audience })
		Eventually(conditionOf(obj)).Should(Equal("False WouldChange"))
		Expect(messageOf(obj)).To(ContainSubstring(held.Audience))
		expectOnlyReads(remote)

		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeEnforce })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(ConsistOf(other))
		Expect(sent(remote, "")).To(Equal([]string{"DELETE /client-grants/" + held.ID}))
	})

	It("is told by an Auth0Tenant", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "read:users"))
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeObserve })
		Eventually(conditionOf(tenant)).Should(Equal("True Observed"))
		Eventually(conditionOf(obj)).Should(Equal("True Observed"))
		remote.ClearLog()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"write:users"} })
		Eventually(conditionOf(obj)).Should(Equal("False WouldChange"))
		expectOnlyReads(remote)
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeEnforce })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"write:users"}))
	})
})

// expectNothingOwnedBut checks that an object that is only observed has no record.
func expectNothingOwnedBut(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	Expect(obj.Status.OwnershipRecord).To(Equal(v1alpha1.OwnershipRecord{}))
	Expect(obj.Finalizers).To(BeEmpty())
}

var _ = Describe("Mode Suspend", func() {
	It("stops everything for one ClientGrant, until it is set back", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "read:users"))
		edit(obj, func(o *v1alpha1.ClientGrant) {
			o.Spec.Mode, o.Spec.Scopes = v1alpha1.ModeSuspend, []string{"write:users"}
		})
		Eventually(conditionOf(obj)).Should(Equal("False Suspended"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
		remote.ClearLog()
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"by:hand"} })
		resync(tenant)
		lookAgain(obj)
		expectOnlyReads(remote)
		Expect(conditionOf(obj)()).To(Equal("False Suspended"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeEnforce })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"write:users"}))
	})
})
