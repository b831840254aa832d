package controller

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock is a lock whose writes take their time, and fail where err is set.
type lock struct {
	resourcelock.Interface
	takes time.Duration
	err   error
}

func (*lock) Identity() string { return "this process" }

func (l *lock) Create(context.Context, resourcelock.LeaderElectionRecord) error { return l.write() }

func (l *lock) Update(context.Context, resourcelock.LeaderElectionRecord) error { return l.write() }

func (l *lock) write() error {
	time.Sleep(l.takes)
	return l.err
}

// by is a record of the lease that names its holder.
func by(holder string) resourcelock.LeaderElectionRecord {
	return resourcelock.LeaderElectionRecord{HolderIdentity: holder}
}

func TestLease_GuardsAgainstWritesWithoutTheLead(t *testing.T) {
	const deadline = 10 * time.Second
	tests := map[string]struct {
		happens func(t *testing.T, l *Lease, fake *lock)
		leads   bool
	}{
		"nothing has happened": {func(*testing.T, *Lease, *lock) {}, false},
		"the lease was made": {func(t *testing.T, l *Lease, _ *lock) {
			_ = l.Create(t.Context(), by("this process"))
		}, true},
		"the lease was taken": {func(t *testing.T, l *Lease, _ *lock) {
			_ = l.Update(t.Context(), by("this process"))
		}, true},
		"until the deadline": {func(t *testing.T, l *Lease, _ *lock) {
			_ = l.Create(t.Context(), by("this process"))
			time.Sleep(deadline)
		}, true},
		"after the deadline": {func(t *testing.T, l *Lease, _ *lock) {
			_ = l.Create(t.Context(), by("this process"))
			time.Sleep(deadline + 1)
		}, false},
		"it was renewed": {func(t *testing.T, l *Lease, _ *lock) {
			_ = l.Create(t.Context(), by("this process"))
			for range 100 {
				time.Sleep(deadline)
				_ = l.Update(t.Context(), by("this process"))
			}
			time.Sleep(deadline)
		}, true},
		"a renewal counts from before its request": {func(t *testing.T, l *Lease, fake *lock) {
			fake.takes = 8 * time.Second
			_ = l.Update(t.Context(), by("this process"))
			time.Sleep(3 * time.Second)
		}, false},
		"a renewal that took longer than the deadline": {func(t *testing.T, l *Lease, fake *lock) {
			fake.takes = deadline + time.Second
			_ = l.Update(t.Context(), by("this process"))
		}, false},
		"a renewal that failed does not count": {func(t *testing.T, l *Lease, fake *lock) {
			_ = l.Create(t.Context(), by("this process"))
			time.Sleep(8 * time.Second)
			fake.err = errors.New("no API server")
			if err := l.Update(t.Context(), by("this process")); !errors.Is(err, fake.err) {
				t.Errorf("error %v", err)
			}
			time.Sleep(3 * time.Second)
		}, false},
		"a renewal that failed takes nothing away": {func(t *testing.T, l *Lease, fake *lock) {
			_ = l.Create(t.Context(), by("this process"))
			fake.err = errors.New("no API server")
			_ = l.Update(t.Context(), by("this process"))
		}, true},
		"a lease that could not be made": {func(t *testing.T, l *Lease, fake *lock) {
			fake.err = errors.New("there is one")
			_ = l.Create(t.Context(), by("this process"))
		}, false},
		"it was released": {func(t *testing.T, l *Lease, _ *lock) {
			_ = l.Create(t.Context(), by("this process"))
			_ = l.Update(t.Context(), by(""))
		}, false},
		"a release that failed": {func(t *testing.T, l *Lease, fake *lock) {
			_ = l.Create(t.Context(), by("this process"))
			fake.err = errors.New("no API server")
			_ = l.Update(t.Context(), by(""))
		}, true},
		"it was taken again after a release": {func(t *testing.T, l *Lease, _ *lock) {
			_ = l.Create(t.Context(), by("this process"))
			_ = l.Update(t.Context(), by(""))
			_ = l.Update(t.Context(), by("this process"))
		}, true},
		"the process was stopped for a while": {func(t *testing.T, l *Lease, _ *lock) {
			_ = l.Create(t.Context(), by("this process"))
			time.Sleep(time.Hour)
		}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &lock{}
				lease := &Lease{Interface: fake, RenewDeadline: deadline}
				test.happens(t, lease, fake)
				if err := lease.Guard(); (err == nil) != test.leads || err != nil && !errors.Is(err, ErrNotLeader) {
					t.Errorf("the guard says %v", err)
				}
			})
		})
	}
}

func TestLease_IsAskedByManyWhileItIsRenewed(t *testing.T) {
	lease := &Lease{Interface: &lock{}, RenewDeadline: time.Hour}
	if err := lease.Create(t.Context(), by("this process")); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for range 4 {
		go func() {
			for range 1000 {
				if err := lease.Guard(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 1000 {
		_ = lease.Update(t.Context(), by("this process"))
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Get reads no lease.
func (*lock) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return nil, nil, nil
}

func TestLease_EndsAProcessThatDidNotRenewInTime(t *testing.T) {
	asks := map[string]func(*Lease){
		"it is about to write":       func(l *Lease) { _ = l.Guard() },
		"it is about to renew":       func(l *Lease) { _ = l.Update(context.Background(), by("this process")) },
		"it looks who is the leader": func(l *Lease) { _, _, _ = l.Get(context.Background()) },
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := 0
				lease := &Lease{Interface: &lock{}, RenewDeadline: 10 * time.Second, Lost: func() { ended++ }}
				time.Sleep(time.Hour)
				ask(lease) // A standby has nothing to lose.
				_ = lease.Create(t.Context(), by("this process"))
				time.Sleep(10 * time.Second)
				ask(lease)
				if ended != 0 {
					t.Fatal("it ends although it was never late")
				}
				_ = lease.Update(t.Context(), by("this process"))
				time.Sleep(10*time.Second + 1)
				if ask(lease); ended == 0 {
					t.Error("it goes on")
				}
			})
		})
	}
}

func TestLease_FencesWritesToTheAPIServer(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		var served atomic.Int32
		leads := false
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err == nil && (len(body) > 0 || r.ContentLength == 0) {
				served.Add(1)
			}
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		defer server.Close()
		transport := server.Client().Transport.(*http.Transport)
		config := &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
		lease := &Lease{Interface: &lock{}, RenewDeadline: time.Hour}
		config.Wrap(lease.Fence)
		client := &http.Client{Transport: config.WrapTransport(transport)}
		send := func(method, path string, loses bool) error {
			lease.renewed.Store(nil)
			if leads {
				_ = lease.Create(t.Context(), by("this process"))
			}
			trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
				if loses {
					lease.renewed.Store(nil)
				}
			}}
			request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), method, server.URL+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(request)
			if err == nil {
				_ = response.Body.Close()
			}
			return err
		}
		if err := send(http.MethodPost, "/apis/authentication.k8s.io/v1/tokenreviews", false); err != nil {
			t.Errorf("a standby cannot find out who may read its metrics: %v", err)
		}
		if err := send(http.MethodGet, "/objects", false); err != nil {
			t.Errorf("a standby cannot read: %v", err)
		}
		for _, method := range []string{http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodDelete} {
			served.Store(0)
			leads = false
			if err := send(method, "/objects", false); !errors.Is(err, ErrNotLeader) {
				t.Errorf("%s of a standby: %v", method, err)
			}
			if err := send(method, "/apis/auth0.clientgrants.dev/v1alpha1/namespaces/a/clientgrants/reviews", false); !errors.Is(err, ErrNotLeader) {
				t.Errorf("%s of a standby, to an object of that name: %v", method, err)
			}
			leads = true
			if err := send(method, "/objects", true); !errors.Is(err, ErrNotLeader) {
				t.Errorf("%s of one that loses the lead while it connects: %v", method, err)
			}
			if served.Load() != 0 {
				t.Errorf("HTTP/2 %v: the server got %s", http2, method)
			}
			if err := send(method, "/objects", false); err != nil || served.Load() != 1 {
				t.Errorf("%s of the leader: %v", method, err)
			}
		}
	}
}
