package controller_test

import (
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// impostorOf is a host of somebody else, and an Auth0Tenant for it that claims to be of the simulated tenant. Its tokens name
// that tenant, too: what a host of one's own issues says what one likes.
func impostorOf(remote *sim.Running) (*sim.Running, *v1alpha1.Auth0Tenant) {
	GinkgoHelper()
	own := startTenant(func(o *sim.Options) { o.ManagementAudience = remote.ManagementAudience() })
	tenant := tenantFor(own, create(secretFor(own)).Name)
	tenant.Spec.ManagementAudience = remote.ManagementAudience()
	return own, tenant
}

// secretOf is a Secret with the credentials of an application.
func secretOf(clientID, clientSecret string) *corev1.Secret {
	seen.keep(clientSecret)
	return &corev1.Secret{
		ObjectMeta: metaOf(unique("credentials")), StringData: map[string]string{"clientID": clientID, secretKey: clientSecret},
	}
}

func metaOf(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace}
}

// alike is a ClientGrant that asks for the same grant through another Auth0Tenant.
func alike(obj *v1alpha1.ClientGrant, through *v1alpha1.Auth0Tenant) *v1alpha1.ClientGrant {
	other := &v1alpha1.ClientGrant{ObjectMeta: metaOf(unique("rival")), Spec: *obj.Spec.DeepCopy()}
	other.Spec.TenantRef.Name = through.Name
	return other
}

var _ = Describe("An Auth0Tenant that claims to be of a tenant and proves nothing", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, func(t *v1alpha1.Auth0Tenant) { t.Spec.OnViolation = v1alpha1.OnViolationRevoke })
		obj = grantFor(remote, tenant, "read:users")
	})

	It("is handed nothing over: the access ends with its owner", func() {
		available(obj)
		own, impostor := impostorOf(remote)
		create(impostor)
		Eventually(conditionOf(impostor)).Should(Equal("True Available"))
		rival := alike(obj, impostor)
		foreign(own, rival, "read:users")
		available(rival)
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		Expect(own.GrantCount()).To(Equal(1))
	})

	It("delays no call of the tenant", func() {
		_, impostor := impostorOf(remote)
		impostor.Spec.RateLimit = v1alpha1.RateLimit{RequestsPerMinute: 1, Burst: 1}
		create(impostor)
		Eventually(conditionOf(impostor)).Should(Equal("True Available"))
		Expect(medianReady(remote, tenant)).To(BeNumerically("<", time.Second))
	})

	DescribeTable("keeps nobody from a grant by asking for it first", func(spoil func(*sim.Running)) {
		own, impostor := impostorOf(remote)
		spoil(own)
		create(impostor)
		Eventually(conditionOf(impostor)).ShouldNot(Equal("none"))
		rival := create(alike(obj, impostor))
		Eventually(conditionOf(rival)).ShouldNot(Equal("none"))
		available(obj)
	},
		Entry("at a host that works", func(*sim.Running) {}),
		Entry("at a host that refuses every call", func(own *sim.Running) {
			own.Inject(sim.Fault{Route: routeGrants, Times: -1, Status: http.StatusForbidden})
		}),
		Entry("at a host that refuses the credentials", func(own *sim.Running) {
			own.Inject(sim.Fault{Route: routeToken, Times: -1, Status: http.StatusUnauthorized, Body: `{"error":"access_denied"}`})
		}),
	)

	DescribeTable("protects no application of somebody else by naming it",
		func(change func(own *sim.Running, t *v1alpha1.Auth0Tenant)) {
			available(obj)
			own := startTenant(func(o *sim.Options) {
				o.ManagementAudience, o.ClientID = remote.ManagementAudience(), obj.Spec.ClientRef.ID
			})
			other := tenantFor(own, create(secretFor(own)).Name)
			change(own, other)
			create(other)
			Eventually(conditionOf(other)).ShouldNot(Equal("none"))
			for range 2 {
				lookAgain(obj)
				resync(tenant)
			}
			Expect(conditionOf(obj)()).To(Equal("True Available"))
			Expect(remoteOf(remote, obj)).NotTo(BeNil())
		},
		Entry("with credentials that its own host accepts", func(_ *sim.Running, t *v1alpha1.Auth0Tenant) {
			t.Spec.ManagementAudience = remote.ManagementAudience()
		}),
		Entry("with credentials that the tenant refuses", func(_ *sim.Running, t *v1alpha1.Auth0Tenant) {
			t.Spec.Domain = remote.Domain()
		}),
		Entry("with credentials that are never tried", func(_ *sim.Running, t *v1alpha1.Auth0Tenant) {
			t.Spec.Domain, t.Spec.Mode = remote.Domain(), v1alpha1.ModeSuspend
		}),
		Entry("at a domain that is not allowed", func(_ *sim.Running, t *v1alpha1.Auth0Tenant) {
			t.Spec.Domain, t.Spec.ManagementAudience = "evil.example.com", remote.ManagementAudience()
		}),
	)
})

var _ = Describe("Two Auth0Tenants of one tenant", func() {
	var (
		remote        *sim.Running
		first, second *v1alpha1.Auth0Tenant
		obj           *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		first = readyTenant(remote)
		obj = grantFor(remote, first, "read:users")
		second = tenantFor(remote, create(secretFor(remote)).Name)
	})

	DescribeTable("of which one cannot act keep nobody from a grant by asking for it first",
		func(state string, spoil func(*v1alpha1.Auth0Tenant)) {
			spoil(second)
			create(second)
			if strings.HasSuffix(state, "InUse") {
				held := available(grantFor(remote, second, "read:users"))
				remove(second)
				DeferCleanup(remove, held)
			}
			Eventually(conditionOf(second)).Should(Equal(state))
			rival := create(alike(obj, second))
			Eventually(conditionOf(rival)).ShouldNot(Equal("none"))
			available(obj)
		},
		Entry("in mode Observe", "True Observed", func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeObserve }),
		Entry("suspended", "False Suspended", func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeSuspend }),
		Entry("without a Secret", "False SecretNotFound", func(t *v1alpha1.Auth0Tenant) { t.Spec.Credentials.SecretRef.Name = "none" }),
		Entry("with refused credentials", "False InvalidCredentials", func(t *v1alpha1.Auth0Tenant) {
			t.Spec.Credentials.SecretRef.Name = create(secretOf(remote.ClientID(), unique("wrong"))).Name
		}),
		Entry("being deleted", "False InUse", func(*v1alpha1.Auth0Tenant) {}),
	)

	It("let the access end with its owner where the credentials of the other were taken away", func() {
		create(second)
		Eventually(conditionOf(second)).Should(Equal("True Available"))
		available(obj)
		rival := create(alike(obj, second))
		Eventually(conditionOf(rival)).Should(Equal("False Conflict"))
		remove(&corev1.Secret{ObjectMeta: metaOf(second.Spec.Credentials.SecretRef.Name)})
		Eventually(conditionOf(second)).Should(Equal("False SecretNotFound"))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("are each held to a limit of its own: the smaller one delays nobody else", func() {
		second.Spec.RateLimit = v1alpha1.RateLimit{RequestsPerMinute: 1, Burst: 1}
		create(second)
		Eventually(conditionOf(second)).Should(Equal("True Available"))
		for range 3 {
			create(grantFor(remote, second, "read:users"))
		}
		Expect(medianReady(remote, first)).To(BeNumerically("<", time.Second))
		made := 0
		for _, held := range remote.Grants() {
			if !held.IsSystem {
				made++
			}
		}
		Expect(made).To(BeNumerically("<=", 5+1), "of the slow one one call a minute")
	})
})

var _ = Describe("A tenant with two names", func() {
	var (
		remote        *sim.Running
		tenant, alias *v1alpha1.Auth0Tenant
	)
	BeforeEach(func() {
		remote = startTenant(func(o *sim.Options) { o.Listen, o.Hosts = "0.0.0.0:0", []string{"127.0.0.2"} })
		tenant = readyTenant(remote)
		application := remote.AddClient(sim.Client{AppType: "non_interactive"})
		remote.AddGrant(sim.Grant{ClientID: application.ID, Audience: remote.ManagementAudience(), Scope: []string{
			"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants",
		}})
		alias = tenantFor(remote, create(secretOf(application.ID, application.Secret)).Name)
		alias.Spec.Domain = strings.Replace(remote.Domain(), "127.0.0.2", "127.0.0.1", 1)
		alias.Spec.ManagementAudience = remote.ManagementAudience()
		create(alias)
		Eventually(conditionOf(alias)).Should(Equal("True Available"))
	})

	It("grants nothing to the operator's application of the other name", func() {
		for through, of := range map[*v1alpha1.Auth0Tenant]*v1alpha1.Auth0Tenant{tenant: alias, alias: tenant} {
			secret := &corev1.Secret{ObjectMeta: metaOf(of.Spec.Credentials.SecretRef.Name)}
			obj := grantFor(remote, through, "read:users")
			obj.Spec.ClientRef.ID = string(reload(secret).Data["clientID"])
			create(obj)
			Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		}
		Expect(sent(remote, "")).To(BeEmpty())
	})

	It("hands a grant over from one name to the other", func() {
		obj := available(grantFor(remote, tenant, "read:users"))
		rival := create(alike(obj, alias))
		Eventually(conditionOf(rival)).Should(Equal("False Conflict"))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Eventually(conditionOf(rival)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).ID).To(Equal(rival.Status.GrantID))
		Expect(sent(remote, http.MethodDelete)).To(BeEmpty())
	})
})
