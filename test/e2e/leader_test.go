package e2e

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("The leader's pod, killed under load", func() {
	It("hands over within 5 seconds when it ends in order", func() {
		survives(func(leader corev1.Pod) { remove(&leader) }, 5*time.Second)
	})
	It("is replaced when its lease has run out, after SIGKILL", func() {
		// 15 seconds from the last renewal that the standby saw, which looks every 2 seconds or a little later.
		survives(kill, 25*time.Second)
	})
})

// survives has the leader end while the operator creates grants one after the other, and looks at how long there was
// no request: by the simulator's clock alone.
func survives(end func(corev1.Pod), within time.Duration) {
	GinkgoHelper()
	const count = 120
	install()
	tenant := tenantIn(operatorNamespace, 600)
	first := leader()
	grants := grantsIn(operatorNamespace, count)
	Eventually(func() int { return len(auth0.grants()) }).Should(BeNumerically(">=", 20))
	Expect(len(auth0.grants())).To(BeNumerically("<", count/2), "the load has to go on after the end of the leader")
	end(first)
	awaitAllReady(operatorNamespace, count)

	created := auth0.writes(http.MethodPost)
	Expect(created).To(HaveEach(HaveField("Status", http.StatusCreated)))
	Expect(created).To(HaveLen(count), "no grant is asked for twice")
	Expect(auth0.grants()).To(HaveLen(count))
	pause := longestPause(created)
	AddReportEntry("longest time without a grant", pause.String())
	Expect(pause).To(BeNumerically("<", within))
	Expect(pause).To(BeNumerically(">", time.Second/2), "nothing was interrupted")
	patch(tenant, `{"rateLimit":{"requestsPerMinute":6000}}`)
	deleteTogether(tenant, grants...)
	uninstall()
	removeCRDs()
}
