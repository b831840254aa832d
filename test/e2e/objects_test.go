package e2e

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// secretIn makes the credentials of the simulated tenant.
func secretIn(namespace string) *corev1.Secret {
	GinkgoHelper()
	return create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "auth0-management"},
		StringData: map[string]string{"clientID": managementID, "clientSecret": managementSecret},
	})
}

// tenantIn makes an Auth0Tenant with its Secret that may send so many requests a minute, and waits until it is Ready.
func tenantIn(namespace string, requestsPerMinute int32, change ...func(*v1alpha1.Auth0TenantSpec)) *v1alpha1.Auth0Tenant {
	GinkgoHelper()
	tenant := &v1alpha1.Auth0Tenant{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "main"},
		Spec: v1alpha1.Auth0TenantSpec{
			Domain:      auth0.domain,
			Credentials: v1alpha1.Credentials{SecretRef: v1alpha1.SecretReference{Name: secretIn(namespace).Name}},
			RateLimit:   v1alpha1.RateLimit{RequestsPerMinute: requestsPerMinute, Burst: 5},
		},
	}
	for _, f := range change {
		f(&tenant.Spec)
	}
	create(tenant)
	awaitReady(tenant)
	return tenant
}

// grantsIn makes so many ClientGrants of different applications.
func grantsIn(namespace string, count int) []*v1alpha1.ClientGrant {
	GinkgoHelper()
	var all []*v1alpha1.ClientGrant
	for i := range count {
		all = append(all, create(&v1alpha1.ClientGrant{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("grant-%03d", i)},
			Spec: v1alpha1.ClientGrantSpec{
				TenantRef: v1alpha1.TenantReference{Name: "main"}, ClientRef: v1alpha1.ClientReference{ID: application(i)},
				Audience: audience, Scopes: []string{"read:things"},
			},
		}))
	}
	return all
}

// ready is the Ready condition of an object as "status reason".
func ready(object client.Object) func() string {
	return func() string {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err.Error()
		}
		return readyOf(object)
	}
}

func readyOf(object client.Object) string {
	condition := readyCondition(object)
	if condition == nil {
		return "unknown"
	}
	return string(condition.Status) + " " + condition.Reason
}

func readyCondition(object client.Object) *metav1.Condition {
	switch object := object.(type) {
	case *v1alpha1.ClientGrant:
		return meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReady)
	case *v1alpha1.Auth0Tenant:
		return meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReady)
	}
	panic(fmt.Sprintf("a %T has no Ready condition", object))
}

func awaitReady(object client.Object) {
	GinkgoHelper()
	Eventually(ready(object)).Should(HavePrefix("True "), "%T %s", object, object.GetName())
}

// inNamespace are the ClientGrants that a namespace has.
func inNamespace(namespace string) []v1alpha1.ClientGrant {
	GinkgoHelper()
	list := &v1alpha1.ClientGrantList{}
	Expect(client.IgnoreNotFound(k8s.List(ctx, list, client.InNamespace(namespace)))).To(Succeed())
	return list.Items
}

// reasons counts the ClientGrants of a namespace by their Ready condition.
func reasons(namespace string) map[string]int {
	GinkgoHelper()
	count := map[string]int{}
	for _, grant := range inNamespace(namespace) {
		count[readyOf(&grant)]++
	}
	return count
}

// awaitAllReady waits until so many ClientGrants of a namespace are Ready, and there are no others.
func awaitAllReady(namespace string, count int) {
	GinkgoHelper()
	Eventually(func() map[string]int { return reasons(namespace) }).WithPolling(time.Second).
		Should(Equal(map[string]int{"True Available": count}))
}

// patch changes the spec of an object.
func patch(object client.Object, spec string) {
	GinkgoHelper()
	Expect(k8s.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(`{"spec":`+spec+`}`)))).To(Succeed())
}

// deleteTogether deletes ClientGrants and then their Auth0Tenant, and waits until all are gone.
func deleteTogether(tenant *v1alpha1.Auth0Tenant, grants ...*v1alpha1.ClientGrant) {
	GinkgoHelper()
	for _, grant := range grants {
		remove(grant)
	}
	for _, grant := range grants {
		Eventually(gone(grant)).Should(BeTrue(), grant.Name)
	}
	remove(tenant)
	Eventually(gone(tenant)).Should(BeTrue())
}
