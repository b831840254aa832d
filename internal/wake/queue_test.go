package wake_test

import (
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

func keyOf(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "billing", Name: name}
}

func newQueue(t *testing.T, turns *wake.Turns) priorityqueue.PriorityQueue[reconcile.Request] {
	t.Helper()
	made := wake.NewQueue("", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](), turns)
	queue, ok := made.(priorityqueue.PriorityQueue[reconcile.Request])
	if !ok {
		t.Fatalf("%T is no queue with priorities: controller-runtime would not tell it any", made)
	}
	return queue
}

// take takes the next objects out of the queue.
func take(queue priorityqueue.PriorityQueue[reconcile.Request], count int) (names []string) {
	for range count {
		got, _, _ := queue.GetWithPriority()
		queue.Done(got)
		names = append(names, got.Namespace+"/"+got.Name)
	}
	return names
}

func TestQueue_DropsWhatIsAddedBeforeItsControllerStarts(t *testing.T) {
	var q wake.Queue
	q.Add(keyOf("early"))
	queue := newQueue(t, wake.NewTurns(1))
	defer queue.ShutDown()
	if err := q.Source().Start(t.Context(), queue); err != nil || queue.Len() != 0 {
		t.Errorf("%d objects, error %v", queue.Len(), err)
	}
	q.Add(keyOf("late"))
	if queue.Len() != 1 {
		t.Errorf("%d objects after the start", queue.Len())
	}
}

func TestQueue_OrdersByUrgency(t *testing.T) {
	var q wake.Queue
	queue := newQueue(t, wake.NewTurns(1))
	defer queue.ShutDown()
	if err := q.Source().Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	q.AddLater(keyOf("everything"))
	q.Add(keyOf("changed"))
	q.AddDeletion(keyOf("deleted"))
	q.AddTurn(keyOf("turn"))
	for _, want := range []string{"turn", "deleted", "changed", "everything"} {
		got, _ := queue.Get()
		queue.Done(got)
		if got.Name != want {
			t.Errorf("got %s, want %s", got.Name, want)
		}
	}
}

// A namespace with thousands of objects in the queue delays another one's by a single pass, however urgent its own are.
func TestQueue_LetsNamespacesTakeTurns(t *testing.T) {
	for name, add := range map[string]func(*wake.Queue, types.NamespacedName){
		"turn": (*wake.Queue).AddTurn, "deletion": (*wake.Queue).AddDeletion, "now": (*wake.Queue).Add,
		"later": func(q *wake.Queue, key types.NamespacedName) { q.AddLater(key) },
	} {
		var q wake.Queue
		queue := newQueue(t, wake.NewTurns(1))
		defer queue.ShutDown()
		if err := q.Source().Start(t.Context(), queue); err != nil {
			t.Fatal(err)
		}
		for i := range 5000 {
			add(&q, types.NamespacedName{Namespace: "noisy", Name: strconv.Itoa(i)})
		}
		add(&q, keyOf("first"))
		add(&q, keyOf("second"))
		got := take(queue, 4)
		if want := []string{"noisy/0", "billing/first", "noisy/1", "billing/second"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// Even what nobody has changed is looked at, whatever is more urgent.
func TestQueue_LetsNothingWaitForEver(t *testing.T) {
	var q wake.Queue
	queue := newQueue(t, wake.NewTurns(1))
	defer queue.ShutDown()
	if err := q.Source().Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	q.AddLater(keyOf("everything"))
	for i := range 100 {
		q.AddDeletion(types.NamespacedName{Namespace: "noisy", Name: strconv.Itoa(i)})
	}
	if got := take(queue, 10); !slices.Contains(got, "billing/everything") {
		t.Errorf("got %v", got)
	}
}

func TestQueue_TakesEachObjectOnceAtItsHighestUrgency(t *testing.T) {
	var q wake.Queue
	queue := newQueue(t, wake.NewTurns(1))
	defer queue.ShutDown()
	if err := q.Source().Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	q.AddLater(keyOf("a"), keyOf("b"))
	q.Add(keyOf("c"))
	q.AddTurn(keyOf("b"))
	q.AddLater(keyOf("c"), keyOf("b"))
	if got := take(queue, 3); !slices.Equal(got, []string{"billing/b", "billing/c", "billing/a"}) || queue.Len() != 0 {
		t.Errorf("got %v, and %d are left", got, queue.Len())
	}
	q.AddLater(keyOf("b")) // What was urgent once is not for good.
	q.Add(keyOf("d"))
	if got := take(queue, 2); !slices.Equal(got, []string{"billing/d", "billing/b"}) {
		t.Errorf("got %v", got)
	}
}

// An object that nobody woke comes back when its time is over, and one that failed later each time.
func TestQueue_WaitsAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := newQueue(t, wake.NewTurns(1))
		defer queue.ShutDown()
		start := time.Now()
		queue.AddWithOpts(priorityqueue.AddOpts{After: time.Minute}, reconcile.Request{NamespacedName: keyOf("a")})
		if take(queue, 1); time.Since(start).Round(time.Second) != time.Minute {
			t.Errorf("after %s", time.Since(start))
		}
		failed := reconcile.Request{NamespacedName: keyOf("b")}
		queue.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, failed)
		if take(queue, 1); queue.NumRequeues(failed) != 1 {
			t.Errorf("%d failures are known", queue.NumRequeues(failed))
		}
	})
}

func TestQueue_RefusesAQueueWithoutPriorities(t *testing.T) {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	if err := new(wake.Queue).Source().Start(t.Context(), queue); err == nil {
		t.Error("no error")
	}
}
