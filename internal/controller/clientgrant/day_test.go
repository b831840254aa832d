package clientgrant

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
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
	calls   *budget.Share
	session *tenant.Session
	mu      sync.Mutex
	woken   map[budget.Key]chan struct{}
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{Server: sim.New(sim.Options{Domain: dayHost}), woken: map[budget.Key]chan struct{}{}}
	t.Cleanup(d.Close)
	d.calls = budget.New(budget.Limit{PerMinute: 50, Burst: 5}, 8, d.wake).Whole()
	client, err := auth0.New(auth0.Options{
		Domain: dayHost, Audience: d.ManagementAudience(), RoundTripper: inMemory{d.Server},
		Credentials: auth0.Credentials{ClientID: d.ClientID(), ClientSecret: d.ClientSecret()},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.session = tenant.NewSession(tenant.Config{Name: "uid", Host: dayHost, Interval: 10 * time.Minute}, client, d.calls, nil, d.wake, func() {})
	t.Cleanup(d.session.Close)
	return d
}

// bell rings when the key is woken.
func (d *day) bell(key budget.Key) chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.woken[key] == nil {
		d.woken[key] = make(chan struct{}, 1)
	}
	return d.woken[key]
}

func (d *day) wake(key budget.Key) {
	if key.Namespace == "" {
		d.session.Wake()
		return
	}
	select {
	case d.bell(key) <- struct{}{}:
	default:
	}
}

// refusedObject is a ClientGrant whose grant Auth0 refuses to create.
type refusedObject struct {
	key    budget.Key
	past   past
	record *grant.Record
	wanted grant.Identity
}

// world is what the next step of the object follows from.
func (o *refusedObject) world(session *tenant.Session) lifecycle.World {
	w := lifecycle.World{
		Now: time.Now(), CallTimeout: auth0.DefaultTimeout, Wanted: o.wanted, Memory: o.past.memory,
		Object: lifecycle.Object{Held: true, Mode: v1alpha1.ModeEnforce, Fields: grant.Fields{Scope: []string{"a"}}, Record: o.record},
		Tenant: lifecycle.Tenant{
			Exists: true, Admits: true, Near: true, Host: dayHost, Mode: v1alpha1.ModeEnforce, Access: lifecycle.Open,
			OperatorsKnown: true, Interval: 10 * time.Minute,
			Decide: func(grant.Identity, grant.Fields, ...v1alpha1.Right) policy.Decision {
				return policy.Decision{Allowed: true}
			},
		},
		Seen: map[grant.Identity]lifecycle.Observation{},
	}
	if seen, ok := session.Seen(o.wanted); ok {
		w.Seen[o.wanted] = lifecycle.Observation{Grant: seen.Grant, Began: seen.Began}
	}
	return w
}

// try makes one pass over the object, and says when the next one is due; 0 means when it is woken.
func (d *day) try(t *testing.T, o *refusedObject) time.Duration {
	defer d.calls.EndPass(o.key)
	for range mostSteps {
		w := o.world(d.session)
		p := &pass{teller{world: w}}
		s := lifecycle.Next(w)
		switch do := s.Do.(type) {
		case lifecycle.Wait:
			return s.Again
		case lifecycle.Look:
			if _, err := d.session.Observe(o.key, do.Identity, do.NotBefore, p.readClass()); err != nil {
				return 0
			}
			continue
		case lifecycle.Write:
			o.record = s.Record
			o.past.memory = lifecycle.Learn(w, s, lifecycle.Answer{})
			continue
		case lifecycle.Create:
			if err := d.session.Ready(o.key, p.writeClass(do)); err != nil {
				return 0
			}
			_, err := d.session.Create(t.Context(), o.key, do.Identity, do.Body)
			refused, _ := answered(err)
			if refused.Refused == nil {
				t.Errorf("%s: %v", o.key, err)
				return time.Hour
			}
			o.past.memory = lifecycle.Learn(w, s, refused)
			continue
		}
		t.Errorf("%s: the next step is %#v", o.key, s.Do)
	}
	return time.Hour
}

func (d *day) live(t *testing.T, o *refusedObject, end <-chan struct{}) {
	bell := d.bell(o.key)
	for {
		var due <-chan time.Time
		if wait := d.try(t, o); wait > 0 {
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
	key, began := budget.Key{Namespace: "rejected", Name: "accepted"}, time.Now()
	for !d.calls.Acquire(key, budget.ClassChange) {
		<-d.bell(key)
	}
	d.calls.EndCall(key, budget.Answered)
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
			o := &refusedObject{
				key:    budget.Key{Namespace: "rejected", Name: name},
				wanted: grant.Identity{Tenant: dayHost, ClientID: name, Audience: "https://api/", SubjectType: "client"},
			}
			living.Go(func() { d.live(t, o, end) })
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
