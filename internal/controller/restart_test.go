package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// changedSince lists the ClientGrants and events that were written since versions were taken.
func changedSince(before map[string]string) func() []string {
	return func() []string {
		changed := []string{}
		for name, version := range versions() {
			if version != before[name] {
				changed = append(changed, name)
			}
		}
		return changed
	}
}

// versions are the resource versions of all ClientGrants and events.
func versions() map[string]string {
	GinkgoHelper()
	versions := map[string]string{}
	grants := &v1alpha1.ClientGrantList{}
	Expect(k8s.List(ctx, grants)).To(Succeed())
	for _, obj := range grants.Items {
		versions[obj.Namespace+"/"+obj.Name] = obj.ResourceVersion
	}
	events := &eventsv1.EventList{}
	Expect(k8s.List(ctx, events)).To(Succeed())
	for _, event := range events.Items {
		versions["event "+event.Namespace+"/"+event.Name] = event.ResourceVersion
	}
	return versions
}

var _ = Describe("After a restart", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		owned  []*v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		owned = nil
		for range 5 {
			owned = append(owned, available(grantFor(remote, tenant, "read:users")))
		}
		for _, obj := range owned {
			Eventually(eventsOf(obj)).Should(HaveLen(1))
		}
	})

	It("everything is verified, and nothing is written", func() {
		dropped := grantFor(remote, tenant, "read:users", "dropped")
		remote.Configure(func(s *sim.Settings) { s.DropScopes = []string{"dropped"} })
		create(dropped)
		Eventually(conditionOf(dropped)).Should(Equal("False ScopesDropped"))
		refused := grantFor(remote, tenant, "read:users")
		refused.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		foreign(remote, refused)
		create(refused)
		Eventually(conditionOf(refused)).Should(Equal("False AdoptionRefused"))
		loser := owned[0].DeepCopy()
		loser.ObjectMeta = grantFor(remote, tenant).ObjectMeta
		create(loser)
		Eventually(conditionOf(loser)).Should(Equal("False Conflict"))
		Eventually(eventsOf(dropped)).Should(ConsistOf(v1alpha1.EventCreated, v1alpha1.ReasonScopesDropped))

		before := versions()
		stop()
		remote.ClearLog()
		startOperator()
		Eventually(func() int { return remote.Requests(http.MethodGet, routeGrants) }).Should(BeNumerically(">", 0))
		resync(tenant)
		Consistently(changedSince(before)).Should(BeEmpty())
		expectOnlyReads(remote)
		Expect(remote.Requests(http.MethodGet, routeGrants)).To(BeNumerically("<=", 2*len(owned)))
	})

	It("what changed meanwhile is put right", func() {
		stop()
		remote.EditGrant(owned[0].Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"by:hand"} })
		remote.DeleteGrant(owned[1].Status.GrantID)
		again(remote, *remoteOf(remote, owned[2]))
		remove(owned[3])
		edit(owned[4], func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"write:users"} })
		startOperator()
		Eventually(gone(owned[3])).Should(BeTrue())
		Eventually(conditionOf(owned[4])).Should(Equal("True Available"))
		for _, obj := range []*v1alpha1.ClientGrant{owned[0], owned[1], owned[2], owned[4]} {
			Eventually(func() []string {
				if held := remoteOf(remote, obj); held != nil {
					return held.Scope
				}
				return nil
			}).Should(Equal(obj.Spec.Scopes))
			Eventually(func() string { return reload(obj).Status.GrantID }).Should(Equal(remoteOf(remote, obj).ID))
		}
		Expect(remote.Grants()).To(HaveLen(4))
	})

	It("a request that was made meanwhile is answered", func() {
		stop()
		request := requestNow(owned[0])
		startOperator()
		Eventually(func() string { return reload(owned[0]).Status.LastHandledReconcileAt }).Should(Equal(request))
	})
})

var _ = Describe("Evidence", func() {
	It("is younger than the generation that it is for", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "a", "b"))
		// Nothing tells the operator that the grant was changed: only a look after the edit can show it.
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"b"} })
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"b", "a"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(ConsistOf("a", "b"))
	})

	It("is younger than the request that it answers", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "a"))
		for range 3 {
			remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"by:hand"} })
			lookAgain(obj)
			Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"a"}))
		}
		Expect(conditionOf(obj)()).To(Equal("True Available"))
		Expect(bodies(remote, http.MethodPatch)).To(HaveLen(3))
	})
})
