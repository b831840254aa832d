package process_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// leaseName is the lease of the leader election. Another process may take it 15 s after its last renewal.
const leaseName = "clientgrant-operator"

func TestLeaderElection(t *testing.T) {
	t.Parallel()
	t.Run("a leader that is terminated ends with its calls and hands the lease over", checkTerminated)
	t.Run("a standby sends nothing, and takes over from a leader that is killed", checkKilledLeader)
	t.Run("a leader that was stopped for long writes nothing after another one took over", checkStoppedLeader)
}

func checkTerminated(t *testing.T) {
	w := newWorld(t, leaders)
	leader := w.startLeader()
	w.ready(w.tenant)
	hanging := w.remote.Inject(sim.Fault{Method: http.MethodPost, Route: "/client-grants", Hang: true})
	w.create()
	w.Eventually(hanging.Hits).Should(Equal(1))

	leader.Signal(syscall.SIGTERM)
	w.Eventually(leader.Done()).WithTimeout(10 * time.Second).Should(BeClosed())
	w.Expect(leader.ExitCode()).To(BeZero())
	w.Expect(w.holder()).To(BeEmpty(), "the lease must be given back: else the next one waits until it has run out")
	hanging.Remove()

	w.startLeader()
	w.holds(audience, "read:users", "write:users")
}

func checkKilledLeader(t *testing.T) {
	w := newWorld(t, leaders)
	leader := w.startLeader()
	w.ready(w.tenant)
	standby := w.startStandby()
	kill := &trap{match: toGrants(http.MethodPost), answered: true, spring: leader.Kill}
	w.remote.gate.arm(kill)
	w.create()
	w.Eventually(kill.hit).Should(BeClosed())
	w.Expect(w.remote.issued()).To(HaveLen(1), "the standby must not ask for a token")

	w.Eventually(w.remote.issued).Should(HaveLen(2))
	w.refreshed()
	w.holds(audience, "read:users", "write:users")
	w.Expect(w.remote.writes(http.MethodPost, 0)).To(Equal(1))
	w.Expect(standby.Done()).NotTo(BeClosed())
}

// checkStoppedLeader stops the leader right before it sends a change, after everything that it reads before. What it was
// about to send is old when it goes on.
func checkStoppedLeader(t *testing.T) {
	w := newWorld(t, leaders)
	leader := w.startLeader()
	w.createReady()
	standby := w.startStandby()
	stop := &trap{
		match: readsTenant, answered: true, relayed: true,
		spring: func() { leader.Signal(syscall.SIGSTOP) },
	}
	leader.api.arm(stop)
	w.edit(func(spec *v1alpha1.ClientGrantSpec) { spec.Scopes = []string{"read:users"} })
	w.Eventually(stop.hit).Should(BeClosed())
	first := w.holder()

	w.Eventually(w.holder).ShouldNot(Equal(first))
	w.holds(audience, "read:users")
	w.edit(func(spec *v1alpha1.ClientGrantSpec) { spec.Scopes = []string{} })
	w.holds(audience)
	w.forbid()
	w.Expect(w.remote.writes(http.MethodPatch, 0)).To(Equal(2))

	// The lease must not be what keeps the former leader from sending: it does not get to it.
	leader.api.arm(&trap{match: asksForLease, relayed: true, spring: func() { <-leader.Done() }})
	before := leader.api.count(http.MethodPatch, "") + leader.api.count(http.MethodPost, "")
	resumed := time.Now()
	leader.Signal(syscall.SIGCONT)
	w.Eventually(leader.Output).Should(ContainSubstring(controller.ErrNotLeader.Error()))
	w.Eventually(leader.Done()).Should(BeClosed())
	w.Expect(time.Since(resumed)).To(BeNumerically("<", 8*time.Second), "it must end at once, and not when the election gives up")
	w.Expect(leader.ExitCode()).To(Equal(1))
	w.Expect(leader.api.count(http.MethodPatch, "")+leader.api.count(http.MethodPost, "")).To(Equal(before),
		"neither objects nor events may tell of what it knew")
	w.Expect(w.own()).To(ConsistOf(HaveField("Scope", BeEmpty())))
	w.Expect(w.remote.writes(http.MethodPatch, 0)).To(Equal(2))
	w.Expect(standby.Done()).NotTo(BeClosed())
}

// forbid has the Auth0Tenant allow the grant to nobody any more.
func (w *world) forbid() {
	w.t.Helper()
	patch := `{"spec":{"accessRules":[{"name":"other","namespaces":{"from":"Same"},"audiences":["https://nothing.example.com/"]}]}}`
	w.Expect(w.k8s.Patch(ctx, w.tenant, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
	w.Eventually(func() string { return w.condition(w.grant) }).Should(Equal("False NotPermitted"))
}

// readsTenant is what the operator does right before a change leaves.
func readsTenant(r *http.Request, _ string) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/auth0tenants/main")
}

func asksForLease(r *http.Request, _ string) bool {
	return strings.HasSuffix(r.URL.Path, "/leases/"+leaseName)
}

// startLeader starts a process and waits until it leads.
func (w *world) startLeader() *replica {
	w.t.Helper()
	r := w.start("--leader-elect")
	w.Eventually(w.holder).ShouldNot(BeEmpty())
	return r
}

// startStandby starts a process and waits until it has found out that another one leads.
func (w *world) startStandby() *replica {
	w.t.Helper()
	r := w.start("--leader-elect")
	w.Eventually(func() int { return r.api.count(http.MethodGet, "/leases/"+leaseName) }).Should(BeNumerically(">=", 2))
	return r
}

// holder is the process that leads; empty when none does.
func (w *world) holder() string {
	lease := &coordinationv1.Lease{}
	err := w.k8s.Get(ctx, client.ObjectKey{Namespace: harness.Namespace, Name: leaseName}, lease)
	w.Expect(client.IgnoreNotFound(err)).To(Succeed())
	return ptr.Deref(lease.Spec.HolderIdentity, "")
}
