package auth0_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func TestClient_GivesTheTransportABodyThatCanBeReadAgain(t *testing.T) {
	// net/http sends a request once more if the connection was closed before its first byte, and only then.
	client := clientOver(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		first, _ := io.ReadAll(r.Body)
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		second, _ := io.ReadAll(body)
		if len(first) == 0 || string(first) != string(second) || r.ContentLength != int64(len(first)) {
			t.Errorf("body %q, then %q, of %d bytes", first, second, r.ContentLength)
		}
		return response(http.StatusCreated, one), nil
	}))
	if _, err := client.Create(t.Context(), newGrant()); err != nil {
		t.Error(err)
	}
}

func TestClient_KnowsWhatSurelyNeverLeft(t *testing.T) {
	closed := httptest.NewTLSServer(nil)
	closed.Close()
	strange := httptest.NewUnstartedServer(http.HandlerFunc(api))
	strange.Config.ErrorLog = discard()
	strange.StartTLS()
	defer strange.Close()
	hang := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	refused, unknown := &http.Transport{}, &http.Transport{}
	tests := map[string]struct {
		transport *http.Transport
		server    string
		ctx       context.Context
	}{
		"nobody listens":       {refused, closed.URL, t.Context()},
		"unknown certificate":  {unknown, strange.URL, t.Context()},
		"a dial that hangs":    {hang, closed.URL, t.Context()},
		"a context that ended": {unknown, strange.URL, ended},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			defer test.transport.CloseIdleConnections()
			var told []auth0.Response
			client := clientOver(t, test.transport, func(o *auth0.Options) {
				o.Domain = strings.TrimPrefix(test.server, "https://")
				o.Timeout = 200 * time.Millisecond
				o.OnResponse = func(r auth0.Response) { told = append(told, r) }
			})
			if _, err := client.Authenticate(t.Context()); err != nil {
				t.Fatal(err)
			}
			for method, call := range calls(client) {
				err := call(test.ctx)
				failed := asError[*auth0.TransportError](t, err)
				if failed.Sent || auth0.Unanswered(err) || failed.Route == "/oauth/token" {
					t.Errorf("%s: got %#v: %v", method, failed, err)
				}
				tellsNothing(t, err)
			}
			if want := len(calls(client)); test.ctx != ended && (len(told) != want || told[0].Status != 0) {
				t.Errorf("told of %v", told)
			}
		})
	}
}

func TestClient_AsksTheGuardBeforeEveryRequestButTheTokenRequest(t *testing.T) {
	errLost := errors.New("the lease is lost")
	var asked []string
	var refuse bool
	tenant := newTenant(t, api)
	client := tenant.client(t, func(o *auth0.Options) {
		o.Guard = func(method string) error {
			asked = append(asked, method)
			if refuse {
				return errLost
			}
			return nil
		}
	})
	if _, err := client.Authenticate(t.Context()); err != nil || len(asked) != 0 {
		t.Fatalf("error %v, asked %v", err, asked)
	}
	for _, refuse = range []bool{false, true} {
		for name, call := range calls(client) {
			asked = nil
			err := call(t.Context())
			method, _, _ := strings.Cut(name, " ")
			if len(asked) == 0 || asked[0] != method {
				t.Errorf("%s: asked %v", name, asked)
			}
			if !refuse {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			failed := asError[*auth0.TransportError](t, err)
			if failed.Sent || !errors.Is(err, errLost) || auth0.Unanswered(err) {
				t.Errorf("%s: got %#v: %v", name, failed, err)
			}
		}
	}
	if _, sent := tenant.asked(); len(sent) != len(calls(nil)) {
		t.Errorf("%d requests were sent, want the %d that were not refused", len(sent), len(calls(nil)))
	}
}

func TestClient_AsksTheGuardAgainWhenTheConnectionStands(t *testing.T) {
	errLost := errors.New("the lease is lost")
	for _, http2 := range []bool{false, true} {
		served := &tenant{Server: httptest.NewUnstartedServer(nil)}
		served.Config.Handler = served.handler(giveTokens(), api)
		served.EnableHTTP2 = http2
		served.StartTLS()
		t.Cleanup(served.Close)
		var count atomic.Int32
		client := served.client(t, func(o *auth0.Options) {
			o.Guard = func(string) error {
				if count.Add(1)%2 == 0 {
					return errLost
				}
				return nil
			}
			o.OnResponse = func(r auth0.Response) { t.Errorf("told of %v", r) }
		})
		for range 3 {
			_, err := client.Create(t.Context(), newGrant())
			if failed := asError[*auth0.TransportError](t, err); failed.Sent || !errors.Is(err, errLost) {
				t.Errorf("HTTP/2 %v: got %#v: %v", http2, failed, err)
			}
			count.Store(0)
		}
		if _, sent := served.asked(); len(sent) != 0 {
			t.Errorf("HTTP/2 %v: sent %v", http2, sent)
		}
	}
}
