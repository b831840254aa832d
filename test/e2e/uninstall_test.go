package e2e

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

var _ = Describe("An uninstallation", func() {
	It("after the objects has revoked everything", func() {
		install()
		tenant := tenantIn(operatorNamespace, 6000)
		grants := grantsIn(operatorNamespace, 10)
		awaitAllReady(operatorNamespace, len(grants))
		deleteTogether(tenant, grants...)
		Expect(auth0.grants()).To(BeEmpty())
		Expect(auth0.count(http.MethodDelete)()).To(Equal(len(grants)))
		uninstall()
		removeCRDs()
	})

	It("after an Auth0Tenant that says Orphan leaves all access in place", func() {
		install()
		tenant := tenantIn(operatorNamespace, 6000)
		grants := grantsIn(operatorNamespace, 10)
		awaitAllReady(operatorNamespace, len(grants))
		before := auth0.grants()
		patch(tenant, `{"deletionPolicy":"Orphan"}`)
		deleteTogether(tenant, grants...)
		uninstall()
		removeCRDs()
		Expect(auth0.grants()).To(ConsistOf(before))
		Expect(auth0.count(http.MethodDelete)()).To(BeZero())
		for _, grant := range before {
			auth0.call(http.MethodDelete, "grants/"+grant.ID, nil, nil)
		}
	})

	It("before the objects leaves CRDs, objects and access, and what waits goes on when it is installed again", func() {
		install()
		tenant := tenantIn(operatorNamespace, 6000)
		grants := grantsIn(operatorNamespace, 10)
		awaitAllReady(operatorNamespace, len(grants))
		before := auth0.grants()
		uninstall()
		Expect(crds()).To(HaveLen(2))
		Expect(inNamespace(operatorNamespace)).To(HaveLen(len(grants)))
		Expect(auth0.grants()).To(ConsistOf(before))

		first, rest := grants[0], grants[1:]
		remove(first)
		Eventually(leftover(first)).Should(BeTrue())
		Consistently(leftover(first)).WithTimeout(3*time.Second).Should(BeTrue(), "nobody is there to remove the finalizer")
		Expect(auth0.grants()).To(ConsistOf(before))

		install()
		Eventually(gone(first)).Should(BeTrue())
		awaitAllReady(operatorNamespace, len(rest))
		Expect(auth0.grants()).To(HaveLen(len(rest)))
		Expect(auth0.count(http.MethodPost)()).To(Equal(len(grants)), "the new operator must not grant again")
		deleteTogether(tenant, rest...)
		Expect(auth0.grants()).To(BeEmpty())
		uninstall()
		removeCRDs()
	})
})

var _ = Describe("The deletion of the ClientGrants' CRD with 200 ClientGrants", func() {
	It("revokes no more than deletionLimit says, and all once it is lifted", func() {
		const limit = 20
		install()
		tenant := tenantIn(operatorNamespace, 6000, func(spec *v1alpha1.Auth0TenantSpec) { spec.DeletionLimit = new(int32(limit)) })
		grants := grantsIn(operatorNamespace, applications)
		awaitAllReady(operatorNamespace, len(grants))
		for _, crd := range crds() {
			if crd.GetName() == "clientgrants."+v1alpha1.GroupVersion.Group {
				remove(crd)
			}
		}
		held := map[string]int{"False DeletionHeld": len(grants) - limit}
		Eventually(func() map[string]int { return reasons(operatorNamespace) }).WithPolling(time.Second).Should(Equal(held))
		Consistently(func() int { return len(auth0.grants()) }).WithTimeout(3 * time.Second).Should(Equal(len(grants) - limit))
		Expect(auth0.count(http.MethodDelete)()).To(Equal(limit))

		patch(tenant, `{"deletionLimit":null}`)
		Eventually(crds).Should(HaveLen(1))
		Expect(auth0.grants()).To(BeEmpty())
		Expect(auth0.count(http.MethodDelete)()).To(Equal(len(grants)))
		remove(tenant)
		Eventually(gone(tenant)).Should(BeTrue())
		uninstall()
		removeCRDs()
	})
})

// leftover is a ClientGrant that is being deleted and has its finalizer.
func leftover(grant *v1alpha1.ClientGrant) func() bool {
	return func() bool {
		return k8s.Get(ctx, client.ObjectKeyFromObject(grant), grant) == nil && !grant.DeletionTimestamp.IsZero() && len(grant.Finalizers) > 0
	}
}
