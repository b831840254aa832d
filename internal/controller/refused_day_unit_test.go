package controller

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

const dayHost = "acme.eu.auth0.com"

// inMemory carries requests to a simulated tenant without a network.
type inMemory struct{ server *sim.Server }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	recorder := httptest.NewRecorder()
	m.server.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// day is a tenant under the default limit, on a clock that jumps to whatever happens next.
type day struct {
	*sim.Server
	budget  *tenant.Budget
	session *tenant.Session
	mu      sync.Mutex
	woken   map[tenant.Key]chan struct{}
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{Server: sim.New(sim.Options{Domain: dayHost}), woken: map[tenant.Key]chan struct{}{}}
	t.Cleanup(d.Close)
	d.budget = tenant.NewBudget(tenant.Limit{PerMinute: 50, Burst: 5}, 8, d.wake)
	client, err := auth0.New(auth0.Options{
		Domain: dayHost, Audience: d.ManagementAudience(), RoundTripper: inMemory{d.Server},
		Credentials: auth0.Credentials{ClientID: d.ClientID(), ClientSecret: d.ClientSecret()},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.session = tenant.NewSession(tenant.Config{Name: "uid", Host: dayHost, Interval: 10 * time.Minute}, client, d.budget, nil, d.wake, func() {})
	t.Cleanup(d.session.Close)
	return d
}

// bell rings when the key is woken.
func (d *day) bell(key tenant.Key) chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.woken[key] == nil {
		d.woken[key] = make(chan struct{}, 1)
	}
	return d.woken[key]
}

func (d *day) wake(key tenant.Key) {
	if key.Namespace == "" {
		d.session.Wake()
		return
	}
	select {
	case d.bell(key) <- struct{}{}:
	default:
	}
}

// try makes one pass over an object whose grant Auth0 refuses to create, and says when the next one is due; 0 means when
// it is woken.
func (d *day) try(t *testing.T, p *pass) time.Duration {
	key := tenant.Key(p.key)
	defer d.budget.EndPass(key)
	if _, err := p.observe(p.identity, time.Time{}); err != nil {
		return 0
	}
	if held, ok := errors.AsType[*state](p.heldBack(p.identity, nil)); ok {
		return held.after
	}
	if err := p.session.Ready(key, p.writeClass(p.cause())); err != nil {
		return 0
	}
	_, err := p.session.Create(t.Context(), key, p.identity, grant.NewGrant(p.identity, grant.Fields{Scope: []string{"a"}}))
	s, ok := errors.AsType[*state](p.refused(err, nil))
	if !ok {
		t.Errorf("%s: %v", key, err)
		return time.Hour
	}
	return s.after
}

func (d *day) live(t *testing.T, p *pass, end <-chan struct{}) {
	bell := d.bell(tenant.Key(p.key))
	for {
		var due <-chan time.Time
		if wait := d.try(t, p); wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-end:
			return
		case <-due:
		case <-bell:
		}
	}
}

// delay is how long somebody else, with a change to make, waits for the limit.
func (d *day) delay() time.Duration {
	key, began := tenant.Key{Namespace: "rejected", Name: "accepted"}, time.Now()
	for !d.budget.Acquire(key, tenant.ClassChange) {
		<-d.bell(key)
	}
	d.budget.EndCall(key, tenant.Answered)
	return time.Since(began)
}

// A thousand objects of one namespace for applications that Auth0 does not know cost little, and delay no change of the same
// namespace by more than three tokens.
func TestRefused_AThousandForADay(t *testing.T) {
	const count = 1000
	synctest.Test(t, func(t *testing.T) {
		d, end := newDay(t), make(chan struct{})
		var living sync.WaitGroup
		for i := range count {
			name := fmt.Sprintf("app-%04d", i)
			p := &pass{
				memory: &memory{}, key: types.NamespacedName{Namespace: "rejected", Name: name}, obj: &v1alpha1.ClientGrant{}, session: d.session,
				identity: grant.Identity{Tenant: dayHost, ClientID: name, Audience: "https://api/", SubjectType: "client"},
			}
			living.Go(func() { d.live(t, p, end) })
		}
		time.Sleep(30 * time.Minute) // The first creations are changes like any other.
		var worst time.Duration
		for began := time.Now(); time.Since(began) < 24*time.Hour-30*time.Minute; time.Sleep(7 * time.Minute) {
			worst = max(worst, d.delay())
		}
		close(end)
		living.Wait()
		calls := d.Requests("", "/client-grants")
		if calls > 12*count {
			t.Errorf("%d calls in a day, %d of them to create", calls, d.Requests(http.MethodPost, "/client-grants"))
		}
		if tried := d.Requests(http.MethodPost, "/client-grants"); tried < 5*count {
			t.Errorf("only %d tries: an application that appears late is noticed late", tried)
		}
		if worst > 3*time.Minute/50 {
			t.Errorf("a change waits for %s", worst)
		}
	})
}
