package controller_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// changesOf lists the changes of an object's Ready condition as the log tells them: "kind: from to".
func changesOf(obj client.Object) []string {
	GinkgoHelper()
	changes := []string{}
	for _, line := range linesOf(obj) {
		if line.Msg == "Ready changed" {
			Expect(line.Level).To(Equal("INFO"))
			Expect(line.Namespace).To(Equal(obj.GetNamespace()))
			Expect(line.Message).NotTo(BeEmpty())
			changes = append(changes, line.From+" "+line.To)
		}
	}
	return changes
}

// line is one of the log.
type line struct{ Level, Msg, ControllerKind, Namespace, Name, From, To, Message, Err string }

// linesOf lists what the log says of an object, but for what the library says at the lowest level.
func linesOf(obj client.Object) []line {
	GinkgoHelper()
	seen.mu.Lock()
	defer seen.mu.Unlock()
	lines := []line{}
	scanner := bufio.NewScanner(strings.NewReader(seen.text.String()))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l line
		if strings.Contains(scanner.Text(), obj.GetName()) && json.Unmarshal(scanner.Bytes(), &l) == nil &&
			l.Name == obj.GetName() && l.Msg != "" && l.Level != "DEBUG" {
			lines = append(lines, l)
		}
	}
	Expect(scanner.Err()).NotTo(HaveOccurred())
	return lines
}

// notesOf lists the events about an object, with their type and what they say.
func notesOf(obj client.Object) func() []string {
	return func() []string {
		list := &eventsv1.EventList{}
		Expect(k8s.List(ctx, list)).To(Succeed())
		notes := []string{}
		for _, e := range list.Items {
			if e.Regarding.UID == obj.GetUID() {
				notes = append(notes, e.Type+" "+e.Reason+": "+e.Note)
			}
		}
		return notes
	}
}

// timesLeft is how often the owner of a tenant was told that access may remain.
func timesLeft(of *v1alpha1.Auth0Tenant) func() int {
	return func() int {
		left := slices.DeleteFunc(eventsOf(of)(), func(reason string) bool { return reason != v1alpha1.EventGrantLeft })
		return len(left)
	}
}

// expectNoDeeds checks that no event about an object tells that something was done for it.
func expectNoDeeds(obj client.Object) {
	GinkgoHelper()
	for _, deed := range []string{
		v1alpha1.EventCreated, v1alpha1.EventAdopted, v1alpha1.EventUpdated, v1alpha1.EventRevoked, v1alpha1.EventHandedOver,
		v1alpha1.EventDriftCorrected,
	} {
		Expect(eventsOf(obj)()).NotTo(ContainElement(deed))
	}
}

var _ = Describe("What became of an object", func() {
	It("is told by log and events, once for each change, with nothing more while it stays so", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users")
		fault := remote.Inject(sim.Fault{Method: http.MethodPost, Route: routeGrants, Times: -1, Status: http.StatusBadRequest})
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		fault.Remove()
		lookAgain(obj)
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(changesOf(obj)).To(Equal([]string{"Unknown Rejected", "Rejected Available"}))
		Eventually(notesOf(obj)).Should(ConsistOf(
			HavePrefix("Warning Rejected: Auth0 refused the request (400)"), HavePrefix("Normal Created: "),
			Equal("Normal Available: The tenant holds the grant as specified."),
		))
	})

	It("is a refresh that fails: the request is not answered as if it had succeeded", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "read:users"))
		fault := remote.Inject(sim.Fault{Method: http.MethodGet, Route: routeGrants, Times: -1, Status: http.StatusForbidden})
		request := requestNow(tenant)
		Eventually(func() string { return messageOf(reload(tenant)) }).Should(ContainSubstring("reading from the tenant fails"))
		requested := requestNow(obj)
		Eventually(notesOf(tenant)).Should(ContainElement(HavePrefix("Warning RefreshFailed: ")))
		Eventually(fault.Hits).Should(BeNumerically(">", 2))
		Expect(reload(tenant).Status.LastHandledReconcileAt).NotTo(Equal(request))
		Expect(reload(obj).Status.LastHandledReconcileAt).NotTo(Equal(requested))
		fault.Remove()
		Eventually(func() string { return reload(tenant).Status.LastHandledReconcileAt }).Should(Equal(request))
		Eventually(func() string { return reload(obj).Status.LastHandledReconcileAt }).Should(Equal(requested))
		Eventually(notesOf(tenant)).Should(ContainElement(HavePrefix("Normal Refreshed: ")))
		Expect(messageOf(reload(tenant))).NotTo(ContainSubstring("fails"))
		Expect(changesOf(tenant)).To(Equal([]string{"Unknown Available"}))
		failures := 0
		for _, l := range linesOf(tenant) {
			if l.Err != "" {
				failures++
			}
		}
		Expect(failures).To(Equal(1))
	})
})
