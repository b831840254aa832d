package e2e

import (
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// crds are the operator's CRDs that the cluster has.
func crds() []client.Object {
	GinkgoHelper()
	list, found := &apiextensionsv1.CustomResourceDefinitionList{}, []client.Object{}
	Expect(k8s.List(ctx, list)).To(Succeed())
	for _, crd := range list.Items {
		if crd.Spec.Group == v1alpha1.GroupVersion.Group {
			found = append(found, &crd)
		}
	}
	return found
}

// installed are the objects that an installation makes, but for the CRDs.
func installed() []client.Object {
	GinkgoHelper()
	var found []client.Object
	own := client.MatchingLabels{"app.kubernetes.io/name": "clientgrant-operator"}
	for _, list := range []client.ObjectList{
		&rbacv1.ClusterRoleList{}, &rbacv1.ClusterRoleBindingList{}, &rbacv1.RoleList{}, &rbacv1.RoleBindingList{},
		&corev1.ServiceAccountList{}, &appsv1.DeploymentList{},
	} {
		Expect(k8s.List(ctx, list, own)).To(Succeed())
		Expect(meta.EachListItem(list, func(item runtime.Object) error {
			found = append(found, item.(client.Object))
			return nil
		})).To(Succeed())
	}
	return found
}

// remaining names what is left of an installation.
func remaining() []string {
	GinkgoHelper()
	names := []string{}
	for _, object := range append(installed(), crds()...) {
		names = append(names, fmt.Sprintf("%T %s", object, object.GetName()))
	}
	return names
}

// clearCluster removes whatever a scenario has left, by force: it may have failed anywhere.
func clearCluster() {
	for _, object := range installed() {
		remove(object)
	}
	Eventually(pods).Should(BeEmpty())
	if len(crds()) > 0 {
		release := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		for _, list := range []client.ObjectList{&v1alpha1.ClientGrantList{}, &v1alpha1.Auth0TenantList{}} {
			Expect(client.IgnoreNotFound(k8s.List(ctx, list))).To(Succeed())
			Expect(meta.EachListItem(list, func(item runtime.Object) error {
				return client.IgnoreNotFound(k8s.Patch(ctx, item.(client.Object), release))
			})).To(Succeed())
		}
		for _, crd := range crds() {
			remove(crd)
		}
	}
	Eventually(crds).Should(BeEmpty())
	for _, name := range []string{teamNamespace, operatorNamespace} {
		removeNamespace(name)
	}
	for _, grant := range auth0.grants() {
		auth0.call(http.MethodDelete, "grants/"+grant.ID, nil, nil)
	}
}

// tellState prints what helps to find out why a scenario failed.
func tellState() {
	for _, pod := range pods() {
		GinkgoWriter.Printf("\npod %s %s:\n", pod.Name, pod.Status.Phase)
		GinkgoWriter.Println(run("kubectl", "logs", "--namespace", pod.Namespace, pod.Name, "--tail=20"))
	}
	if len(crds()) == 0 {
		return
	}
	for _, namespace := range []string{operatorNamespace, teamNamespace} {
		for _, grant := range inNamespace(namespace) {
			GinkgoWriter.Printf("%s/%s %v %+v\n", namespace, grant.Name, grant.Finalizers, readyCondition(&grant))
		}
	}
}
