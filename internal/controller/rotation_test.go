package controller_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// privateKey makes a key as it stands in a Secret, and its public half.
func privateKey() (text string, public *rsa.PublicKey) {
	GinkgoHelper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	Expect(err).NotTo(HaveOccurred())
	der, err := x509.MarshalPKCS8PrivateKey(key)
	Expect(err).NotTo(HaveOccurred())
	text = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	seen.keep(strings.Split(text, "\n")[1:10]...)
	return text, &key.PublicKey
}

var _ = Describe("Credentials", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		secret *corev1.Secret
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		secret = &corev1.Secret{}
		secret.Name, secret.Namespace = tenant.Spec.Credentials.SecretRef.Name, namespace
	})
	// set writes keys of the Secret; an empty value removes one.
	set := func(values map[string]string) {
		GinkgoHelper()
		edit(secret, func(s *corev1.Secret) {
			for key, value := range values {
				if s.Data[key] = []byte(value); value == "" {
					delete(s.Data, key)
				}
			}
		})
	}
	// renew has Auth0 take another secret and no token of before.
	renew := func() string {
		renewed := strings.Repeat(unique("renewed"), 5)
		seen.keep(renewed)
		remote.SetClientCredentials(remote.ClientID(), renewed, nil)
		remote.RevokeTokens()
		return renewed
	}

	It("that are rotated take effect without a restart", func() {
		obj := available(grantFor(remote, tenant, "a"))
		set(map[string]string{secretKey: renew()})
		available(grantFor(remote, tenant, "a"))
		key, public := privateKey()
		remote.SetClientCredentials(remote.ClientID(), "", public)
		remote.RevokeTokens()
		set(map[string]string{secretKey: "", "privateKey": key})
		available(grantFor(remote, tenant, "a"))
		resync(tenant)
		Expect(conditionOf(tenant)()).To(Equal("True Available"))
		Expect(conditionOf(obj)()).To(Equal("True Available"))
	})

	It("can be those of another application, which is then protected in the place of the former", func() {
		former := remote.ClientID()
		other := remote.AddClient(sim.Client{AppType: "non_interactive"})
		seen.keep(other.Secret)
		remote.AddGrant(sim.Grant{ClientID: other.ID, Audience: remote.ManagementAudience(), Scope: []string{
			"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants",
		}})
		set(map[string]string{"clientID": other.ID, secretKey: other.Secret})
		mine, theirs := grantFor(remote, tenant, "a"), grantFor(remote, tenant, "a")
		mine.Spec.ClientRef.ID, theirs.Spec.ClientRef.ID = other.ID, former
		Eventually(func() string {
			probe := mine.DeepCopy()
			probe.Name = unique("probe")
			create(probe)
			Eventually(conditionOf(probe)).ShouldNot(Or(Equal("none"), Equal("False Progressing")))
			remove(probe)
			return readyOf(probe)
		}).Should(Equal("False NotPermitted"))
		available(theirs)
	})

	It("that Auth0 refuses are told, while the session with the former ones works on", func() {
		obj := available(grantFor(remote, tenant, "a"))
		good := string(reload(secret).Data[secretKey])
		set(map[string]string{secretKey: strings.Repeat("mistyped", 4)})
		Eventually(conditionOf(tenant)).Should(Equal("False InvalidCredentials"))
		Expect(messageOf(tenant)).To(ContainSubstring(secret.Name))
		available(grantFor(remote, tenant, "a"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"b"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"b"}))
		set(map[string]string{secretKey: good})
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
	})

	It("whose token is refused get one new token, and nobody notices", func() {
		obj := available(grantFor(remote, tenant, "a"))
		remote.ClearLog()
		remote.ExpireTokens()
		resync(tenant)
		Expect(remote.Requests(http.MethodPost, routeToken)).To(Equal(1))
		Expect(conditionOf(tenant)()).To(Equal("True Available"))
		Expect(statesOf(tenant)).To(HaveEach(BeElementOf("none", "True Available")))
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"by:hand"} })
		resync(tenant)
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(Equal([]string{"a"}))
	})

	It("whose token is refused at a write are renewed too, and the write is made", func() {
		obj := available(grantFor(remote, tenant, "a"))
		remote.ExpireTokens()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"b"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"b"}))
	})

	It("that were rotated in Auth0 alone are told as refused, and heal with the Secret", func() {
		obj := available(grantFor(remote, tenant, "a"))
		renewed := renew()
		remote.ClearLog()
		requestNow(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("False InvalidCredentials"))
		Expect(conditionOf(obj)()).To(Equal("True Available"), "what was verified stays so")
		late := create(grantFor(remote, tenant, "a"))
		Eventually(conditionOf(late)).Should(Equal("False TenantNotReady"))
		Consistently(func() int { return len(remote.Log()) }).Should(BeNumerically("<=", 4), "asks all the time")
		set(map[string]string{secretKey: renewed})
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		Eventually(conditionOf(late)).Should(Equal("True Available"))
	})
})
