package auth0_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// hanging answers nothing until the server goes, and says when it was asked.
func hanging(t *testing.T) (handler http.HandlerFunc, asked chan struct{}) {
	t.Helper()
	asked = make(chan struct{}, 16)
	return func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}, asked
}

func TestClient_ReturnsAtOnceWhenItsContextEnds(t *testing.T) {
	handler, asked := hanging(t)
	client := newTenant(t, handler).client(t)
	for name, call := range calls(client) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		start := time.Now()
		err := call(ctx)
		if took := time.Since(start); took > 5*time.Second || !errors.Is(err, context.Canceled) || !auth0.Unanswered(err) {
			t.Errorf("%s: %v after %v", name, err, took)
		}
		tellsNothing(t, err)
	}
}

func TestClient_NamesTheContextWhateverTheTransportSays(t *testing.T) {
	torn := errors.New("connection torn")
	for name, transport := range map[string]roundTrip{
		"no answer": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, torn
		},
		"half an answer": func(r *http.Request) (*http.Response, error) {
			half := response(http.StatusOK, "")
			half.Body = io.NopCloser(readFunc(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, torn
			}))
			return half, nil
		},
		"another answer": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		},
	} {
		client := clientOver(t, transport, func(o *auth0.Options) { o.Timeout = time.Millisecond })
		if _, err := client.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := client.Delete(t.Context(), "cgr_1")
		if !errors.Is(err, context.DeadlineExceeded) || !auth0.Unanswered(err) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(into []byte) (int, error) {
	return f(into)
}

func TestClient_BoundsACallInTime(t *testing.T) {
	handler, _ := hanging(t)
	short := func(o *auth0.Options) { o.Timeout = 100 * time.Millisecond }
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
	}
	for name, tenant := range map[string]*tenant{"no answer": newTenant(t, handler), "a slow body": newTenant(t, drip)} {
		err := tenant.client(t, short).Delete(t.Context(), "cgr_1")
		if name == "a slow body" {
			_, err = tenant.client(t, short).Create(t.Context(), newGrant())
		}
		failed := asError[*auth0.TransportError](t, err)
		if !failed.Sent || !errors.Is(err, context.DeadlineExceeded) || !auth0.Unanswered(err) {
			t.Errorf("%s: got %#v", name, failed)
		}
		if !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	tenant := newTenant(t, api, handler)
	_, err := tenant.client(t, short).Create(t.Context(), newGrant())
	if failed := asError[*auth0.TransportError](t, err); failed.Sent || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no token: got %#v", failed)
	}
	_, err = newTenant(t, api, drip).client(t, short).Authenticate(t.Context())
	if failed := asError[*auth0.TransportError](t, err); failed.Sent || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a token that drips: got %#v", failed)
	}
}

func TestClient_BoundsAnAnswerInSize(t *testing.T) {
	endless := func(start string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(start))
			for chunk := []byte(strings.Repeat("x", 64<<10)); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}
	}
	client := newTenant(t, endless(`{"client_grants":[],"x":"`)).client(t)
	if _, err := client.ListPage(t.Context(), auth0.Filter{}, ""); !auth0.Unanswered(err) {
		t.Errorf("endless list: got error %v", err)
	}
	client = newTenant(t, endless(one)).client(t)
	if _, err := client.Get(t.Context(), "cgr_1"); !auth0.Unanswered(err) {
		t.Errorf("endless grant: got error %v", err)
	}
	// A list page may have 4 MiB, and one grant no more than one.
	for size, want := range map[int]bool{4 << 20: true, 4<<20 + 1: false} {
		client = clientOver(t, roundTrip(func(*http.Request) (*http.Response, error) {
			return response(http.StatusOK, `{"client_grants":[]}`+strings.Repeat(" ", size-20)), nil
		}))
		if _, err := client.ListPage(t.Context(), auth0.Filter{}, ""); (err == nil) != want {
			t.Errorf("a page of %d bytes: %v", size, err)
		}
	}
	for size, want := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
		client = clientOver(t, roundTrip(func(*http.Request) (*http.Response, error) {
			return response(http.StatusOK, one+strings.Repeat(" ", size-len(one))), nil
		}))
		if _, err := client.Get(t.Context(), "cgr_1"); (err == nil) != want {
			t.Errorf("a grant of %d bytes: %v", size, err)
		}
	}
}

// A few bytes for each grant are hundreds once they are read: a page has no more than were asked for, and the memory that it
// takes is bounded, whatever else it says and however small it was when it was sent.
func TestClient_BoundsAPage(t *testing.T) {
	pageOf := func(count int) string {
		grants := strings.Repeat(`,{"id":"a","audience":"b"}`, count)
		return `{"client_grants":[` + grants[1:] + `]}`
	}
	for count, want := range map[int]bool{100: true, 101: false, 160_000: false} {
		var zipped bytes.Buffer
		out := gzip.NewWriter(&zipped)
		if _, err := out.Write([]byte(pageOf(count))); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		client := newTenant(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped.Bytes())
		}).client(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		page, err := client.ListPage(t.Context(), auth0.Filter{}, "")
		runtime.ReadMemStats(&after)
		if (err == nil) != want || want && len(page.Grants) != count {
			t.Errorf("%d grants: %d, %v", count, len(page.Grants), err)
		}
		if !want && !auth0.Unanswered(err) {
			t.Errorf("%d grants: got error %v", count, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
			t.Errorf("%d grants: %d MiB were allocated", count, took>>20)
		}
	}
}

func TestClient_RefusesAnotherProtocol(t *testing.T) {
	hijack := func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = connection.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"))
		t.Cleanup(func() { _ = connection.Close() })
	}
	err := newTenant(t, hijack).client(t).Delete(t.Context(), "cgr_1")
	if !auth0.Unanswered(err) {
		t.Errorf("got error %v", err)
	}
	err = newTenant(t, api, hijack).client(t).Delete(t.Context(), "cgr_1")
	if failed := asError[*auth0.TransportError](t, err); failed.Sent {
		t.Errorf("got error %v", err)
	}
}
