package controller_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("The fields of a grant", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, allowing(everyField...))
	})
	// change edits the spec, waits until it is in force, and returns the bodies of the PATCH requests for it.
	change := func(obj *v1alpha1.ClientGrant, how func(*v1alpha1.ClientGrantSpec)) []string {
		GinkgoHelper()
		remote.ClearLog()
		edit(obj, func(o *v1alpha1.ClientGrant) { how(&o.Spec) })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(bodies(remote, http.MethodPost)).To(BeEmpty())
		return bodies(remote, http.MethodPatch)
	}

	It("are sent only where the spec sets them", func() {
		obj := available(grantFor(remote, tenant, "write:users", "read:users", "write:users"))
		Expect(bodies(remote, http.MethodPost)).To(HaveExactElements(MatchJSON(
			`{"client_id":"` + obj.Spec.ClientRef.ID + `","audience":"` + obj.Spec.Audience + `","scope":["write:users","read:users"]}`)))

		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) {
			s.OrganizationUsage = ptr.To(v1alpha1.OrganizationUsageAllow)
		})).To(HaveExactElements(MatchJSON(`{"organization_usage":"allow"}`)))
		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) {
			s.OrganizationUsage, s.AllowAnyOrganization = ptr.To(v1alpha1.OrganizationUsageRequire), new(true)
		})).To(HaveExactElements(MatchJSON(`{"organization_usage":"require","allow_any_organization":true}`)))
		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) {
			s.OrganizationUsage, s.AllowAnyOrganization = ptr.To(v1alpha1.OrganizationUsageDeny), new(false)
		})).To(HaveExactElements(MatchJSON(`{"organization_usage":"deny","allow_any_organization":false}`)))
		resync(tenant)
		Expect(sent(remote, "")).To(HaveLen(1))
	})

	It("include authorization details types for users", func() {
		obj := grantFor(remote, tenant)
		obj.Spec.SubjectType, obj.Spec.AuthorizationDetailsTypes = v1alpha1.SubjectTypeUser, []string{"payment"}
		available(obj)
		Expect(bodies(remote, http.MethodPost)).To(HaveExactElements(MatchJSON(`{"client_id":"` + obj.Spec.ClientRef.ID +
			`","audience":"` + obj.Spec.Audience + `","subject_type":"user","scope":[],"authorization_details_types":["payment"]}`)))
		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) { s.AuthorizationDetailsTypes = []string{} })).
			To(HaveExactElements(MatchJSON(`{"authorization_details_types":[]}`)))
	})

	It("are emptied by scopes: []", func() {
		obj := available(grantFor(remote, tenant, "read:users"))
		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) { s.Scopes = []string{} })).To(Equal([]string{`{"scope":[]}`}))
		Expect(remoteOf(remote, obj).Scope).To(Equal([]string{}))
		Expect(obj.Status.ScopeCount).To(HaveValue(BeZero()))
	})

	It("turn allowAllScopes on, off and to scopes with one request each", func() {
		obj := available(grantFor(remote, tenant, "read:users"))
		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) { s.Scopes, s.AllowAllScopes = nil, new(true) })).
			To(HaveExactElements(MatchJSON(`{"allow_all_scopes":true}`)))
		Expect(obj.Status.ScopeCount).To(BeNil())
		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) { s.Scopes, s.AllowAllScopes = []string{}, new(false) })).
			To(HaveExactElements(MatchJSON(`{"allow_all_scopes":false,"scope":[]}`)))
		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) { s.Scopes = []string{"read:users"} })).
			To(HaveExactElements(MatchJSON(`{"scope":["read:users"]}`)))

		// Somebody else turns it on.
		remote.ClearLog()
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.AllowAllScopes = new(true) })
		resync(tenant)
		Eventually(func() []string { return bodies(remote, http.MethodPatch) }).
			Should(HaveExactElements(MatchJSON(`{"allow_all_scopes":false,"scope":["read:users"]}`)))
	})

	It("can allow all scopes from the start", func() {
		obj := grantFor(remote, tenant)
		obj.Spec.Scopes, obj.Spec.AllowAllScopes = nil, new(true)
		available(obj)
		Expect(bodies(remote, http.MethodPost)).To(HaveExactElements(MatchJSON(
			`{"client_id":"` + obj.Spec.ClientRef.ID + `","audience":"` + obj.Spec.Audience + `","allow_all_scopes":true}`)))
	})

	It("are not sent again for another order or duplicates", func() {
		obj := available(grantFor(remote, tenant, "a", "b", "c"))
		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) { s.Scopes = []string{"c", "a", "b", "a"} })).To(BeEmpty())
		for _, order := range [][]string{{"b", "a", "c"}, {"c", "b", "a"}, {"a", "a", "c", "b"}} {
			remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = order })
			resync(tenant)
			lookAgain(obj)
		}
		Expect(sent(remote, "")).To(BeEmpty())
	})

	It("that are unmanaged and wider are told as drift and never written", func() {
		obj := available(grantFor(remote, tenant, "read:users"))
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) {
			g.OrganizationUsage, g.AllowAnyOrganization = "allow", new(true)
		})
		held := *remoteOf(remote, obj)
		remote.ClearLog()
		resync(tenant)
		Eventually(func() *v1alpha1.Drift { return reload(obj).Status.Drift }).Should(And(HaveField("Summary", "unmanaged"),
			HaveField("Names", BeEmpty()), HaveField("Unmanaged", ConsistOf("organizationUsage", "allowAnyOrganization"))))
		Expect(readyOf(obj)).To(Equal("True Available"))
		Expect(sent(remote, "")).To(BeEmpty())
		Expect(*remoteOf(remote, obj)).To(Equal(held))

		Expect(change(obj, func(s *v1alpha1.ClientGrantSpec) { s.Scopes = []string{} })).To(Equal([]string{`{"scope":[]}`}))
		Expect(obj.Status.Drift).NotTo(BeNil())
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.OrganizationUsage, g.AllowAnyOrganization = "deny", new(false) })
		resync(tenant)
		Eventually(func() *v1alpha1.Drift { return reload(obj).Status.Drift }).Should(BeNil())
	})

	It("lose a scope that was removed from Git although kubectl edit had added it too", func() {
		obj := grantFor(remote, tenant)
		apply := func(scopes ...any) {
			GinkgoHelper()
			manifest := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": v1alpha1.GroupVersion.String(), "kind": "ClientGrant",
				"metadata": map[string]any{"name": obj.Name, "namespace": obj.Namespace},
				"spec": map[string]any{
					"tenantRef": map[string]any{"name": tenant.Name}, "audience": obj.Spec.Audience,
					"clientRef": map[string]any{"id": obj.Spec.ClientRef.ID}, "scopes": scopes,
				},
			}}
			Expect(k8s.Apply(ctx, client.ApplyConfigurationFromUnstructured(manifest), client.FieldOwner("git"), client.ForceOwnership)).To(Succeed())
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
		}
		apply("a", "b")
		DeferCleanup(func() { remove(obj); Eventually(gone(obj)).Should(BeTrue()) })
		Expect(k8s.Patch(ctx, obj, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"scopes":["a","b","c"]}}`)),
			client.FieldOwner("kubectl-edit"))).To(Succeed())
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remoteOf(remote, obj).Scope).To(ConsistOf("a", "b", "c"))
		apply("a")
		Expect(remoteOf(remote, obj).Scope).To(ConsistOf("a"))
	})
})

var _ = Describe("Scopes that Auth0 drops", func() {
	It("are named, and not sent again until the spec changes", func() {
		remote := startTenant(func(o *sim.Options) { o.Settings.DropScopes = []string{"write:users", "admin"} })
		tenant := readyTenant(remote)
		obj := create(grantFor(remote, tenant, "read:users", "write:users", "admin"))
		Eventually(conditionOf(obj)).Should(Equal("False ScopesDropped"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(messageOf(obj)).To(And(ContainSubstring(`"write:users"`), ContainSubstring(`"admin"`), Not(ContainSubstring("read:users"))))
		Expect(obj.Status.ScopeCount).To(HaveValue(BeEquivalentTo(1)))
		for range 5 {
			resync(tenant)
		}
		// What is not dropped is still kept in line.
		remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"read:users", "by:hand"} })
		resync(tenant)
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(Equal([]string{"read:users"}))
		Expect(remote.Requests(http.MethodPost, routeGrants)).To(Equal(1))
		Expect(bodies(remote, http.MethodPatch)).To(HaveExactElements(MatchJSON(`{"scope":["read:users"]}`)))
		Expect(conditionOf(obj)()).To(Equal("False ScopesDropped"))

		remote.ClearLog()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"read:users"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(sent(remote, "")).To(BeEmpty())
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
	})

	It("are sent once per resync at most, where the answer to the write still shows them", func() {
		remote := startTenant(func(o *sim.Options) {
			o.Settings.DropScopes, o.Settings.EchoDroppedScopes = []string{"write:users"}, true
		})
		tenant := readyTenant(remote)
		available(grantFor(remote, tenant, "read:users", "write:users"))
		for range 5 {
			resync(tenant)
		}
		Consistently(func() int { return len(bodies(remote, http.MethodPatch)) }).Should(BeNumerically("<=", 5))
	})

	It("are not taken for those that somebody takes away, which are given back each time", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := available(grantFor(remote, tenant, "read:users", "write:users"))
		for range 2 {
			resync(tenant)
			remote.EditGrant(obj.Status.GrantID, func(g *sim.Grant) { g.Scope = []string{"read:users"} })
			resync(tenant)
			Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(HaveLen(2))
		}
		Expect(conditionOf(obj)()).To(Equal("True Available"))
	})
})
