package process_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// gate stands in front of a server, over TLS. What it is armed with happens at one request, and only there.
type gate struct {
	*httptest.Server
	next http.Handler

	mu    sync.Mutex
	armed []*trap
	seen  []string
}

// trap is what happens at the first request that it matches.
type trap struct {
	match func(request *http.Request, body string) bool
	// answered lets the request have its effect first; else it never arrives.
	answered bool
	// relayed lets the program have the answer in the end; else its connection breaks.
	relayed bool
	// spring is what happens. When it returns, hit is closed.
	spring func()
	hit    chan struct{}
}

// newGate starts a gate on a free port. The handler is what lies behind.
func newGate(next http.Handler) *gate {
	g := &gate{next: next}
	g.Server = httptest.NewUnstartedServer(g)
	g.EnableHTTP2 = true
	g.Config.ErrorLog = log.New(io.Discard, "", 0) // Connections of killed programs break.
	g.StartTLS()
	return g
}

// gateToAPIServer starts a gate in front of the API server. It passes on who is asking, and answers that do not end.
func gateToAPIServer(config *rest.Config) (*gate, error) {
	address, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(config.CAData)
	return newGate(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(address) },
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		},
	}), nil
}

// Address is the host and port of the gate.
func (g *gate) Address() string { return g.Listener.Addr().String() }

// CAPEM is the certificate to trust.
func (g *gate) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate().Raw})
}

// Close ends every connection, and with them the watches.
func (g *gate) Close() {
	g.CloseClientConnections()
	g.Server.Close()
}

// arm sets a trap.
func (g *gate) arm(t *trap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t.hit = make(chan struct{})
	g.armed = append(g.armed, t)
}

// count is the number of requests so far with that method and that end of their path.
func (g *gate) count(method, suffix string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, line := range g.seen {
		if strings.HasPrefix(line, method+" ") && strings.HasSuffix(line, suffix) {
			n++
		}
	}
	return n
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := g.trapFor(r)
	if t == nil {
		g.next.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	if t.answered {
		g.next.ServeHTTP(answer, r)
	}
	t.spring()
	close(t.hit)
	if !t.relayed {
		panic(http.ErrAbortHandler)
	}
	relay(answer, w)
}

func relay(answer *httptest.ResponseRecorder, w http.ResponseWriter) {
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // The program may be gone by now.
}

// trapFor takes the trap out that the request springs.
func (g *gate) trapFor(r *http.Request) *trap {
	body := ""
	if r.Method != http.MethodGet {
		content, _ := io.ReadAll(r.Body) // What is cut short is not there to be matched.
		r.Body = io.NopCloser(bytes.NewReader(content))
		body = string(content)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, r.Method+" "+r.URL.Path)
	for i, t := range g.armed {
		if t.match(r, body) {
			g.armed = append(g.armed[:i:i], g.armed[i+1:]...)
			return t
		}
	}
	return nil
}
