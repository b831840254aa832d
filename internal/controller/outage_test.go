package controller_test

import (
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("A deletion that cannot be made now", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		secret *corev1.Secret
		obj    *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		secret = &corev1.Secret{}
		secret.Name, secret.Namespace = tenant.Spec.Credentials.SecretRef.Name, namespace
		obj = available(grantFor(remote, tenant, "read:users"))
		remote.ClearLog()
	})
	// expectWaiting checks that the object says why it waits and how not to.
	expectWaiting := func(reason string) {
		GinkgoHelper()
		Eventually(conditionOf(obj)).Should(Equal("False " + reason))
		Expect(advice.FindString(messageOf(obj))).NotTo(BeEmpty(), messageOf(obj))
		Consistently(gone(obj)).Should(BeFalse())
		Expect(remote.GrantCount()).To(Equal(1))
	}
	expectRevoked := func() {
		GinkgoHelper()
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	}
	// restore makes the Secret again.
	restore := func() {
		GinkgoHelper()
		again := secretFor(remote)
		again.Name = secret.Name
		create(again)
	}

	It("waits for Auth0 to answer again", func() {
		remote.Inject(sim.Fault{Times: -1, Status: http.StatusServiceUnavailable})
		remove(obj)
		expectWaiting("APIUnavailable")
		remote.ClearFaults()
		expectRevoked()
	})

	It("waits for Auth0 to take a DELETE again", func() {
		remote.Inject(sim.Fault{Method: http.MethodDelete, Times: -1, Status: http.StatusServiceUnavailable})
		remove(obj)
		expectWaiting("APIUnavailable")
		remote.ClearFaults()
		expectRevoked()
	})

	It("waits for a proxy to let a DELETE through, and asks again soon", func() {
		fault := remote.Inject(sim.Fault{
			Method: http.MethodDelete, Times: -1, Status: http.StatusForbidden, Body: "<html>403 Forbidden</html>",
			Header: http.Header{"Content-Type": {"text/html"}},
		})
		remove(obj)
		expectWaiting("APIUnavailable")
		Eventually(fault.Hits).Should(BeNumerically(">=", 2))
		fault.Remove()
		expectRevoked()
	})

	It("tells a DELETE that Auth0 refuses", func() {
		fault := remote.Inject(sim.Fault{
			Method: http.MethodDelete, Times: -1, Status: http.StatusBadRequest,
			Body: `{"statusCode":400,"message":"Not today"}`,
		})
		remove(obj)
		expectWaiting("DeletionBlocked")
		Expect(messageOf(obj)).To(ContainSubstring("Not today"))
		resync(tenant)
		Expect(fault.Hits()).To(Equal(1))
		remote.ClearFaults()
		requestNow(obj)
		expectRevoked()
	})

	It("waits for credentials that Auth0 accepts", func() {
		renewed := strings.Repeat(unique("renewed"), 5)
		seen.keep(renewed)
		remote.SetClientCredentials(remote.ClientID(), renewed, nil)
		remote.RevokeTokens()
		remove(obj)
		expectWaiting("DeletionBlocked")
		Eventually(conditionOf(tenant)).Should(Equal("False InvalidCredentials"))
		edit(secret, func(s *corev1.Secret) { s.StringData = map[string]string{secretKey: renewed} })
		expectRevoked()
	})

	It("waits for the Management API scope that it needs, without asking all the time", func() {
		remote.Configure(func(s *sim.Settings) {
			s.OmitTokenScope = true
			s.GrantedScopes = []string{"read:client_grants", "create:client_grants", "update:client_grants"}
		})
		remote.RevokeTokens()
		remove(obj)
		expectWaiting("DeletionBlocked")
		Eventually(conditionOf(tenant)).Should(Equal("False InsufficientScope"))
		Expect(messageOf(tenant)).To(ContainSubstring("delete:client_grants"))
		Consistently(func() int { return remote.Requests(http.MethodDelete, "") }).Should(BeNumerically("<=", 2))
		remote.Configure(func(s *sim.Settings) { s.GrantedScopes = nil })
		requestNow(tenant)
		expectRevoked()
	})

	It("waits for its Secret", func() {
		remove(reload(secret))
		Eventually(conditionOf(tenant)).Should(Equal("False SecretNotFound"))
		Expect(conditionOf(obj)()).To(Equal("True Available"))
		remove(obj)
		expectWaiting("DeletionBlocked")
		Expect(sent(remote, "")).To(BeEmpty())
		restore()
		expectRevoked()
	})

	It("waits for its Secret after a restart too", func() {
		stop()
		remove(reload(secret))
		remove(obj)
		startOperator()
		expectWaiting("DeletionBlocked")
		restore()
		expectRevoked()
	})

	It("holds its Auth0Tenant, which goes with it", func() {
		remove(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("False InUse"))
		Expect(messageOf(tenant)).To(ContainSubstring(obj.Name))
		Expect(conditionOf(obj)()).To(Equal("True Available"))
		Expect(sent(remote, "")).To(BeEmpty())
		remove(obj)
		expectRevoked()
		Eventually(gone(tenant)).Should(BeTrue())
	})

	It("is made when Secret, Auth0Tenant and ClientGrant are deleted, in this order", func() {
		remove(reload(secret))
		Eventually(conditionOf(tenant)).Should(Equal("False SecretNotFound"))
		remove(tenant)
		remove(obj)
		expectRevoked()
		Eventually(gone(tenant)).Should(BeTrue())
	})

	It("is not said to be impossible while credentials that are kept serve for it", func() {
		remove(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("False InUse"))
		remove(reload(secret))
		Consistently(func() string { return messageOf(reload(tenant)) }).ShouldNot(ContainSubstring("cannot be revoked"))
		remove(obj)
		expectRevoked()
		Eventually(gone(tenant)).Should(BeTrue())
	})

	It("is the only write to a tenant whose Auth0Tenant is being deleted", func() {
		other := available(grantFor(remote, tenant, "read:users"))
		remote.ClearLog()
		remove(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("False InUse"))
		edit(other, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"write:users"} })
		made := create(grantFor(remote, tenant, "read:users"))
		Eventually(conditionOf(other)).Should(Equal("False TenantNotReady"))
		Eventually(conditionOf(made)).Should(Equal("False TenantNotReady"))
		expectNothingOwned(made)
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(sent(remote, "")).To(HaveExactElements(HavePrefix("DELETE ")))
		remove(other)
		Eventually(gone(other)).Should(BeTrue())
		Eventually(gone(tenant)).Should(BeTrue())
	})

	It("can be given up, and lets the Auth0Tenant go although that could never be used since a restart", func() {
		stop()
		remove(reload(secret))
		startOperator()
		remove(tenant)
		remove(obj)
		expectWaiting("DeletionBlocked")
		Eventually(conditionOf(tenant)).Should(Equal("False InUse"))
		Expect(messageOf(tenant)).To(ContainSubstring("cannot be revoked now"))
		followAdvice(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Eventually(gone(tenant)).Should(BeTrue())
		Expect(remote.GrantCount()).To(Equal(1))
	})
})
