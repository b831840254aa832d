package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("A ClientGrant of somebody else that cannot be read or resolved", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		victim *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		victim = available(grantFor(remote, tenant, "read:users"))
	})
	odd := map[string]func(*v1alpha1.ClientGrant){
		"an Auth0Tenant that is not there": func(o *v1alpha1.ClientGrant) { o.Spec.TenantRef.Name = "missing" },
		"a ConfigMap that is not there": func(o *v1alpha1.ClientGrant) {
			o.Spec.TenantRef.Namespace = namespace
			o.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "missing", Key: "id"}}
		},
	}
	for name, names := range odd {
		It("delays no revocation where it names "+name, func() {
			create(twin(victim, func(o *v1alpha1.ClientGrant) { o.Namespace = elsewhere }, names))
			remove(victim)
			awaitEnd(victim)
			Expect(remote.GrantCount()).To(BeZero())
		})

		It("delays no replacement where it names "+name, func() {
			create(twin(victim, func(o *v1alpha1.ClientGrant) { o.Namespace = elsewhere }, names))
			edit(victim, about(anotherAPI(remote)))
			awaitReady(victim)
			Eventually(remote.GrantCount).Should(Equal(1))
			Expect(remoteOf(remote, victim)).NotTo(BeNil())
		})
	}

	It("goes at once, though its manifest has the operator's finalizer", func() {
		stranger := create(twin(victim, func(o *v1alpha1.ClientGrant) {
			o.Namespace, o.Spec.TenantRef = elsewhere, v1alpha1.TenantReference{Name: "missing", Namespace: namespace}
			o.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
		}))
		remove(stranger)
		awaitEnd(stranger)
		Expect(remote.GrantCount()).To(Equal(1))
	})
})
