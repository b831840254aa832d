package sim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

const newGrant = `{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[]}`

func TestFaults_AnswerBeforeOrAfterTheEffect(t *testing.T) {
	for _, row := range []struct {
		name   string
		fault  sim.Fault
		grants int
		body   string
	}{
		{
			"a 500 before the effect",
			sim.Fault{Status: 500},
			0,
			`{"statusCode":500,"error":"Internal Server Error","message":"An internal server error occurred"}`,
		},
		{
			"a 502 after the effect",
			sim.Fault{Status: 502, After: true},
			1,
			`{"statusCode":502,"error":"Bad Gateway","message":"Bad Gateway"}`,
		},
		{
			"a 429 before the effect", sim.Fault{Status: 429}, 0, `{"statusCode":429,"error":"Too Many Requests",` +
				`"message":"Global limit has been reached","errorCode":"too_many_requests"}`,
		},
		{"a 401 before the effect", sim.Fault{Status: 401}, 0, denied("Expired token received for JSON Web Token validation")},
		{"a page of a proxy after the effect", sim.Fault{Status: 200, Body: "<html>", After: true}, 1, "<html>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newTenant(t)
			row.fault.Method, row.fault.Route = http.MethodPost, "/client-grants"
			row.fault.Header = http.Header{"x-proxy": {"yes"}}
			injected := n.Inject(row.fault)
			n.want(http.MethodGet, grantsAt, "", http.StatusOK) // another method
			got := n.call(http.MethodPost, grantsAt, newGrant)
			if got.status != row.fault.Status || got.body != row.body || got.header.Get("X-Proxy") != "yes" {
				t.Errorf("got %d %s %v", got.status, got.body, got.header)
			}
			if n.GrantCount() != row.grants || injected.Hits() != 1 {
				t.Errorf("%d grants after %d hits", n.GrantCount(), injected.Hits())
			}
			if log := n.Log(); !log[len(log)-1].Fault || log[0].Fault {
				t.Errorf("the log is %+v", log)
			}
			n.DeleteGrant(grantID(n))
			n.want(http.MethodPost, grantsAt, newGrant, http.StatusCreated) // it was for one request
		})
	}
}

// grantID is the ID of the only grant, if there is one.
func grantID(n *tenant) string {
	if grants := n.Grants(); len(grants) == 1 {
		return grants[0].ID
	}
	return ""
}

func TestFaults_ChooseRequests(t *testing.T) {
	n := newTenant(t)
	n.Inject(sim.Fault{Route: "/client-grants/{id}", Skip: 1, Times: 2, Status: 503})
	for i, want := range []int{404, 503, 503, 404} {
		if got := n.call(http.MethodGet, missingGrant, ""); got.status != want {
			t.Errorf("request %d is answered %d, want %d", i, got.status, want)
		}
	}
	one := n.Inject(sim.Fault{Route: missingGrant, Times: -1, Status: 503})
	for range 3 {
		n.want(http.MethodGet, missingGrant, "", http.StatusServiceUnavailable)
	}
	n.want(http.MethodGet, "/client-grants/cgr_1111111111111111", "", http.StatusNotFound)
	one.Remove()
	n.want(http.MethodGet, missingGrant, "", http.StatusNotFound)
	n.Inject(sim.Fault{Times: -1, Status: 500})
	n.want(http.MethodGet, "/clients", "", http.StatusInternalServerError)
	n.ClearFaults()
	n.want(http.MethodGet, "/clients", "", http.StatusOK)
}

func TestFaults_HitTheTokenEndpoint(t *testing.T) {
	n := newTenant(t)
	for _, row := range []struct {
		status int
		want   string
	}{
		{429, `{"error":"too_many_requests","error_description":"Client quota exceeded"}`},
		{401, `{"error":"access_denied","error_description":"Unauthorized"}`},
		{500, `{"error":"access_denied","error_description":"Internal Server Error"}`},
	} {
		n.Inject(sim.Fault{Route: "/oauth/token", Status: row.status})
		if got := n.tokenRequest(n.form()); got.status != row.status || got.body != row.want {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
}

func TestFaults_LoseTheAnswer(t *testing.T) {
	for _, row := range []struct {
		name   string
		after  bool
		http2  bool
		grants int
	}{
		{"before the effect", false, true, 0},
		{"after the effect", true, true, 1},
		{"after the effect with HTTP/1.1", true, false, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := start(t, sim.Options{})
			if !row.http2 {
				n.client = withoutHTTP2(n.client)
			}
			n.Inject(sim.Fault{Method: http.MethodPost, Route: "/client-grants", Drop: true, After: row.after})
			if status, err := n.send(t.Context(), http.MethodPost, grantsAt, newGrant); err == nil {
				t.Errorf("there is an answer: %d", status)
			}
			if n.GrantCount() != row.grants {
				t.Errorf("there are %d grants", n.GrantCount())
			}
			log := n.Log()
			if last := log[len(log)-1]; last.Status != 0 || !last.Fault {
				t.Errorf("logged as %+v", last)
			}
			if status, err := n.send(t.Context(), http.MethodGet, grantsAt, ""); err != nil || status != http.StatusOK {
				t.Errorf("the next request: %d, %v", status, err)
			}
		})
	}
}

func TestFaults_HangUntilSomebodyEndsIt(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(n *running, i *sim.Injection, giveUp func())
		want int
	}{
		{"the client gives up", func(_ *running, _ *sim.Injection, giveUp func()) { giveUp() }, 0},
		{"the fault is removed", func(_ *running, i *sim.Injection, _ func()) { i.Remove() }, http.StatusOK},
		{"all faults are cleared", func(n *running, _ *sim.Injection, _ func()) { n.ClearFaults() }, http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := start(t, sim.Options{})
			arrived := make(chan struct{})
			injected := n.Inject(sim.Fault{Route: "/client-grants", Hang: true})
			n.OnRequest(func(*http.Request) { close(arrived) })
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			status := make(chan int)
			go func() {
				got, err := n.send(ctx, http.MethodGet, grantsAt, "")
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				status <- got
			}()
			<-arrived
			row.end(n, injected, giveUp)
			if got := <-status; got != row.want {
				t.Errorf("status %d, want %d", got, row.want)
			}
		})
	}
}

func TestLatency_DelaysEveryAnswer(t *testing.T) {
	const latency = 30 * time.Millisecond
	n := newTenant(t, settings(func(s *sim.Settings) { s.Latency = latency }))
	began := time.Now()
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	if took := time.Since(began); took < latency {
		t.Errorf("the answer took %s", took)
	}
}

func TestOnRequest_RunsBeforeTheEffect(t *testing.T) {
	n := newTenant(t)
	n.OnRequest(func(r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.Method == http.MethodPost && err == nil && strings.Contains(string(body), clientID) {
			n.OnRequest(nil)
			n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience})
		}
	})
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	n.want(http.MethodPost, grantsAt, newGrant, http.StatusConflict)
}
