package wake_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

func keyOf(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "billing", Name: name}
}

func TestQueue_DropsWhatIsAddedBeforeItsControllerStarts(t *testing.T) {
	var q wake.Queue
	q.Add(keyOf("early"))
	queue := priorityqueue.New[reconcile.Request](t.Name())
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
	queue := priorityqueue.New[reconcile.Request](t.Name())
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

func TestQueue_RefusesAQueueWithoutPriorities(t *testing.T) {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	if err := new(wake.Queue).Source().Start(t.Context(), queue); err == nil {
		t.Error("no error")
	}
}
