package controller_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("An Auth0Tenant", func() {
	DescribeTable("tells what is wrong with its Secret, sends nothing, and works once that is corrected",
		func(spoil func(map[string]string), words ...string) {
			remote := startTenant()
			secret := secretFor(remote)
			good := maps.Clone(secret.StringData)
			spoil(secret.StringData)
			create(secret)
			tenant := create(tenantFor(remote, secret.Name))
			obj := create(grantFor(remote, tenant, "read:users"))
			Eventually(conditionOf(tenant)).Should(Equal("False InvalidCredentials"))
			Expect(is(tenant, v1alpha1.ConditionStalled)).To(BeTrue())
			for _, word := range append(words, secret.Name) {
				Expect(messageOf(tenant)).To(ContainSubstring(word))
			}
			Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
			Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
			Expect(remote.Log()).To(BeEmpty())

			edit(secret, func(s *corev1.Secret) { s.Data, s.StringData = nil, good })
			Eventually(conditionOf(tenant)).Should(Equal("True Available"))
			Expect(is(tenant, v1alpha1.ConditionStalled)).To(BeFalse())
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
		},
		Entry("no client ID", func(s map[string]string) { delete(s, "clientID") }, "clientID"),
		Entry("an empty client ID", func(s map[string]string) { s["clientID"] = "" }, "clientID"),
		Entry("a line break after the client ID", func(s map[string]string) { s["clientID"] += "\n" }, "clientID", "line break"),
		Entry("neither secret nor key", func(s map[string]string) { delete(s, "clientSecret") }, "clientSecret", "privateKey"),
		Entry("secret and key", func(s map[string]string) { s["privateKey"] = "x" }, "clientSecret", "privateKey"),
		Entry("a line break after the secret", func(s map[string]string) { s["clientSecret"] += "\n" }, "clientSecret", "line break"),
		Entry("a key that is none", func(s map[string]string) { delete(s, "clientSecret"); s["privateKey"] = "not a key" }, "key"),
		Entry("another domain", func(s map[string]string) { s["domain"] = "acme.eu.auth0.com" }, "domain"),
	)

	It("waits for its Secret, and its ClientGrants with it", func() {
		remote := startTenant()
		secret := secretFor(remote)
		tenant := create(tenantFor(remote, secret.Name))
		obj := create(grantFor(remote, tenant, "read:users"))
		Eventually(conditionOf(tenant)).Should(Equal("False SecretNotFound"))
		Expect(messageOf(tenant)).To(And(ContainSubstring(secret.Name), ContainSubstring(namespace), ContainSubstring("clientID")))
		Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		create(secret)
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	It("accepts a Secret that names its domain, and a private key", func() {
		key, public := privateKey()
		remote := startTenant(func(o *sim.Options) { o.ClientPublicKey = public })
		secret := secretFor(remote)
		secret.StringData = map[string]string{"clientID": remote.ClientID(), "privateKey": key, "domain": remote.Domain()}
		create(secret)
		tenant := create(tenantFor(remote, secret.Name))
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		available(grantFor(remote, tenant, "read:users"))
	})

	It("tells that Auth0 refuses its credentials, without asking all the time", func() {
		remote := startTenant()
		secret := secretFor(remote)
		good := secret.StringData[secretKey]
		secret.StringData[secretKey] = strings.Repeat("wrong", 10)
		seen.keep(secret.StringData[secretKey])
		create(secret)
		tenant := create(tenantFor(remote, secret.Name))
		obj := create(grantFor(remote, tenant, "read:users"))
		Eventually(conditionOf(tenant)).Should(Equal("False InvalidCredentials"))
		Expect(messageOf(tenant)).To(And(ContainSubstring("401"), ContainSubstring(secret.Name)))
		Consistently(func() int { return remote.Requests("", routeToken) }).Should(Equal(1))
		Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		Expect(messageOf(obj)).NotTo(ContainSubstring("401"))

		edit(secret, func(s *corev1.Secret) { s.StringData = map[string]string{secretKey: good} })
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	It("goes on by itself when its domain can be reached", func() {
		down := startTenant()
		domain, id, secret := down.Domain(), down.ClientID(), down.ClientSecret()
		tenant := tenantFor(down, create(secretFor(down)).Name)
		down.Close()
		create(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("False APIUnavailable"))
		Expect(is(tenant, v1alpha1.ConditionStalled)).To(BeFalse())
		Expect(messageOf(tenant)).To(ContainSubstring(domain))
		up := startTenant(func(o *sim.Options) { o.Listen, o.ClientID, o.ClientSecret = domain, id, secret })
		obj := create(grantFor(up, tenant, "read:users"))
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	It("blames no credentials for a proxy that answered in place of the token endpoint", func() {
		remote := startTenant()
		fault := remote.Inject(sim.Fault{
			Route: routeToken, Times: -1, Status: http.StatusForbidden, Body: "<html>403 Forbidden</html>",
			Header: http.Header{"Content-Type": {"text/html"}},
		})
		tenant := create(tenantFor(remote, create(secretFor(remote)).Name))
		Eventually(conditionOf(tenant)).Should(Equal("False APIUnavailable"))
		Expect(is(tenant, v1alpha1.ConditionStalled)).To(BeFalse())
		Expect(messageOf(tenant)).To(And(ContainSubstring("403"), ContainSubstring("proxy")))
		Eventually(fault.Hits).Should(BeNumerically(">=", 2))
		fault.Remove()
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
	})

	It("may have its host in any case", func() {
		remote := startTenant(func(o *sim.Options) { o.ManagementAudience = "https://acme.eu.auth0.com/api/v2/" })
		tenant := readyTenant(remote, func(t *v1alpha1.Auth0Tenant) { t.Spec.ManagementAudience = "https://Acme.EU.auth0.com/api/v2/" })
		Expect(available(grantFor(remote, tenant, "read:users")).Status.Tenant).To(Equal("acme.eu.auth0.com"))
	})

	It("names the Management API scopes that its application lacks", func() {
		remote := startTenant(func(o *sim.Options) {
			o.Settings.GrantedScopes = []string{"read:client_grants", "create:client_grants", "read:clients"}
		})
		tenant := create(tenantFor(remote, create(secretFor(remote)).Name))
		Eventually(conditionOf(tenant)).Should(Equal("False InsufficientScope"))
		Expect(messageOf(tenant)).To(And(ContainSubstring(`"update:client_grants"`), ContainSubstring(`"delete:client_grants"`),
			Not(ContainSubstring(`"read:`)), Not(ContainSubstring(`"create:`))))
		obj := create(grantFor(remote, tenant, "read:users"))
		Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		remote.Configure(func(s *sim.Settings) { s.GrantedScopes = nil })
		requestNow(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	It("names the Management API scopes that its application does not need", func() {
		needed := []string{"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants"}
		remote := startTenant(func(o *sim.Options) { o.Settings.GrantedScopes = append(needed, "read:clients", "delete:users") })
		tenant := readyTenant(remote)
		Expect(messageOf(tenant)).To(And(ContainSubstring(`"read:clients", "delete:users"`), Not(ContainSubstring("client_grants"))))
		remote = startTenant(func(o *sim.Options) { o.Settings.GrantedScopes = needed })
		Expect(messageOf(readyTenant(remote))).To(Equal("The credentials are accepted."))
	})

	It("names a scope that the token did not tell of, once a call is refused for it", func() {
		remote := startTenant(func(o *sim.Options) {
			o.Settings.OmitTokenScope = true
			o.Settings.GrantedScopes = []string{"read:client_grants", "update:client_grants", "delete:client_grants"}
		})
		tenant := readyTenant(remote)
		obj := create(grantFor(remote, tenant, "read:users"))
		Eventually(conditionOf(tenant)).Should(Equal("False InsufficientScope"))
		Expect(messageOf(tenant)).To(ContainSubstring("create:client_grants"))
		Expect(conditionOf(obj)()).To(Equal("False TenantNotReady"))
		Consistently(func() int { return remote.Requests(http.MethodPost, routeGrants) }).Should(BeNumerically("<=", 2))
		remote.Configure(func(s *sim.Settings) { s.GrantedScopes = nil })
		requestNow(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	It("needs no more than to read in mode Observe", func() {
		remote := startTenant(func(o *sim.Options) { o.Settings.GrantedScopes = []string{"read:client_grants"} })
		tenant := readyTenant(remote, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeObserve })
		Expect(readyOf(tenant)).To(Equal("True Observed"))
	})

	It("is reached by a custom domain with the tenant's own audience", func() {
		remote := startTenant(func(o *sim.Options) { o.ManagementAudience = "https://acme.eu.auth0.com/api/v2/" })
		tenant := create(tenantFor(remote, create(secretFor(remote)).Name))
		Eventually(conditionOf(tenant)).Should(Equal("False AudienceMismatch"))
		Expect(messageOf(tenant)).To(ContainSubstring("spec.managementAudience"))
		custom := tenantFor(remote, tenant.Spec.Credentials.SecretRef.Name)
		custom.Spec.ManagementAudience = remote.ManagementAudience()
		create(custom)
		Eventually(conditionOf(custom)).Should(Equal("True Available"))
		Expect(available(grantFor(remote, custom, "read:users")).Status.Tenant).To(Equal("acme.eu.auth0.com"))
	})

	It("says that its token is for another tenant, and uses it for nothing", func() {
		remote := startTenant()
		claims := base64.RawURLEncoding.EncodeToString([]byte(`{"aud":"https://other.eu.auth0.com/api/v2/"}`))
		remote.Inject(sim.Fault{
			Route: routeToken, Times: -1, Status: http.StatusOK,
			Body: `{"access_token":"eyJhbGciOiJSUzI1NiJ9.` + claims + `.c2ln","token_type":"Bearer","expires_in":86400}`,
		})
		tenant := create(tenantFor(remote, create(secretFor(remote)).Name))
		Eventually(conditionOf(tenant)).Should(Equal("False AudienceMismatch"))
		Expect(is(tenant, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(messageOf(tenant)).To(And(ContainSubstring("https://other.eu.auth0.com/api/v2/"), ContainSubstring(remote.Domain())))
		Expect(remote.Requests("", routeGrants)).To(BeZero())
	})

	It("does nothing while suspended, and catches up afterwards", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		kept, changed := available(grantFor(remote, tenant, "a")), available(grantFor(remote, tenant, "a"))
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeSuspend })
		Eventually(conditionOf(tenant)).Should(Equal("False Suspended"))
		remote.ClearLog()
		edit(changed, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"b"} })
		made := create(grantFor(remote, tenant, "c"))
		Eventually(conditionOf(changed)).Should(Equal("False TenantNotReady"))
		Eventually(conditionOf(made)).Should(Equal("False TenantNotReady"))
		Expect(conditionOf(kept)()).To(Equal("True Available"))
		Expect(remote.Log()).To(BeEmpty())

		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeEnforce })
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		Eventually(conditionOf(changed)).Should(Equal("True Available"))
		Eventually(conditionOf(made)).Should(Equal("True Available"))
	})

	It("that is made again without its Secret asks nothing with the credentials of the former", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "read:users"))
		again := tenantFor(remote, "none")
		again.Name = tenant.Name
		remove(tenant)
		takeOffFinalizers(tenant)
		create(again)
		Eventually(conditionOf(again)).Should(Equal("False SecretNotFound"))
		remote.ClearLog()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{} })
		Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		resync(again)
		Expect(remote.Log()).To(BeEmpty())
	})

	It("looks at nothing because a request was taken back", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		available(grantFor(remote, tenant, "read:users"))
		resync(tenant)
		answered := tenant.Status.LastHandledReconcileAt
		remote.ClearLog()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Annotations = nil })
		Consistently(func() string { return reload(tenant).Status.LastHandledReconcileAt }).Should(Equal(answered))
		Expect(remote.Log()).To(BeEmpty())
	})

	It("in a namespace that the operator was not given is not used", func() {
		remote := startTenant()
		secret := secretFor(remote)
		secret.Namespace = elsewhere
		create(secret)
		tenant := tenantFor(remote, secret.Name)
		tenant.Namespace = elsewhere
		create(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("False NamespaceNotAllowed"))
		Expect(messageOf(tenant)).To(ContainSubstring("--tenant-namespaces"))
		obj := grantFor(remote, tenant, "read:users")
		obj.Namespace = elsewhere
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		Expect(remote.Log()).To(BeEmpty())
		for _, left := range []interface {
			GetFinalizers() []string
		}{tenant, obj} {
			Expect(left.GetFinalizers()).To(BeEmpty())
		}
	})

	It("with a domain that the operator was not given is not dialled", func() {
		remote := startTenant()
		tenant := tenantFor(remote, create(secretFor(remote)).Name)
		tenant.Spec.Domain = strings.Replace(remote.Domain(), "127.0.0.1", "localhost", 1)
		create(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("False DomainNotAllowed"))
		Expect(messageOf(tenant)).To(And(ContainSubstring(tenant.Spec.Domain), ContainSubstring("--allowed-domains")))
		obj := create(grantFor(remote, tenant, "read:users"))
		Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		Expect(remote.Log()).To(BeEmpty())
	})
})
