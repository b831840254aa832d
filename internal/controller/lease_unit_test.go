package controller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

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
