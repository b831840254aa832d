package controller_test

import (
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// onlyRight is the API of a rule that gives one right, and what its grants need beside it; everyOther that of a rule
// which gives every other right.
func onlyRight(right v1alpha1.Right) string { return "https://only-" + string(right) + ".example.com/" }

func everyOther(right v1alpha1.Right) string { return "https://not-" + string(right) + ".example.com/" }

func rightRules() []v1alpha1.AccessRule {
	rules := []v1alpha1.AccessRule{}
	for _, right := range everyField {
		only := []v1alpha1.Right{right, v1alpha1.RightAdoptExisting}
		if right == v1alpha1.RightAuthorizationDetails {
			only = append(only, v1alpha1.RightUserSubject)
		}
		others := slices.DeleteFunc(allRights(), func(r v1alpha1.Right) bool { return r == right })
		rules = append(rules,
			rule("only-"+unique("right"), []string{onlyRight(right)}, []string{"read:*"}, []string{"app-*"}, only...),
			rule("not-"+unique("right"), []string{everyOther(right)}, []string{"read:*"}, []string{"app-*"}, others...))
	}
	return rules
}

// asItIs changes nothing.
func asItIs(*v1alpha1.ClientGrant) {}

func usage(value v1alpha1.OrganizationUsage) func(*v1alpha1.ClientGrant) {
	return func(o *v1alpha1.ClientGrant) { o.Spec.OrganizationUsage = &value }
}

func anyOrganization(o *v1alpha1.ClientGrant) {
	usage(v1alpha1.OrganizationUsageRequire)(o)
	o.Spec.AllowAnyOrganization = new(true)
}

func forUsers(o *v1alpha1.ClientGrant) { o.Spec.SubjectType = v1alpha1.SubjectTypeUser }

func withDetails(o *v1alpha1.ClientGrant) {
	forUsers(o)
	o.Spec.AuthorizationDetailsTypes = []string{"payment"}
}

func allScopes(o *v1alpha1.ClientGrant) { o.Spec.Scopes, o.Spec.AllowAllScopes = nil, new(true) }

func defaultGrant(o *v1alpha1.ClientGrant) {
	o.Spec.ClientRef = v1alpha1.ClientReference{DefaultFor: "third_party_clients"}
}

var _ = Describe("A right", Ordered, ContinueOnFailure, func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
	)
	BeforeAll(func() {
		remote = startTenant()
		tenant = readyTenant(remote, ruled(rightRules()...))
	})

	DescribeTable("is needed for what the spec asks for",
		func(right v1alpha1.Right, change func(*v1alpha1.ClientGrant)) {
			obj := fromElsewhere(tenant, audience(everyOther(right)), change)
			expectRefused(remote, tenant, obj)
			Expect(messageOf(obj)).To(ContainSubstring(string(right)))
			expectAllowed(remote, fromElsewhere(tenant, audience(onlyRight(right)), change))
		},
		Entry("every scope", v1alpha1.RightAllScopes, allScopes),
		Entry("organizations", v1alpha1.RightAnyOrganization, usage(v1alpha1.OrganizationUsageAllow)),
		Entry("organizations that are required", v1alpha1.RightAnyOrganization, usage(v1alpha1.OrganizationUsageRequire)),
		Entry("any organization", v1alpha1.RightAnyOrganization, anyOrganization),
		Entry("access on behalf of users", v1alpha1.RightUserSubject, forUsers),
		Entry("types of authorization details", v1alpha1.RightAuthorizationDetails, withDetails),
		Entry("the default grant of a group", v1alpha1.RightDefaultFor, defaultGrant),
	)

	DescribeTable("is not needed for the closed value",
		func(right v1alpha1.Right, change func(*v1alpha1.ClientGrant)) {
			expectAllowed(remote, fromElsewhere(tenant, audience(everyOther(right)), change))
		},
		Entry("not every scope", v1alpha1.RightAllScopes, func(o *v1alpha1.ClientGrant) { o.Spec.AllowAllScopes = new(false) }),
		Entry("no organizations", v1alpha1.RightAnyOrganization, usage(v1alpha1.OrganizationUsageDeny)),
		Entry("not any organization", v1alpha1.RightAnyOrganization, func(o *v1alpha1.ClientGrant) { o.Spec.AllowAnyOrganization = new(false) }),
		Entry("no types of authorization details", v1alpha1.RightAuthorizationDetails, func(o *v1alpha1.ClientGrant) {
			forUsers(o)
			o.Spec.AuthorizationDetailsTypes = []string{}
		}),
	)

	// held is the grant that is there first, with what the spec leaves alone.
	held := func(obj *v1alpha1.ClientGrant, change func(*sim.Grant)) sim.Grant {
		GinkgoHelper()
		found := foreign(remote, obj, "read:users", "by:hand")
		Expect(remote.EditGrant(found.ID, change)).To(BeTrue())
		found, _ = remote.Grant(found.ID)
		return found
	}

	DescribeTable("is needed for what an adopted grant would keep",
		func(right v1alpha1.Right, spec func(*v1alpha1.ClientGrant), change func(*sim.Grant)) {
			hostile := fromElsewhere(tenant, audience(everyOther(right)), spec)
			before := held(hostile, change)
			remote.ClearLog()
			create(hostile)
			Eventually(conditionOf(hostile)).Should(Equal("False AdoptionRefused"))
			expectUntold(hostile)
			Eventually(notesAbout(tenant, hostile)).Should(ConsistOf(And(HavePrefix("AdoptionRefused: "), ContainSubstring(string(right)))))
			Expect(sent(remote, "")).To(BeEmpty())
			Expect(*remoteOf(remote, hostile)).To(Equal(before))
			end(hostile)
			Expect(*remoteOf(remote, hostile)).To(Equal(before))

			twin := fromElsewhere(tenant, audience(onlyRight(right)), spec)
			kept := held(twin, change)
			available(twin)
			Expect(twin.Status.Origin).To(Equal(v1alpha1.OriginAdopted))
			kept.Scope = []string{"read:users"}
			Expect(*remoteOf(remote, twin)).To(Equal(kept))
			end(twin)
		},
		Entry("organizations", v1alpha1.RightAnyOrganization, asItIs, func(g *sim.Grant) { g.OrganizationUsage = "require" }),
		Entry("any organization", v1alpha1.RightAnyOrganization, asItIs,
			func(g *sim.Grant) { g.OrganizationUsage, g.AllowAnyOrganization = "require", new(true) }),
		Entry("any organization beside a managed usage", v1alpha1.RightAnyOrganization, usage(v1alpha1.OrganizationUsageDeny),
			func(g *sim.Grant) { g.OrganizationUsage, g.AllowAnyOrganization = "deny", new(true) }),
		Entry("types of authorization details", v1alpha1.RightAuthorizationDetails, forUsers,
			func(g *sim.Grant) { g.AuthorizationDetailsTypes = []string{"by-hand"} }),
	)

	It("is not needed for what adoption closes", func() {
		obj := fromElsewhere(tenant, audience(everyOther(v1alpha1.RightAnyOrganization)), usage(v1alpha1.OrganizationUsageDeny))
		held(obj, func(g *sim.Grant) { g.OrganizationUsage = "require" })
		available(obj)
		Expect(remoteOf(remote, obj).OrganizationUsage).To(Equal("deny"))
		all := fromElsewhere(tenant, audience(everyOther(v1alpha1.RightAllScopes)))
		held(all, func(g *sim.Grant) { g.Scope, g.AllowAllScopes = nil, new(true) })
		available(all)
		Expect(remoteOf(remote, all).Scope).To(Equal([]string{"read:users"}))
		end(obj)
		end(all)
	})

	It("to adopt is needed for what is there first, whoever observes it", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) {
			t.Spec.AccessRules = append(t.Spec.AccessRules, rule("narrow", []string{apiAudience}, []string{"read:*"}, []string{"app-*"}))
		})
		Eventually(conditionOf(tenant)).Should(HavePrefix("True"), "the operator has seen the rule")
		for _, mode := range []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeObserve} {
			obj := fromElsewhere(tenant, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = mode })
			before := held(obj, func(g *sim.Grant) { g.OrganizationUsage = "require" })
			remote.ClearLog()
			create(obj)
			Eventually(conditionOf(obj)).Should(Equal("False AdoptionRefused"))
			expectUntold(obj)
			resync(tenant)
			lookAgain(obj)
			expectUntold(reload(obj))
			Expect(remote.Log()).To(HaveEach(HaveField("Method", http.MethodGet)))
			end(obj)
			Expect(*remoteOf(remote, obj)).To(Equal(before))
			Expect(sent(remote, "")).To(BeEmpty())
			Eventually(notesAbout(tenant, obj)).Should(ConsistOf(And(HavePrefix("AdoptionRefused: "), ContainSubstring("AdoptExisting"))))
		}
	})
})
