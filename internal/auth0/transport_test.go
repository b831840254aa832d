package auth0_test

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func TestClient_UsesItsConnectionsAgain(t *testing.T) {
	var opened atomic.Int32
	served := &tenant{Server: httptest.NewUnstartedServer(nil)}
	served.Config.Handler = served.handler(giveTokens(), func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			answer(w, http.StatusNotFound, remoteError(404, "The grant does not exist.", "inexistent_client_grant"))
			return
		}
		api(w, r)
	})
	served.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	served.StartTLS()
	t.Cleanup(served.Close)
	client := served.client(t)
	for range 3 {
		for _, call := range calls(client) {
			_ = call(t.Context())
		}
	}
	if opened.Load() != 1 {
		t.Errorf("%d connections", opened.Load())
	}
}

// childDomain tells the child process of a test whom to ask: roots and proxies are read once in a process.
const childDomain = "AUTH0_TEST_CHILD_DOMAIN"

// inChild runs the test once more in a process of its own, or returns nil in that process, after its one call.
func inChild(t *testing.T) func(domain string, environment ...string) (output string, err error) {
	t.Helper()
	domain := os.Getenv(childDomain)
	if domain == "" {
		return func(domain string, environment ...string) (string, error) {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
			child.Env = append(append(os.Environ(), childDomain+"="+domain), environment...)
			output, err := child.CombinedOutput()
			return string(output), err
		}
	}
	client, err := auth0.New(auth0.Options{
		Domain: domain, Audience: audience, Credentials: auth0.Credentials{ClientID: "c", ClientSecret: secretCanary},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Create(t.Context(), newGrant()); err != nil {
		t.Fatal(err)
	}
	return nil
}

func TestClient_OwnTransportSpeaksHTTP2AndTrustsTheFileOfRoots(t *testing.T) {
	run := inChild(t)
	if run == nil {
		return
	}
	served := &tenant{Server: httptest.NewUnstartedServer(nil)}
	served.Config.Handler = served.handler(giveTokens(), api)
	served.Config.ErrorLog = discard()
	served.EnableHTTP2 = true
	served.StartTLS()
	t.Cleanup(served.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: served.Certificate().Raw})
	if err := os.WriteFile(roots, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := run(served.domain(), "SSL_CERT_FILE="+roots); err != nil {
		t.Errorf("with the file of roots: %v\n%s", err, output)
	}
	tokens, sent := served.asked()
	if len(tokens) != 1 || len(sent) != 1 || tokens[0].Proto != 2 || sent[0].Proto != 2 {
		t.Errorf("asked %v %v", tokens, sent)
	}
	if output, err := run(served.domain()); err == nil || !strings.Contains(output, "certificate") {
		t.Errorf("without it: %v\n%s", err, output)
	}
}

func TestClient_OwnTransportUsesTheProxyOfTheEnvironment(t *testing.T) {
	run := inChild(t)
	if run == nil {
		return
	}
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.RequestURI)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(proxy.Close)
	address := strings.Replace(proxy.URL, "http://", "http://user:"+secretCanary[:6]+"@", 1)
	output, err := run("acme.invalid", "HTTPS_PROXY="+address, "NO_PROXY=")
	if err == nil || asked.Load() != "CONNECT acme.invalid:443" || !strings.Contains(output, "POST /oauth/token: Forbidden") {
		t.Errorf("asked %v, error %v:\n%s", asked.Load(), err, output)
	}
	if strings.Contains(output, "canary") {
		t.Errorf("the proxy's password is shown:\n%s", output)
	}
}

func TestClient_IsSafeForConcurrentUse(t *testing.T) {
	served := &tenant{Server: httptest.NewUnstartedServer(nil)}
	var count atomic.Int32
	served.Config.Handler = served.handler(giveTokens(), func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1)%7 == 0 {
			answer(w, http.StatusUnauthorized, remoteError(401, "Invalid token", ""))
			return
		}
		api(w, r)
	})
	served.EnableHTTP2 = true
	served.StartTLS()
	t.Cleanup(served.Close)
	client := served.client(t, func(o *auth0.Options) {
		o.Guard = func(string) error { return nil }
		o.OnResponse = func(auth0.Response) {}
	})
	results := make(chan error)
	const workers = 16
	for worker := range workers {
		go func() {
			var failed error
			for i := range 20 {
				for name, call := range calls(client) {
					if err := call(auth0.WithCorrelationID(t.Context(), fmt.Sprint(worker, "-", i))); err != nil && !auth0.IsUnauthorized(err) {
						failed = fmt.Errorf("%s: %w", name, err)
					}
				}
				if i == 10 {
					if _, err := client.Authenticate(t.Context()); err != nil {
						failed = err
					}
					_, _ = client.Token()
					client.Close()
				}
			}
			results <- failed
		}()
	}
	for range workers {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
