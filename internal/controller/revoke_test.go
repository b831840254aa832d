package controller_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// again makes a grant again, as a toggle in the dashboard does: the same, with another ID.
func again(remote *sim.Running, held sim.Grant) sim.Grant {
	remote.DeleteGrant(held.ID)
	held.ID = ""
	return remote.AddGrant(held)
}

var _ = Describe("Deleting a ClientGrant", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
	})

	It("revokes a grant that was made again under another ID", func() {
		obj := available(grantFor(remote, tenant, "read:users"))
		again(remote, *remoteOf(remote, obj))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		Eventually(eventsOf(obj)).Should(ContainElement(v1alpha1.EventRevoked))
	})

	It("takes no 204 for an answer while the grant is there", func() {
		obj := available(grantFor(remote, tenant, "read:users"))
		var deletions atomic.Int32
		named := obj.DeepCopy() // The simulator calls from its own goroutines.
		onRequest(remote, func(r *http.Request) {
			if r.Method == http.MethodDelete && deletions.Add(1) <= 2 {
				again(remote, *remoteOf(remote, named)) // Right before the request takes effect.
			}
		})
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		Expect(deletions.Load()).To(BeEquivalentTo(3))
	})

	It("needs a look at the tenant that began after the DELETE was answered", func() {
		obj := available(grantFor(remote, tenant, "read:users"))
		remote.ClearLog()
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		requests := []string{}
		for _, e := range remote.Log() {
			requests = append(requests, e.Method)
		}
		Expect(requests[len(requests)-2:]).To(Equal([]string{http.MethodDelete, http.MethodGet}))
	})

	It("goes where the grant is not there any more", func() {
		obj := available(grantFor(remote, tenant, "read:users"))
		remote.DeleteGrant(obj.Status.GrantID)
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		Expect(remote.Requests(http.MethodDelete, routeGrant)).To(BeNumerically("<=", 1))
	})

	It("goes where the application or the API is not there any more", func() {
		withoutClient, withoutAPI := available(grantFor(remote, tenant, "a")), available(grantFor(remote, tenant, "a"))
		remote.DeleteClient(withoutClient.Spec.ClientRef.ID)
		remote.DeleteAPI(withoutAPI.Spec.Audience)
		for _, obj := range []*v1alpha1.ClientGrant{withoutClient, withoutAPI} {
			remove(obj)
			Eventually(gone(obj)).Should(BeTrue())
		}
	})

	It("goes where nothing could ever be made", func() {
		unknown := grantFor(remote, tenant, "read:users")
		unknown.Spec.ClientRef.ID = "nobody"
		create(unknown)
		Eventually(conditionOf(unknown)).Should(Equal("False Rejected"))
		nowhere := grantFor(remote, tenant, "read:users")
		nowhere.Spec.TenantRef.Name = "nowhere"
		create(nowhere)
		Eventually(conditionOf(nowhere)).Should(Equal("False TenantNotReady"))
		for _, obj := range []*v1alpha1.ClientGrant{unknown, nowhere} {
			remove(obj)
			Eventually(gone(obj)).Should(BeTrue())
		}
		Expect(remote.Requests(http.MethodDelete, routeGrant)).To(BeZero())
	})

	DescribeTable("revokes what is recorded, whatever status.grantID says",
		func(id func(sim.Grant) string) {
			other := remote.AddGrant(sim.Grant{ClientID: "other", Audience: "https://other/", Scope: []string{"other"}})
			obj := available(grantFor(remote, tenant, "read:users"))
			own := obj.Status.GrantID
			remote.ClearLog()
			stop()
			reload(obj)
			obj.Status.GrantID = id(other)
			Expect(k8s.Status().Update(ctx, obj)).To(Succeed())
			remove(obj)
			startOperator()
			Eventually(gone(obj)).Should(BeTrue())
			Expect(sent(remote, "")).To(Equal([]string{"DELETE /client-grants/" + own}))
			Expect(remote.Grants()).To(ConsistOf(other))
		},
		Entry("another grant's ID", func(other sim.Grant) string { return other.ID }),
		Entry("no ID", func(sim.Grant) string { return "" }),
		Entry("a path", func(other sim.Grant) string { return "../client-grants/" + other.ID }),
	)
})

// setGrantID writes to the status what only the operator should.
func setGrantID(obj *v1alpha1.ClientGrant, id string) {
	GinkgoHelper()
	patch := fmt.Sprintf(`{"status":{"grantID":%q}}`, id)
	Expect(k8s.Status().Patch(ctx, obj, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
}

var _ = Describe("A status.grantID that was edited by hand", func() {
	It("is corrected, and the grant of that ID is not written", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		other := remote.AddGrant(sim.Grant{ClientID: "other", Audience: "https://other/", Scope: []string{"other"}})
		obj := available(grantFor(remote, tenant, "read:users"))
		own := obj.Status.GrantID
		for _, id := range []string{other.ID, "", "cgr_0000000000000000", "../" + other.ID} {
			remote.ClearLog()
			setGrantID(obj, id)
			Eventually(func() string { return reload(obj).Status.GrantID }).Should(Equal(own))
			remote.EditGrant(own, func(g *sim.Grant) { g.Scope = []string{"by:hand"} })
			resync(tenant)
			Eventually(func() []string { return sent(remote, "") }).
				Should(Equal([]string{"PATCH /client-grants/" + own + ` {"scope":["read:users"]}`}))
		}
		Expect(remote.Grants()).To(ConsistOf(other, HaveField("ID", own)))
	})

	It("is corrected when the grant was made again in the dashboard, without another write", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "read:users"))
		remote.ClearLog()
		made := again(remote, *remoteOf(remote, obj))
		resync(tenant)
		Eventually(func() string { return reload(obj).Status.GrantID }).Should(Equal(made.ID))
		Expect(sent(remote, "")).To(BeEmpty())
		Expect(statesOf(obj)[1:]).To(HaveEach(BeElementOf("False Progressing", "True Available")))
		Expect(eventsOf(obj)()).To(ConsistOf(v1alpha1.EventCreated))
	})
})

var _ = Describe("A ClientGrant that owns nothing", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
		held   sim.Grant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		obj = grantFor(remote, tenant, "read:users")
		held = foreign(remote, obj, "by:hand")
	})

	It("is deleted at once, and the grant that it names stays", func() {
		obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(sent(remote, "")).To(BeEmpty())
		Expect(timesLeft(tenant)()).To(BeZero())
	})

	It("is deleted without a write, and told of, where somebody wrote the finalizer", func() {
		obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		obj.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(sent(remote, "")).To(BeEmpty())
		Eventually(timesLeft(tenant)).Should(Equal(1))
	})

	It("adopts the grant where it was restored without status", func() {
		obj.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
		available(obj)
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginAdopted))
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(BeZero())
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	// restored makes the object, as a restore without status does, and deletes it before the operator sees it.
	restored := func() {
		GinkgoHelper()
		stop()
		obj.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
		create(obj)
		remove(obj)
		startOperator()
		Eventually(gone(obj)).Should(BeTrue())
	}

	It("revokes the grant where it was restored without status and deleted at once", func() {
		restored()
		Expect(remote.GrantCount()).To(BeZero())
		Expect(timesLeft(tenant)()).To(BeZero())
	})

	for _, policy := range []v1alpha1.AdoptionPolicy{v1alpha1.AdoptionPolicyAdopt, v1alpha1.AdoptionPolicyRefuse} {
		It("leaves the grant of another ClientGrant, and does not call it left, under adoptionPolicy "+string(policy), func() {
			owner := obj.DeepCopy()
			owner.Name = unique("owner")
			available(owner)
			remote.ClearLog()
			obj.Spec.AdoptionPolicy = policy
			restored()
			Expect(remoteOf(remote, owner)).NotTo(BeNil())
			Expect(sent(remote, "")).To(BeEmpty())
			Expect(timesLeft(tenant)()).To(BeZero())
		})
	}

	It("leaves it as well where that other object only asks for it", func() {
		obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		asking := obj.DeepCopy()
		asking.Name = unique("asking")
		create(asking)
		Eventually(conditionOf(asking)).Should(Equal("False AdoptionRefused"))
		obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyAdopt
		restored()
		Expect(remote.Grants()).To(ConsistOf(held))
	})

	It("waits for its Auth0Tenant where it has a finalizer, and says how not to", func() {
		obj.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
		obj.Spec.TenantRef.Name = unique("later")
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		remove(obj)
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		Expect(strings.Count(messageOf(obj), "Orphan")).To(Equal(1))
		later := tenantFor(remote, tenant.Spec.Credentials.SecretRef.Name)
		later.Name = obj.Spec.TenantRef.Name
		create(later)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})
})
