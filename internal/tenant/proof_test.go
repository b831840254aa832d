package tenant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// deleteAndAsk deletes the grant of each client, with that long in between, and asks for proof that it is gone.
func (w *world) deleteAndAsk(t *testing.T, identities []grant.Identity, every time.Duration) {
	t.Helper()
	for _, of := range identities {
		name := key(of.ClientID)
		if err := w.session.Ready(name, budget.ClassRevocation); err != nil {
			t.Fatal(err)
		}
		if _, err := w.session.Delete(t.Context(), name, of, "cgr_0000000000000000"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.session.Observe(name, of, time.Time{}, budget.ClassRevocation); !errors.Is(err, tenant.ErrPending) {
			t.Fatalf("%s: %v", of.ClientID, err)
		}
		time.Sleep(every)
	}
}

func TestProof_OfManyDeletionsIsOneLook(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		identities := w.track(clients(0, 300)...)
		w.deleteAndAsk(t, identities, 50*time.Millisecond)
		w.wantReads(t)
		advance(time.Second)
		w.wantReads(t, "list")
		for _, of := range identities {
			if w.woken.of(key(of.ClientID)) == 0 {
				t.Fatalf("%s was not woken", of.ClientID)
			}
		}
	})
}

func TestProof_OfOneDeletionDoesNotWaitLong(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.deleteAndAsk(t, w.track("app"), 0)
		advance(150 * time.Millisecond)
		w.wantReads(t, "list")
	})
}

func TestProof_WaitsForDeletionsThatWaitForTheBudgetButNotForLong(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		identities := w.track("a", "b")
		w.deleteAndAsk(t, identities[:1], 0)
		if err := w.session.Ready(key("b"), budget.ClassRevocation); !errors.Is(err, tenant.ErrParked) {
			t.Fatal(err)
		}
		advance(1900 * time.Millisecond)
		w.wantReads(t)
		w.woken.await(t, key("a"), 1)
		w.wantReads(t, "list")
	}, func(w *world) { w.limit = budget.Limit{PerMinute: 12, Burst: 5} })
}
