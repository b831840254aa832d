package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// part is what one rule says of one resource: verbs that are taken away together.
type part struct {
	group, resource string
	verbs           []string
}

func (p part) String() string {
	return fmt.Sprintf("%s of %s", strings.Join(p.verbs, " and "), p.resource)
}

// TestEveryRightIsNeeded takes one right after the other from the operator, which then cannot do its work.
func TestEveryRightIsNeeded(t *testing.T) {
	for _, name := range []string{"manager", "leader-election", "secret-reader"} {
		role, rules := roleOf(t, name)
		for _, taken := range partsOf(*rules) {
			t.Run("without "+taken.String(), func(t *testing.T) {
				w := newWorld(t, crashes)
				w.refusals = true
				w.takeAway(role, rules, taken)
				w.refuses(taken)
			})
		}
	}
}

// roleOf reads a role of config/rbac: the ClusterRole is the manager's.
func roleOf(t *testing.T, name string) (client.Object, *[]rbacv1.PolicyRule) {
	t.Helper()
	g := NewWithT(t)
	if name == "manager" {
		role := &rbacv1.ClusterRole{}
		g.Expect(crashes.Client.Get(ctx, client.ObjectKey{Name: name}, role)).To(Succeed())
		return role, &role.Rules
	}
	role := &rbacv1.Role{}
	g.Expect(crashes.Client.Get(ctx, client.ObjectKey{Namespace: harness.Namespace, Name: name}, role)).To(Succeed())
	return role, &role.Rules
}

// partsOf takes rules apart. A watch of today's API servers lists, too, and that of older ones does not: list and watch
// are one right.
func partsOf(rules []rbacv1.PolicyRule) []part {
	var parts []part
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				verbs := slices.Clone(rule.Verbs)
				if slices.Contains(verbs, "list") {
					verbs = slices.DeleteFunc(verbs, func(verb string) bool { return verb == "list" || verb == "watch" })
					parts = append(parts, part{group, resource, []string{"list", "watch"}})
				}
				for _, verb := range verbs {
					parts = append(parts, part{group, resource, []string{verb}})
				}
			}
		}
	}
	return parts
}

// takeAway takes a right from a role until the test ends, and fails where another rule gives it all the same.
func (w *world) takeAway(role client.Object, rules *[]rbacv1.PolicyRule, taken part) {
	w.t.Helper()
	before := *rules
	w.t.Cleanup(func() {
		*rules = before
		w.Expect(w.k8s.Update(ctx, role)).To(Succeed())
		w.Eventually(func() bool { return w.allowed(taken) }).Should(BeTrue())
	})
	var rest []rbacv1.PolicyRule
	for _, p := range partsOf(before) {
		if p.String() != taken.String() || p.group != taken.group {
			rest = append(rest, rbacv1.PolicyRule{APIGroups: []string{p.group}, Resources: []string{p.resource}, Verbs: p.verbs})
		}
	}
	*rules = rest
	w.Expect(w.k8s.Update(ctx, role)).To(Succeed())
	w.Eventually(func() bool { return w.allowed(taken) }).Should(BeFalse(), "another rule gives the same")
}

// allowed says whether the operator may do that in its namespace.
func (w *world) allowed(p part) bool {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + harness.Namespace + ":" + harness.Account,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: harness.Namespace, Group: p.group, Resource: p.resource, Verb: p.verbs[0],
		},
	}}
	w.Expect(w.k8s.Create(ctx, review)).To(Succeed())
	return review.Status.Allowed
}

// refuses takes the operator through all that it does, up to where it is refused the right.
func (w *world) refuses(taken part) {
	w.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: harness.Namespace}}
	w.Expect(w.k8s.Patch(ctx, namespace, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"team":"billing"}}}`)))).To(Succeed())
	w.tenant.Spec.AccessRules = []v1alpha1.AccessRule{{
		Name: "labelled", Audiences: []string{"*"}, Scopes: []string{"*"}, ClientIDs: []string{"*"},
		Namespaces: v1alpha1.RuleNamespaces{
			From: v1alpha1.NamespacesFromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "billing"}},
		},
	}}
	w.Expect(w.k8s.Update(ctx, w.tenant)).To(Succeed())
	clients := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: harness.Namespace, Name: "clients"}, Data: map[string]string{"billing": application},
	}
	w.Expect(w.k8s.Create(ctx, clients)).To(Succeed())
	w.later = append(w.later, clients)
	w.grant.Spec.ClientRef = v1alpha1.ClientReference{
		ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: clients.Name, Key: "billing"},
	}
	operator := w.start("--leader-elect")
	refused := func() bool {
		if taken.resource == "secrets" && w.condition(w.tenant) == "False SecretForbidden" {
			return true
		}
		output := operator.Output()
		return slices.ContainsFunc(taken.verbs, func(verb string) bool {
			return strings.Contains(output, fmt.Sprintf(`cannot %s resource \"%s\"`, verb, taken.resource))
		})
	}
	w.create()
	steps := []func() bool{
		func() bool { return w.condition(w.grant) == "True Available" },
		w.onceCorrected(), w.onceCorrected(),
		func() bool { return client.IgnoreNotFound(w.k8s.Delete(ctx, w.grant)) == nil && w.gone() },
	}
	for _, step := range steps {
		w.Eventually(func() bool { return refused() || step() }).Should(BeTrue())
		if refused() {
			return
		}
	}
	w.Eventually(refused).Should(BeTrue(), "the operator did all that it does without this right")
}

// onceCorrected has somebody else take a scope away in the tenant, and says whether the operator has given it back. The
// second time its event is that of the first, once more.
func (w *world) onceCorrected() func() bool {
	narrowed := false
	return func() bool {
		if !narrowed {
			w.remote.EditGrant(w.own()[0].ID, func(grant *sim.Grant) { grant.Scope = []string{"read:users"} })
			w.refresh()
			narrowed = true
		}
		return len(w.own()[0].Scope) == len(w.grant.Spec.Scopes)
	}
}
