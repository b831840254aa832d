package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("The life of a ClientGrant", func() {
	It("is created, changed, repaired and revoked", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users", "write:users")
		Expect(k8s.Create(ctx, obj)).To(Succeed())
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"read:users", "write:users"}))
		Expect(obj.Status.GrantID).To(Equal(remoteOf(remote, obj).ID))
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
		Expect(obj.Status.Sent).To(BeEmpty())

		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(BeEmpty())

		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"read:users"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"admin"} })
		resync(tenant)
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(Equal([]string{"read:users"}))

		remote.DeleteGrant(obj.Status.GrantID)
		resync(tenant)
		Eventually(func() *sim.Grant { return remoteOf(remote, obj) }).ShouldNot(BeNil())

		Expect(k8s.Delete(ctx, obj)).To(Succeed())
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})
})
