package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

var _ = Describe("An operator that reads a few namespaces alone", Ordered, func() {
	BeforeAll(func() {
		stop()
		startOperator(namespace, elsewhere)
		DeferCleanup(func() {
			stop()
			startOperator()
		})
	})

	It("lets no ClientGrant that names an Auth0Tenant anywhere else keep another one from its grant, or from its end", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users")
		hostile := twinOf(obj, elsewhere)
		hostile.Spec.TenantRef = v1alpha1.TenantReference{Name: tenant.Name, Namespace: "default"}
		create(hostile)
		Eventually(conditionOf(hostile)).Should(Equal("False TenantNotReady"))
		available(obj)
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		remove(hostile)
		Eventually(gone(hostile)).Should(BeTrue())
	})
})
