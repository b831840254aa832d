package controller

import (
	"context"
	"errors"
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

// noting counts the renewal from before its request left: what the API server thinks of it began no earlier.
func (l *Lease) noting(record resourcelock.LeaderElectionRecord, write func() error) error {
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
	renewed := l.renewed.Load()
	if renewed == nil {
		return ErrNotLeader
	}
	// The monotonic clock stands still while the machine sleeps, the other one may be set back: the longer time counts.
	now := time.Now()
	if max(now.Sub(*renewed), now.Round(0).Sub(renewed.Round(0))) > l.RenewDeadline {
		return ErrNotLeader
	}
	return nil
}
