package controller_test

import (
	"net/http"
	"slices"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

type change = func(*v1alpha1.ClientGrant)

// twin is another manifest of the same spec, but for what is changed. It is not made yet.
func twin(obj *v1alpha1.ClientGrant, changes ...change) *v1alpha1.ClientGrant {
	other := &v1alpha1.ClientGrant{
		ObjectMeta: metav1.ObjectMeta{Name: unique("grant"), Namespace: obj.Namespace}, Spec: *obj.Spec.DeepCopy(),
	}
	for _, change := range changes {
		change(other)
	}
	return other
}

// abroad moves a ClientGrant into another namespace than that of its Auth0Tenant.
func abroad(o *v1alpha1.ClientGrant) { o.Namespace, o.Spec.TenantRef.Namespace = elsewhere, namespace }

// scoped gives a ClientGrant these scopes.
func scoped(scopes ...string) change {
	return func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = scopes }
}

func inMode(mode v1alpha1.Mode) change { return func(o *v1alpha1.ClientGrant) { o.Spec.Mode = mode } }

func refusing(o *v1alpha1.ClientGrant) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse }

// about gives a ClientGrant another API.
func about(audience string) change {
	return func(o *v1alpha1.ClientGrant) { o.Spec.Audience = audience }
}

// anotherAPI is one that the tenant knows.
func anotherAPI(remote *sim.Running) string {
	return remote.AddAPI(sim.API{Identifier: "https://" + unique("api") + ".example.com/"}).Identifier
}

// admitting lets the other namespace have everything, with these rights.
func admitting(rights ...v1alpha1.Right) func(*v1alpha1.Auth0Tenant) {
	return func(t *v1alpha1.Auth0Tenant) {
		allowing(everyField...)(t)
		t.Spec.AccessRules = append(t.Spec.AccessRules, v1alpha1.AccessRule{
			Name:       "other",
			Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: []string{elsewhere}},
			Audiences:  []string{"*"}, Scopes: []string{"*"}, ClientIDs: []string{"*"}, Allow: rights,
		})
	}
}

// watchOver counts the requests at which the grant, by its ID, was not there.
func watchOver(remote *sim.Running, id string) (missing *atomic.Int64) {
	missing = &atomic.Int64{}
	onRequest(remote, func(*http.Request) {
		if _, ok := remote.Grant(id); !ok {
			missing.Add(1)
		}
	})
	return missing
}

// requestsTo counts the requests with one of the methods.
func requestsTo(remote *sim.Running, methods ...string) (count int) {
	for _, e := range remote.Log() {
		if e.Route != routeToken && slices.Contains(methods, e.Method) {
			count++
		}
	}
	return count
}

func awaitEnd(obj client.Object) {
	GinkgoHelper()
	Eventually(gone(obj)).Should(BeTrue())
}

func awaitReady(obj client.Object) {
	GinkgoHelper()
	Eventually(conditionOf(obj)).Should(Equal("True Available"))
}

// awaitLost waits until the ClientGrant is told that another one owns its grant.
func awaitLost(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	reason := v1alpha1.ReasonConflict
	if obj.Namespace != namespace {
		reason = v1alpha1.ReasonAdoptionRefused
	}
	Eventually(conditionOf(obj)).Should(Equal("False " + reason))
	expectNothingOwned(obj)
}

var _ = Describe("A ClientGrant that is renamed", func() {
	var (
		remote  *sim.Running
		tenant  *v1alpha1.Auth0Tenant
		old     *v1alpha1.ClientGrant
		held    sim.Grant
		missing *atomic.Int64
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, admitting())
		old = available(grantFor(remote, tenant, "read:users", "write:users"))
		held = *remoteOf(remote, old)
		remote.ClearLog()
		missing = watchOver(remote, held.ID)
	})
	// expectKept says that the new object has the very grant, and that nobody was without it for a moment.
	expectKept := func(renamed *v1alpha1.ClientGrant) {
		GinkgoHelper()
		awaitEnd(old)
		awaitReady(renamed)
		Expect(renamed.Status.GrantID).To(Equal(held.ID))
		Expect(renamed.Status.Origin).To(Equal(v1alpha1.OriginCreated))
		Expect(renamed.Finalizers).To(ConsistOf(v1alpha1.ClientGrantFinalizer))
		Expect(remote.Grants()).To(ConsistOf(HaveField("ID", held.ID)))
		Expect(requestsTo(remote, http.MethodPost, http.MethodDelete)).To(BeZero())
		Expect(missing.Load()).To(BeZero())
	}

	for name, where := range map[string][]change{
		"in its namespace": nil, "into another namespace": {abroad}, "into another namespace, under adoptionPolicy Refuse": {abroad, refusing},
		"under adoptionPolicy Refuse": {refusing},
	} {
		It("keeps its grant "+name+", the old one being deleted at once", func() {
			renamed := create(twin(old, where...))
			remove(old)
			expectKept(renamed)
			Expect(sent(remote, "")).To(BeEmpty())
			remove(renamed)
			awaitEnd(renamed)
			Expect(remote.GrantCount()).To(BeZero())
		})

		It("keeps its grant "+name+", the old one being deleted later", func() {
			renamed := create(twin(old, where...))
			awaitLost(renamed)
			remove(old)
			expectKept(renamed)
			Expect(sent(remote, "")).To(BeEmpty())
			Eventually(eventsOf(renamed)).Should(ContainElement(v1alpha1.EventHandedOver))
			lines, _ := auditOf(old)
			Expect(lines).To(ContainElement(And(HaveField("Cause", "hand-over"), HaveField("GrantID", held.ID),
				HaveField("Successor", renamed.Namespace+"/"+renamed.Name))))
			Expect(eventsOf(tenant)()).To(Or(BeEmpty(), ConsistOf(v1alpha1.ReasonAdoptionRefused)))
		})

		It("keeps its grant "+name+" in a restart", func() {
			stop()
			renamed := create(twin(old, where...))
			remove(old)
			startOperator()
			expectKept(renamed)
		})
	}

	It("keeps its grant without anybody's right to adopt", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.AccessRules[0].Allow = nil })
		Eventually(func() int64 { return reload(tenant).Status.ObservedGeneration }).Should(Equal(tenant.Generation))
		renamed := create(twin(old, refusing))
		remove(old)
		expectKept(renamed)
	})

	It("has its new scopes with one request, and only then goes the old one, which says so", func() {
		fault := remote.Inject(sim.Fault{Method: http.MethodPatch, Times: -1, Status: http.StatusServiceUnavailable})
		renamed := create(twin(old, scoped("write:users", "admin:users")))
		remove(old)
		Eventually(fault.Hits).ShouldNot(BeZero())
		Eventually(conditionOf(old)).Should(Equal("False Progressing"))
		Expect(messageOf(old)).To(Equal("Another ClientGrant asks for this grant and takes it over: it is not revoked."))
		Expect(is(old, v1alpha1.ConditionReconciling)).To(BeTrue())
		Consistently(gone(old)).Should(BeFalse())
		fault.Remove()
		remote.ClearLog()
		expectKept(renamed)
		Expect(sent(remote, "")).To(HaveExactElements(
			`PATCH /client-grants/` + held.ID + ` {"scope":["write:users","admin:users"]}`))
	})

	It("waits for nothing but the end of the old scopes", func() {
		remote.Configure(func(s *sim.Settings) { s.DropScopes = []string{"admin:users"} })
		renamed := create(twin(old, scoped("write:users", "admin:users")))
		remove(old)
		awaitEnd(old)
		Eventually(conditionOf(renamed)).Should(Equal("False ScopesDropped"))
		Expect(remoteOf(remote, renamed)).To(And(HaveField("ID", held.ID), HaveField("Scope", Equal([]string{"write:users"}))))
	})

	It("keeps its grant through a chain of three", func() {
		second, third := create(twin(old)), create(twin(old, scoped("read:users")))
		awaitLost(second)
		awaitLost(third)
		remove(old)
		remove(second)
		expectKept(third)
		awaitEnd(second)
		Expect(remoteOf(remote, third).Scope).To(Equal([]string{"read:users"}))
	})
})
