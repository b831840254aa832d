package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

var _ = Describe("An installation under the restricted Pod Security level", func() {
	It("by Helm, with two replicas, serves the samples and leaves nothing", func() {
		install()
		serveSamples()
		uninstall()
		removeCRDs()
	})
	It("by kustomize, with two replicas, serves the samples and leaves nothing", func() {
		run("kubectl", "apply", "--server-side", "--kustomize", overlay())
		run("kubectl", "--namespace", operatorNamespace, "rollout", "status", "deployment", managerName, "--timeout=5m")
		serveSamples()
		run("make", "undeploy")
		Eventually(pods).Should(BeEmpty())
		removeCRDs()
	})
})

// removeCRDs does it as README says, which refuses while there are objects.
func removeCRDs() {
	GinkgoHelper()
	run("make", "uninstall")
	Eventually(crds).Should(BeEmpty())
}

// serveSamples goes the way of README's quick start: fill in, look, enforce, delete.
func serveSamples() {
	GinkgoHelper()
	Expect(standing()).To(Equal(2))
	namespace := &corev1.Namespace{}
	Expect(k8s.Get(ctx, types.NamespacedName{Name: operatorNamespace}, namespace)).To(Succeed())
	Expect(namespace.Labels).To(HaveKeyWithValue("pod-security.kubernetes.io/enforce", "restricted"))

	samples, err := harness.Manifests(root+"/config/samples", "YOUR-TENANT.eu.auth0.com", auth0.domain,
		"YOUR_CLIENT_ID", managementID, "YOUR_CLIENT_SECRET", managementSecret)
	Expect(err).NotTo(HaveOccurred())
	for _, object := range samples {
		create(object)
	}
	tenant := &v1alpha1.Auth0Tenant{}
	tenant.Namespace, tenant.Name = operatorNamespace, "main"
	grant := &v1alpha1.ClientGrant{}
	grant.Namespace, grant.Name = operatorNamespace, "billing-reads-users"
	awaitReady(tenant)
	Eventually(ready(grant)).Should(Equal("False WouldChange"))
	Expect(auth0.grants()).To(BeEmpty(), "Observe must not write")

	patch(grant, `{"clientRef":{"id":"`+application(0)+`"},"audience":"`+audience+`","scopes":["read:things"],"mode":"Enforce"}`)
	Eventually(ready(grant)).Should(Equal("True Available"))
	Expect(auth0.grants()).To(HaveExactElements(And(
		HaveField("ClientID", application(0)), HaveField("Audience", audience), HaveField("Scope", []string{"read:things"}),
		HaveField("ID", grant.Status.GrantID),
	)))
	deleteTogether(tenant, grant)
	Expect(auth0.grants()).To(BeEmpty())
}

var _ = Describe("An upgrade from the previous chart", func() {
	It("touches no grant, and the new operator goes on", func() {
		withHelm("install", previousChart)
		tenant := tenantIn(operatorNamespace, 6000)
		grants := grantsIn(operatorNamespace, 5)
		awaitAllReady(operatorNamespace, len(grants))
		before := auth0.grants()
		auth0.call("DELETE", "log", nil, nil)

		withHelm("upgrade", chart)
		Eventually(standing).Should(Equal(2))
		patch(grants[0], `{"scopes":["write:things"]}`)
		Eventually(func() []sim.Grant { return auth0.grants() }).Should(ContainElement(HaveField("Scope", []string{"write:things"})))
		awaitAllReady(operatorNamespace, len(grants))
		Expect(auth0.grants()).To(HaveLen(len(before)))
		Expect(auth0.count("POST")()).To(BeZero())
		Expect(auth0.count("DELETE")()).To(BeZero())
		Expect(auth0.count("PATCH")()).To(Equal(1))
		deleteTogether(tenant, grants...)
		uninstall()
		removeCRDs()
	})
})
