package controller_test

import (
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// What the operator does not ask for all the time takes minutes: one test waits for all of it.
var _ = Describe("Without anybody's action in Kubernetes", Label("slow"), func() {
	It("what is corrected in Auth0 heals within two minutes, and a tenant that cannot be read is told after three intervals", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		noClient, noAPI := grantFor(remote, tenant, "a"), grantFor(remote, tenant, "a")
		remote.DeleteClient(noClient.Spec.ClientRef.ID)
		remote.DeleteAPI(noAPI.Spec.Audience)
		for _, obj := range []*v1alpha1.ClientGrant{create(noClient), create(noAPI)} {
			Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		}

		lacking := startTenant(func(o *sim.Options) { o.Settings.GrantedScopes = []string{"read:client_grants"} })
		lackingTenant := create(tenantFor(lacking, create(secretFor(lacking)).Name))
		Eventually(conditionOf(lackingTenant)).Should(Equal("False InsufficientScope"))

		early := startTenant()
		secret, coming := secretFor(early), strings.Repeat(unique("coming"), 5)
		seen.keep(coming)
		secret.StringData[secretKey] = coming
		earlyTenant := create(tenantFor(early, create(secret).Name))
		Eventually(conditionOf(earlyTenant)).Should(Equal("False InvalidCredentials"))

		unread := startTenant()
		unreadTenant := readyTenant(unread, func(t *v1alpha1.Auth0Tenant) {
			t.Spec.ResyncInterval = &metav1.Duration{Duration: 30 * time.Second}
		})
		verified := available(grantFor(unread, unreadTenant, "a"))
		unread.Inject(sim.Fault{Method: http.MethodGet, Times: -1, Status: http.StatusServiceUnavailable})

		remote.AddClient(sim.Client{ID: noClient.Spec.ClientRef.ID})
		remote.AddAPI(sim.API{Identifier: noAPI.Spec.Audience})
		lacking.Configure(func(s *sim.Settings) { s.GrantedScopes = nil })
		early.SetClientCredentials(early.ClientID(), coming, nil)

		const minutes = 2 * time.Minute
		Eventually(conditionOf(noClient), minutes).Should(Equal("True Available"))
		Eventually(conditionOf(noAPI), minutes).Should(Equal("True Available"))
		Eventually(conditionOf(lackingTenant), minutes).Should(Equal("True Available"))
		Eventually(conditionOf(earlyTenant), minutes).Should(Equal("True Available"))

		Eventually(conditionOf(unreadTenant), minutes).Should(Equal("False APIUnavailable"))
		Expect(conditionOf(verified)()).To(Equal("True Available"), "a tenant's trouble says nothing about a grant")
		unread.ClearFaults()
		Eventually(conditionOf(unreadTenant), minutes).Should(Equal("True Available"))
	})
})
