package controller_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// grantID is an ID as Auth0 makes them, whose place among others in a list is that of its number.
func grantID(place int) string { return fmt.Sprintf("cgr_%016d", place) }

var _ = Describe("A grant that is in the tenant first", func() {
	DescribeTable("is adopted, wherever in the list it stands",
		func(paging sim.Paging) {
			remote := startTenant(func(o *sim.Options) { o.Settings.Paging = paging })
			tenant := readyTenant(remote)
			owned := []*v1alpha1.ClientGrant{}
			for client := range 5 {
				obj := grantFor(remote, tenant, "read:users")
				owned = append(owned, obj)
				// The one that is wanted stands in another place of the client's seven grants each time.
				for place := range 7 {
					g := sim.Grant{ClientID: obj.Spec.ClientRef.ID, Audience: fmt.Sprintf("https://other-%d/", place), Scope: []string{"other"}}
					if place == client+2 {
						g.Audience, g.Scope = obj.Spec.Audience, []string{"read:users", "by:hand"}
					}
					g.ID = grantID(10*place + client)
					remote.AddGrant(g)
				}
			}
			before := remote.GrantCount()
			for place, obj := range owned {
				available(obj)
				Expect(obj.Status.GrantID).To(Equal(grantID(10*(place+2) + place)))
				Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginAdopted))
				Expect(remoteOf(remote, obj).Scope).To(Equal([]string{"read:users"}))
				Eventually(eventsOf(obj)).Should(ConsistOf(v1alpha1.EventAdopted, v1alpha1.EventUpdated))
			}
			Expect(bodies(remote, http.MethodPost)).To(BeEmpty())
			Expect(remote.GrantCount()).To(Equal(before))
		},
		Entry("with pages of 100", sim.Paging{}),
		Entry("with pages of two", sim.Paging{Cap: 2}),
		Entry("with pages of one, and empty ones between and after them", sim.Paging{Cap: 1, EmptyPages: true, TrailingPage: true}),
	)

	It("is adopted from page 3 by many who wait at once", func() {
		remote := startTenant(func(o *sim.Options) { o.Settings.Paging = sim.Paging{Cap: 3, EmptyPages: true} })
		tenant := readyTenant(remote)
		owned := []*v1alpha1.ClientGrant{}
		for _, place := range rand.Perm(12) {
			obj := grantFor(remote, tenant, "read:users")
			g := foreign(remote, obj, "read:users")
			remote.EditGrant(g.ID, func(g *sim.Grant) { g.ID = grantID(place) })
			owned = append(owned, create(obj))
		}
		for _, obj := range owned {
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
			Expect(obj.Status.GrantID).To(Equal(remoteOf(remote, obj).ID))
		}
		Expect(sent(remote, "")).To(BeEmpty())
	})

	It("is not taken for one whose audience or client differs in case or a trailing slash", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users")
		id, audience := obj.Spec.ClientRef.ID, obj.Spec.Audience
		twins := []sim.Grant{
			{ClientID: id, Audience: strings.TrimSuffix(audience, "/")},
			{ClientID: id, Audience: strings.ToUpper(audience)},
			{ClientID: id, Audience: audience + "/"},
			{ClientID: strings.ToUpper(id) + "-", Audience: audience},
			{ClientID: id + "-", Audience: audience},
		}
		for i := range twins {
			twins[i] = remote.AddGrant(twins[i])
		}
		available(obj)
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
		Expect(sent(remote, "")).To(HaveLen(1))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(twins))
	})

	It("is one for the application and another for its users", func() {
		remote := startTenant()
		tenant := readyTenant(remote, allowing(everyField...))
		itself := grantFor(remote, tenant, "read:users")
		users := itself.DeepCopy()
		users.Name, users.Spec.SubjectType = unique("grant"), v1alpha1.SubjectTypeUser
		held := foreign(remote, users, "read:users", "by:hand")

		available(itself)
		Expect(itself.Status.Origin).To(Equal(v1alpha1.OriginCreated))
		Expect(*remoteOf(remote, users)).To(Equal(held), "the grant for users was touched")

		available(users)
		Expect(users.Status.Origin).To(Equal(v1alpha1.OriginAdopted))
		Expect(users.Status.GrantID).To(Equal(held.ID))
		Expect(users.Status.GrantID).NotTo(Equal(itself.Status.GrantID))

		remove(itself)
		Eventually(gone(itself)).Should(BeTrue())
		Expect(remote.Grants()).To(HaveLen(1))
		Expect(remoteOf(remote, users)).NotTo(BeNil())
	})

	It("is found and kept where it is the default grant of a group", func() {
		remote := startTenant(func(o *sim.Options) { o.Settings.Paging = sim.Paging{Cap: 1, EmptyPages: true} })
		tenant := readyTenant(remote, allowing(everyField...))
		obj := grantFor(remote, tenant, "read:users")
		obj.Spec.ClientRef = v1alpha1.ClientReference{DefaultFor: "third_party_clients"}
		for range 3 {
			audience := "https://" + unique("other") + "/"
			remote.AddGrant(sim.Grant{DefaultFor: "third_party_clients", Audience: audience})
			remote.AddGrant(sim.Grant{ClientID: "third_party_clients", Audience: audience})
		}
		others := remote.Grants()
		held := remote.AddGrant(sim.Grant{DefaultFor: "third_party_clients", Audience: obj.Spec.Audience})
		available(obj)
		Expect(obj.Status.GrantID).To(Equal(held.ID))
		Expect(obj.Status.DefaultFor).To(Equal("third_party_clients"))
		Expect(sent(remote, "")).To(Equal([]string{"PATCH /client-grants/" + held.ID + ` {"scope":["read:users"]}`}))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(others))
	})

	It("is left alone under adoptionPolicy Refuse, until the policy or the grant changes", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users")
		obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		held := foreign(remote, obj, "by:hand")
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
		expectNothingOwned(obj)
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))

		remote.DeleteGrant(held.ID)
		resync(tenant)
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
	})

	It("is adopted as soon as adoptionPolicy says so", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users")
		obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		held := foreign(remote, obj, "by:hand")
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyAdopt })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(obj.Status.GrantID).To(Equal(held.ID))
		Expect(sent(remote, "")).To(ConsistOf("PATCH /client-grants/" + held.ID + ` {"scope":["read:users"]}`))
	})
})

// expectNothingOwned checks that an object owns nothing, and tells nothing of what the tenant holds.
func expectNothingOwned(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	Expect(obj.Status.OwnershipRecord).To(Equal(v1alpha1.OwnershipRecord{}))
	Expect(obj.Status.Drift).To(BeNil())
	Expect(obj.Status.ScopeCount).To(BeNil())
	Expect(obj.Finalizers).To(BeEmpty())
}

var _ = Describe("A create request that is answered 409", func() {
	// beforePost has somebody else make the grant between the operator's look and its POST.
	beforePost := func(remote *sim.Running, obj *v1alpha1.ClientGrant, scopes ...string) {
		obj = obj.DeepCopy() // The simulator calls from its own goroutines.
		wanted := obj.DeepCopy()
		onRequest(remote, func(r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, routeGrants) && remoteOf(remote, wanted) == nil {
				foreign(remote, wanted, scopes...)
			}
		})
	}

	It("adopts the grant that was made in between", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users")
		beforePost(remote, obj, "by:hand")
		available(obj)
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginAdopted))
		Expect(obj.Status.Sent).To(BeEmpty())
		Expect(remote.Grants()).To(HaveLen(1))
		Expect(obj.Status.GrantID).To(Equal(remote.Grants()[0].ID))
		Expect(remote.Grants()[0].Scope).To(Equal([]string{"read:users"}))
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(1))
		Expect(statesOf(obj)).To(HaveEach(BeElementOf("none", "False Progressing", "True Available")))
		Eventually(eventsOf(obj)).Should(ConsistOf(v1alpha1.EventAdopted, v1alpha1.EventUpdated))
	})

	It("adopts nothing under adoptionPolicy Refuse, not even what equals its own request", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users")
		obj.Spec.AdoptionPolicy = v1alpha1.AdoptionPolicyRefuse
		beforePost(remote, obj, "read:users")
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
		Eventually(func() []string { return reload(obj).Finalizers }).Should(BeEmpty())
		expectNothingOwned(obj)
		held := remote.Grants()
		Expect(held).To(HaveLen(1))

		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(Equal(held))
		Expect(sent(remote, "")).To(HaveLen(1), "more than the POST was sent")
		Expect(eventsOf(tenant)()).To(BeEmpty())
	})

	DescribeTable("is told as Rejected where no such grant is listed, and not repeated all the time",
		func(body string) {
			remote := startTenant()
			tenant := readyTenant(remote)
			fault := remote.Inject(sim.Fault{
				Method: http.MethodPost, Route: routeGrants, Times: -1, Status: http.StatusConflict, Body: body,
			})
			obj := create(grantFor(remote, tenant, "read:users"))
			Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
			Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
			Expect(messageOf(obj)).To(ContainSubstring("409"))
			for range 3 {
				resync(tenant)
			}
			Consistently(func() int { return remote.Requests(http.MethodPost, routeGrants) }).Should(BeNumerically("<=", 2))

			fault.Remove()
			lookAgain(obj)
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
			Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
		},
		Entry("in Auth0's words", `{"statusCode":409,"error":"Conflict","message":"A client grant already exists"}`),
		Entry("in other words", `{"statusCode":409,"error":"Conflict","message":"Something else","errorCode":"not_found"}`),
		Entry("in no words", `<html>`),
	)
})
