package process_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// tenant is a simulated Auth0 tenant behind a gate, whose address is its domain.
type tenant struct {
	*sim.Server
	gate *gate
	// caFile is what a program must trust.
	caFile string

	mu     sync.Mutex
	tokens []string
	// there is what must hold after every request, and lapsed are the requests after which it did not.
	there  func() bool
	lapsed []string
}

func newTenant(t *testing.T) *tenant {
	t.Helper()
	g := NewWithT(t)
	remote := &tenant{Server: sim.New(sim.Options{}), caFile: filepath.Join(t.TempDir(), "ca.pem")}
	remote.gate = newGate(http.HandlerFunc(remote.serve))
	g.Expect(os.WriteFile(remote.caFile, remote.gate.CAPEM(), 0o600)).To(Succeed())
	t.Cleanup(func() {
		remote.Close()
		remote.gate.Close()
	})
	return remote
}

// serve answers as the tenant does, and keeps the tokens that it issues.
func (r *tenant) serve(w http.ResponseWriter, request *http.Request) {
	if request.URL.Path != "/oauth/token" {
		r.ServeHTTP(w, request)
		r.look(request)
		return
	}
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, request)
	var issued struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &issued); err == nil && issued.Token != "" {
		r.mu.Lock()
		r.tokens = append(r.tokens, issued.Token)
		r.mu.Unlock()
	}
	relay(answer, w)
}

// watchOver has a look at the tenant after every request from now on: what is there must hold.
func (r *tenant) watchOver(there func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there = there
}

func (r *tenant) look(request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.there != nil && !r.there() {
		r.lapsed = append(r.lapsed, request.Method+" "+request.URL.Path)
	}
}

// lapses are the requests after which what is watched over was not there.
func (r *tenant) lapses() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lapsed)
}

// issued are the tokens that the tenant gave out so far. Every process needs one before it can do anything else.
func (r *tenant) issued() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tokens)
}

// writes counts the requests with an effect that the tenant answered with that status; 0 counts all of them.
func (r *tenant) writes(method string, status int) int {
	count := 0
	for _, exchange := range r.Log() {
		if exchange.Route != "/oauth/token" && exchange.Method == method && (status == 0 || exchange.Status == status) {
			count++
		}
	}
	return count
}
