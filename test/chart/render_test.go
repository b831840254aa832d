package chart

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestLintFindsNothing(t *testing.T) {
	for name, args := range valuesFiles(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := helm(t, append([]string{"lint", "--strict", chart, "--namespace", namespace, "--kube-version", "1.37.1"}, args...)...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTwoRendersAreTheSame(t *testing.T) {
	for name, args := range valuesFiles(t) {
		t.Run(name, func(t *testing.T) {
			first, err := render(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			if second, _ := render(t, args...); second != first {
				t.Errorf("%s\nand then\n%s", first, second)
			}
		})
	}
}

func TestManagerKnowsEveryFlag(t *testing.T) {
	manager := t.TempDir() + "/manager"
	build := exec.CommandContext(t.Context(), "go", "build", "-o", manager, "./cmd/manager")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for name, args := range valuesFiles(t) {
		t.Run(name, func(t *testing.T) {
			flags, _, err := unstructured.NestedStringSlice(container(t, rendered(t, args...)), "args")
			if err != nil {
				t.Fatal(err)
			}
			// Flags are read in order: with --help at the end all others were understood.
			if output, err := exec.CommandContext(t.Context(), manager, append(flags, "--help")...).CombinedOutput(); err != nil {
				t.Errorf("%q: %v\n%s", flags, err, output)
			}
		})
	}
}

func TestCommonLabelsAndAnnotationsAreEverywhere(t *testing.T) {
	objects := rendered(t, append(valuesFiles(t)["everything"], "--set-string", "commonLabels.team=identity,commonAnnotations.owner=me")...)
	deployment := find(t, objects, "Deployment", release+"-controller-manager")
	template, _, _ := unstructured.NestedMap(deployment.Object, "spec", "template")
	pod := &unstructured.Unstructured{Object: template}
	pod.SetName("pods of the Deployment")
	for _, object := range append(objects, pod) {
		if object.GetLabels()["team"] != "identity" || object.GetAnnotations()["owner"] != "me" {
			t.Errorf("%s %s: labels %v, annotations %v", object.GetKind(), object.GetName(), object.GetLabels(), object.GetAnnotations())
		}
		if object.GetLabels()["app.kubernetes.io/instance"] != release {
			t.Errorf("%s %s does not say of which release it is", object.GetKind(), object.GetName())
		}
	}
}

func TestCRDsAreKeptUnlessSaidOtherwise(t *testing.T) {
	for set, want := range map[string]struct {
		crds int
		keep string
	}{
		"crds.keep=true":     {2, "keep"},
		"crds.keep=false":    {2, ""},
		"crds.install=false": {0, ""},
	} {
		t.Run(set, func(t *testing.T) {
			crds := ofKind(rendered(t, "--set", set), "CustomResourceDefinition")
			if len(crds) != want.crds {
				t.Errorf("%d CRDs", len(crds))
			}
			for _, crd := range crds {
				if got := crd.GetAnnotations()["helm.sh/resource-policy"]; got != want.keep {
					t.Errorf("%s: resource policy %q", crd.GetName(), got)
				}
				if pruned := crd.GetAnnotations()["argocd.argoproj.io/sync-options"] != "Prune=false"; pruned != (want.keep == "") {
					t.Errorf("%s: Argo CD prunes it: %t", crd.GetName(), pruned)
				}
			}
		})
	}
}

func TestWatchNamespacesNeedNoClusterRole(t *testing.T) {
	objects := rendered(t, "--set", "watchNamespaces={billing,shop},tenantNamespaces={identity,shop},userRoles.create=false")
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding"} {
		if roles := ofKind(objects, kind); len(roles) > 0 {
			t.Errorf("%s %s", kind, roles[0].GetName())
		}
	}
	for namespace, want := range map[string]string{
		"billing":          "clientgrants clientgrants/status configmaps events",
		"identity":         "auth0tenants auth0tenants/status events secrets",
		"shop":             "auth0tenants auth0tenants/status clientgrants clientgrants/status configmaps events secrets",
		"default":          "",
		"clientgrant-none": "",
	} {
		var resources []string
		for _, role := range ofKind(objects, "Role") {
			if role.GetNamespace() == namespace {
				resources = append(resources, resourcesOf(role)...)
			}
		}
		slices.Sort(resources)
		if got := strings.Join(resources, " "); got != want {
			t.Errorf("the operator has Roles in %s for %q, want %q", namespace, got, want)
		}
	}
}

func TestDeploymentFollowsTheValues(t *testing.T) {
	for set, want := range map[string]string{
		"image.tag=v1.2.3": `"image":"ghcr.io/clientgrants/clientgrant-operator:v1.2.3"`,
		"image.registry=,image.repository=mirror/operator":     `"image":"mirror/operator:latest"`,
		"image.digest=sha256:" + strings.Repeat("0a", 32):      `"image":"ghcr.io/clientgrants/clientgrant-operator@sha256:` + strings.Repeat("0a", 32) + `"`,
		"leaderElection.enabled=false":                         `"strategy":{"type":"Recreate"}`,
		"proxy.httpsProxy=http://proxy:3128":                   `{"name":"NO_PROXY","value":"$(KUBERNETES_SERVICE_HOST)"}`,
		"proxy.httpsProxy=http://p:1,proxy.noProxy=.corp":      `{"name":"NO_PROXY","value":"$(KUBERNETES_SERVICE_HOST),.corp"}`,
		"caBundle.configMapName=roots":                         `{"name":"SSL_CERT_FILE","value":"/etc/clientgrant-operator/ca/ca.crt"}`,
		"caBundle.secretName=roots":                            `{"name":"ca-bundle","secret":{"secretName":"roots"}}`,
		"tenantNamespaces={a,b}":                               `"--tenant-namespaces=a,b"`,
		"allowedDomains={acme.eu.auth0.com}":                   `"--allowed-domains=acme.eu.auth0.com"`,
		"metrics.enabled=true,metrics.certificateSecretName=m": `{"name":"metrics-certificate","secret":{"secretName":"m"}}`,
		"readOnly=true":                                        `"--read-only"`,
		"serviceAccount.create=false,serviceAccount.name=x":    `"serviceAccountName":"x"`,
		"topologySpreadConstraints[0].topologyKey=zone":        `"labelSelector":{"matchLabels":{"app.kubernetes.io/component":"controller-manager"`,
	} {
		t.Run(set, func(t *testing.T) {
			deployment := find(t, rendered(t, "--set", set), "Deployment", release+"-controller-manager")
			content, err := json.Marshal(deployment.Object)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(content), want) {
				t.Errorf("want %s in\n%s", want, content)
			}
		})
	}
}

func ofKind(objects []*unstructured.Unstructured, kind string) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(objects), func(object *unstructured.Unstructured) bool { return object.GetKind() != kind })
}

// resourcesOf are what the rules of a role are about.
func resourcesOf(role *unstructured.Unstructured) []string {
	var resources []string
	rules, _, _ := unstructured.NestedSlice(role.Object, "rules")
	for _, rule := range rules {
		names, _, _ := unstructured.NestedStringSlice(rule.(map[string]any), "resources")
		resources = append(resources, names...)
	}
	return resources
}
