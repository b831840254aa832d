package process_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// everywhere asks about all namespaces at once.
const everywhere = ""

func TestServiceAccountMayDoWhatItNeedsAndNoMore(t *testing.T) {
	own := harness.Namespace
	checkRights(t, harness.Account, []right{
		{own, "", "secrets", "get list watch", true},
		{own, "", "secrets", "create update patch delete deletecollection", false},
		{"default", "", "secrets", "get list watch create update patch delete", false},
		{"kube-system", "", "secrets", "get list watch create update patch delete", false},
		{everywhere, "", "secrets", "get list watch create update patch delete", false},
		{everywhere, v1alpha1.GroupVersion.Group, "clientgrants", "get list watch patch", true},
		{everywhere, v1alpha1.GroupVersion.Group, "clientgrants", "create delete deletecollection", false},
		{everywhere, v1alpha1.GroupVersion.Group, "auth0tenants", "create delete deletecollection", false},
		{everywhere, v1alpha1.GroupVersion.Group, "clientgrants/status", "patch", true},
		{everywhere, v1alpha1.GroupVersion.Group, "auth0tenants", "get list watch patch", true},
		{everywhere, v1alpha1.GroupVersion.Group, "auth0tenants/status", "patch", true},
		{everywhere, "events.k8s.io", "events", "create patch", true},
		{everywhere, "", "configmaps", "get list watch", true},
		{everywhere, "", "configmaps", "create update patch delete", false},
		{everywhere, "", "namespaces", "get list watch", true},
		{everywhere, "", "namespaces", "create update patch delete", false},
		{own, "coordination.k8s.io", "leases", "get create update", true},
		{"default", "coordination.k8s.io", "leases", "get create update", false},
		{everywhere, "", "serviceaccounts/token", "create", false},
		{everywhere, "", "pods", "get list create", false},
		{everywhere, "rbac.authorization.k8s.io", "clusterroles", "create update patch bind escalate", false},
		{everywhere, "rbac.authorization.k8s.io", "roles", "create update patch bind escalate", false},
		{everywhere, "", "users", "impersonate", false},
	})
}

// right is what a service account may or may not do.
type right struct {
	namespace, group, resource, verbs string
	allowed                           bool
}

// checkRights asks the API server, with the account's token, what that allows.
func checkRights(t *testing.T, account string, rights []right) {
	t.Helper()
	g := NewWithT(t)
	config, err := crashes.OperatorConfig(ctx, account)
	g.Expect(err).NotTo(HaveOccurred())
	k8s, err := client.New(config, client.Options{Scheme: crashes.Client.Scheme()})
	g.Expect(err).NotTo(HaveOccurred())
	for _, row := range rights {
		for _, verb := range regexp.MustCompile(`\w+`).FindAllString(row.verbs, -1) {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: row.namespace, Group: row.group, Resource: row.resource, Verb: verb,
				},
			}}
			g.Eventually(func() (bool, error) { // A role counts a moment after it was created.
				answer := review.DeepCopy()
				err := k8s.Create(ctx, answer)
				return answer.Status.Allowed, err
			}).Should(Equal(row.allowed), fmt.Sprintf("%s %s in namespace %q", verb, row.resource, row.namespace))
		}
	}
}

func TestOperatorAnswersItsProbes(t *testing.T) {
	w := newWorld(t, crashes)
	operator := w.start()
	for _, path := range []string{"/healthz", "/readyz"} {
		w.Eventually(func() (int, error) { return operator.probe(path) }).Should(Equal(http.StatusOK), path)
	}
}

func TestOperatorWithoutRightsIsNotReadyAndEndsWhenItIsTold(t *testing.T) {
	w := newWorld(t, crashes)
	w.refusals = true
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: harness.Namespace, Name: "without-rights"}}
	w.Expect(w.k8s.Create(ctx, account)).To(Succeed())
	w.account, w.later = account.Name, append(w.later, account)
	for _, flags := range [][]string{nil, {"--leader-elect"}} {
		operator := w.start(flags...)
		w.Eventually(operator.Output).Should(ContainSubstring("forbidden"))
		w.Eventually(func() (int, error) { return operator.probe("/healthz") }).Should(Equal(http.StatusOK))
		w.Expect(operator.probe("/readyz")).To(Equal(http.StatusInternalServerError))
		operator.Signal(syscall.SIGTERM)
		w.Eventually(operator.Done()).Should(BeClosed())
	}
}

// probe asks as the kubelet does.
func (r *replica) probe(path string) (status int, err error) {
	address := regexp.MustCompile(`"addr":"(127\.0\.0\.1:\d+)"`).FindStringSubmatch(r.Output())
	if address == nil {
		return 0, errors.New("the probes are not served yet")
	}
	answer, err := http.Get("http://" + address[1] + path)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// TestShippedRBACSuffices takes the operator through what the other tests leave out; world.end looks for refusals.
func TestShippedRBACSuffices(t *testing.T) {
	w := newWorld(t, crashes)
	w.start("--leader-elect")
	w.ready(w.tenant)
	clients := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: harness.Namespace, Name: "clients"}, Data: map[string]string{"billing": application},
	}
	w.Expect(w.k8s.Create(ctx, clients)).To(Succeed())
	t.Cleanup(func() { w.Expect(w.k8s.Delete(ctx, clients)).To(Succeed()) })
	w.grant.Spec.ClientRef = v1alpha1.ClientReference{
		ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: clients.Name, Key: "billing"},
	}
	w.createReady()
	w.holds(audience, "read:users", "write:users")

	w.edit(func(spec *v1alpha1.ClientGrantSpec) { spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
	w.Expect(w.k8s.Delete(ctx, w.grant)).To(Succeed())
	w.Eventually(w.gone).Should(BeTrue())
	w.Expect(w.own()).To(HaveLen(1))
	w.Eventually(func() []string { return w.eventsOf(w.tenant) }).Should(ContainElement(v1alpha1.EventGrantLeft))

	w.Expect(w.k8s.Delete(ctx, w.tenant)).To(Succeed())
	w.Eventually(func() error { return w.k8s.Get(ctx, client.ObjectKeyFromObject(w.tenant), w.tenant) }).ShouldNot(Succeed())
}

func TestMissingRoleIsTheTroubleOfOneTenant(t *testing.T) {
	w := newWorld(t, crashes)
	w.refusals = true
	elsewhere := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "elsewhere"}}
	w.Expect(w.k8s.Create(ctx, elsewhere)).To(Succeed())
	other := w.tenant.DeepCopy()
	other.ObjectMeta = metav1.ObjectMeta{Namespace: elsewhere.Name, Name: w.tenant.Name}
	w.Expect(w.k8s.Create(ctx, other)).To(Succeed())
	w.later = append(w.later, other)

	operator := w.start("--tenant-namespaces=" + harness.Namespace + "," + elsewhere.Name)
	w.ready(w.tenant)
	w.createReady()
	w.Eventually(func() string { return w.condition(other) }).Should(Equal("False SecretForbidden"))
	w.Expect(operator.Done()).NotTo(BeClosed())
}

// eventsOf are the reasons of the events about an object.
func (w *world) eventsOf(object client.Object) []string {
	list, reasons := &eventsv1.EventList{}, []string{}
	w.Expect(w.k8s.List(ctx, list)).To(Succeed())
	for _, event := range list.Items {
		if event.Regarding.UID == object.GetUID() {
			reasons = append(reasons, event.Reason)
		}
	}
	return reasons
}
