package controller_test

import (
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// label sets a label of a namespace, or takes it away.
func label(namespace, key, value string) {
	GinkgoHelper()
	text := "null"
	if value != "" {
		text = `"` + value + `"`
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"`+key+`":`+text+`}}}`))
	Expect(k8s.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, patch)).To(Succeed())
}

// expectInvisible makes a ClientGrant to which the Auth0Tenant is not there, and returns what it is told.
func expectInvisible(remote *sim.Running, obj *v1alpha1.ClientGrant) string {
	GinkgoHelper()
	remote.ClearLog()
	create(obj)
	Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
	expectUntold(obj)
	Expect(remote.Log()).To(BeEmpty())
	status := obj.Status.DeepCopy()
	meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionReady)
	Expect(*status).To(Equal(v1alpha1.ClientGrantStatus{
		ObservedGeneration: obj.Generation, Client: obj.Spec.ClientRef.ID, Conditions: []metav1.Condition{},
	}))
	return messageOf(obj)
}

var _ = Describe("A namespace", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
	)
	BeforeEach(func() { remote = startTenant() })
	from := func(namespaces v1alpha1.RuleNamespaces, allow ...v1alpha1.Right) func(*v1alpha1.Auth0Tenant) {
		admitting := anything(allow...)
		admitting.Namespaces = namespaces
		return ruled(admitting)
	}
	names := func(names ...string) v1alpha1.RuleNamespaces {
		return v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: names}
	}
	selecting := func(key string) v1alpha1.RuleNamespaces {
		return v1alpha1.RuleNamespaces{
			From: v1alpha1.NamespacesFromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{key: "yes"}},
		}
	}

	It("that no rule admits is told what it is told of an Auth0Tenant that is not there", func() {
		tenant = readyTenant(remote, from(names("another")))
		obj := fromElsewhere(tenant)
		foreign(remote, obj, "by:hand")
		told := expectInvisible(remote, obj)
		missing := expectInvisible(remote, fromElsewhere(tenant, func(o *v1alpha1.ClientGrant) { o.Spec.TenantRef.Name = "missing" }))
		Expect(strings.ReplaceAll(told, tenant.Name, "missing")).To(Equal(missing))
		Expect(notesAbout(tenant, obj)()).To(BeEmpty())
	})

	It("that no rule admits is told the same whatever state the Auth0Tenant is in, and whatever the spec is", func() {
		tenant = readyTenant(remote, from(names("another")))
		told := expectInvisible(remote, fromElsewhere(tenant))
		for _, change := range []func(*v1alpha1.ClientGrant){
			func(o *v1alpha1.ClientGrant) { o.Spec.Mode = v1alpha1.ModeObserve },
			func(o *v1alpha1.ClientGrant) { o.Spec.ClientRef.ID = remote.ClientID() },
			func(o *v1alpha1.ClientGrant) {
				o.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "missing", Key: "id"}}
			},
		} {
			Expect(expectInvisible(remote, fromElsewhere(tenant, change))).To(Equal(told))
		}
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = v1alpha1.ModeSuspend })
		Eventually(conditionOf(tenant)).Should(Equal("False Suspended"))
		Expect(expectInvisible(remote, fromElsewhere(tenant))).To(Equal(told))
	})

	It("is admitted by a rule for every namespace", func() {
		tenant = readyTenant(remote, from(v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromAll}))
		expectAllowed(remote, fromElsewhere(tenant))
	})

	It("is not admitted by an Auth0Tenant without rules, which is its own namespace's", func() {
		tenant = readyTenant(remote)
		expectInvisible(remote, fromElsewhere(tenant))
		available(grantFor(remote, tenant, "read:users"))
	})

	It("is not admitted by a name that only begins or ends alike", func() {
		tenant = readyTenant(remote, from(names("elsewher", "elsewheres", "else")))
		expectInvisible(remote, fromElsewhere(tenant))
	})

	It("is admitted by a label as soon as it has it, and not any longer", func() {
		key := unique("team")
		tenant = readyTenant(remote, from(selecting(key)))
		obj := register(remote, fromElsewhere(tenant))
		expectInvisible(remote, obj)
		label(elsewhere, key, "no")
		Consistently(conditionOf(obj)).Should(Equal("False TenantNotReady"))
		label(elsewhere, key, "yes")
		DeferCleanup(label, elsewhere, key, "")
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		held := remote.Grants()

		label(elsewhere, key, "")
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(obj.Status.GrantID).To(Equal(held[0].ID))
		Expect(remote.Grants()).To(Equal(held))
		newcomer := fromElsewhere(tenant)
		expectInvisible(remote, newcomer)

		label(elsewhere, key, "yes")
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	It("cannot name a ConfigMap of another namespace", func() {
		tenant = readyTenant(remote, from(names(elsewhere)))
		configMap := create(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: unique("clients"), Namespace: namespace}, Data: map[string]string{"id": "app-foreign"},
		})
		obj := fromElsewhere(tenant, func(o *v1alpha1.ClientGrant) {
			o.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: configMap.Name, Key: "id"}}
		})
		remote.ClearLog()
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False ClientNotResolved"))
		expectUntold(obj)
		Expect(remote.Log()).To(BeEmpty())
		for _, name := range []string{namespace + "/" + configMap.Name, "../" + configMap.Name} {
			sly := fromElsewhere(tenant, func(o *v1alpha1.ClientGrant) {
				o.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: name, Key: "id"}}
			})
			Expect(k8s.Create(ctx, sly)).To(MatchError(ContainSubstring("spec.clientRef.configMapKeyRef.name")))
			Expect(remote.Log()).To(BeEmpty())
		}
	})

	It("cannot have a value that is no client ID shown or sent, nor one that no rule covers", func() {
		tenant = readyTenant(remote, ruled(rule("plain", []string{"*"}, []string{"*"}, []string{"app-*"})))
		configMap := create(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: unique("clients"), Namespace: elsewhere}, Data: map[string]string{},
		})
		obj := fromElsewhere(tenant, func(o *v1alpha1.ClientGrant) {
			o.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: configMap.Name, Key: "id"}}
		})
		remote.ClearLog()
		create(obj)
		for _, value := range []string{
			"", " ", "app-1\n", "app-1 ", "app-1/by-hand", "\u0430pp-by-hand", "by-hand hidden", "app-*", strings.Repeat("a", 129), "app-1\x00by-hand",
		} {
			edit(configMap, func(c *corev1.ConfigMap) { c.Data = map[string]string{"id": value} })
			lookAgain(obj)
			Expect(conditionOf(obj)()).To(Equal("False ClientNotResolved"), "with %q", value)
			expectUntold(obj)
		}
		edit(configMap, func(c *corev1.ConfigMap) { c.Data = map[string]string{"id": "by-hand"} })
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		expectUntold(obj)
		edit(configMap, func(c *corev1.ConfigMap) { c.Data = map[string]string{"id": remote.ClientID()} })
		lookAgain(obj)
		Expect(conditionOf(obj)()).To(Equal("False NotPermitted"))
		expectUntold(obj)
		Expect(remote.Log()).To(BeEmpty())
		edit(configMap, func(c *corev1.ConfigMap) {
			c.Data = map[string]string{"id": remote.AddClient(sim.Client{ID: "app-1"}).ID}
		})
		remote.AddAPI(sim.API{Identifier: obj.Spec.Audience})
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
	})

	Describe("whose Auth0Tenants are not used", func() {
		// hostile is an Auth0Tenant for the tenant of somebody else, which its namespace may ask everything of.
		hostile := func(change ...func(*v1alpha1.Auth0Tenant)) *v1alpha1.Auth0Tenant {
			made := tenantFor(remote, "missing")
			made.Namespace = elsewhere
			for _, c := range change {
				c(made)
			}
			create(made)
			Eventually(conditionOf(made)).Should(Equal("False NamespaceNotAllowed"))
			return made
		}

		It("gets nothing by one of its own", func() {
			made := hostile(func(t *v1alpha1.Auth0Tenant) {
				t.Spec.AccessRules = []v1alpha1.AccessRule{anything(allRights()...)}
			})
			obj := fromElsewhere(made)
			foreign(remote, obj, "by:hand")
			create(obj)
			Eventually(conditionOf(obj)).Should(Equal("False TenantNotReady"))
			expectUntold(obj)
			remove(obj)
			Eventually(gone(obj)).Should(BeTrue())
			Expect(remote.Log()).To(BeEmpty())
		})

		It("does not keep others from using the tenant with one that carries the operator's finalizer", func() {
			hostile(func(t *v1alpha1.Auth0Tenant) { t.Finalizers = []string{v1alpha1.TenantFinalizer} })
			tenant = readyTenant(remote, from(names(elsewhere)))
			available(grantFor(remote, readyTenant(remote), "read:users"))
			expectAllowed(remote, fromElsewhere(tenant))
		})

		It("does not keep others from a grant by asking for it first", func() {
			made := hostile()
			tenant = readyTenant(remote)
			obj := grantFor(remote, tenant, "read:users")
			squatter := obj.DeepCopy()
			squatter.ObjectMeta = metav1.ObjectMeta{Name: unique("grant"), Namespace: elsewhere}
			squatter.Spec.TenantRef.Name = made.Name
			create(squatter)
			Eventually(conditionOf(squatter)).Should(Equal("False TenantNotReady"))
			Eventually(func() bool { // A second makes it the older one.
				probe := create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: unique("clock"), Namespace: elsewhere}})
				return squatter.CreationTimestamp.Before(&probe.CreationTimestamp)
			}).Should(BeTrue())
			available(obj)
			Expect(bodies(remote, http.MethodPost)).To(HaveLen(1))
		})

		It("does not keep a restored ClientGrant's grant alive by asking for it", func() {
			made := hostile()
			tenant = readyTenant(remote)
			obj := grantFor(remote, tenant, "read:users")
			obj.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
			obj.Spec.Mode = v1alpha1.ModeSuspend
			held := foreign(remote, obj, "read:users")
			squatter := obj.DeepCopy()
			squatter.ObjectMeta = metav1.ObjectMeta{Name: unique("grant"), Namespace: elsewhere}
			squatter.Spec.TenantRef.Name = made.Name
			create(squatter)
			create(obj)
			Eventually(conditionOf(obj)).Should(Equal("False Suspended"))
			remove(obj)
			Eventually(gone(obj)).Should(BeTrue())
			Expect(remote.Grants()).NotTo(ContainElement(held))
		})
	})
})
