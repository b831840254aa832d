package tenant_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// Values of sessions under test: refreshes are far apart, and the budget is never the reason to wait.
const (
	host     = "acme.eu.auth0.com"
	interval = time.Hour
	plenty   = 60000
	patience = 2 * time.Minute
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// world is a simulated tenant with a session.
type world struct {
	*sim.Server
	transport http.RoundTripper
	client    *auth0.Client
	limit     budget.Limit
	// before are the identities that keys were about before the session began.
	before   map[budget.Key][]grant.Identity
	budget   *budget.Share
	session  *tenant.Session
	siblings []*tenant.Session
	config   tenant.Config
	woken    *keys
	reports  atomic.Int64
}

// overTLS starts a simulated tenant that serves HTTPS, filled by prepare, and a session on it.
func overTLS(t *testing.T, prepare ...func(*world)) *world {
	t.Helper()
	running, err := sim.StartTLS(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Close)
	transport := running.Client().Transport
	return open(t, &world{Server: running.Server, transport: transport}, prepare...)
}

// inBubble runs the test with a simulated tenant that is called without a network, on a clock that jumps to the next event.
func inBubble(t *testing.T, test func(t *testing.T, w *world), prepare ...func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := sim.New(sim.Options{Domain: host, Settings: sim.Settings{Latency: time.Millisecond}})
		t.Cleanup(server.Close)
		w := open(t, &world{Server: server, transport: inMemory{server}}, prepare...)
		synctest.Wait() // The first refresh finds nothing tracked.
		test(t, w)
	})
}

func open(t *testing.T, w *world, prepare ...func(*world)) *world {
	t.Helper()
	w.config = tenant.Config{Name: "uid-1", Host: host, Interval: interval}
	w.woken = newKeys()
	w.limit = budget.Limit{PerMinute: plenty, Burst: 1000}
	for _, p := range prepare {
		p(w)
	}
	w.budget = budget.New(w.limit, 8, w.turn).Whole()
	w.client = w.newClient(t)
	w.session = tenant.NewSession(w.config, w.client, w.budget, w.before, w.woken.wake, func() { w.reports.Add(1) })
	t.Cleanup(w.session.Close)
	return w
}

// turn wakes the key for which the budget has a token.
func (w *world) turn(key budget.Key) {
	if key.Namespace != "" {
		w.woken.wake(key)
		return
	}
	for _, session := range append(w.siblings, w.session) {
		session.Wake()
	}
}

func (w *world) newClient(t *testing.T) *auth0.Client {
	t.Helper()
	client, err := auth0.New(auth0.Options{
		Domain: w.Domain(), Audience: w.ManagementAudience(), RoundTripper: w.transport,
		Credentials: auth0.Credentials{ClientID: w.ClientID(), ClientSecret: w.ClientSecret()},
		OnResponse: func(response auth0.Response) {
			if w.budget != nil {
				w.budget.Told(response)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// inMemory carries requests to a simulated tenant without a network.
type inMemory struct{ server *sim.Server }

func (m inMemory) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if recover() != nil { // The tenant breaks the connection.
			response, err = nil, io.ErrUnexpectedEOF
		}
	}()
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	recorder := httptest.NewRecorder()
	m.server.ServeHTTP(recorder, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

// keys counts how often each key was woken.
type keys struct {
	mu      sync.Mutex
	counts  map[budget.Key]int
	changed chan struct{}
}

func newKeys() *keys { return &keys{counts: map[budget.Key]int{}, changed: make(chan struct{})} }

func (k *keys) wake(key budget.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.counts[key]++
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *keys) of(key budget.Key) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.counts[key]
}

// reached waits until the key was woken that often since the test began; false if that takes too long.
func (k *keys) reached(key budget.Key, count int) bool {
	expired := time.After(patience)
	for {
		k.mu.Lock()
		got, changed := k.counts[key], k.changed
		k.mu.Unlock()
		if got >= count {
			return true
		}
		select {
		case <-changed:
		case <-expired:
			return false
		}
	}
}

func (k *keys) await(t *testing.T, key budget.Key, count int) {
	t.Helper()
	if !k.reached(key, count) {
		t.Fatalf("%s was woken %d times, want %d", key, k.of(key), count)
	}
}

func key(name string) budget.Key { return budget.Key{Namespace: "ns", Name: name} }

// identity of the grant of a client; the audience is the same for all that name none.
func identity(client string, audience ...string) grant.Identity {
	return grant.Identity{
		Tenant: host, ClientID: client, Audience: strings.Join(append([]string{"https://api/"}, audience...), ""), SubjectType: "client",
	}
}

func fields(scopes ...string) grant.Fields { return grant.Fields{Scope: append([]string{}, scopes...)} }

// holds puts a grant with these scopes into the tenant, behind the session's back.
func (w *world) holds(of grant.Identity, scopes ...string) sim.Grant {
	return w.AddGrant(sim.Grant{ClientID: of.ClientID, Audience: of.Audience, Scope: append([]string{}, scopes...)})
}

// fill puts grants of that many other clients into the tenant.
func fill(count int) func(*world) {
	return func(w *world) {
		for i := range count {
			w.holds(identity(clients(i, i+1)[0]))
		}
	}
}

// pages makes the tenant answer with so many grants on a page.
func pages(size int) func(*world) {
	return func(w *world) { w.Configure(func(s *sim.Settings) { s.Paging.Cap = size }) }
}

// observe asks for the identity under its client's name until there is an answer.
func (w *world) observe(t *testing.T, of grant.Identity, notBefore time.Time) tenant.Observation {
	t.Helper()
	seen, err := w.answer(key(of.ClientID), of, notBefore, tenant.ErrPending)
	if err != nil {
		t.Fatalf("observing %s: %v", of, err)
	}
	return seen
}

// answer asks until there is an answer, after each wake. It puts up with the given error, or with every one.
func (w *world) answer(name budget.Key, of grant.Identity, notBefore time.Time, only error) (tenant.Observation, error) {
	for {
		before := w.woken.of(name)
		seen, err := w.session.Observe(name, of, notBefore, budget.ClassChange)
		if err == nil || only != nil && !errors.Is(err, only) || !w.woken.reached(name, before+1) {
			return seen, err
		}
	}
}

// pending asks for the identity under its client's name, and fails the test if there is an answer.
func (w *world) pending(t *testing.T, of grant.Identity, notBefore time.Time) {
	t.Helper()
	if seen, err := w.session.Observe(key(of.ClientID), of, notBefore, budget.ClassChange); !errors.Is(err, tenant.ErrPending) {
		t.Fatalf("observing %s: %+v, error %v, want none yet", of, seen.Grant, err)
	}
}

// reads are the requests for grants so far, in order: "list" and "list on" for pages of the whole list, the client's ID
// for a look-up, with "on" after its first page.
func (w *world) reads() []string {
	var found []string
	for _, exchange := range w.Log() {
		if exchange.Method != http.MethodGet {
			continue
		}
		query := "?" + exchange.Query
		what := "list"
		if _, after, ok := strings.Cut(query, "client_id="); ok {
			what, _, _ = strings.Cut(after, "&")
		} else if _, after, ok := strings.Cut(query, "default_for="); ok {
			what, _, _ = strings.Cut(after, "&")
		}
		if strings.Contains(query, "from=") {
			what += " on"
		}
		found = append(found, what)
	}
	return found
}

// advance lets time pass in a bubble, and all goroutines come to rest.
func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// clients are the names of clients that fill has put into the tenant.
func clients(from, to int) []string {
	names := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("other-%03d", i))
	}
	return names
}
