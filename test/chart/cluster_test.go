package chart

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

var controlPlane *envtest.Environment

// startControlPlane starts a real API server with the CRDs of the Prometheus Operator, for the first test that needs it.
var startControlPlane = sync.OnceValues(func() (*rest.Config, error) {
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{"testdata/monitoring-crds.yaml"},
		ErrorIfCRDPathMissing: true,
		// The machine may be busy.
		ControlPlaneStartTimeout: 2 * time.Minute,
	}
	config, err := environment.Start()
	controlPlane = environment
	return config, err
})

func stopControlPlane() error {
	if controlPlane == nil {
		return nil
	}
	return controlPlane.Stop()
}

// warnings are what the API server has to say about an object that it accepts.
type warnings struct{ texts []string }

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.texts = append(w.texts, text)
}

// cluster is an API server with the namespaces that the values name, under the restricted Pod Security level.
func cluster(t *testing.T, warned *warnings) (*rest.Config, client.Client) {
	t.Helper()
	config, err := startControlPlane()
	if err != nil {
		t.Fatal(err)
	}
	config = rest.CopyConfig(config)
	config.WarningHandlerWithContext = warned
	k8s, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{namespace, "billing", "shop", "identity"} {
		object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
		object.SetName(name)
		object.SetLabels(map[string]string{
			"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
		})
		if err := k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("test")); err != nil {
			t.Fatal(err)
		}
	}
	return config, k8s
}

func TestEveryRenderIsAcceptedByAnAPIServer(t *testing.T) {
	for name, args := range valuesFiles(t) {
		t.Run(name, func(t *testing.T) {
			warned := &warnings{}
			_, k8s := cluster(t, warned)
			k8s = client.WithFieldValidation(k8s, metav1.FieldValidationStrict)
			for _, object := range rendered(t, args...) {
				err := k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("test"), client.DryRunAll)
				if err != nil {
					t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
				}
			}
			if len(warned.texts) > 0 {
				t.Errorf("warnings:\n%s", strings.Join(warned.texts, "\n"))
			}
		})
	}
}

// TestUninstallKeepsCRDsAndWhatTheyHold has Helm itself install, upgrade and uninstall.
func TestUninstallKeepsCRDsAndWhatTheyHold(t *testing.T) {
	config, k8s := cluster(t, &warnings{})
	kubeconfig := kubeconfigFile(t)
	run := func(args ...string) string {
		output, err := helm(t, append(args, "--namespace", namespace, "--kubeconfig", kubeconfig)...)
		if err != nil {
			t.Fatal(err)
		}
		return output
	}
	run("install", release, chart)
	run("upgrade", release, chart, "--set", "replicaCount=2")
	deployment := &unstructured.Unstructured{}
	deployment.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
	key := client.ObjectKey{Namespace: namespace, Name: release + "-controller-manager"}
	if err := k8s.Get(t.Context(), key, deployment); err != nil {
		t.Fatal(err)
	}
	if replicas, _, _ := unstructured.NestedInt64(deployment.Object, "spec", "replicas"); replicas != 2 {
		t.Errorf("%d replicas after the upgrade", replicas)
	}
	crds := waitForCRDs(t, config)
	grant := sample(t, "ClientGrant")
	if err := k8s.Create(t.Context(), grant); err != nil {
		t.Fatal(err)
	}

	run("uninstall", release)
	if err := k8s.Get(t.Context(), key, deployment); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the Deployment is still there: %v", err)
	}
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(grant), grant); err != nil {
		t.Fatalf("the ClientGrant is gone with the release: %v", err)
	}
	run("install", release, chart)
	run("uninstall", release)
	if err := envtest.UninstallCRDs(config, envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		t.Fatal(err)
	}
}

func kubeconfigFile(t *testing.T) string {
	t.Helper()
	user, err := controlPlane.AddUser(envtest.User{Name: "administrator", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := user.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func waitForCRDs(t *testing.T, config *rest.Config) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	options := envtest.CRDInstallOptions{Paths: []string{root + "/config/crd/bases"}, MaxTime: time.Minute, PollInterval: time.Second / 10}
	if err := envtest.ReadCRDFiles(&options); err != nil {
		t.Fatal(err)
	}
	if err := envtest.WaitForCRDs(config, options.CRDs, options); err != nil {
		t.Fatal(err)
	}
	return options.CRDs
}

// sample is one of config/samples.
func sample(t *testing.T, kind string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range decode(t, kustomize(t, "config/samples")) {
		if object.GetKind() == kind {
			return object
		}
	}
	t.Fatalf("no sample of a %s", kind)
	return nil
}
