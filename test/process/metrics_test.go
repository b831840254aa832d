package process_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// free is an address that nobody listens at.
func (w *world) free() string {
	address, err := harness.FreeAddress(ctx)
	w.Expect(err).NotTo(HaveOccurred())
	return address
}

// scraper reads metrics as Prometheus does, with a certificate that it cannot check.
var scraper = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// scrape reads the metrics at an address with a token, and returns status and text; 0 where nobody answers.
func scrape(address, token string) (status int, text string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/metrics", http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := scraper.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(content)
}

func statusOf(address, token string) func() int {
	return func() int { status, _ := scrape(address, token); return status }
}

// temporary makes an object that goes with the test.
func (w *world) temporary(object client.Object) {
	w.t.Helper()
	w.Expect(w.k8s.Create(ctx, object)).To(Succeed())
	w.t.Cleanup(func() { w.Expect(client.IgnoreNotFound(w.k8s.Delete(ctx, object))).To(Succeed()) })
}

// shippedRole makes what a file of config/monitoring holds.
func (w *world) shippedRole(file string, object client.Object) {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(config, "monitoring", file))
	w.Expect(err).NotTo(HaveOccurred())
	text := strings.ReplaceAll(string(content), "namespace: system", "namespace: "+harness.Namespace)
	w.Expect(yaml.UnmarshalStrict([]byte(text), object)).To(Succeed())
	w.temporary(object)
}

// prometheus is a service account that may do nothing, and its token.
func (w *world) prometheus() (account *corev1.ServiceAccount, token string) {
	w.t.Helper()
	account = &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "prometheus"}}
	w.temporary(account)
	request := &authenticationv1.TokenRequest{}
	w.Expect(w.k8s.SubResource("token").Create(ctx, account, request)).To(Succeed())
	return account, request.Status.Token
}

// reader gives the service account the right to read metrics.
func (w *world) reader(account *corev1.ServiceAccount) {
	w.t.Helper()
	w.shippedRole("metrics_reader_role.yaml", &rbacv1.ClusterRole{})
	w.temporary(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "prometheus"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: account.Namespace, Name: account.Name}},
	})
}

// secured gives the operator the right to ask who reads its metrics.
func (w *world) secured() {
	w.t.Helper()
	w.shippedRole("metrics_auth_role.yaml", &rbacv1.ClusterRole{})
	w.shippedRole("metrics_auth_role_binding.yaml", &rbacv1.ClusterRoleBinding{})
}

func TestMetricsAreServedToWhoMayReadThem(t *testing.T) {
	w := newWorld(t, crashes)
	w.secured()
	account, token := w.prometheus()
	leads, waits := w.free(), w.free()
	operator := w.start("--leader-elect", "--metrics-secure", "--metrics-bind-address="+leads)
	leader, standby := "https://"+leads, "https://"+waits
	w.Eventually(statusOf(leader, "")).Should(Equal(http.StatusUnauthorized))
	w.Eventually(statusOf(leader, "made-up")).Should(Equal(http.StatusUnauthorized))
	w.Eventually(statusOf(leader, token)).Should(Equal(http.StatusForbidden))
	w.reader(account)
	w.Eventually(statusOf(leader, token)).Should(Equal(http.StatusOK))
	w.Expect(statusOf(leader, "")()).To(Equal(http.StatusUnauthorized))
	w.Expect(statusOf("http://"+leads, token)()).NotTo(Equal(http.StatusOK), "there must be no plain HTTP")

	w.createReady()
	w.refreshed()
	w.Eventually(func() string { _, text := scrape(leader, token); return text }).Should(ContainSubstring("clientgrant_unmanaged_grants{"))
	_, text := scrape(leader, token)
	checkNames(w, text)
	for _, private := range append(w.remote.issued(), w.remote.ClientSecret(), w.remote.ClientID(), application, audience, "read:users", token) {
		w.Expect(text).NotTo(ContainSubstring(private))
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	w.Expect(err).NotTo(HaveOccurred())
	for _, problem := range problems {
		w.Expect(problem.Metric).NotTo(HavePrefix("clientgrant_"), problem.Text)
	}

	w.start("--leader-elect", "--metrics-secure", "--metrics-bind-address="+waits)
	w.Eventually(statusOf(standby, token)).Should(Equal(http.StatusOK))
	_, text = scrape(standby, token)
	for _, sample := range samplesOf(text) {
		if strings.HasPrefix(sample.name, "clientgrant_") {
			w.Expect(sample.name).To(Equal("clientgrant_build_info"), "a standby tells what only the leader knows")
		}
	}
	w.Expect(text).To(ContainSubstring(`clientgrant_build_info{goversion="go`))

	for line := range strings.Lines(operator.Output()) {
		w.Expect(json.Valid([]byte(line))).To(BeTrue(), "a line of the log is no JSON: %s", line)
	}
	w.Expect(operator.Output()).NotTo(ContainSubstring(token))
}

func TestMetricsAreServedToNobodyWithoutTheClusterRole(t *testing.T) {
	w := newWorld(t, crashes)
	w.refusals = true
	_, token := w.prometheus()
	address := w.free()
	operator := w.start("--metrics-secure", "--metrics-bind-address="+address)
	w.Eventually(statusOf("https://"+address, token)).Should(Equal(http.StatusInternalServerError))
	w.Eventually(operator.Output).Should(ContainSubstring("the operator needs the ClusterRole metrics-auth"))
}

func TestMetricsAreServedByPlainHTTPWhereNobodyAsksForMore(t *testing.T) {
	w := newWorld(t, crashes)
	address := w.free()
	w.start("--metrics-bind-address=" + address)
	w.Eventually(statusOf("http://"+address, "")).Should(Equal(http.StatusOK))
}

func TestMetricsAreServedWithAGivenCertificate(t *testing.T) {
	w := newWorld(t, crashes)
	folder, address := t.TempDir(), w.free()
	given := httptest.NewTLSServer(nil)
	certificate := given.TLS.Certificates[0]
	given.Close()
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	w.Expect(err).NotTo(HaveOccurred())
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}, "tls.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		w.Expect(os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600)).To(Succeed())
	}
	w.start("--metrics-secure", "--metrics-cert-dir="+folder, "--metrics-bind-address="+address)
	w.Eventually(func() []byte {
		connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return nil
		}
		defer func() { _ = connection.Close() }()
		return connection.ConnectionState().PeerCertificates[0].Raw
	}).Should(Equal(certificate.Certificate[0]))
}
