package apivalidation_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

func TestDocs_ExamplesAreAcceptedAsTheyStand(t *testing.T) {
	g := NewWithT(t)
	namespace := newNamespace(t, g)
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	g.Expect(err).NotTo(HaveOccurred())
	examples := map[string]int{}
	for _, page := range append(pages, filepath.Join("..", "..", "README.md")) {
		text, err := os.ReadFile(page)
		g.Expect(err).NotTo(HaveOccurred())
		for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			for document := range strings.SplitSeq(block[1], "\n---\n") {
				if !strings.Contains(document, "\nkind: ") || !strings.Contains(document, v1alpha1.GroupVersion.String()) {
					continue // A part of an object, or another kind.
				}
				object := &unstructured.Unstructured{Object: parse(g, document)}
				if object.GetAPIVersion() != v1alpha1.GroupVersion.String() {
					continue
				}
				examples[object.GetKind()]++
				unstructured.RemoveNestedField(object.Object, "status")
				object.SetNamespace(namespace)
				g.Expect(k8s.Create(t.Context(), object, client.DryRunAll)).To(Succeed(), "%s: %s", page, document)
			}
		}
	}
	g.Expect(examples).To(And(HaveKeyWithValue("ClientGrant", BeNumerically(">=", 4)), HaveKeyWithValue("Auth0Tenant", BeNumerically(">=", 2))))
}

func TestExamples_AreAcceptedAsTheyStand(t *testing.T) {
	g := NewWithT(t)
	namespace := newNamespace(t, g)
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	applied := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			object := &unstructured.Unstructured{Object: parse(g, document)}
			if strings.HasPrefix(object.GetAPIVersion(), "external-secrets.io/") {
				continue // No server here knows that kind.
			}
			object.SetNamespace(namespace)
			g.Expect(k8s.Create(t.Context(), object, client.DryRunAll)).To(Succeed(), "%s: %s", file, document)
			applied++
		}
	}
	g.Expect(applied).To(BeNumerically(">=", 12))
}

func TestArgoCD_SettingsAreMergedIntoItsConfigMap(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "argocd", "argocd-cm.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	patch, err := yaml.YAMLToJSONStrict(text)
	g.Expect(err).NotTo(HaveOccurred())
	settings := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(t, g), Name: "argocd-cm"},
		Data:       map[string]string{"url": "https://argocd.example.com"},
	}
	g.Expect(k8s.Create(t.Context(), settings)).To(Succeed())
	g.Expect(k8s.Patch(t.Context(), settings, client.RawPatch(types.StrategicMergePatchType, patch))).To(Succeed())
	g.Expect(settings.Data).To(HaveLen(5))
	g.Expect(settings.Data).To(HaveKeyWithValue("url", "https://argocd.example.com"))
	for _, kind := range []string{"ClientGrant", "Auth0Tenant"} {
		for _, what := range []string{"health", "actions"} {
			g.Expect(settings.Data["resource.customizations."+what+"."+v1alpha1.GroupVersion.Group+"_"+kind]).NotTo(BeEmpty())
		}
	}
}
