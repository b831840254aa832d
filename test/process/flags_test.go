package process_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// flags are all flags of the manager, with values that cannot work.
var flags = map[string][]string{
	"allowed-domains":           {"https://acme.auth0.com", "*", "a..b", "acme.auth0.com:99999", "acme.auth0.com/"},
	"health-probe-bind-address": {"8081", ":99999", "localhost"},
	"kubeconfig":                {"/does/not/exist"},
	"leader-elect":              {"perhaps"},
	"log-level":                 {"loud"},
	"metrics-bind-address":      {"8080", ":http-but-faster", "localhost"},
	"metrics-cert-dir":          {"/does/not/exist"},
	"metrics-secure":            {"perhaps"},
	"namespace":                 {"Not_A_Namespace", "two.labels"},
	"read-only":                 {"perhaps"},
	"tenant-namespaces":         {"fine,Not_Fine"},
	"version":                   {"perhaps"},
	"workers":                   {"0", "-1", "1001", "many"},
}

func TestHelpNamesEveryFlag(t *testing.T) {
	g := NewWithT(t)
	help := runManager(g, "--help")
	g.Expect(help.ExitCode()).To(BeZero())
	for name := range flags {
		g.Expect(help.Output()).To(MatchRegexp(`(?m)^  --` + name + `( |$)`))
	}
	deployment, err := os.ReadFile(filepath.Join(config, "manager", "manager.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	shipped := regexp.MustCompile(`(?m)^ +- --([a-z-]+)`).FindAllStringSubmatch(string(deployment), -1)
	g.Expect(shipped).NotTo(BeEmpty())
	for _, flag := range shipped {
		g.Expect(flags).To(HaveKey(flag[1]), "config/manager sets a flag that this test does not know")
	}
}

func TestVersionIsPrinted(t *testing.T) {
	g := NewWithT(t)
	asked := runManager(g, "--version")
	g.Expect(asked.ExitCode()).To(BeZero())
	g.Expect(asked.Output()).To(MatchRegexp(`^manager \S+ \(go\S+, \S+/\S+\)\n$`))
}

func TestWrongFlagIsRefusedAtOnce(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		for _, value := range flags[name] {
			t.Run("--"+name+"="+value, func(t *testing.T) {
				// A list is refused because of one of its entries.
				wrong := value[strings.LastIndex(value, ",")+1:]
				checkRefused(NewWithT(t), []string{"--" + name + "=" + value}, name, wrong)
			})
		}
	}
	t.Run("a flag that does not exist", func(t *testing.T) {
		checkRefused(NewWithT(t), []string{"--leader-election"}, "leader-election")
	})
	t.Run("an argument that is no flag", func(t *testing.T) {
		checkRefused(NewWithT(t), []string{"start"}, `"start"`)
	})
	t.Run("no domain that credentials may be sent to", func(t *testing.T) {
		checkRefused(NewWithT(t), []string{"--allowed-domains="}, "--allowed-domains")
	})
	t.Run("a certificate that cannot be used", func(t *testing.T) {
		checkRefused(NewWithT(t), []string{"--metrics-secure", "--metrics-cert-dir=" + t.TempDir()}, "--metrics-cert-dir", "tls.crt")
	})
	t.Run("no namespace outside of a pod", func(t *testing.T) {
		checkRefused(NewWithT(t), []string{"--namespace="}, "--namespace")
	})
}

// checkRefused starts the manager with arguments that cannot work: one line has to say what is wrong with them.
func checkRefused(g *WithT, args []string, words ...string) {
	refused := runManager(g, append([]string{"--namespace=" + harness.Namespace}, args...)...)
	g.Expect(refused.ExitCode()).To(Equal(1))
	message := strings.TrimSpace(refused.Output())
	g.Expect(message).To(HavePrefix("manager: "))
	g.Expect(message).NotTo(ContainSubstring("\n"))
	for _, word := range words {
		g.Expect(message).To(ContainSubstring(word))
	}
}

// runManager runs the manager without a cluster to its end.
func runManager(g *WithT, args ...string) *harness.Program {
	program, err := harness.Start(manager, args, nil)
	g.Expect(err).NotTo(HaveOccurred())
	defer program.Kill()
	g.Eventually(program.Done()).WithTimeout(10 * time.Second).Should(BeClosed())
	return program
}
