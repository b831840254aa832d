package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("A ClientGrant that cannot be fulfilled says what to do", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		obj = grantFor(remote, tenant, "read:users")
	})

	It("when its Auth0Tenant does not exist, until that is made", func() {
		obj.Spec.TenantRef.Name = unique("later")
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		Expect(messageOf(obj)).To(ContainSubstring(obj.Spec.TenantRef.Name))
		expectNothingOwned(obj)
		later := tenantFor(remote, tenant.Spec.Credentials.SecretRef.Name)
		later.Name = obj.Spec.TenantRef.Name
		create(later)
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	It("when its Auth0Tenant is in another namespace, of which it tells nothing and asks nothing", func() {
		obj.Namespace, obj.Spec.TenantRef.Namespace = elsewhere, namespace
		missing := obj.DeepCopy()
		missing.Name, missing.Spec.TenantRef.Name = unique("grant"), "missing"
		resync(tenant)
		remote.ClearLog()
		for _, o := range []*v1alpha1.ClientGrant{create(obj), create(missing)} {
			Eventually(conditionOf(o)).Should(Equal("False TenantNotReady"))
			Expect(messageOf(o)).To(Equal(`Auth0Tenant "` + o.Spec.TenantRef.Name + `" does not exist in namespace "` + namespace +
				`", or does not admit this namespace: check spec.tenantRef, or ask whoever owns it for an access rule.`))
			expectNothingOwned(o)
		}
		resync(tenant)
		Expect(remote.Log()).To(BeEmpty())
	})

	DescribeTable("when Auth0 does not know the application or the API",
		func(forget, correct func(), message string) {
			forget()
			create(obj)
			Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
			Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
			Expect(messageOf(obj)).To(ContainSubstring(message))
			for range 3 {
				resync(tenant)
			}
			Consistently(func() int { return remote.Requests(http.MethodPost, routeGrants) }).Should(Equal(1))
			correct()
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
			Expect(remote.Grants()).To(HaveLen(1))
		},
		Entry("the application, corrected in the spec",
			func() { remote.DeleteClient(obj.Spec.ClientRef.ID) },
			func() {
				edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.ClientRef.ID = remote.AddClient(sim.Client{}).ID })
			}, "Client not found"),
		Entry("the application, made in the tenant",
			func() { remote.DeleteClient(obj.Spec.ClientRef.ID) },
			func() { remote.AddClient(sim.Client{ID: obj.Spec.ClientRef.ID}); requestNow(obj) }, "Client not found"),
		Entry("the API, corrected in the spec",
			func() { remote.DeleteAPI(obj.Spec.Audience) },
			func() {
				audience := remote.AddAPI(sim.API{Identifier: "https://" + unique("api") + "/"}).Identifier
				edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = audience })
			}, "No resource with identifier"),
		Entry("the API, made in the tenant",
			func() { remote.DeleteAPI(obj.Spec.Audience) },
			func() { remote.AddAPI(sim.API{Identifier: obj.Spec.Audience}); requestNow(obj) }, "No resource with identifier"),
	)

	It("when Auth0 refuses it otherwise", func() {
		remote.Configure(func(s *sim.Settings) { s.MaxGrants = 1 })
		remote.AddGrant(sim.Grant{ClientID: "other", Audience: "https://other/"})
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(messageOf(obj)).To(And(ContainSubstring("403"), ContainSubstring("You reached the limit")))
		Expect(conditionOf(tenant)()).To(Equal("True Available"), "a limit is not a missing scope")
		for range 3 {
			resync(tenant)
		}
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(1))
		remote.Configure(func(s *sim.Settings) { s.MaxGrants = 0 })
		requestNow(obj)
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
	})

	It("when a change is refused, and keeps the grant", func() {
		available(obj)
		fault := remote.Inject(sim.Fault{
			Method: http.MethodPatch, Times: -1, Status: http.StatusBadRequest,
			Body: `{"statusCode":400,"message":"No such scope"}`,
		})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"write:users"} })
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		Expect(messageOf(obj)).To(ContainSubstring("No such scope"))
		for range 3 {
			resync(tenant)
		}
		Expect(fault.Hits()).To(Equal(2), "the change, then what it takes away alone")
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"read:users"}))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"read:users"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	It("when it names the operator's own application", func() {
		obj.Spec.ClientRef.ID = remote.ClientID()
		held := foreign(remote, obj, "by:hand")
		remote.ClearLog()
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
		expectNothingOwned(obj)
		Expect(remote.Log()).To(BeEmpty())
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.ClientRef.ID = remote.AddClient(sim.Client{}).ID })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remote.Grants()).To(ContainElement(held))
	})

	Context("when it names the application of another Auth0Tenant of the same Auth0 tenant", func() {
		var (
			secret *corev1.Secret
			other  *v1alpha1.Auth0Tenant
		)
		BeforeEach(func() {
			application := remote.AddClient(sim.Client{AppType: "non_interactive"})
			seen.keep(application.Secret)
			remote.AddGrant(sim.Grant{ClientID: application.ID, Audience: remote.ManagementAudience(), Scope: []string{
				"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants",
			}})
			secret = secretFor(remote)
			secret.StringData = map[string]string{"clientID": application.ID, secretKey: application.Secret}
			create(secret)
			other = tenantFor(remote, secret.Name)
			obj.Spec.ClientRef.ID = application.ID
		})
		expectRefused := func() {
			GinkgoHelper()
			create(obj)
			Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
			Expect(sent(remote, "")).To(BeEmpty())
		}

		It("and that works", func() {
			create(other)
			Eventually(conditionOf(other)).Should(Equal("True Available"))
			expectRefused()
		})

		It("and that is suspended", func() {
			other.Spec.Mode = v1alpha1.ModeSuspend
			create(other)
			Eventually(conditionOf(other)).Should(Equal("False Suspended"))
			expectRefused()
		})

		It("and that has lost its Secret", func() {
			create(other)
			Eventually(conditionOf(other)).Should(Equal("True Available"))
			remove(secret)
			Eventually(conditionOf(other)).Should(Equal("False SecretNotFound"))
			expectRefused()
		})

		It("until that is gone", func() {
			create(other)
			Eventually(conditionOf(other)).Should(Equal("True Available"))
			expectRefused()
			remove(other)
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
		})

		It("which came later: from then on nothing is written", func() {
			available(obj)
			create(other)
			Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
			remote.ClearLog()
			remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = nil })
			resync(tenant)
			Consistently(func() []string { return sent(remote, "") }).Should(BeEmpty())
		})
	})

	It("when the grant is one of Auth0's own, which stays as it is", func() {
		held := foreign(remote, obj, "by:auth0")
		remote.EditGrant(held.ID, func(g *sim.Grant) { g.IsSystem = true })
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False SystemGrant"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
		expectNothingOwned(obj)
		resync(tenant)
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(HaveField("Scope", []string{"by:auth0"})))
		Expect(sent(remote, "")).To(BeEmpty())
	})
})

var _ = Describe("A client ID in a ConfigMap", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
		holder *corev1.ConfigMap
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		obj = grantFor(remote, tenant, "read:users")
		holder = &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: unique("application"), Namespace: namespace},
			Data:       map[string]string{"id": obj.Spec.ClientRef.ID},
		}
		obj.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: holder.Name, Key: "id"}}
	})

	It("is waited for: the ConfigMap, its key, and a value that is a client ID and is never shown otherwise", func() {
		id := holder.Data["id"]
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False ClientNotResolved"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
		Expect(messageOf(obj)).To(And(ContainSubstring(holder.Name), ContainSubstring("does not exist")))

		holder.Data = map[string]string{"other": id}
		create(holder)
		Eventually(func() string { return messageOf(reload(obj)) }).Should(ContainSubstring(`no key "id"`))
		for _, value := range []string{"", id + "\n", "an application's secret, put into the wrong place", "kept/elsewhere"} {
			if len(value) > 12 {
				seen.keep(value)
			}
			edit(holder, func(c *corev1.ConfigMap) { c.Data["id"] = value })
			Eventually(func() string { return messageOf(reload(obj)) }).Should(ContainSubstring("is not a client ID"))
		}
		Expect(readyOf(obj)).To(Equal("False ClientNotResolved"))
		expectNothingOwned(obj)
		Expect(sent(remote, "")).To(BeEmpty())

		edit(holder, func(c *corev1.ConfigMap) { c.Data["id"] = id })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(obj.Status.ClientID).To(Equal(id))
	})

	It("that cannot be read any more keeps the grant, which is still revoked when the object is deleted", func() {
		create(holder)
		available(obj)
		held := remote.Grants()
		remove(holder)
		Eventually(conditionOf(obj)).Should(Equal("False ClientNotResolved"))
		resync(tenant)
		Expect(remote.Grants()).To(Equal(held))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("that changes moves the grant to the other application", func() {
		create(holder)
		available(obj)
		former := obj.Status.GrantID
		other := remote.AddClient(sim.Client{}).ID
		edit(holder, func(c *corev1.ConfigMap) { c.Data["id"] = other })
		Eventually(func() string { return reload(obj).Status.ClientID }).Should(Equal(other))
		Eventually(remote.Grants).Should(ConsistOf(HaveField("ClientID", other)))
		Expect(sent(remote, http.MethodDelete)).To(Equal([]string{"DELETE /client-grants/" + former}))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})
})
