package controller

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// ErrNotLeader refuses a write to a tenant by a process that may have lost the leadership without knowing: one that was
// stopped, or cut off from the API server.
var ErrNotLeader = errors.New("the leader's lease was not renewed in time")

// Lease is the lock of the leader election that knows when it was last renewed.
type Lease struct {
	resourcelock.Interface
	// RenewDeadline is how long a renewal counts.
	RenewDeadline time.Duration
	// Lost, where set, ends the process: it was the leader, and did not renew the lease in time.
	Lost func()

	renewed atomic.Pointer[time.Time]
}

// Create takes the lease for the first time.
func (l *Lease) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.noting(record, func() error { return l.Interface.Create(ctx, record) })
}

// Update takes, renews or releases the lease.
func (l *Lease) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.noting(record, func() error { return l.Interface.Update(ctx, record) })
}

// Get reads the lease.
func (l *Lease) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	l.endIfLate()
	return l.Interface.Get(ctx)
}

// noting counts the renewal from before its request left: what the API server thinks of it began no earlier.
func (l *Lease) noting(record resourcelock.LeaderElectionRecord, write func() error) error {
	l.endIfLate()
	began := time.Now()
	if err := write(); err != nil {
		return err
	}
	if record.HolderIdentity != l.Identity() {
		l.renewed.Store(nil)
		return nil
	}
	l.renewed.Store(&began)
	return nil
}

// Guard returns ErrNotLeader unless the lease was renewed within the renew deadline.
func (l *Lease) Guard() error {
	if l.endIfLate() || l.renewed.Load() == nil {
		return ErrNotLeader
	}
	return nil
}

// endIfLate ends a process whose lease is too old: it was stopped or cut off, and another one may be the leader now.
func (l *Lease) endIfLate() bool {
	renewed := l.renewed.Load()
	if renewed == nil {
		return false
	}
	// The monotonic clock stands still while the machine sleeps, the other one may be set back: the longer time counts.
	now := time.Now()
	late := max(now.Sub(*renewed), now.Round(0).Sub(renewed.Round(0))) > l.RenewDeadline
	if late && l.Lost != nil {
		l.Lost()
	}
	return late
}

// Fence has requests to the API server that write refused while the process is not surely the leader: when they are made, and when
// their content is about to leave. Questions of who may read the metrics are no writes, and a standby asks them too.
func (l *Lease) Fence(next http.RoundTripper) http.RoundTripper { return fence{next, l.Guard} }

type fence struct {
	next  http.RoundTripper
	guard func() error
}

// isReview goes by the API's group, which no object's name can stand for.
func isReview(path string) bool {
	return strings.Contains(path, "/apis/authentication.k8s.io/") || strings.Contains(path, "/apis/authorization.k8s.io/")
}

// RoundTrip sends the request if it may leave.
func (f fence) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodGet || isReview(request.URL.Path) {
		return f.next.RoundTrip(request)
	}
	if err := f.guard(); err != nil {
		return nil, err
	}
	if body, again := request.Body, request.GetBody; body != nil {
		request = request.Clone(request.Context())
		request.Body = fencedBody{body, f.guard}
		if again != nil {
			request.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				return fencedBody{body, f.guard}, err
			}
		}
	}
	return f.next.RoundTrip(request)
}

type fencedBody struct {
	io.ReadCloser
	guard func() error
}

// Read reads what may leave.
func (b fencedBody) Read(into []byte) (int, error) {
	if err := b.guard(); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(into)
}
