package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("Access rules that are narrowed under onViolation Revoke end the access", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, ruled(rule("all", []string{"https://api.example.com/*"}, []string{"*"}, []string{"*"})),
			func(t *v1alpha1.Auth0Tenant) { t.Spec.OnViolation = v1alpha1.OnViolationRevoke })
	})
	narrow := func() {
		GinkgoHelper()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.AccessRules[0].Scopes = []string{"other:*"} })
	}
	expectRevoked := func() {
		GinkgoHelper()
		Eventually(remote.GrantCount).Should(BeZero())
		Eventually(func() string { return reload(obj).Status.GrantID }).Should(BeEmpty())
	}

	for _, mode := range []v1alpha1.Mode{v1alpha1.ModeSuspend, v1alpha1.ModeObserve} {
		It("of an object in mode "+string(mode), func() {
			obj = available(register(remote, fromElsewhere(tenant)))
			edit(obj, inMode(mode))
			Eventually(conditionOf(obj)).ShouldNot(Equal("True Available"))
			narrow()
			expectRevoked()
		})
	}

	It("of an object whose client cannot be told any more", func() {
		obj = register(remote, fromElsewhere(tenant))
		configMap := create(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: unique("clients"), Namespace: elsewhere}, Data: map[string]string{"id": obj.Spec.ClientRef.ID},
		})
		obj.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: configMap.Name, Key: "id"}}
		available(obj)
		remove(configMap)
		Eventually(conditionOf(obj)).Should(Equal("False ClientNotResolved"))
		narrow()
		expectRevoked()
	})

	It("of an object that waits for a successor which Auth0 does not know", func() {
		obj = available(register(remote, fromElsewhere(tenant)))
		edit(obj, clientID("app-unknown"))
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		narrow()
		Eventually(remote.GrantCount).Should(BeZero())
	})
})

var _ = Describe("An edit that the access rules refuse", func() {
	It("gives the grant to nobody, and can be taken back", func() {
		remote := startTenant()
		tenant := readyTenant(remote, admitting(), func(t *v1alpha1.Auth0Tenant) {
			t.Spec.AccessRules[0].Allow = []v1alpha1.Right{v1alpha1.RightAdoptExisting}
		})
		obj := available(grantFor(remote, tenant, "read:users", "write:users"))
		held := *remoteOf(remote, obj)
		waiting := create(twin(obj, abroad, scoped("read:users")))
		Eventually(conditionOf(waiting)).Should(Equal("False AdoptionRefused"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.AllowAllScopes, o.Spec.Scopes = new(true), nil })
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		lookAgain(waiting)
		Expect(conditionOf(waiting)()).To(Equal("False AdoptionRefused"))
		Expect(*remoteOf(remote, obj)).To(Equal(held))
		edit(obj, func(o *v1alpha1.ClientGrant) {
			o.Spec.AllowAllScopes, o.Spec.Scopes = new(false), []string{"read:users", "write:users"}
		})
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(obj.Status.GrantID).To(Equal(held.ID))
		Expect(eventsOf(obj)()).NotTo(ContainElement(v1alpha1.EventHandedOver))
	})
})
