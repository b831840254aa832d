package controller_test

import (
	"encoding/json"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// apiAudience is one that the rules of these tests cover.
const apiAudience = "https://api.example.com/v1"

// rule is an access rule for other namespaces; its name, and everything of the hidden rule, is told to nobody in them.
func rule(name string, audiences, scopes, clientIDs []string, allow ...v1alpha1.Right) v1alpha1.AccessRule {
	return v1alpha1.AccessRule{
		Name: "rule-" + name, Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: []string{elsewhere}},
		Audiences: audiences, Scopes: scopes, ClientIDs: clientIDs, Allow: allow,
	}
}

// hiddenRule is for another namespace, and allows all that the hostile grants ask for.
func hiddenRule() v1alpha1.AccessRule {
	hidden := rule("hidden", []string{"https://hidden.example.com/*", "*"}, []string{"hidden:*", "*"}, []string{"hidden-*", "*"}, allRights()...)
	hidden.Namespaces.Names = []string{"hidden-namespace"}
	return hidden
}

func allRights() []v1alpha1.Right {
	return append([]v1alpha1.Right{v1alpha1.RightAdoptExisting, v1alpha1.RightOrphan, v1alpha1.RightSystemAPI}, everyField...)
}

func ruled(rules ...v1alpha1.AccessRule) func(*v1alpha1.Auth0Tenant) {
	return func(t *v1alpha1.Auth0Tenant) {
		t.Spec.AccessRules = slices.Concat(rules, []v1alpha1.AccessRule{hiddenRule()})
	}
}

// anything covers every audience, scope and client.
func anything(allow ...v1alpha1.Right) v1alpha1.AccessRule {
	return rule("anything", []string{"*"}, []string{"*"}, []string{"*"}, allow...)
}

// fromElsewhere is a ClientGrant in another namespace than the Auth0Tenant's.
func fromElsewhere(of *v1alpha1.Auth0Tenant, change ...func(*v1alpha1.ClientGrant)) *v1alpha1.ClientGrant {
	obj := &v1alpha1.ClientGrant{
		ObjectMeta: metav1.ObjectMeta{Name: unique("grant"), Namespace: elsewhere},
		Spec: v1alpha1.ClientGrantSpec{
			TenantRef: v1alpha1.TenantReference{Name: of.Name, Namespace: of.Namespace},
			ClientRef: v1alpha1.ClientReference{ID: unique("app")},
			Audience:  apiAudience, Scopes: []string{"read:users"},
		},
	}
	for _, c := range change {
		c(obj)
	}
	return obj
}

// register makes the client and the API of a ClientGrant known to the tenant.
func register(remote *sim.Running, obj *v1alpha1.ClientGrant) *v1alpha1.ClientGrant {
	held := foreign(remote, obj)
	remote.DeleteGrant(held.ID)
	return obj
}

func audience(text string) func(*v1alpha1.ClientGrant) {
	return func(o *v1alpha1.ClientGrant) { o.Spec.Audience = text }
}

func scopes(names ...string) func(*v1alpha1.ClientGrant) {
	return func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = names }
}

func clientID(id string) func(*v1alpha1.ClientGrant) {
	return func(o *v1alpha1.ClientGrant) { o.Spec.ClientRef.ID = id }
}

func both(changes ...func(*v1alpha1.ClientGrant)) func(*v1alpha1.ClientGrant) {
	return func(o *v1alpha1.ClientGrant) {
		for _, change := range changes {
			change(o)
		}
	}
}

// notesAbout lists what the events of an Auth0Tenant say about a ClientGrant.
func notesAbout(of *v1alpha1.Auth0Tenant, obj client.Object) func() []string {
	return func() []string {
		list := &eventsv1.EventList{}
		Expect(k8s.List(ctx, list, client.InNamespace(of.Namespace))).To(Succeed())
		notes := []string{}
		for _, e := range list.Items {
			if e.Regarding.UID == of.UID && strings.Contains(e.Note, obj.GetNamespace()+"/"+obj.GetName()) {
				notes = append(notes, e.Reason+": "+e.Note)
			}
		}
		return notes
	}
}

// expectUntold checks that an object tells of no rule and of no value of the tenant, in status or events.
func expectUntold(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	expectNothingOwned(obj)
	status, err := json.Marshal(obj.Status)
	Expect(err).NotTo(HaveOccurred())
	expectNoDeeds(obj)
	for _, told := range append(notesOf(obj)(), string(status)) {
		for _, secret := range []string{"rule-", "hidden", "by:hand", "by-hand", "require", "127.0.0.1"} {
			if !strings.Contains(obj.Spec.Audience, secret) {
				Expect(told).NotTo(ContainSubstring(secret))
			}
		}
	}
}

// expectRefused makes a ClientGrant that no rule allows: nothing is sent because of it, and nothing told.
func expectRefused(remote *sim.Running, of *v1alpha1.Auth0Tenant, obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	held := remote.Grants()
	remote.ClearLog()
	create(obj)
	Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
	Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
	expectUntold(obj)
	Expect(remote.Log()).To(BeEmpty())
	Expect(remote.Grants()).To(Equal(held))
	Eventually(notesAbout(of, obj)).Should(ConsistOf(HavePrefix(v1alpha1.EventNotPermitted)))
}

// expectAllowed makes the twin that a rule allows, and ends it.
func expectAllowed(remote *sim.Running, obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	available(register(remote, obj))
	Expect(remoteOf(remote, obj)).NotTo(BeNil())
	end(obj)
	Expect(remoteOf(remote, obj)).To(BeNil())
}

// end deletes an object and waits until it is gone: what that sends is not for the next test to see.
func end(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	remove(obj)
	Eventually(gone(obj)).Should(BeTrue())
}

var _ = Describe("A ClientGrant that asks for what no rule covers", Ordered, ContinueOnFailure, func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
	)
	BeforeAll(func() {
		remote = startTenant()
		tenant = readyTenant(remote, ruled(
			rule("plain", []string{"https://api.example.com/*", "https://caf\u00e9.example.com/"},
				[]string{"read:*", "write:invoices", "*:own"}, []string{"app-*", "Zk3Exact", "*-svc"}),
			rule("other", []string{"https://other.example.com/"}, []string{"admin"}, []string{"app-*"}),
			rule("star", []string{"https://star.example.com/"}, []string{"write:*"}, []string{"app-*"}),
		))
	})

	DescribeTable("is refused, and its twin is not",
		func(hostile, twin func(*v1alpha1.ClientGrant)) {
			expectRefused(remote, tenant, fromElsewhere(tenant, hostile))
			expectAllowed(remote, fromElsewhere(tenant, twin))
		},
		Entry("an audience in another case", audience("https://API.example.com/v1"), audience("https://api.example.com/V1")),
		Entry("an audience of another scheme", audience("http://api.example.com/"), audience("https://api.example.com/http://")),
		Entry("an audience that goes on before the slash", audience("https://api.example.com.evil.com/"), audience("https://api.example.com/.evil.com/")),
		Entry("an audience that ends before the slash", audience("https://api.example.com"), audience("https://api.example.com/")),
		Entry("an audience that begins earlier", audience("a https://api.example.com/"), audience("https://api.example.com/ a")),
		Entry("an audience with the covered one as its user", audience("https://api.example.com@evil.com/"), audience("https://api.example.com/@evil.com/")),
		Entry("an audience with the covered one in its path", audience("https://evil.com/https://api.example.com/"), audience("https://api.example.com/https://evil.com/")),
		Entry("an audience with the covered one on its second line", audience("https://evil.com/\nhttps://api.example.com/"), audience("https://api.example.com/\nhttps://evil.com/")),
		Entry("an audience with a letter of another script", audience("https://\u0430pi.example.com/"), audience("https://api.example.com/\u0430")),
		Entry("an audience with an accent of its own", audience("https://cafe\u0301.example.com/"), audience("https://caf\u00e9.example.com/")),
		Entry("an encoded audience", audience("https://api%2eexample.com/"), audience("https://api.example.com/%2e%2e/")),
		Entry("an audience that is the pattern's star", audience("*"), audience("https://api.example.com/*")),
		Entry("an audience with an invisible character", audience("https://api.example.com\u200b/"), audience("https://api.example.com/\u200b")),

		Entry("a scope in another case", scopes("READ:users"), scopes("read:USERS")),
		Entry("a scope that ends early", scopes("read"), scopes("read:")),
		Entry("a scope that begins earlier", scopes("xread:users"), scopes("read:xusers")),
		Entry("a scope that goes on", scopes("write:invoices2"), scopes("write:invoices")),
		Entry("a scope that is cut", scopes("write:invoice"), scopes("write:own")),
		Entry("a scope that looks like a pattern", scopes("write:*"), scopes("read:*")),
		Entry("a scope that is a star", scopes("*"), scopes("*:own")),
		Entry("a scope with a letter of another script", scopes("r\u0435ad:users"), scopes("read:us\u0435rs")),
		Entry("a scope with an invisible character", scopes("read\u200b:users"), scopes("read:\u200busers")),
		Entry("one scope of many", scopes("read:a", "read:b", "admin", "read:c"), scopes("read:a", "read:b", "read:admin")),

		Entry("a client ID in another case", clientID("zk3Exact"), clientID("Zk3Exact")),
		Entry("a client ID that goes on", clientID("Zk3Exact2"), clientID("app-Zk3Exact2")),
		Entry("a client ID that ends early", clientID("Zk3Exac"), clientID("Zk3Exac-svc")),
		Entry("a client ID that begins earlier", clientID("xapp-1"), clientID("app-x1")),
		Entry("a client ID with another sign", clientID("app_1"), clientID("app-_1")),

		Entry("the scope of one rule with the audience of another", scopes("admin"), both(scopes("admin"), audience("https://other.example.com/"))),
		Entry("the audience of one rule with the client of another",
			both(scopes("admin"), audience("https://other.example.com/"), clientID("other-svc")), clientID("yet-another-svc")),
		Entry("the scopes of two rules of an audience", both(scopes("read:a", "write:a"), audience("https://star.example.com/")),
			both(scopes("write:a", "write:b"), audience("https://star.example.com/"))),
	)

	It("is refused before the tenant is asked whether the grant is there", func() {
		obj := fromElsewhere(tenant, scopes("admin"))
		held := foreign(remote, obj, "by:hand")
		expectRefused(remote, tenant, obj)
		Expect(*remoteOf(remote, obj)).To(Equal(held))
	})

	It("is refused in mode Observe, with an empty status and without a call", func() {
		obj := fromElsewhere(tenant, scopes("admin"))
		obj.Spec.Mode = v1alpha1.ModeObserve
		foreign(remote, obj, "by:hand")
		expectRefused(remote, tenant, obj)
	})

	It("is told once for each generation, and to the owner of the tenant in full", func() {
		obj := fromElsewhere(tenant, scopes("admin"))
		expectRefused(remote, tenant, obj)
		Expect(messageOf(obj)).To(And(ContainSubstring(`"admin"`), ContainSubstring("ask the owner")))
		Expect(notesAbout(tenant, obj)()).To(ConsistOf(
			And(ContainSubstring("rule-plain"), ContainSubstring("rule-other"), ContainSubstring("rule-hidden"))))
		for range 3 {
			lookAgain(obj)
		}
		Consistently(notesAbout(tenant, obj)).Should(HaveLen(1))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"root"} })
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		Eventually(notesAbout(tenant, obj)).Should(ConsistOf(ContainSubstring(`"admin"`), ContainSubstring(`"root"`)))
		Expect(remote.Log()).To(BeEmpty())
	})

	It("is told to the owner of the tenant however long its words are", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) {
			for range 20 {
				t.Spec.AccessRules = append(t.Spec.AccessRules, rule(unique("many"), []string{"https://many.example.com/"}, []string{"*"}, []string{"*"}))
			}
		})
		expectRefused(remote, tenant, fromElsewhere(tenant, audience("https://evil.com/"+strings.Repeat("\u00e9", 500))))
	})
})

var _ = Describe("A ClientGrant of one of Auth0's own APIs", Ordered, ContinueOnFailure, func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
	)
	BeforeAll(func() {
		remote = startTenant()
		literal := rule("literal", []string{"https://" + remote.Domain() + "/api/v2/"}, []string{"read:clients"}, []string{"app-*"}, v1alpha1.RightSystemAPI)
		without := rule("without", []string{"https://without.auth0.com/"}, []string{"read:clients"}, []string{"*"}, everyField...)
		tenant = readyTenant(remote, ruled(anything(allRights()...), literal, without))
	})

	DescribeTable("is refused in every spelling, and its twin is not",
		func(hostile, twin string) {
			hostile = strings.ReplaceAll(hostile, "DOMAIN", remote.Domain())
			expectRefused(remote, tenant, fromElsewhere(tenant, audience(hostile)))
			expectAllowed(remote, fromElsewhere(tenant, audience(twin)))
		},
		Entry("the tenant's own", "https://DOMAIN/api/v2/", "https://api.example.com/api/v2/"),
		Entry("the tenant's own on another port", "https://127.0.0.1:8/api/v2/", "https://192.0.2.1:8/api/v2/"),
		Entry("another tenant's", "https://acme.eu.auth0.com/api/v2/", "https://acme.eu.auth0.example/api/v2/"),
		Entry("another API of a tenant", "https://acme.auth0.com/me/", "https://acme-auth0.com/me/"),
		Entry("the other domain", "https://acme.guardian.auth0app.com/", "https://acme.guardian.notauth0app.com/"),
		Entry("another case", "HTTPS://ACME.EU.AUTH0.COM/api/v2/", "HTTPS://API.EXAMPLE.COM/api/v2/"),
		Entry("a user", "https://api.example.com@acme.auth0.com/", "https://api@api.example.com/"),
		Entry("a port", "https://acme.auth0.com:443/", "https://api.example.com:443/"),
		Entry("a dot at the end", "https://acme.auth0.com./", "https://api.example.com./"),
		Entry("no scheme", "acme.auth0.com/api/v2/", "api.example.com/api/v2/"),
		Entry("backslashes", `https:\\acme.auth0.com\api\v2\`, `https:\\api.example.com\api\v2\`),
		Entry("an encoded dot", "https://acme%2eauth0%2ecom/", "https://acme%2eexample%2ecom/"),
		Entry("an encoded encoding", "https://acme%252eauth0.com/", "https://acme%252eexample.com/"),
		Entry("full-width letters", "https://acme.\uff41uth0.com/", "https://acme.\uff41uth1.com/"),
		Entry("another full stop", "https://acme\u3002auth0\u3002com/", "https://acme\u3002example\u3002com/"),
		Entry("an invisible character", "https://acme.auth0\u200b.com/", "https://acme.example\u200b.com/"),
		Entry("a URN", "urn:auth0:acme:api", "urn:example:auth0:api"),
		Entry("a URN in another case", "URN:Auth0-authz-api", "URN:example-authz-api"),
		Entry("a rule that names it without the right", "https://without.auth0.com/", "https://without.auth0.org/"),
	)

	It("is allowed where a rule names it and each scope, and gives the right", func() {
		own := audience("https://" + remote.Domain() + "/api/v2/")
		expectRefused(remote, tenant, fromElsewhere(tenant, own, scopes("read:clients", "create:client_grants")))
		expectRefused(remote, tenant, fromElsewhere(tenant, own, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes, o.Spec.AllowAllScopes = nil, new(true) }))
		expectAllowed(remote, fromElsewhere(tenant, own, scopes("read:clients")))
	})

	It("is refused for the operator's own application, whatever the rules say", func() {
		expectRefused(remote, tenant, fromElsewhere(tenant, clientID(remote.ClientID())))
	})
})
