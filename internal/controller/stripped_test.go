package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// replaced writes a manifest over an object, as kubectl replace does: without the finalizers, which no manifest has.
func replaced(obj *v1alpha1.ClientGrant, how change) {
	GinkgoHelper()
	edit(obj, func(o *v1alpha1.ClientGrant) {
		o.Finalizers = nil
		how(o)
	})
}

var _ = Describe("A ClientGrant whose manifest is written over it, the finalizer with it", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		obj = available(grantFor(remote, tenant, "read:users"))
	})
	expectHeld := func() {
		GinkgoHelper()
		Eventually(func() []string { return reload(obj).Finalizers }).Should(ConsistOf(v1alpha1.ClientGrantFinalizer))
	}
	expectRevokedWithIt := func() {
		GinkgoHelper()
		remove(obj)
		awaitEnd(obj)
		Expect(remote.GrantCount()).To(BeZero())
		Expect(eventsOf(tenant)()).NotTo(ContainElement(v1alpha1.EventGrantLeft))
	}

	It("gives up the old grant where it names another one", func() {
		replaced(obj, about(anotherAPI(remote)))
		awaitReady(obj)
		Eventually(remote.GrantCount).Should(Equal(1))
		Expect(remoteOf(remote, obj)).NotTo(BeNil())
		expectHeld()
		expectRevokedWithIt()
	})

	for _, mode := range []v1alpha1.Mode{v1alpha1.ModeSuspend, v1alpha1.ModeObserve, v1alpha1.ModeEnforce} {
		It("is held again in mode "+string(mode)+", also where no operator saw it", func() {
			stop()
			replaced(obj, inMode(mode))
			startOperator()
			expectHeld()
			edit(obj, inMode(v1alpha1.ModeEnforce))
			expectRevokedWithIt()
		})
	}

	It("is held again while it is frozen", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { ruled()(t) })
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		stop()
		replaced(obj, func(*v1alpha1.ClientGrant) {})
		startOperator()
		expectHeld()
		expectRevokedWithIt()
	})
})
