package chart

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// onlyHelm are the labels and annotations that kustomize has no counterpart of.
var onlyHelm = []string{
	"helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by",
	"helm.sh/resource-policy", "argocd.argoproj.io/sync-options",
}

// TestChartInstallsWhatTheKustomizationsInstall compares object by object, field by field. Only the Namespace is missing in
// the chart, as Helm makes the namespace of a release.
func TestChartInstallsWhatTheKustomizationsInstall(t *testing.T) {
	for kustomization, args := range map[string][]string{
		"config/default":    nil,
		"config/namespaced": {"--set", "watchNamespaces={" + namespace + "}"},
		"config/monitoring": {"--set", "metrics.enabled=true,serviceMonitor.enabled=true,prometheusRule.enabled=true"},
	} {
		t.Run(kustomization, func(t *testing.T) {
			want := byName(decode(t, kustomize(t, kustomization)))
			delete(want, "Namespace /"+namespace)
			got := byName(rendered(t, append(args, "--no-hooks")...))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("kustomize build %s (-) and the chart (+) differ:\n%s", kustomization, diff)
			}
		})
	}
}

func kustomize(t *testing.T, folder string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", folder)
	command.Dir = root
	var errorOutput strings.Builder
	command.Stderr = &errorOutput
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errorOutput.String())
	}
	return string(output)
}

func byName(objects []*unstructured.Unstructured) map[string]any {
	named := map[string]any{}
	for _, object := range objects {
		normalise(object.Object)
		named[object.GetKind()+" "+object.GetNamespace()+"/"+object.GetName()] = object.Object
	}
	return named
}

// normalise drops what only Helm sets, wherever it stands: labels are in selectors, too.
func normalise(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range onlyHelm {
			delete(value, key)
		}
		for _, field := range value {
			normalise(field)
		}
	case []any:
		for _, item := range value {
			normalise(item)
		}
	}
}
