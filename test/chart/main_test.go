// Package chart renders the Helm chart and applies what comes out, with the Helm that $HELM names: see make test-chart.
package chart

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	root      = "../.."
	chart     = root + "/charts/clientgrant-operator"
	release   = "clientgrant"
	namespace = "clientgrant-system"
)

func TestMain(m *testing.M) {
	if os.Getenv("HELM") == "" {
		fmt.Fprintln(os.Stderr, "HELM is not set: run make test-chart, or name a helm program")
		os.Exit(1)
	}
	code := m.Run()
	if err := stopControlPlane(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// helm runs Helm without what the machine's user has set up, and returns what it printed and whether it failed.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Getenv("HELM"), args...)
	home := t.TempDir()
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	var output, errorOutput bytes.Buffer
	command.Stdout, command.Stderr = &output, &errorOutput
	if err := command.Run(); err != nil {
		return output.String(), fmt.Errorf("helm %s: %w\n%s%s", strings.Join(args, " "), err, errorOutput.String(), output.String())
	}
	return output.String(), nil
}

// render is helm template of the chart with more arguments.
func render(t *testing.T, args ...string) (string, error) {
	t.Helper()
	// Helm 3 built from its module takes itself for one of Kubernetes 1.20.
	return helm(t, append([]string{"template", release, chart, "--namespace", namespace, "--kube-version", "1.37.1"}, args...)...)
}

// rendered are the objects of a render that has to succeed.
func rendered(t *testing.T, args ...string) []*unstructured.Unstructured {
	t.Helper()
	output, err := render(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, output)
}

func decode(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// valuesFiles are the combinations of values that users have, and the defaults.
func valuesFiles(t *testing.T) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob(chart + "/ci/*-values.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no values files: %v", err)
	}
	files := map[string][]string{"default": nil}
	for _, path := range paths {
		files[strings.TrimSuffix(filepath.Base(path), "-values.yaml")] = []string{"--values", path}
	}
	return files
}

// find returns the object of that kind and name, and fails where there is none.
func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

// container is the manager's container of a render.
func container(t *testing.T, objects []*unstructured.Unstructured) map[string]any {
	t.Helper()
	deployment := find(t, objects, "Deployment", release+"-controller-manager")
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("%d containers: %v", len(containers), err)
	}
	return containers[0].(map[string]any)
}
