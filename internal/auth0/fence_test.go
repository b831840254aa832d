package auth0

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"time"
)

// The leadership may go while the transport connects, or tries once more on a new connection: a request without a body, such as
// a DELETE, must not leave then either.
func TestTransport_SendsNothingThatTheFenceRefuses(t *testing.T) {
	errLost := errors.New("the lease is lost")
	for _, http2 := range []bool{false, true} {
		var served atomic.Int32
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		var lost atomic.Bool
		transport := newTransport(time.Minute, func() error {
			if lost.Load() {
				return errLost
			}
			return nil
		})
		t.Cleanup(transport.CloseIdleConnections)
		transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		// send says whether a request is answered; loses, whether the leadership goes once its connection stands.
		send := func(method string, loses bool) error {
			trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { lost.Store(loses) }}
			request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), method, server.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := transport.RoundTrip(request)
			if err == nil {
				_ = response.Body.Close()
			}
			lost.Store(false)
			return err
		}
		for _, method := range []string{http.MethodDelete, http.MethodPost, http.MethodPatch} {
			for connection, prepare := range map[string]func(){
				"a new connection": transport.CloseIdleConnections, "one that stands": func() { _ = send(http.MethodGet, false) },
			} {
				prepare()
				before := served.Load()
				if err := send(method, true); err == nil || served.Load() != before {
					t.Errorf("HTTP/2 %v: %s left on %s: %v", http2, method, connection, err)
				}
			}
		}
		if err := send(http.MethodDelete, false); err != nil {
			t.Errorf("HTTP/2 %v: nothing leaves any more: %v", http2, err)
		}
	}
}
