package apivalidation_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

func TestDefaults_AreWrittenOnCreation(t *testing.T) {
	for name, test := range map[string]struct {
		kind, base string
		want       map[string]any
	}{
		"ClientGrant": {"ClientGrant", clientGrant, map[string]any{
			"subjectType": "client", "deletionPolicy": "Delete", "adoptionPolicy": "Adopt", "mode": "Enforce",
		}},
		"Auth0Tenant": {"Auth0Tenant", auth0Tenant, map[string]any{
			"onViolation": "Freeze", "deletionPolicy": "Delete", "resyncInterval": "10m", "mode": "Enforce",
			"rateLimit":   map[string]any{"requestsPerMinute": int64(50), "burst": int64(5)},
			"credentials": map[string]any{"secretRef": map[string]any{"name": "auth0-management"}, "privateKeyAlgorithm": "RS256"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			object := manifest(g, test.kind, newNamespace(t, g), test.base, `{}`)
			want := overlay(parse(g, test.base), test.want)
			g.Expect(k8s.Create(t.Context(), object)).To(Succeed())
			g.Expect(object.Object["spec"]).To(Equal(want))
			// The object is new to every tool that asks, whatever its author wrote.
			g.Expect(object.Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(-1)}))
		})
	}
}

func TestDefaults_RateLimitIsCompletedFieldByField(t *testing.T) {
	g := NewWithT(t)
	object := manifest(g, "Auth0Tenant", newNamespace(t, g), auth0Tenant, `rateLimit: {burst: 10}`)
	g.Expect(k8s.Create(t.Context(), object)).To(Succeed())
	g.Expect(object.Object["spec"]).To(HaveKeyWithValue("rateLimit",
		map[string]any{"requestsPerMinute": int64(50), "burst": int64(10)}))
}

func TestStatus_OfAnAuthorIsNotTaken(t *testing.T) {
	g := NewWithT(t)
	object := manifest(g, "ClientGrant", newNamespace(t, g), clientGrant, `{}`)
	object.Object["status"] = map[string]any{"observedGeneration": int64(1), "origin": "Created", "clientID": "mine"}
	g.Expect(k8s.Create(t.Context(), object)).To(Succeed())
	g.Expect(object.Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(-1)}))
	object.Object["status"] = map[string]any{"observedGeneration": int64(1), "origin": "Created"}
	g.Expect(k8s.Update(t.Context(), object)).To(Succeed())
	g.Expect(object.Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(-1)}))
}

func TestTypedClient_CanSendEmptyLists(t *testing.T) {
	g := NewWithT(t)
	grant := typedGrant(newNamespace(t, g))
	grant.Spec.Scopes = []string{}
	grant.Spec.AuthorizationDetailsTypes = []string{}
	g.Expect(k8s.Create(t.Context(), grant)).To(Succeed())
	g.Expect(storedSpec(t, g, grant)).To(SatisfyAll(
		HaveKeyWithValue("scopes", BeEmpty()), HaveKeyWithValue("authorizationDetailsTypes", BeEmpty()),
	))

	grant.Spec.Scopes = []string{"read:users"}
	g.Expect(k8s.Update(t.Context(), grant)).To(Succeed())
	before := grant.DeepCopy()
	grant.Spec.Scopes = []string{}
	g.Expect(k8s.Patch(t.Context(), grant, client.MergeFrom(before))).To(Succeed())
	g.Expect(storedSpec(t, g, grant)).To(HaveKeyWithValue("scopes", BeEmpty()))
}

func TestTypedClient_LeavesUnmanagedFieldsOut(t *testing.T) {
	g := NewWithT(t)
	grant := typedGrant(newNamespace(t, g))
	g.Expect(k8s.Create(t.Context(), grant)).To(Succeed())
	for _, field := range []string{"allowAllScopes", "organizationUsage", "allowAnyOrganization", "authorizationDetailsTypes"} {
		g.Expect(storedSpec(t, g, grant)).NotTo(HaveKey(field))
	}
}

func TestTypedClient_CanSendATenant(t *testing.T) {
	g := NewWithT(t)
	tenant := &v1alpha1.Auth0Tenant{
		ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(t, g), Name: "main"},
		Spec: v1alpha1.Auth0TenantSpec{
			Domain:         "acme.eu.auth0.com",
			Credentials:    v1alpha1.Credentials{SecretRef: v1alpha1.SecretReference{Name: "auth0-management"}},
			ResyncInterval: &metav1.Duration{Duration: 90 * time.Minute},
		},
	}
	g.Expect(k8s.Create(t.Context(), tenant)).To(Succeed())
	g.Expect(tenant.Spec.RateLimit).To(Equal(v1alpha1.RateLimit{RequestsPerMinute: 50, Burst: 5}))
	g.Expect(tenant.Spec.ResyncInterval.Duration).To(Equal(90 * time.Minute))
	g.Expect(tenant.Status.ObservedGeneration).To(BeEquivalentTo(-1))
}

func TestDeletionPolicy_CanBeChangedDuringDeletion(t *testing.T) {
	g := NewWithT(t)
	grant := typedGrant(newNamespace(t, g))
	grant.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
	g.Expect(k8s.Create(t.Context(), grant)).To(Succeed())
	g.Expect(k8s.Delete(t.Context(), grant)).To(Succeed())
	g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(grant), grant)).To(Succeed())
	g.Expect(grant.DeletionTimestamp).NotTo(BeNil())
	grant.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan
	g.Expect(k8s.Update(t.Context(), grant)).To(Succeed())
	grant.Finalizers = nil
	g.Expect(k8s.Update(t.Context(), grant)).To(Succeed())
}

// A rule that came later never stops the finalizer of an object that breaks it from being removed.
func TestReferences_StoredBeforeTheirNamesHadAPatternStillGo(t *testing.T) {
	g := NewWithT(t)
	crd := &unstructured.Unstructured{}
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	crd.SetName("clientgrants.auth0.clientgrants.dev")
	// change changes the schemas of the reference to an Auth0Tenant.
	change := func(to func(field string, schema map[string]any)) {
		g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(crd), crd)).To(Succeed())
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		g.Expect(err).NotTo(HaveOccurred())
		for _, field := range []string{"name", "namespace"} {
			at := versions[0].(map[string]any)
			for _, step := range []string{"schema", "openAPIV3Schema", "properties", "spec", "properties", "tenantRef", "properties", field} {
				at = at[step].(map[string]any)
			}
			to(field, at)
		}
		g.Expect(unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions")).To(Succeed())
		g.Expect(k8s.Update(t.Context(), crd)).To(Succeed())
	}
	patterns := map[string]any{}
	change(func(field string, schema map[string]any) {
		patterns[field] = schema["pattern"]
		delete(schema, "pattern")
	})
	grant := typedGrant(newNamespace(t, g))
	grant.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
	grant.Spec.TenantRef = v1alpha1.TenantReference{Name: "a/b", Namespace: "a%b"}
	g.Eventually(func() error { return k8s.Create(t.Context(), grant) }).WithTimeout(time.Minute).Should(Succeed())

	change(func(field string, schema map[string]any) { schema["pattern"] = patterns[field] })
	fresh := typedGrant(grant.Namespace)
	fresh.Name, fresh.Spec.TenantRef.Name = "fresh", "a/b"
	g.Eventually(func() error { return k8s.Create(t.Context(), fresh.DeepCopy(), client.DryRunAll) }).WithTimeout(time.Minute).
		Should(MatchError(ContainSubstring("should match")))
	before := grant.DeepCopy()
	grant.Status.GrantID = "cgr_1"
	g.Expect(k8s.Status().Patch(t.Context(), grant, client.MergeFrom(before))).To(Succeed())
	g.Expect(k8s.Delete(t.Context(), grant)).To(Succeed())
	g.Expect(k8s.Patch(t.Context(), grant, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
	g.Eventually(func() error { return k8s.Get(t.Context(), client.ObjectKeyFromObject(grant), grant) }).ShouldNot(Succeed())
}

func TestSelectableFields_AreSelectedByTheServer(t *testing.T) {
	g := NewWithT(t)
	namespace := newNamespace(t, g)
	for _, name := range []string{"one", "two"} {
		grant := typedGrant(namespace)
		grant.Name = name
		grant.Spec.Audience = "https://" + name + ".example.com/"
		grant.Spec.TenantRef.Name = "tenant-" + name
		g.Expect(k8s.Create(t.Context(), grant)).To(Succeed())
		grant.Status.ClientID = "client-" + name
		g.Expect(k8s.Status().Update(t.Context(), grant)).To(Succeed())
	}
	for field, value := range map[string]string{
		"spec.audience":       "https://two.example.com/",
		"status.clientID":     "client-two",
		"spec.tenantRef.name": "tenant-two",
	} {
		grants := &v1alpha1.ClientGrantList{}
		g.Expect(k8s.List(t.Context(), grants, client.InNamespace(namespace), client.MatchingFields{field: value})).To(Succeed())
		g.Expect(grants.Items).To(HaveLen(1), field)
		g.Expect(grants.Items[0].Name).To(Equal("two"), field)
	}
	g.Expect(k8s.List(t.Context(), &v1alpha1.ClientGrantList{}, client.InNamespace(namespace),
		client.MatchingFields{"spec.mode": "Enforce"})).To(MatchError(ContainSubstring("field label not supported: spec.mode")))
}

func TestServerSideApply_OfAThousandLongScopesByTwoManagers(t *testing.T) {
	g := NewWithT(t)
	namespace := newNamespace(t, g)
	scopes := make([]string, 1000)
	for i := range scopes {
		scopes[i] = fmt.Sprintf("%04d:%s", i, long(275))
	}
	g.Expect(applyScopes(t, g, namespace, "gitops", scopes)).To(HaveLen(1000))

	// Somebody else lists the same scopes, the last one replaced by another.
	edited := append(append([]string{}, scopes[:999]...), "1000:"+long(275))
	g.Expect(applyScopes(t, g, namespace, "kubectl-edit", edited)).To(HaveExactElements(edited))

	// What is removed from the manifest goes, although the other manager listed it, too.
	g.Expect(applyScopes(t, g, namespace, "gitops", scopes[:998])).To(HaveExactElements(scopes[:998]))
	g.Expect(applyScopes(t, g, namespace, "gitops", []string{})).To(BeEmpty())
}

// applyScopes applies the base ClientGrant with these scopes and returns the ones that are stored then.
func applyScopes(t *testing.T, g Gomega, namespace, manager string, scopes []string) []string {
	t.Helper()
	applied := manifest(g, "ClientGrant", namespace, clientGrant, `{}`)
	applied.SetGenerateName("")
	applied.SetName("billing-reads-users")
	g.Expect(unstructured.SetNestedStringSlice(applied.Object, scopes, "spec", "scopes")).To(Succeed())
	g.Expect(k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(applied),
		client.FieldOwner(manager), client.ForceOwnership)).To(Succeed())
	grant := &v1alpha1.ClientGrant{}
	g.Expect(k8s.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: applied.GetName()}, grant)).To(Succeed())
	return grant.Spec.Scopes
}

func TestSamples_AreAcceptedAsTheyStand(t *testing.T) {
	g := NewWithT(t)
	g.Expect(k8s.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "clientgrant-system"}})).To(Succeed())
	folder := filepath.Join("..", "..", "config", "samples")
	kustomization := struct{ Resources []string }{}
	text, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(yaml.Unmarshal(text, &kustomization)).To(Succeed())
	g.Expect(kustomization.Resources).NotTo(BeEmpty())
	placeholders := 0
	for _, file := range kustomization.Resources {
		text, err := os.ReadFile(filepath.Join(folder, file))
		g.Expect(err).NotTo(HaveOccurred())
		placeholders += strings.Count(string(text), "YOUR")
		g.Expect(k8s.Create(t.Context(), &unstructured.Unstructured{Object: parse(g, string(text))})).To(Succeed(), file)
	}
	g.Expect(placeholders).To(Equal(4), "values to fill in: the domain twice, client ID and secret")
}

func typedGrant(namespace string) *v1alpha1.ClientGrant {
	return &v1alpha1.ClientGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "billing-reads-users"},
		Spec: v1alpha1.ClientGrantSpec{
			TenantRef: v1alpha1.TenantReference{Name: "main"},
			ClientRef: v1alpha1.ClientReference{ID: "Zk3"},
			Audience:  "https://api.example.com/",
			Scopes:    []string{"read:users"},
		},
	}
}

// storedSpec is the spec as the API server holds it, where absent and empty differ.
func storedSpec(t *testing.T, g Gomega, grant *v1alpha1.ClientGrant) map[string]any {
	t.Helper()
	stored := &unstructured.Unstructured{}
	stored.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ClientGrant"))
	g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(grant), stored)).To(Succeed())
	spec, _ := stored.Object["spec"].(map[string]any)
	return spec
}
