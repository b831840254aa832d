package tenant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// come makes clients ask one after the other, as the objects do after a start.
func (w *world) come(t *testing.T, apart time.Duration, names ...string) {
	t.Helper()
	for _, name := range names {
		w.pending(t, identity(name), time.Time{})
		advance(apart)
	}
}

func TestBatch_IsServedByOneListing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		names := clients(0, 40)
		w.come(t, 200*time.Millisecond, names...)
		advance(time.Second)
		w.wantReads(t, listReads(5)...)
		for _, name := range names {
			if seen, err := w.session.Observe(key(name), identity(name), time.Time{}, budget.ClassChange); err != nil || seen.Grant == nil {
				t.Errorf("%s: saw %+v, error %v", name, seen, err)
			}
		}
	}, pages(10), fill(50))
}

func TestBatch_IsServedByARefreshThatIsDue(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		names := clients(0, 40)
		w.pending(t, identity(names[0]), time.Time{})
		completed := w.session.Refresh()
		w.come(t, 200*time.Millisecond, names[1:]...)
		advance(time.Second)
		w.wantReads(t, listReads(5)...)
		if got := w.session.Health().Completed; got < completed {
			t.Errorf("%d refreshes came to their end, want %d", got, completed)
		}
	}, pages(10), fill(50))
}

func TestBatch_ThatDoesNotEndIsServedMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		first, began := clients(0, 1)[0], time.Now()
		w.pending(t, identity(first), time.Time{})
		for _, name := range clients(1, 800) {
			if _, err := w.session.Observe(key(name), identity(name), time.Time{}, budget.ClassChange); err != nil && !errors.Is(err, tenant.ErrPending) {
				t.Fatal(err)
			}
			advance(50 * time.Millisecond)
			if _, err := w.session.Observe(key(first), identity(first), time.Time{}, budget.ClassChange); err == nil {
				break
			}
		}
		if got := time.Since(began); got > 11*time.Second {
			t.Errorf("the first is served after %s", got)
		}
	}, pages(10), fill(800))
}

func TestBatch_DoesNotDelayALoneCaller(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 20)...)
		w.refresh(t)
		w.ClearLog()
		w.pending(t, identity("app"), time.Time{})
		advance(10 * time.Millisecond)
		w.wantReads(t, "app")
	}, pages(10), fill(20))
}

func TestBatch_DoesNotDelayAProof(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.come(t, 0, clients(0, 10)...)
		if _, err := w.session.Observe(key("app"), app, time.Time{}, budget.ClassRevocation); !errors.Is(err, tenant.ErrPending) {
			t.Fatal(err)
		}
		advance(10 * time.Millisecond)
		if got := w.reads(); len(got) == 0 {
			t.Error("nothing was read")
		}
	}, pages(10), fill(50))
}
