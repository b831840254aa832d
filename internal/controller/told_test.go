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

	It("can be found out afterwards, whatever reason it went through", func() {
		remote := startTenant()
		tenant := readyTenant(remote, allowing())
		obj := grantFor(remote, tenant, "read:users")
		owned, other := available(grantFor(remote, tenant, "a")), available(grantFor(remote, tenant, "a"))
		theirs, system := grantFor(remote, tenant, "a"), grantFor(remote, tenant, "a")
		foreign(remote, theirs)
		remote.AddGrant(sim.Grant{ClientID: system.Spec.ClientRef.ID, Audience: system.Spec.Audience, IsSystem: true})
		itself := obj.Spec.DeepCopy()
		spec := func(change func(*v1alpha1.ClientGrantSpec)) func() {
			return func() { edit(obj, func(o *v1alpha1.ClientGrant) { change(&o.Spec) }) }
		}
		as := func(of *v1alpha1.ClientGrant, policy v1alpha1.AdoptionPolicy) func() {
			return spec(func(s *v1alpha1.ClientGrantSpec) {
				s.ClientRef, s.Audience, s.AdoptionPolicy = of.Spec.ClientRef, of.Spec.Audience, policy
			})
		}
		back := spec(func(s *v1alpha1.ClientGrantSpec) {
			s.ClientRef, s.Audience, s.Scopes, s.Mode = itself.ClientRef, itself.Audience, []string{"read:users"}, v1alpha1.ModeEnforce
			if s.AllowAllScopes != nil {
				s.AllowAllScopes = new(false)
			}
		})
		ofTenant := func(change func(*v1alpha1.Auth0TenantSpec)) {
			edit(tenant, func(t *v1alpha1.Auth0Tenant) { change(&t.Spec) })
		}
		mode := func(mode v1alpha1.Mode) func() { return spec(func(s *v1alpha1.ClientGrantSpec) { s.Mode = mode }) }
		fails := func(status int) func() {
			return func() {
				remote.ClearFaults()
				remote.Inject(sim.Fault{Method: http.MethodPost, Route: routeGrants, Times: -1, Status: status})
			}
		}
		path := []struct {
			do     func()
			reason string
		}{
			{func() { fails(503)(); create(obj) }, v1alpha1.ReasonAPIUnavailable},
			{fails(400), v1alpha1.ReasonRejected},
			{func() { remote.ClearFaults(); requestNow(obj) }, v1alpha1.ReasonAvailable},
			{spec(func(s *v1alpha1.ClientGrantSpec) { s.AllowAllScopes, s.Scopes = new(true), nil }), v1alpha1.ReasonNotPermitted},
			{back, v1alpha1.ReasonAvailable},
			{mode(v1alpha1.ModeObserve), v1alpha1.ReasonObserved},
			{spec(func(s *v1alpha1.ClientGrantSpec) { s.Scopes = []string{} }), v1alpha1.ReasonWouldChange},
			{mode(v1alpha1.ModeSuspend), v1alpha1.ReasonSuspended},
			{back, v1alpha1.ReasonAvailable},
			{spec(func(s *v1alpha1.ClientGrantSpec) {
				s.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "missing", Key: "id"}}
			}), v1alpha1.ReasonClientNotResolved},
			{back, v1alpha1.ReasonAvailable},
			{as(owned, v1alpha1.AdoptionPolicyAdopt), v1alpha1.ReasonConflict},
			{as(theirs, v1alpha1.AdoptionPolicyRefuse), v1alpha1.ReasonAdoptionRefused},
			{as(system, v1alpha1.AdoptionPolicyAdopt), v1alpha1.ReasonSystemGrant},
			{back, v1alpha1.ReasonAvailable},
			{func() {
				remote.Configure(func(s *sim.Settings) { s.DropScopes = []string{"dropped"} })
				spec(func(s *v1alpha1.ClientGrantSpec) { s.Scopes = []string{"read:users", "dropped"} })()
			}, v1alpha1.ReasonScopesDropped},
			{back, v1alpha1.ReasonAvailable},
			{func() {
				ofTenant(func(t *v1alpha1.Auth0TenantSpec) { t.Mode = v1alpha1.ModeSuspend })
				Eventually(conditionOf(tenant)).Should(Equal("False Suspended"))
				spec(func(s *v1alpha1.ClientGrantSpec) { s.Scopes = []string{} })()
			}, v1alpha1.ReasonTenantNotReady},
			{func() { ofTenant(func(t *v1alpha1.Auth0TenantSpec) { t.Mode = v1alpha1.ModeEnforce }); back() }, v1alpha1.ReasonAvailable},
			{func() {
				ofTenant(func(t *v1alpha1.Auth0TenantSpec) { t.DeletionLimit = new(int32(1)) })
				remove(other)
				Eventually(gone(other)).Should(BeTrue())
				mode(v1alpha1.ModeObserve)()
				remove(obj)
			}, v1alpha1.ReasonDeletionBlocked},
			{mode(v1alpha1.ModeEnforce), v1alpha1.ReasonDeletionHeld},
		}
		want := []string{}
		for _, step := range path {
			step.do()
			Eventually(func() string { return readyOf(reload(obj)) }).Should(HaveSuffix(" "+step.reason), "%v", changesOf(obj))
			Eventually(func() string { return changesOf(obj)[len(changesOf(obj))-1] }).Should(HaveSuffix(" " + step.reason))
			if want = append(want, step.reason); step.reason == v1alpha1.ReasonAvailable {
				before := len(linesOf(obj))
				resync(tenant)
				lookAgain(obj)
				Expect(linesOf(obj)).To(HaveLen(before), "while it stays so, nothing is said")
			}
		}
		Expect(messageOf(obj)).To(MatchRegexp(`after \d\d:\d\d:\d\d UTC at the earliest`))
		from, found := "Unknown", []string{}
		for _, change := range changesOf(obj) {
			was, is, _ := strings.Cut(change, " ")
			Expect(was).To(Equal(from), "the log leaves a change out")
			if from = is; len(found) < len(want) && is == want[len(found)] {
				found = append(found, is)
			}
		}
		Expect(found).To(Equal(want))
		for _, reason := range want {
			switch reason {
			case v1alpha1.ReasonObserved: // It was Ready before, and needs no event.
			case v1alpha1.ReasonAvailable:
				Eventually(notesOf(obj)).Should(ContainElement(HavePrefix("Normal " + reason)))
			case v1alpha1.ReasonAPIUnavailable:
				Eventually(notesOf(tenant)).Should(ContainElement(HavePrefix("Warning " + reason)))
			case v1alpha1.ReasonTenantNotReady:
				Eventually(notesOf(tenant)).Should(ContainElement(HavePrefix("Warning Suspended")))
			default:
				Eventually(notesOf(obj)).Should(ContainElement(HavePrefix("Warning " + reason)))
			}
		}
		ofTenant(func(t *v1alpha1.Auth0TenantSpec) { t.DeletionLimit = nil })
		Eventually(gone(obj)).Should(BeTrue())
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
