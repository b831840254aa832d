package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

const (
	simulatorNamespace = "auth0sim"
	simulatorPort      = 8443
	managementID       = "managementClient"
	managementSecret   = "not-a-real-secret"
	// authorityName is the ConfigMap with the certificate to trust, in the operator's namespace.
	authorityName = "auth0sim-authority"
	// audience is the API that the simulator begins with. It is granted to the applications that application names.
	audience     = "https://things.example.com/"
	applications = 200
)

func application(number int) string { return fmt.Sprintf("application%03d", number) }

// simulator is a simulated Auth0 tenant in a pod. Its endpoints for tests are called through the API server, so that
// they are reached from wherever the suite runs.
type simulator struct {
	// domain is where pods reach it, authority is the certificate that they have to trust.
	domain, authority string

	client *http.Client
}

// startSimulator has the Service first: its address stands in the certificate, and no DNS server is needed.
func startSimulator() *simulator {
	GinkgoHelper()
	makeNamespace(simulatorNamespace, "privileged") // The programs that kill see the processes of their node.
	labels := map[string]string{"app.kubernetes.io/name": "auth0sim"}
	service := create(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: simulatorNamespace, Name: "auth0sim"},
		Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{
			{Name: "https", Port: simulatorPort, TargetPort: intstr.FromInt32(simulatorPort)},
		}},
	})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: simulatorNamespace, Name: "auth0sim", Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "auth0sim", Image: os.Getenv("E2E_SIMULATOR_IMG"), ImagePullPolicy: corev1.PullIfNotPresent,
			Args: []string{
				fmt.Sprintf("-listen=:%d", simulatorPort), "-host=" + service.Spec.ClusterIP, "-ca-file=/dev/null",
				"-client-id=" + managementID, "-client-secret=" + managementSecret,
			},
		}}},
	}
	create(pod)
	transport, err := rest.HTTPClientFor(config)
	Expect(err).NotTo(HaveOccurred())
	s := &simulator{domain: fmt.Sprintf("%s:%d", service.Spec.ClusterIP, simulatorPort), client: transport}
	Eventually(func() (err error) {
		s.authority, err = s.text(http.MethodGet, "authority", nil)
		return err
	}).Should(Succeed(), "the simulator's pod does not answer")
	for i := range applications {
		s.call(http.MethodPost, "clients", map[string]string{"client_id": application(i), "app_type": "non_interactive"}, nil)
	}
	return s
}

func (s *simulator) text(method, path string, body any) (string, error) {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return "", err
		}
	}
	url := config.Host + "/api/v1/namespaces/" + simulatorNamespace + "/services/https:auth0sim:https/proxy/_sim/" + path
	request, err := http.NewRequestWithContext(ctx, method, url, &content)
	if err != nil {
		return "", err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %d: %s", method, path, response.StatusCode, answer)
	}
	return string(answer), err
}

// call calls an endpoint under /_sim/ and decodes its answer, where one is asked for.
func (s *simulator) call(method, path string, body, answer any) {
	GinkgoHelper()
	text, err := s.text(method, path, body)
	Expect(err).NotTo(HaveOccurred())
	if answer != nil {
		Expect(json.Unmarshal([]byte(text), answer)).To(Succeed())
	}
}

// grants are what the tenant holds.
func (s *simulator) grants() []sim.Grant {
	GinkgoHelper()
	var state struct {
		Grants []sim.Grant `json:"grants"`
	}
	s.call(http.MethodGet, "state", nil, &state)
	return state.Grants
}

// writes are the requests of a method to the tenant's grants, in the order of their answers.
func (s *simulator) writes(method string) []sim.Exchange {
	GinkgoHelper()
	var all, found []sim.Exchange
	s.call(http.MethodGet, "log?bodies=false", nil, &all)
	for _, exchange := range all {
		if exchange.Method == method && strings.HasPrefix(exchange.Route, "/client-grants") {
			found = append(found, exchange)
		}
	}
	return found
}

// count is the number of requests of a method.
func (s *simulator) count(method string) func() int {
	return func() int { return len(s.writes(method)) }
}

// longestPause is the longest time between two requests that followed each other.
func longestPause(exchanges []sim.Exchange) time.Duration {
	var longest time.Duration
	for i := 1; i < len(exchanges); i++ {
		longest = max(longest, exchanges[i].Time.Sub(exchanges[i-1].Time))
	}
	return longest
}

// kill ends the manager in a pod by SIGKILL, which no API can do: a pod is always asked to end first.
func kill(victim corev1.Pod) {
	GinkgoHelper()
	killer := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: simulatorNamespace, GenerateName: "kill-"},
		Spec: corev1.PodSpec{
			NodeName: victim.Spec.NodeName, HostPID: true, RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "kill", Image: os.Getenv("E2E_KILL_IMG"), ImagePullPolicy: corev1.PullIfNotPresent, Args: []string{victim.Name},
			}},
		},
	}
	create(killer)
	Eventually(func() corev1.PodPhase {
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(killer), killer)).To(Succeed())
		return killer.Status.Phase
	}).Should(Equal(corev1.PodSucceeded), "nothing was killed")
}
