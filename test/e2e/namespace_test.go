package e2e

import (
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// teamNamespace holds an Auth0Tenant of its own.
const teamNamespace = "team"

var _ = Describe("The deletion of a namespace with Auth0Tenant, Secret and 50 ClientGrants", func() {
	const count = 50
	var (
		namespace *corev1.Namespace
		tenant    *v1alpha1.Auth0Tenant
	)
	BeforeEach(func() {
		namespace = makeNamespace(teamNamespace, "restricted")
		install("--set=tenantNamespaces[0]=" + teamNamespace)
		tenant = tenantIn(teamNamespace, 300)
		grantsIn(teamNamespace, count)
		awaitAllReady(teamNamespace, count)
	})

	It("ends with an empty tenant, without help", func() {
		remove(namespace)
		Eventually(gone(namespace)).Should(BeTrue())
		Expect(auth0.grants()).To(BeEmpty())
		Expect(auth0.count(http.MethodDelete)()).To(Equal(count))
		uninstall()
		removeCRDs()
	})

	It("says how to release what is left where the operator was stopped half way, and that does it", func() {
		remove(namespace)
		Eventually(auth0.count(http.MethodDelete)).Should(BeNumerically(">=", 10))
		scale(0)
		left := inNamespace(teamNamespace)
		Expect(left).NotTo(BeEmpty(), "all was revoked before the operator had stopped")
		access := auth0.grants()
		secret := &corev1.Secret{}
		secret.Namespace, secret.Name = teamNamespace, tenant.Spec.Credentials.SecretRef.Name
		Eventually(gone(secret)).Should(BeTrue())

		scale(2)
		release := "kubectl -n " + teamNamespace + " patch clientgrants.auth0.clientgrants.dev "
		Eventually(func() []v1alpha1.ClientGrant { return inNamespace(teamNamespace) }).WithPolling(time.Second).Should(HaveEach(
			WithTransform(message, ContainSubstring(release))))
		Eventually(ready(tenant)).Should(Equal("False InUse"))
		Expect(auth0.grants()).To(ConsistOf(access))

		left = inNamespace(teamNamespace)
		_, command, _ := strings.Cut(message(left[0]), ": kubectl ")
		run("sh", "-c", "kubectl "+command)
		Eventually(gone(&left[0])).Should(BeTrue())
		run("kubectl", "--namespace", teamNamespace, "patch", "auth0tenant", "main", "--type=merge", `--patch={"spec":{"deletionPolicy":"Orphan"}}`)
		Eventually(gone(namespace)).Should(BeTrue())
		Expect(auth0.grants()).To(ConsistOf(access), "what was released stays, and nothing else")
		for _, grant := range access {
			auth0.call(http.MethodDelete, "grants/"+grant.ID, nil, nil)
		}
		uninstall()
		removeCRDs()
	})
})

// message is that of the Ready condition.
func message(grant v1alpha1.ClientGrant) string {
	if condition := readyCondition(&grant); condition != nil {
		return condition.Message
	}
	return ""
}
