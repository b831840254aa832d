package process_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// everywhere asks about all namespaces at once.
const everywhere = ""

func TestServiceAccountMayDoWhatItNeedsAndNoMore(t *testing.T) {
	g := NewWithT(t)
	account, err := crashes.OperatorConfig(ctx)
	g.Expect(err).NotTo(HaveOccurred())
	k8s, err := client.New(account, client.Options{Scheme: crashes.Client.Scheme()})
	g.Expect(err).NotTo(HaveOccurred())
	own := harness.Namespace
	for _, row := range []struct {
		namespace, group, resource, verbs string
		allowed                           bool
	}{
		{own, "", "secrets", "get list watch", true},
		{own, "", "secrets", "create update patch delete deletecollection", false},
		{"default", "", "secrets", "get list watch create update patch delete", false},
		{"kube-system", "", "secrets", "get list watch create update patch delete", false},
		{everywhere, "", "secrets", "get list watch create update patch delete", false},
		{everywhere, v1alpha1.GroupVersion.Group, "clientgrants", "get list watch patch", true},
		{everywhere, v1alpha1.GroupVersion.Group, "clientgrants", "create delete deletecollection", false},
		{everywhere, v1alpha1.GroupVersion.Group, "auth0tenants", "create delete deletecollection", false},
		{everywhere, "", "configmaps", "create update patch delete", false},
		{own, "coordination.k8s.io", "leases", "get create update", true},
		{"default", "coordination.k8s.io", "leases", "get create update", false},
		{everywhere, "", "serviceaccounts/token", "create", false},
		{everywhere, "", "pods", "get list create", false},
		{everywhere, "rbac.authorization.k8s.io", "clusterroles", "create update patch bind escalate", false},
		{everywhere, "rbac.authorization.k8s.io", "roles", "create update patch bind escalate", false},
		{everywhere, "", "users", "impersonate", false},
	} {
		for _, verb := range regexp.MustCompile(`\w+`).FindAllString(row.verbs, -1) {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: row.namespace, Group: row.group, Resource: row.resource, Verb: verb,
				},
			}}
			g.Expect(k8s.Create(ctx, review)).To(Succeed())
			g.Expect(review.Status.Allowed).To(Equal(row.allowed), fmt.Sprintf("%s %s in namespace %q", verb, row.resource, row.namespace))
		}
	}
}

func TestOperatorAnswersItsProbes(t *testing.T) {
	w := newWorld(t, crashes)
	operator := w.start()
	address := regexp.MustCompile(`"addr":"(127\.0\.0\.1:\d+)"`)
	w.Eventually(operator.Output).Should(MatchRegexp(address.String()))
	for _, path := range []string{"/healthz", "/readyz"} {
		w.Eventually(func() (int, error) {
			answer, err := http.Get("http://" + address.FindStringSubmatch(operator.Output())[1] + path)
			if err != nil {
				return 0, err
			}
			return answer.StatusCode, answer.Body.Close()
		}).Should(Equal(http.StatusOK))
	}
}
