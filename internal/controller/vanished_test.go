package controller_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// lose takes an object out of etcd, whatever finalizers it has: what a deletion does that the API server began before
// the finalizer was written.
func lose(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	key := "/registry/auth0.clientgrants.dev/clientgrants/" + obj.Namespace + "/" + obj.Name
	body, err := json.Marshal(map[string]string{"key": base64.StdEncoding.EncodeToString([]byte(key))})
	Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, store+"/v3/kv/deleterange", bytes.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	answer, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(text)).To(ContainSubstring(`"deleted":"1"`))
}

// takeOffFinalizers does by hand what the message of an object that waits does not advise.
func takeOffFinalizers(obj client.Object) {
	GinkgoHelper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	Expect(k8s.Patch(ctx, obj, patch)).To(Succeed())
}

var _ = Describe("A ClientGrant that goes although the operator's finalizer holds it", func() {
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
	expectRevoked := func() {
		GinkgoHelper()
		Eventually(remote.GrantCount).Should(BeZero())
		Consistently(timesLeft(tenant)).Should(BeZero())
	}
	expectLeft := func() {
		GinkgoHelper()
		Eventually(timesLeft(tenant)).Should(Equal(1))
		Expect(remote.GrantCount()).To(Equal(1))
		Expect(countLeft(tenant)).To(BeEquivalentTo(1))
	}

	It("leaves no access when the API server removes it", func() {
		lose(obj)
		expectRevoked()
	})

	It("leaves no access when the finalizer is taken off while its deletion waits", func() {
		out := remote.Inject(sim.Fault{Method: http.MethodDelete, Route: routeGrant, Status: http.StatusServiceUnavailable, Times: -1})
		remove(obj)
		Eventually(out.Hits).ShouldNot(BeZero())
		takeOffFinalizers(obj)
		Eventually(gone(obj)).Should(BeTrue())
		out.Remove()
		expectRevoked()
	})

	It("leaves no access when the finalizer is taken off before it is deleted", func() {
		takeOffFinalizers(obj)
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		expectRevoked()
	})

	It("leaves no access when the credentials are in trouble for a while", func() {
		secret := &corev1.Secret{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: tenant.Spec.Credentials.SecretRef.Name}, secret)).To(Succeed())
		remove(secret)
		Eventually(conditionOf(tenant)).Should(Equal("False SecretNotFound"))
		lose(obj)
		Consistently(timesLeft(tenant)).Should(BeZero())
		create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: secret.Name}, Data: secret.Data})
		expectRevoked()
	})

	It("says that access remains where it may not be revoked", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeObserve })
		Eventually(conditionOf(tenant)).Should(Equal("True Observed"))
		remove(obj)
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		takeOffFinalizers(obj)
		expectLeft()
	})

	It("says that access remains where the grant became one of Auth0's own", func() {
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.IsSystem = true })
		resync(tenant)
		Eventually(conditionOf(obj)).Should(Equal("False SystemGrant"))
		lose(obj)
		expectLeft()
	})

	It("does not give up where Auth0 refuses the deletion", func() {
		refusal := remote.Inject(sim.Fault{Method: http.MethodDelete, Route: routeGrant, Status: http.StatusForbidden, Times: -1})
		lose(obj)
		Eventually(refusal.Hits).ShouldNot(BeZero())
		Consistently(timesLeft(tenant)).Should(BeZero())
		Expect(countLeft(tenant)).To(BeZero())
	})

	It("keeps the access that is to stay", func() {
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		lose(obj)
		expectLeft()
	})

	It("leaves no access that it may not leave, whatever its deletionPolicy says", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) {
			t.Spec.AccessRules = []v1alpha1.AccessRule{{
				Name: "own", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame},
			}}
		})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		remove(obj)
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		takeOffFinalizers(obj)
		expectRevoked()
	})

	It("keeps the access that another ClientGrant asks for", func() {
		other := obj.DeepCopy()
		other.ObjectMeta = metav1.ObjectMeta{Name: unique("grant"), Namespace: namespace}
		other.Status = v1alpha1.ClientGrantStatus{}
		create(other)
		Eventually(conditionOf(other)).Should(Equal("False Conflict"))
		held := remoteOf(remote, obj)
		lose(obj)
		Eventually(conditionOf(other)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).ID).To(Equal(held.ID))
		Expect(sent(remote, http.MethodDelete)).To(BeEmpty())
	})

	sameNamed := func() *v1alpha1.ClientGrant {
		again := obj.DeepCopy()
		again.ObjectMeta = metav1.ObjectMeta{Name: obj.Name, Namespace: namespace}
		again.Status = v1alpha1.ClientGrantStatus{}
		return again
	}

	It("gives the access to another one of its name", func() {
		held := remoteOf(remote, obj)
		unread := remote.Inject(sim.Fault{Method: http.MethodGet, Route: routeGrants, Status: http.StatusServiceUnavailable, Times: -1})
		again := sameNamed()
		lose(obj)
		create(again)
		Eventually(unread.Hits).ShouldNot(BeZero())
		unread.Remove()
		Eventually(conditionOf(again)).Should(Equal("True Available"))
		Expect(remoteOf(remote, again).ID).To(Equal(held.ID))
		Expect(sent(remote, http.MethodDelete)).To(BeEmpty())
	})

	It("does not stand in the way of another one of its name", func() {
		again := sameNamed()
		lose(obj)
		available(again)
		Expect(remote.GrantCount()).To(Equal(1))
		remove(again)
		Eventually(gone(again)).Should(BeTrue())
		expectRevoked()
	})
})
