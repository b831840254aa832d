package wake_test

import (
	"strconv"
	"testing"
	"testing/synctest"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

func TestTurns_BoundHowManyWorkAndNotHowManyHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := wake.NewTurns(2)
		queue := newQueue(t, turns)
		defer queue.ShutDown()
		for i := range 30 {
			queue.Add(reconcile.Request{NamespacedName: keyOf(strconv.Itoa(i))})
		}
		taken := make(chan reconcile.Request, 30)
		for range 30 {
			go func() {
				item, _, _ := queue.GetWithPriority()
				taken <- item
			}()
		}
		synctest.Wait()
		if len(taken) != 2 || queue.Len() != 28 {
			t.Fatalf("%d passes work, and %d objects wait", len(taken), queue.Len())
		}
		for range 20 { // Each of them hangs from now on.
			turns.Leave((<-taken).NamespacedName)
			synctest.Wait()
			if len(taken) != 2 {
				t.Fatalf("%d passes work beside those that hang", len(taken))
			}
		}
		for range 10 {
			queue.Done(<-taken)
			synctest.Wait()
		}
		if queue.Len() != 0 || len(taken) != 0 {
			t.Errorf("%d objects wait", queue.Len())
		}
	})
}

// A pass that comes back from a call needs no turn to end, and gives none back twice.
func TestTurns_AreLeftOnce(t *testing.T) {
	turns := wake.NewTurns(1)
	queue := newQueue(t, turns)
	defer queue.ShutDown()
	for i := range 3 {
		item := reconcile.Request{NamespacedName: keyOf(strconv.Itoa(i))}
		queue.Add(item)
		take, _, _ := queue.GetWithPriority()
		turns.Leave(take.NamespacedName)
		turns.Leave(take.NamespacedName)
		queue.Done(take)
	}
}

func TestTurns_EndWithTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := newQueue(t, wake.NewTurns(1))
		ended := make(chan struct{})
		for range 5 {
			go func() {
				_, _, shutdown := queue.GetWithPriority()
				if shutdown {
					ended <- struct{}{}
				}
			}()
		}
		synctest.Wait()
		queue.ShutDown()
		for range 5 {
			<-ended
		}
	})
}

func TestTurns_BoundHowManyAreAway(t *testing.T) {
	turns, reserved := wake.NewTurns(1), 0
	for turns.Reserve() {
		reserved++
	}
	turns.Return()
	if !turns.Reserve() || turns.Reserve() || reserved < 160 {
		t.Errorf("%d passes may be away", reserved)
	}
}
