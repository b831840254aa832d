// Package e2e installs the operator in a real cluster as its users do, by Helm and by kustomize, with a simulated Auth0
// tenant that runs as a pod, and removes it again: see make test-e2e. The cluster is that of $KUBECONFIG; one that
// has ClientGrants is refused.
package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// root is the folder of the repository.
const root = "../.."

var (
	ctx    = context.Background()
	config *rest.Config
	k8s    client.Client
	auth0  *simulator
)

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(3 * time.Minute) // A busy machine starts pods slowly.
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "End to end")
}

var _ = BeforeSuite(func() {
	ctrl.SetLogger(logr.Discard())
	for _, name := range []string{"KUBECONFIG", "HELM", "E2E_IMG", "E2E_SIMULATOR_IMG", "E2E_KILL_IMG"} {
		Expect(os.Getenv(name)).NotTo(BeEmpty(), name+" is not set: run make test-e2e with KUBECONFIG set")
	}
	var err error
	config, err = clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, apiextensionsv1.AddToScheme} {
		Expect(add(scheme)).To(Succeed())
	}
	k8s, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	Expect(crds()).To(BeEmpty(), "the cluster has CRDs of the operator already: the suite removes them and what they hold, so use another cluster")
	DeferCleanup(removeNamespace, simulatorNamespace)
	auth0 = startSimulator()
})

var _ = BeforeEach(func() {
	makeNamespace(operatorNamespace, "restricted")
	create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: authorityName}, Data: map[string]string{"ca.crt": auth0.authority},
	})
	auth0.call("DELETE", "log", nil, nil)
	DeferCleanup(clearCluster)
})

// AfterEach runs before clearCluster: what a scenario leaves behind is a failure.
var _ = AfterEach(func() {
	if CurrentSpecReport().Failed() {
		tellState()
		return
	}
	Expect(auth0.grants()).To(BeEmpty(), "grants that nobody manages any more")
	Expect(remaining()).To(BeEmpty(), "objects that no uninstall removed")
})

// run runs a program in the repository's folder and returns what it printed. Helm gets nothing of what the machine's
// user has set up.
func run(name string, args ...string) string {
	GinkgoHelper()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = root
	home := GinkgoT().TempDir()
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s %s\n%s", name, strings.Join(args, " "), output)
	return string(output)
}

func create[T client.Object](object T) T {
	GinkgoHelper()
	Expect(k8s.Create(ctx, object)).To(Succeed())
	return object
}

// remove begins the deletion of an object, which may have gone before.
func remove(object client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, object))).To(Succeed())
}

// gone says whether an object has been removed.
func gone(object client.Object) func() bool {
	return func() bool {
		return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(object), object))
	}
}

// makeNamespace makes a namespace that enforces that Pod Security level.
func makeNamespace(name, level string) *corev1.Namespace {
	GinkgoHelper()
	return create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": level},
	}})
}

func removeNamespace(name string) {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	remove(namespace)
	Eventually(gone(namespace)).Should(BeTrue())
}
