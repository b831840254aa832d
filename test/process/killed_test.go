package process_test

import (
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// step is a request of the operator that a crash may come before or after, with what then stands in the API server and
// in the tenant; left out where that does not matter.
type step struct {
	name          string
	match         func(request *http.Request, body string) bool
	toTenant      bool
	before, after string
}

// Requests to the API server.
func toStatus(words ...string) func(*http.Request, string) bool {
	return func(r *http.Request, body string) bool {
		for _, word := range words {
			if !strings.Contains(body, word) {
				return false
			}
		}
		return r.Method != http.MethodGet && strings.HasSuffix(r.URL.Path, "/clientgrants/billing/status")
	}
}

func toFinalizers(r *http.Request, _ string) bool {
	return r.Method != http.MethodGet && strings.HasSuffix(r.URL.Path, "/clientgrants/billing")
}

// Requests to the tenant.
func toGrants(method string) func(*http.Request, string) bool {
	return func(r *http.Request, _ string) bool {
		return r.Method == method && strings.HasPrefix(r.URL.Path, "/api/v2/client-grants")
	}
}

// scenario is something that somebody does to the ClientGrant, the requests that follow from it, and the end that it
// must come to whenever the operator crashes.
type scenario struct {
	name  string
	given func(w *world)
	when  func(w *world)
	steps []step
	// meanwhile happens after the crash, while no operator runs.
	meanwhile func(w *world)
	then      func(w *world)
}

var creating = []step{
	{name: "the record", match: toStatus(`"sent":"`), before: "", after: "record"},
	{name: "the finalizer", match: toFinalizers, before: "record", after: "record finalizer"},
	{
		name: "the POST", match: toGrants(http.MethodPost), toTenant: true,
		before: "record finalizer", after: "record finalizer grant",
	},
	{
		name: "the status with the grant's ID", match: toStatus(`"grantID":"cgr_`),
		before: "record finalizer grant", after: "record finalizer id grant",
	},
}

var scenarios = []scenario{
	{
		name:  "creating",
		when:  (*world).create,
		steps: creating,
		then: func(w *world) {
			w.holds(audience, "read:users", "write:users")
			w.Expect(w.grant.Status.Origin).To(Equal(v1alpha1.OriginCreated))
			w.Expect(w.remote.writes(http.MethodPost, http.StatusCreated)).To(Equal(1))
		},
	},
	{
		name:      "creating, and deleting while no operator runs",
		when:      (*world).create,
		steps:     creating,
		meanwhile: (*world).delete,
		then:      (*world).revoked,
	},
	{
		name:      "creating, and changing while no operator runs",
		when:      (*world).create,
		steps:     creating,
		meanwhile: (*world).revokeScopes,
		then: func(w *world) {
			w.holds(audience)
			w.Expect(w.grant.Status.Origin).To(Equal(v1alpha1.OriginCreated))
			w.Expect(w.remote.writes(http.MethodPost, http.StatusCreated)).To(Equal(1))
		},
	},
	{
		name:  "changing",
		given: (*world).createReady,
		when:  (*world).revokeScopes,
		steps: []step{{name: "the PATCH", match: toGrants(http.MethodPatch), toTenant: true}},
		then:  func(w *world) { w.holds(audience) },
	},
	{
		name: "changing from all scopes to none",
		given: func(w *world) {
			w.allow(v1alpha1.RightAllScopes)
			w.grant.Spec.Scopes, w.grant.Spec.AllowAllScopes = nil, new(true)
			w.createReady()
		},
		when: func(w *world) {
			w.edit(func(spec *v1alpha1.ClientGrantSpec) { spec.Scopes, spec.AllowAllScopes = []string{}, new(false) })
		},
		steps: []step{{name: "the PATCH", match: toGrants(http.MethodPatch), toTenant: true}},
		then: func(w *world) {
			w.holds(audience)
			w.Expect(w.own()).To(ConsistOf(HaveField("AllowAllScopes", HaveValue(BeFalse()))))
		},
	},
	{
		name: "adopting",
		given: func(w *world) {
			w.grant.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyAdopt
			w.remote.AddGrant(sim.Grant{ID: "cgr_there0first00000", ClientID: application, Audience: audience, Scope: []string{"admin"}})
		},
		when: (*world).create,
		steps: []step{
			{name: "the record", match: toStatus(`"origin":"Adopted"`), before: "grant", after: "record id grant"},
			{name: "the finalizer", match: toFinalizers, before: "record id grant", after: "record finalizer id grant"},
			{name: "the PATCH", match: toGrants(http.MethodPatch), toTenant: true},
		},
		then: func(w *world) {
			w.holds(audience, "read:users", "write:users")
			w.Expect(w.grant.Status.GrantID).To(Equal("cgr_there0first00000"))
			w.Expect(w.grant.Status.Origin).To(Equal(v1alpha1.OriginAdopted))
			w.Expect(w.remote.writes(http.MethodPost, 0)).To(BeZero())
		},
	},
	{
		name:  "replacing",
		given: (*world).createReady,
		when:  func(w *world) { w.edit(func(spec *v1alpha1.ClientGrantSpec) { spec.Audience = otherAudience }) },
		steps: []step{
			{name: "the record", match: toStatus(`"replaces":{`, `"sent":"`)},
			{name: "the POST", match: toGrants(http.MethodPost), toTenant: true},
			{name: "the DELETE", match: toGrants(http.MethodDelete), toTenant: true},
			{name: "the status without the old record", match: toStatus(`"replaces":null`)},
		},
		then: func(w *world) {
			w.holds(otherAudience, "read:users", "write:users")
			w.Expect(w.grant.Status.Replaces).To(BeNil())
			w.Expect(w.remote.writes(http.MethodPost, http.StatusCreated)).To(Equal(2))
		},
	},
	{
		name:  "deleting",
		given: (*world).createReady,
		when:  (*world).delete,
		steps: []step{
			{
				name: "the DELETE", match: toGrants(http.MethodDelete), toTenant: true,
				before: "record finalizer id grant", after: "record finalizer id",
			},
			{name: "the removal of the finalizer", match: toFinalizers, before: "record finalizer id", after: ""},
		},
		then: (*world).revoked,
	},
}

func TestKilledOperatorFinishesWhatItBegan(t *testing.T) {
	t.Parallel()
	for _, scenario := range scenarios {
		for _, step := range scenario.steps {
			t.Run(scenario.name+", killed before "+step.name+" arrives", func(t *testing.T) {
				checkKilled(t, scenario, step, false, step.before)
			})
			t.Run(scenario.name+", killed before the answer to "+step.name+" arrives", func(t *testing.T) {
				checkKilled(t, scenario, step, true, step.after)
			})
		}
	}
}

// checkKilled lets the operator come as far as the step, kills it there, and lets another process go on.
func checkKilled(t *testing.T, scenario scenario, step step, answered bool, left string) {
	t.Helper()
	w := newWorld(t, crashes)
	victim := w.start()
	w.ready(w.tenant)
	if scenario.given != nil {
		scenario.given(w)
	}
	place := victim.api
	if step.toTenant {
		place = w.remote.gate
	}
	kill := &trap{match: step.match, answered: answered, spring: victim.Kill}
	place.arm(kill)
	scenario.when(w)
	w.Eventually(kill.hit).Should(BeClosed(), "the operator never came to the kill point")
	w.Expect(victim.ExitCode()).To(Equal(-1), "the operator must have been ended by the signal")
	if step.before != step.after {
		w.Expect(w.left()).To(Equal(left))
	}

	if scenario.meanwhile != nil {
		scenario.meanwhile(w)
	}
	w.start()
	w.refreshed()
	scenario.then(w)
	w.checkForeign()
}

// allow gives the ClientGrants of the Auth0Tenant's namespace rights.
func (w *world) allow(rights ...v1alpha1.Right) {
	w.t.Helper()
	w.tenant.Spec.AccessRules = []v1alpha1.AccessRule{{
		Name: "own", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame}, Allow: rights,
	}}
	w.Expect(w.k8s.Update(ctx, w.tenant)).To(Succeed())
	w.ready(w.tenant)
}

func (w *world) create() { w.Expect(w.k8s.Create(ctx, w.grant)).To(Succeed()) }

func (w *world) createReady() {
	w.create()
	w.ready(w.grant)
}

func (w *world) delete() { w.Expect(w.k8s.Delete(ctx, w.grant)).To(Succeed()) }

func (w *world) revokeScopes() {
	w.edit(func(spec *v1alpha1.ClientGrantSpec) { spec.Scopes = []string{} })
}

// revoked waits until the ClientGrant is gone, and fails if its access is not or was made once more.
func (w *world) revoked() {
	w.t.Helper()
	w.Eventually(w.gone).Should(BeTrue())
	w.Expect(w.own()).To(BeEmpty())
	w.Expect(w.remote.writes(http.MethodPost, http.StatusCreated)).To(BeNumerically("<=", 1))
}

// holds waits until the ClientGrant is ready, and fails unless it has exactly one grant, with this audience and these
// scopes.
func (w *world) holds(audience string, scopes ...string) {
	w.t.Helper()
	w.ready(w.grant)
	w.Eventually(w.own).Should(HaveLen(1))
	held := w.own()[0]
	w.Expect(held.ClientID).To(Equal(application))
	w.Expect(held.Audience).To(Equal(audience))
	w.Expect(held.SubjectType).To(Equal("client"))
	w.Expect(held.Scope).To(ConsistOf(scopes))
	w.Eventually(func() v1alpha1.OwnershipRecord {
		w.Expect(w.k8s.Get(ctx, client.ObjectKeyFromObject(w.grant), w.grant)).To(Succeed())
		return w.grant.Status.OwnershipRecord
	}).Should(And(HaveField("GrantID", held.ID), HaveField("Audience", audience), HaveField("Sent", "")))
	w.Expect(controllerutil.ContainsFinalizer(w.grant, v1alpha1.ClientGrantFinalizer)).To(BeTrue())
}

// left says in a word each what a crash left behind.
func (w *world) left() string {
	var words []string
	err := w.k8s.Get(ctx, client.ObjectKeyFromObject(w.grant), w.grant)
	if err == nil && w.grant.Status.Origin != "" {
		words = append(words, "record")
	}
	if err == nil && controllerutil.ContainsFinalizer(w.grant, v1alpha1.ClientGrantFinalizer) {
		words = append(words, "finalizer")
	}
	if err == nil && w.grant.Status.GrantID != "" {
		words = append(words, "id")
	}
	if len(w.own()) > 0 {
		words = append(words, "grant")
	}
	return strings.Join(words, " ")
}

// gone says whether the ClientGrant is not there any more.
func (w *world) gone() bool {
	return errors.IsNotFound(w.k8s.Get(ctx, client.ObjectKeyFromObject(w.grant), w.grant))
}
