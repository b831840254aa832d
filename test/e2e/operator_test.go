package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const (
	operatorNamespace = "clientgrant-system"
	release           = "clientgrant"
	chart             = "charts/clientgrant-operator"
	// previousChart is the chart as it was first: what an upgrade begins with.
	previousChart = "test/e2e/testdata/clientgrant-operator-0.0.1.tgz"
	managerName   = "clientgrant-controller-manager"
)

// helm runs Helm in the operator's namespace.
func helm(args ...string) string {
	GinkgoHelper()
	return run(os.Getenv("HELM"), append(args, "--namespace", operatorNamespace)...)
}

// withHelm installs or upgrades a release of a chart, with two replicas and more values, and waits until its pods
// are ready.
func withHelm(command, chart string, more ...string) {
	GinkgoHelper()
	image := os.Getenv("E2E_IMG")
	colon := strings.LastIndex(image, ":")
	args := []string{
		command, release, chart, "--wait", "--timeout=5m",
		"--set=image.registry=", "--set=image.repository=" + image[:colon], "--set=image.tag=" + image[colon+1:],
		"--set=replicaCount=2", "--set=allowedDomains[0]=" + auth0.domain, "--set=caBundle.configMapName=" + authorityName,
	}
	helm(append(args, more...)...)
}

func install(more ...string) {
	GinkgoHelper()
	withHelm("install", chart, more...)
}

// uninstall removes the release and waits for the end of its pods: one that ends in order may write until then.
func uninstall() {
	GinkgoHelper()
	helm("uninstall", release, "--wait")
	Eventually(pods).Should(BeEmpty())
}

// overlay is a kustomization on top of config/default, as its users write one: the image, the domain and the certificate.
func overlay() string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	absolute, err := filepath.Abs(filepath.Join(root, "config", "default"))
	Expect(err).NotTo(HaveOccurred())
	folder, err = filepath.EvalSymlinks(folder)
	Expect(err).NotTo(HaveOccurred())
	base, err := filepath.Rel(folder, absolute)
	Expect(err).NotTo(HaveOccurred())
	image := os.Getenv("E2E_IMG")
	colon := strings.LastIndex(image, ":")
	container := "/spec/template/spec/containers/0/"
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/spec/replicas", "value": 2},
		{"op": "add", "path": container + "args/-", "value": "--allowed-domains=" + auth0.domain},
		{"op": "add", "path": container + "env", "value": []any{map[string]string{"name": "SSL_CERT_FILE", "value": "/authority/ca.crt"}}},
		{"op": "add", "path": container + "volumeMounts", "value": []any{map[string]string{"name": "authority", "mountPath": "/authority"}}},
		{"op": "add", "path": "/spec/template/spec/volumes", "value": []any{
			map[string]any{"name": "authority", "configMap": map[string]string{"name": authorityName}},
		}},
	})
	Expect(err).NotTo(HaveOccurred())
	content, err := yaml.Marshal(map[string]any{
		"resources": []string{base},
		"images": []map[string]string{
			{"name": "ghcr.io/clientgrants/clientgrant-operator", "newName": image[:colon], "newTag": image[colon+1:]},
		},
		"patches": []map[string]any{{"target": map[string]string{"kind": "Deployment"}, "patch": string(patch)}},
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(folder, "kustomization.yaml"), content, 0o600)).To(Succeed())
	return folder
}

// pods are those of the operator.
func pods() []corev1.Pod {
	GinkgoHelper()
	list := &corev1.PodList{}
	Expect(k8s.List(ctx, list, client.InNamespace(operatorNamespace),
		client.MatchingLabels{"app.kubernetes.io/component": "controller-manager"})).To(Succeed())
	return list.Items
}

// leader is the pod that works, which holds the lease by its name and a number.
func leader() corev1.Pod {
	GinkgoHelper()
	var found corev1.Pod
	Eventually(func() bool {
		lease := &coordinationv1.Lease{}
		if err := k8s.Get(ctx, types.NamespacedName{Namespace: operatorNamespace, Name: "clientgrant-operator"}, lease); err != nil ||
			lease.Spec.HolderIdentity == nil {
			return false
		}
		for _, pod := range pods() {
			if strings.HasPrefix(*lease.Spec.HolderIdentity, pod.Name+"_") {
				found = pod
				return true
			}
		}
		return false
	}).Should(BeTrue(), "no pod holds the lease")
	return found
}

// standing are the operator's pods that are ready and stay.
func standing() int {
	GinkgoHelper()
	count := 0
	for _, pod := range pods() {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue && pod.DeletionTimestamp.IsZero() {
				count++
			}
		}
	}
	return count
}

// scale changes the number of pods and waits until there are so many.
func scale(replicas int) {
	GinkgoHelper()
	deployment := &appsv1.Deployment{}
	Expect(k8s.Get(ctx, types.NamespacedName{Namespace: operatorNamespace, Name: managerName}, deployment)).To(Succeed())
	patch := fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas)
	Expect(k8s.Patch(ctx, deployment, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
	Eventually(func() bool { return len(pods()) == replicas && standing() == replicas }).Should(BeTrue())
}
