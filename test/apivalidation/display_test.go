package apivalidation_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

func TestDiscovery_KnowsTheShortNamesAndTheCategory(t *testing.T) {
	g := NewWithT(t)
	asking, err := discovery.NewDiscoveryClientForConfig(server)
	g.Expect(err).NotTo(HaveOccurred())
	found, err := asking.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	g.Expect(err).NotTo(HaveOccurred())
	short := map[string][]string{}
	for _, resource := range found.APIResources {
		if resource.Categories != nil {
			g.Expect(resource.Categories).To(ConsistOf("auth0"), resource.Name)
			short[resource.Name] = resource.ShortNames
		}
	}
	g.Expect(short).To(Equal(map[string][]string{"clientgrants": {"cgr"}, "auth0tenants": {"a0t"}}))
}

func TestGet_PrintsAClientGrant(t *testing.T) {
	g := NewWithT(t)
	grant := typedGrant(newNamespace(t, g))
	g.Expect(k8s.Create(t.Context(), grant)).To(Succeed())
	grant.Status = v1alpha1.ClientGrantStatus{
		ObservedGeneration: 1,
		Client:             "Zk3",
		OwnershipRecord:    v1alpha1.OwnershipRecord{Origin: v1alpha1.OriginAdopted, GrantID: "cgr_1"},
		Drift:              &v1alpha1.Drift{Summary: "+2 -1"},
		ScopeCount:         new(int32(7)),
	}
	setReady(&grant.Status.Conditions, v1alpha1.ReasonWouldChange)
	g.Expect(k8s.Status().Update(t.Context(), grant)).To(Succeed())

	narrow, wide := printed(t, g, "clientgrants", grant)
	g.Expect(narrow).To(Equal([]cell{
		{"Name", grant.Name},
		{"Ready", "False"},
		{"Reason", "WouldChange"},
		{"Tenant", "main"},
		{"Client", "Zk3"},
		{"Audience", "https://api.example.com/"},
		{"Drift", "+2 -1"},
		{"Age", "0s"},
	}))
	g.Expect(wide).To(Equal([]cell{{"Mode", "Enforce"}, {"Scope count", float64(7)}, {"Origin", "Adopted"}, {"Grant ID", "cgr_1"}}))
}

func TestGet_PrintsAnAuth0Tenant(t *testing.T) {
	g := NewWithT(t)
	tenant := &v1alpha1.Auth0Tenant{
		ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(t, g), Name: "main"},
		Spec: v1alpha1.Auth0TenantSpec{
			Domain: "acme.eu.auth0.com", Mode: v1alpha1.ModeObserve,
			Credentials: v1alpha1.Credentials{SecretRef: v1alpha1.SecretReference{Name: "auth0-management"}},
		},
	}
	g.Expect(k8s.Create(t.Context(), tenant)).To(Succeed())
	setReady(&tenant.Status.Conditions, v1alpha1.ReasonSecretNotFound)
	g.Expect(k8s.Status().Update(t.Context(), tenant)).To(Succeed())

	narrow, wide := printed(t, g, "auth0tenants", tenant)
	g.Expect(narrow).To(Equal([]cell{
		{"Name", "main"},
		{"Ready", "False"},
		{"Reason", "SecretNotFound"},
		{"Domain", "acme.eu.auth0.com"},
		{"Mode", "Observe"},
		{"Age", "0s"},
	}))
	g.Expect(wide).To(BeEmpty())
}

func setReady(conditions *[]metav1.Condition, reason string) {
	meta.SetStatusCondition(conditions, metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason})
}

// cell is what kubectl get prints of one object in one column.
type cell struct {
	Column string
	Value  any
}

// printed asks the server for an object as kubectl get does: what is always shown, and what -o wide adds.
func printed(t *testing.T, g Gomega, resource string, obj client.Object) (narrow, wide []cell) {
	t.Helper()
	asking, err := rest.HTTPClientFor(server)
	g.Expect(err).NotTo(HaveOccurred())
	address, err := url.JoinPath(server.Host, "apis", v1alpha1.GroupVersion.String(), "namespaces", obj.GetNamespace(), resource, obj.GetName())
	g.Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	g.Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	response, err := asking.Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { g.Expect(response.Body.Close()).To(Succeed()) }()
	table := &metav1.Table{}
	g.Expect(json.NewDecoder(response.Body).Decode(table)).To(Succeed())
	g.Expect(table.Rows).To(HaveLen(1))
	for i, column := range table.ColumnDefinitions {
		one := cell{column.Name, table.Rows[0].Cells[i]}
		if age, ok := one.Value.(string); ok && column.Name == "Age" {
			passed, err := time.ParseDuration(age)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(passed).To(BeNumerically("<", time.Minute))
			one.Value = "0s"
		}
		if column.Priority == 0 {
			narrow = append(narrow, one)
		} else {
			wide = append(wide, one)
		}
	}
	return narrow, wide
}
