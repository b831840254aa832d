package controller_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/controller"
	"github.com/clientgrants/clientgrant-operator/internal/controller/auth0tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

const (
	// namespace is the one whose Auth0Tenants are used, elsewhere any other.
	namespace = "tenants"
	elsewhere = "elsewhere"
	secretKey = "clientSecret"
	patience  = 20 * time.Second
	moment    = 20 * time.Millisecond
	// callTimeout is short: what has to wait until a request without an answer cannot have its effect any more would take minutes.
	callTimeout = 5 * time.Second
	// awhile is how long nothing may happen where nothing must.
	awhile = 300 * time.Millisecond
)

var (
	ctx     = context.Background()
	restCfg *rest.Config
	k8s     client.WithWatch
	// store is the address of etcd, behind the API server's back.
	store   string
	stop    func()
	counter atomic.Int64
	seen    = newTranscript()
)

func TestController(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Controller Suite")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(moment)
	SetDefaultConsistentlyDuration(awhile)
	SetDefaultConsistentlyPollingInterval(moment)
	// The lowest level that the program's --log-level can be set to.
	options := &slog.HandlerOptions{Level: slog.LevelDebug}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(io.MultiWriter(GinkgoWriter, seen), options))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	trustSimulators()

	environment := &envtest.Environment{
		CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
	}
	var err error
	restCfg, err = environment.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	store = environment.ControlPlane.Etcd.URL.String()
	k8s, err = client.NewWithWatch(restCfg, client.Options{Scheme: controller.NewScheme()})
	Expect(err).NotTo(HaveOccurred())
	for _, name := range []string{namespace, elsewhere} {
		Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})).To(Succeed())
	}
	seen.follow()
	startOperator()
	DeferCleanup(func() { stop() })
})

// trustSimulators has the process trust the simulators' authority, as SSL_CERT_FILE does for the operator.
func trustSimulators() {
	file := filepath.Join(GinkgoT().TempDir(), "ca.pem")
	Expect(os.WriteFile(file, sim.AuthorityPEM(), 0o600)).To(Succeed())
	Expect(os.Setenv("SSL_CERT_FILE", file)).To(Succeed())
}

// startOperator runs both reconcilers until stop is called, for the given namespaces, or for all.
func startOperator(namespaces ...string) {
	mgr, err := ctrl.NewManager(restCfg, ctrl.Options{
		Scheme: controller.NewScheme(), Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:      cached.Options([]string{namespace}, namespaces),
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(controller.SetUp(mgr, controller.Settings{
		Installation: auth0tenant.Installation{TenantNamespaces: []string{namespace}, AllowedDomains: simulatorDomains()},
		Workers:      4, UserAgent: "suite", Namespaces: namespaces, CallTimeout: callTimeout,
	})).To(Succeed())
	running, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(done)
		Expect(mgr.Start(running)).To(Succeed())
	}()
	stop = func() { cancel(); <-done }
}

// simulatorDomains allows every port of this machine: the kernel chooses those of the simulators later.
func simulatorDomains() []string {
	domains := make([]string, 0, 1<<17)
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		for port := 1; port < 1<<16; port++ {
			domains = append(domains, fmt.Sprintf("%s:%d", host, port))
		}
	}
	return domains
}

// unique makes names that no other test uses.
func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, counter.Add(1)) }

// startTenant starts a simulated Auth0 tenant.
func startTenant(change ...func(*sim.Options)) *sim.Running {
	GinkgoHelper()
	options := sim.Options{}
	for _, c := range change {
		c(&options)
	}
	running, err := sim.StartTLS(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(running.Close)
	onRequest(running, nil)
	return running
}

// secretFor is a Secret with the credentials of the simulated tenant.
func secretFor(remote *sim.Running) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: unique("credentials"), Namespace: namespace},
		StringData: map[string]string{"clientID": remote.ClientID(), secretKey: remote.ClientSecret()},
	}
}

// tenantFor is an Auth0Tenant for the simulated tenant, without a limit worth speaking of.
func tenantFor(remote *sim.Running, secret string) *v1alpha1.Auth0Tenant {
	return &v1alpha1.Auth0Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: unique("tenant"), Namespace: namespace},
		Spec: v1alpha1.Auth0TenantSpec{
			Domain:      remote.Domain(),
			Credentials: v1alpha1.Credentials{SecretRef: v1alpha1.SecretReference{Name: secret}},
			RateLimit:   v1alpha1.RateLimit{RequestsPerMinute: 60000, Burst: 1000},
		},
	}
}

// allowing gives the Auth0Tenant's own namespace everything, with these rights beside those of an Auth0Tenant without rules.
func allowing(rights ...v1alpha1.Right) func(*v1alpha1.Auth0Tenant) {
	return func(t *v1alpha1.Auth0Tenant) {
		t.Spec.AccessRules = []v1alpha1.AccessRule{{
			Name: "own", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame},
			Allow: append(rights, v1alpha1.RightAdoptExisting, v1alpha1.RightOrphan),
		}}
	}
}

// everyField are the rights that fields of a grant may need.
var everyField = []v1alpha1.Right{
	v1alpha1.RightAllScopes, v1alpha1.RightAnyOrganization, v1alpha1.RightUserSubject, v1alpha1.RightAuthorizationDetails,
	v1alpha1.RightDefaultFor,
}

// readyTenant makes Secret and Auth0Tenant, and waits for the latter.
func readyTenant(remote *sim.Running, change ...func(*v1alpha1.Auth0Tenant)) *v1alpha1.Auth0Tenant {
	GinkgoHelper()
	secret := create(secretFor(remote))
	tenant := tenantFor(remote, secret.Name)
	for _, c := range change {
		c(tenant)
	}
	create(tenant)
	Eventually(conditionOf(tenant)).Should(HavePrefix("True"))
	return tenant
}

// grantFor is a ClientGrant of a client and an API that the simulated tenant knows.
func grantFor(remote *sim.Running, of *v1alpha1.Auth0Tenant, scopes ...string) *v1alpha1.ClientGrant {
	audience := "https://" + unique("api") + ".example.com/"
	remote.AddAPI(sim.API{Identifier: audience, Scopes: scopes})
	return &v1alpha1.ClientGrant{
		ObjectMeta: metav1.ObjectMeta{Name: unique("grant"), Namespace: namespace},
		Spec: v1alpha1.ClientGrantSpec{
			TenantRef: v1alpha1.TenantReference{Name: of.Name},
			ClientRef: v1alpha1.ClientReference{ID: remote.AddClient(sim.Client{}).ID},
			Audience:  audience,
			Scopes:    append([]string{}, scopes...),
		},
	}
}

// available makes a ClientGrant and waits until its grant is there.
func available(obj *v1alpha1.ClientGrant) *v1alpha1.ClientGrant {
	GinkgoHelper()
	create(obj)
	Eventually(conditionOf(obj)).Should(Equal("True Available"))
	return obj
}

// create makes an object that goes, whatever holds it, with the test.
func create[T client.Object](obj T) T {
	GinkgoHelper()
	Expect(k8s.Create(ctx, obj)).To(Succeed())
	DeferCleanup(func() {
		leftover := obj.DeepCopyObject().(client.Object)
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, leftover))).To(Succeed())
		free := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
		Expect(client.IgnoreNotFound(k8s.Patch(ctx, leftover, free))).To(Succeed())
	})
	return obj
}

// remove deletes an object without waiting for its end.
func remove(obj client.Object) {
	GinkgoHelper()
	Expect(k8s.Delete(ctx, obj)).To(Succeed())
}

// edit changes an object as kubectl edit does.
func edit[T client.Object](obj T, change func(T)) {
	GinkgoHelper()
	Eventually(func() error {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		change(obj)
		return k8s.Update(ctx, obj)
	}).Should(Succeed())
}

// resync asks the Auth0Tenant for a refresh and waits for its end.
func resync(of *v1alpha1.Auth0Tenant) {
	GinkgoHelper()
	request := requestNow(of)
	Eventually(func() string { return reload(of).Status.LastHandledReconcileAt }).Should(Equal(request))
}

// lookAgain asks a ClientGrant for a reconciliation and waits for its end.
func lookAgain(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	request := requestNow(obj)
	Eventually(func() string { return reload(obj).Status.LastHandledReconcileAt }).Should(Equal(request))
}

// requestNow sets the annotation that asks for a reconciliation, and returns its value.
func requestNow(obj client.Object) string {
	GinkgoHelper()
	request := unique("request")
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.ReconcileRequestAnnotation, request)
	Expect(k8s.Patch(ctx, obj, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
	return request
}

// reload reads an object again.
func reload[T client.Object](obj T) T {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	return obj
}

// gone says whether the object is not there any more.
func gone(obj client.Object) func() bool {
	return func() bool {
		err := k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		return client.IgnoreNotFound(err) == nil && err != nil
	}
}

// conditionOf reads an object again and returns status and reason of its Ready condition, if that speaks of the
// object's generation.
func conditionOf(obj client.Object) func() string {
	return func() string {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return err.Error()
		}
		return readyOf(obj)
	}
}

func readyOf(obj client.Object) string {
	ready := meta.FindStatusCondition(conditionsOf(obj), v1alpha1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != obj.GetGeneration() {
		return "none"
	}
	return string(ready.Status) + " " + ready.Reason
}
