package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// TestPlugin_MovesATenantInWithoutAWrite exports the grants of a tenant with the plugin, applies what it wrote as it stands, and has
// the operator take it over: nothing is ever written to the tenant.
func TestPlugin_MovesATenantInWithoutAWrite(t *testing.T) {
	w := newWorld(t, leaders)
	total := len(w.foreign)
	untouched := w.remote.holdStill()
	folder := filepath.Join(t.TempDir(), "grants")
	plugin := w.plugin()
	plugin(0, "export", "--tenant="+w.tenant.Name, "--mode=Observe", "--dir="+folder)

	for _, text := range []string{w.file(folder, "access-rules.yaml"), pasted(w.file(folder, harness.Namespace, "needs-rights.yaml"))} {
		var rules struct {
			AccessRules []v1alpha1.AccessRule `json:"accessRules"`
		}
		w.Expect(yaml.UnmarshalStrict([]byte(text), &rules)).To(Succeed())
		w.tenant.Spec.AccessRules = append(w.tenant.Spec.AccessRules, rules.AccessRules...)
	}
	w.Expect(w.k8s.Update(ctx, w.tenant)).To(Succeed())
	for _, file := range []string{"clientgrants.yaml", "needs-rights.yaml"} {
		objects, err := harness.Decode(w.file(folder, harness.Namespace, file))
		w.Expect(err).NotTo(HaveOccurred())
		for _, object := range objects {
			w.later = append(w.later, object)
			w.Expect(client.WithFieldValidation(w.k8s, "Strict").Create(ctx, object)).To(Succeed())
		}
	}
	w.start()
	w.states(map[string]int{"True Observed": total})
	w.Expect(plugin(3, "audit", "--tenant="+w.tenant.Name, "--fail-on=unmanaged", "-o=csv")).To(ContainSubstring(",unmanaged,"))
	for _, object := range w.stored() {
		w.Expect(w.k8s.Patch(ctx, &object, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"mode":"Enforce"}}`)))).To(Succeed())
	}
	w.states(map[string]int{"True Available": total})
	w.Expect(plugin(0, "audit", "--tenant="+w.tenant.Name, "--fail-on=unmanaged,wider", "-o=csv")).To(And(
		Not(ContainSubstring(",unmanaged,")), ContainSubstring(","+harness.Namespace+"/")))
	untouched(w)
}

// plugin builds the program and runs it as a person does: with a kubeconfig, and nothing in the environment.
func (w *world) plugin() func(code int, args ...string) (out string) {
	program, kubeconfig := filepath.Join(w.t.TempDir(), "kubectl-clientgrants"), filepath.Join(w.t.TempDir(), "kubeconfig")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", program, "./cmd/kubectl-clientgrants")
	build.Dir = root
	output, err := build.CombinedOutput()
	w.Expect(err).NotTo(HaveOccurred(), string(output))
	w.Expect(harness.WriteKubeconfig(kubeconfig, w.cluster.Config)).To(Succeed())
	return func(code int, args ...string) string {
		w.t.Helper()
		command := exec.CommandContext(ctx, program, append(args, "--kubeconfig="+kubeconfig)...)
		command.Env = []string{"SSL_CERT_FILE=" + w.remote.caFile, "HOME=" + w.t.TempDir()}
		out, err := command.Output()
		told := ""
		if failed, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as Output returns it
			told = string(failed.Stderr)
		}
		w.Expect(command.ProcessState.ExitCode()).To(Equal(code), "%v: %s%s", args, out, told)
		return string(out)
	}
}

func (w *world) file(path ...string) string {
	content, err := os.ReadFile(filepath.Join(path...))
	w.Expect(err).NotTo(HaveOccurred())
	return string(content)
}

// pasted are the access rules in the comment of a file.
func pasted(text string) string {
	comment, _, _ := strings.Cut(text, "\n\n")
	_, rules, _ := strings.Cut(comment, "#\n")
	var plain strings.Builder
	for line := range strings.Lines(rules) {
		plain.WriteString(strings.TrimPrefix(line, "# "))
	}
	return plain.String()
}
