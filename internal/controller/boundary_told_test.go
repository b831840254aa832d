package controller_test

import (
	"encoding/json"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("The state of an Auth0Tenant in another namespace", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, ruled(anything(v1alpha1.RightOrphan)))
	})
	// state waits until an object tells of it, and returns all that is told but the object's own name.
	state := func(obj *v1alpha1.ClientGrant) string {
		GinkgoHelper()
		Eventually(conditionOf(obj)).Should(Or(Equal("False TenantNotReady"), Equal("False DeletionBlocked")))
		told, err := json.Marshal(obj.Status.Conditions)
		Expect(err).NotTo(HaveOccurred())
		return string(told)
	}
	expectNoWhy := func(told string) {
		GinkgoHelper()
		Expect(told).To(ContainSubstring("is not ready"))
		expectNoReason(remote, told)
	}
	suspend := func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeSuspend })
		Eventually(conditionOf(tenant)).Should(Equal("False Suspended"))
	}
	beDeleted := func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Finalizers = append(t.Finalizers, "example.com/held") })
		remove(tenant)
		Eventually(func() bool { return reload(tenant).DeletionTimestamp.IsZero() }).Should(BeFalse())
	}
	loseSecret := func() {
		remove(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: tenant.Spec.Credentials.SecretRef.Name}})
		Eventually(conditionOf(tenant)).Should(Equal("False SecretNotFound"))
	}
	goDown := func() { remote.Close() }
	fail := func() {
		remote.Inject(sim.Fault{Route: routeGrants, Times: -1, Status: http.StatusServiceUnavailable, Body: `{"message":"why it is down"}`})
	}
	refuse := func() {
		remote.Inject(sim.Fault{Route: routeGrants, Times: -1, Status: http.StatusForbidden, Body: `{"statusCode":403,"error":"Forbidden","message":"Insufficient scope, expected any of: read:client_grants","errorCode":"insufficient_scope"}`})
	}

	DescribeTable("is told as not ready, never why",
		func(breakIt func()) {
			breakIt()
			expectNoWhy(state(create(register(remote, fromElsewhere(tenant)))))
		},
		Entry("when it is suspended", func() { suspend() }),
		Entry("when it is being deleted", func() { beDeleted() }),
		Entry("when its Secret is missing", func() { loseSecret() }),
		Entry("when its tenant cannot be reached", func() { goDown() }),
		Entry("when its tenant fails", func() { fail() }),
		Entry("when its tenant refuses the credentials", func() { refuse() }),
	)

	DescribeTable("is told in a deletion that waits with what releases it, never why",
		func(breakIt func()) {
			obj := available(register(remote, fromElsewhere(tenant)))
			breakIt()
			remove(obj)
			Eventually(func() string { return messageOf(reload(obj)) }).Should(ContainSubstring("kubectl"))
			expectNoReason(remote, state(obj))
			followAdvice(obj)
			Eventually(gone(obj)).Should(BeTrue())
		},
		Entry("when it is suspended", func() { suspend() }),
		Entry("when its Secret is missing", func() { loseSecret() }),
		Entry("when its tenant cannot be reached", func() { goDown() }),
		Entry("when its tenant fails", func() { fail() }),
		Entry("when its tenant refuses the credentials", func() { refuse() }),
	)

	It("is told in full in its own namespace", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.AccessRules = nil })
		goDown()
		obj := create(&v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: unique("grant")}, Spec: fromElsewhere(tenant).Spec})
		Eventually(conditionOf(obj)).Should(Equal("False APIUnavailable"))
		Expect(messageOf(obj)).To(ContainSubstring(remote.Domain()))
	})
})

// expectNoReason checks that a text does not say what is wrong with an Auth0Tenant.
func expectNoReason(remote *sim.Running, told string) {
	GinkgoHelper()
	for _, why := range []string{
		remote.Domain(), "127.0.0.1", "uspend", "being deleted", "Secret", "credential", "connect", "503", "why it is down", "Unavailable", "scope", "refused",
	} {
		Expect(told).NotTo(ContainSubstring(why))
	}
}
