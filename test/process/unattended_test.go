package process_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// TestWhatIsCorrectedInAuth0Heals waits for what the operator does not ask for all the time: without anybody's action in
// Kubernetes, what is corrected in Auth0 heals within two minutes, and a tenant that cannot be read is told after three
// intervals.
func TestWhatIsCorrectedInAuth0Heals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unattended)
	lacking, early, unread := newTenant(t), newTenant(t), newTenant(t)

	noClient, noAPI := w.grant, w.grant.DeepCopy()
	noAPI.Name, noAPI.Spec.ClientRef.ID = "no-api", application
	noAPI.Spec.Audience = "https://coming.example.com/"
	noClient.Spec.ClientRef.ID = "coming-application"
	lacking.Configure(func(s *sim.Settings) { s.GrantedScopes = []string{"read:client_grants"} })
	lackingTenant := w.another("lacking", lacking, lacking.ClientSecret())
	coming := strings.Repeat("coming", 5)
	earlyTenant := w.another("early", early, coming)
	unreadTenant := w.another("unread", unread, unread.ClientSecret(), func(of *v1alpha1.Auth0Tenant) {
		of.Spec.ResyncInterval = &metav1.Duration{Duration: 30 * time.Second}
	})
	unread.AddClient(sim.Client{ID: application})
	unread.AddAPI(sim.API{Identifier: audience, Scopes: w.grant.Spec.Scopes})
	verified := w.grant.DeepCopy()
	verified.Name, verified.Spec.TenantRef.Name, verified.Spec.ClientRef.ID = "verified", unreadTenant.Name, application
	w.later = append(w.later, noAPI, verified)
	for _, obj := range []*v1alpha1.ClientGrant{noClient, noAPI, verified} {
		w.Expect(w.k8s.Create(ctx, obj)).To(Succeed())
	}
	w.start("--allowed-domains=" + strings.Join([]string{
		w.remote.gate.Address(), lacking.gate.Address(), early.gate.Address(), unread.gate.Address(),
	}, ","))
	w.Eventually(func() string { return w.condition(noClient) }).Should(Equal("False Rejected"))
	w.Eventually(func() string { return w.condition(noAPI) }).Should(Equal("False Rejected"))
	w.Eventually(func() string { return w.condition(lackingTenant) }).Should(Equal("False InsufficientScope"))
	w.Eventually(func() string { return w.condition(earlyTenant) }).Should(Equal("False InvalidCredentials"))
	w.ready(verified)

	unread.Inject(sim.Fault{Method: http.MethodGet, Times: -1, Status: http.StatusServiceUnavailable})
	w.remote.AddClient(sim.Client{ID: noClient.Spec.ClientRef.ID})
	w.remote.AddAPI(sim.API{Identifier: noAPI.Spec.Audience})
	lacking.Configure(func(s *sim.Settings) { s.GrantedScopes = nil })
	early.SetClientCredentials(early.ClientID(), coming, nil)

	const minutes = 2 * time.Minute
	for _, healed := range []*v1alpha1.ClientGrant{noClient, noAPI} {
		w.Eventually(func() string { return w.condition(healed) }, minutes).Should(Equal("True Available"))
	}
	for _, healed := range []*v1alpha1.Auth0Tenant{lackingTenant, earlyTenant} {
		w.Eventually(func() string { return w.condition(healed) }, minutes).Should(Equal("True Available"))
	}
	w.Eventually(func() string { return w.condition(unreadTenant) }, minutes).Should(Equal("False APIUnavailable"))
	w.Expect(w.condition(verified)).To(Equal("True Available"), "a tenant's trouble says nothing about a grant")
	unread.ClearFaults()
	w.Eventually(func() string { return w.condition(unreadTenant) }, minutes).Should(Equal("True Available"))
}

// another makes an Auth0Tenant for one more tenant.
func (w *world) another(name string, remote *tenant, secret string, change ...func(*v1alpha1.Auth0Tenant)) *v1alpha1.Auth0Tenant {
	w.t.Helper()
	named := metav1.ObjectMeta{Namespace: harness.Namespace, Name: name}
	credentials := &corev1.Secret{
		ObjectMeta: named, StringData: map[string]string{"clientID": remote.ClientID(), "clientSecret": secret},
	}
	of := &v1alpha1.Auth0Tenant{ObjectMeta: named, Spec: w.tenant.Spec}
	of.Spec.Domain, of.Spec.Credentials.SecretRef.Name = remote.gate.Address(), name
	for _, c := range change {
		c(of)
	}
	w.Expect(w.k8s.Create(ctx, credentials)).To(Succeed())
	w.Expect(w.k8s.Create(ctx, of)).To(Succeed())
	w.later = append(w.later, of, credentials)
	return of
}
