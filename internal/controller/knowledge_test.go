package controller_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// during runs what once, while the tenant is about to answer the first request with that method. It runs beside the
// test, and has to work on copies of the test's objects.
func during(remote *sim.Running, method string, what func()) {
	var once sync.Once
	onRequest(remote, func(r *http.Request) {
		if r.Method == method && strings.Contains(r.URL.Path, routeGrants) {
			once.Do(func() {
				defer GinkgoRecover()
				what()
			})
		}
	})
}

var _ = Describe("Nothing is written on old knowledge", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
		same   *v1alpha1.ClientGrant // for what happens beside the test
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		obj = grantFor(remote, tenant, "read:users")
		same = obj.DeepCopy()
	})

	It("when the Auth0Tenant is set to Observe while the operator looks", func() {
		tenant := tenant.DeepCopy()
		during(remote, http.MethodGet, func() {
			edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeObserve })
		})
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False WouldChange"))
		expectOnlyReads(remote)
	})

	It("when the ClientGrant is suspended while the operator looks", func() {
		during(remote, http.MethodGet, func() {
			edit(same, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeSuspend })
		})
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False Suspended"))
		expectOnlyReads(remote)
	})

	It("when the ClientGrant is deleted while the operator looks", func() {
		during(remote, http.MethodGet, func() { remove(same) })
		create(obj)
		Eventually(gone(obj)).Should(BeTrue())
		expectOnlyReads(remote)
	})

	It("when the ConfigMap names another application while the operator looks", func() {
		former, other := obj.Spec.ClientRef.ID, remote.AddClient(sim.Client{}).ID
		holder := create(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: unique("application"), Namespace: namespace}, Data: map[string]string{"id": former},
		})
		obj.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: holder.Name, Key: "id"}}
		during(remote, http.MethodGet, func() {
			edit(holder, func(c *corev1.ConfigMap) { c.Data["id"] = other })
		})
		available(obj)
		Expect(bodies(remote, http.MethodPost)).To(HaveExactElements(ContainSubstring(other)))
	})

	It("when the spec is edited while a request is under way: the last one counts", func() {
		during(remote, http.MethodPost, func() {
			edit(same, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"write:users"} })
		})
		create(obj)
		Eventually(func() []string {
			if held := remoteOf(remote, obj); held != nil {
				return held.Scope
			}
			return nil
		}).Should(Equal([]string{"write:users"}))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(1))
	})

	It("when the ClientGrant is deleted while its POST is under way: the grant is revoked at once", func() {
		during(remote, http.MethodPost, func() { remove(same) })
		create(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		Expect(remote.Requests(http.MethodDelete, routeGrant)).To(Equal(1))
	})

	It("when somebody else writes the object while its POST is under way: no second grant", func() {
		obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		during(remote, http.MethodPost, func() {
			edit(same, func(o *v1alpha1.ClientGrant) { o.Labels = map[string]string{"team": "billing"} })
		})
		available(obj)
		Expect(obj.Labels).To(HaveKey("team"))
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
		Expect(obj.Status.Sent).To(BeEmpty())
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(1))
		Eventually(eventsOf(obj)).Should(Equal([]string{v1alpha1.EventCreated}))
	})

	It("when ClientGrants are deleted right after they were made: nothing is left", func() {
		all := []*v1alpha1.ClientGrant{}
		for i := range 20 {
			o := create(grantFor(remote, tenant, fmt.Sprintf("scope:%d", i)))
			if i%2 == 1 {
				Eventually(func() int { return len(reload(o).Finalizers) }).Should(Equal(1))
			}
			remove(o)
			all = append(all, o)
		}
		for _, o := range all {
			Eventually(gone(o)).Should(BeTrue())
		}
		Expect(remote.GrantCount()).To(BeZero())
		Expect(timesLeft(tenant)()).To(BeZero())
	})
})
