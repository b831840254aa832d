package chart

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// TestMakeUninstallRefusesWhileThereAreObjects needs kubectl, as make uninstall does.
func TestMakeUninstallRefusesWhileThereAreObjects(t *testing.T) {
	config, k8s := cluster(t, &warnings{})
	kubectl := "KUBECTL=kubectl --kubeconfig " + kubeconfigFile(t)
	// Removing a CRD waits for finalizers: without a limit a failure would be a test that hangs.
	limited, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	run := func(target string) (string, error) {
		command := exec.CommandContext(limited, "make", "--no-print-directory", target, kubectl)
		command.WaitDelay = 10 * time.Second
		command.Dir = root
		output, err := command.CombinedOutput()
		return string(output), err
	}
	if output, err := run("install"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	waitForCRDs(t, config)
	grant := sample(t, "ClientGrant")
	grant.SetFinalizers([]string{"auth0.clientgrants.dev/client-grant"})
	if err := k8s.Create(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	output, err := run("uninstall")
	if err == nil {
		t.Error("make uninstall did not refuse")
	}
	for _, text := range []string{grant.GetName(), grant.GetFinalizers()[0], "Delete first the ClientGrants and then the Auth0Tenants, while the operator runs"} {
		if !strings.Contains(output, text) {
			t.Errorf("want %q in\n%s", text, output)
		}
	}
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(grant), grant); err != nil || grant.GetDeletionTimestamp() != nil {
		t.Errorf("the ClientGrant did not stay as it was: %v", err)
	}

	grant.SetFinalizers(nil)
	if err := k8s.Update(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	if err := k8s.Delete(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	if output, err := run("uninstall"); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(grant), grant); err == nil {
		t.Error("the CRDs are still there")
	}
	if output, err := run("uninstall"); err != nil {
		t.Errorf("a second time: %v\n%s", err, output)
	}
}

// TestMakeUndeployRemovesWhatTheMonitoringOverlayInstalls needs kubectl, as make undeploy does.
func TestMakeUndeployRemovesWhatTheMonitoringOverlayInstalls(t *testing.T) {
	config, k8s := cluster(t, &warnings{})
	installed := decode(t, kustomize(t, "config/monitoring"))
	for _, object := range installed {
		if err := k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("test"), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
	}
	crds := waitForCRDs(t, config)
	undeploy(t)
	for _, object := range installed {
		err := k8s.Get(t.Context(), client.ObjectKeyFromObject(object), object)
		switch object.GetKind() {
		case "CustomResourceDefinition", "Namespace":
			if err != nil || object.GetDeletionTimestamp() != nil {
				t.Errorf("%s %s did not stay: %v", object.GetKind(), object.GetName(), err)
			}
		default:
			if client.IgnoreNotFound(err) != nil || err == nil {
				t.Errorf("%s %s is still there: %v", object.GetKind(), object.GetName(), err)
			}
		}
	}
	if err := envtest.UninstallCRDs(config, envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		t.Fatal(err)
	}
}

// undeploy runs make undeploy, which has to succeed.
func undeploy(t *testing.T) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", "--no-print-directory", "undeploy",
		"KUBECTL=kubectl --kubeconfig "+kubeconfigFile(t))
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}
