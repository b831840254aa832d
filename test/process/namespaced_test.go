package process_test

import (
	"os/exec"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// namespacedAccount is the service account of config/namespaced.
const namespacedAccount = "clientgrant-controller-manager"

// TestNamespacedInstallationNeedsNoClusterRole runs the operator with nothing but what config/namespaced gives it.
func TestNamespacedInstallationNeedsNoClusterRole(t *testing.T) {
	w := newWorld(t, crashes)
	w.installNamespaced()
	group := v1alpha1.GroupVersion.Group
	checkRights(t, namespacedAccount, []right{
		{harness.Namespace, "", "secrets", "get list watch", true},
		{harness.Namespace, "", "configmaps", "get list watch", true},
		{harness.Namespace, group, "clientgrants", "get list watch patch", true},
		{harness.Namespace, group, "clientgrants/status", "patch", true},
		{harness.Namespace, group, "auth0tenants", "get list watch patch", true},
		{harness.Namespace, group, "auth0tenants/status", "patch", true},
		{harness.Namespace, "events.k8s.io", "events", "create patch", true},
		{harness.Namespace, "coordination.k8s.io", "leases", "get create update", true},
		{"default", "", "secrets", "get list watch", false},
		{"default", "", "configmaps", "get list watch", false},
		{"default", group, "clientgrants", "get list watch patch", false},
		{everywhere, "", "secrets", "get list watch", false},
		{everywhere, "", "namespaces", "get list watch", false},
		{everywhere, group, "auth0tenants", "get list watch", false},
	})

	byLabel := w.withRule("labelled", v1alpha1.RuleNamespaces{
		From: v1alpha1.NamespacesFromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "billing"}},
	})
	byName := w.withRule("named", v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: []string{harness.Namespace}})
	w.account, w.refusals = namespacedAccount, true // Rights are asked about above; whether they do is seen below.
	started := w.start("--leader-elect", "--watch-namespaces="+harness.Namespace)
	w.ready(byName)
	for _, said := range []string{
		`"msg":"Starting clientgrant-operator","version":"`, `"watchNamespaces":["` + harness.Namespace + `"]`, `"allowedDomains":["`, `"readOnly":false`,
	} {
		w.Expect(started.Output()).To(ContainSubstring(said))
	}
	w.Eventually(func() string { return w.condition(byLabel) }).Should(Equal("False RulesUnsupported"))

	w.grant.Spec.TenantRef.Name = byName.Name
	w.createReady()
	w.holds(audience, "read:users", "write:users")
	w.Expect(w.k8s.Delete(ctx, w.grant)).To(Succeed())
	w.Eventually(w.gone).Should(BeTrue())
	w.Expect(w.own()).To(BeEmpty())
}

// installNamespaced creates service account and rights of config/namespaced. The rest of it is there already.
func (w *world) installNamespaced() {
	w.t.Helper()
	command := exec.CommandContext(ctx, "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", "config/namespaced")
	command.Dir = root
	rendered, err := command.Output()
	w.Expect(err).NotTo(HaveOccurred())
	objects, err := harness.Decode(string(rendered))
	w.Expect(err).NotTo(HaveOccurred())
	for _, object := range objects {
		if slices.Contains([]string{"ServiceAccount", "Role", "RoleBinding"}, object.GetKind()) {
			w.Expect(w.k8s.Create(ctx, object)).To(Succeed())
			w.t.Cleanup(func() { w.Expect(client.IgnoreNotFound(w.k8s.Delete(ctx, object))).To(Succeed()) })
		}
	}
	w.Expect(objects).NotTo(BeEmpty())
	for _, object := range objects {
		w.Expect(object.GetKind()).NotTo(Equal("ClusterRoleBinding"))
	}
	w.Expect(w.k8s.Get(ctx, client.ObjectKey{Namespace: harness.Namespace, Name: namespacedAccount}, &corev1.ServiceAccount{})).To(Succeed())
}

// withRule makes another Auth0Tenant of the same tenant, with one access rule.
func (w *world) withRule(name string, namespaces v1alpha1.RuleNamespaces) *v1alpha1.Auth0Tenant {
	w.t.Helper()
	made := w.tenant.DeepCopy()
	made.ObjectMeta = metav1.ObjectMeta{Namespace: harness.Namespace, Name: name}
	made.Spec.AccessRules = []v1alpha1.AccessRule{{
		Name: name, Namespaces: namespaces, Audiences: []string{"*"}, Scopes: []string{"*"}, ClientIDs: []string{"*"},
	}}
	w.Expect(w.k8s.Create(ctx, made)).To(Succeed())
	w.later = append(w.later, made)
	return made
}
