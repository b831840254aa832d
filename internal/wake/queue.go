// Package wake puts objects into the queues of controllers.
package wake

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// The back-off of an object whose last pass failed for a passing reason.
const (
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = 5 * time.Minute
)

// Queue takes objects into a controller's queue. The zero value is ready; before its controller has started,
// what is added is dropped: the controller begins with every object anyway.
type Queue struct {
	mu    sync.Mutex
	queue priorityqueue.PriorityQueue[reconcile.Request]
}

// The order of the queue: an object that may call its tenant now, then what is deleted, then what was changed or is waited for,
// then the rest.
const (
	priorityTurn     = 100
	priorityDeletion = 50
	// PriorityNow is that of what was changed or is waited for.
	PriorityNow = 0
	// PriorityLater is that of what nobody has changed.
	PriorityLater = handler.LowPriority
)

// Add puts the object into the queue. It never waits.
func (q *Queue) Add(key types.NamespacedName) { q.add(PriorityNow, key) }

// AddTurn is Add for an object whose turn it is to call its tenant: others wait until it has done so.
func (q *Queue) AddTurn(key types.NamespacedName) { q.add(priorityTurn, key) }

// AddDeletion is Add for an object whose deletion was asked for.
func (q *Queue) AddDeletion(key types.NamespacedName) { q.add(priorityDeletion, key) }

// AddLater is Add for what nobody has changed, such as everything of an Auth0Tenant.
func (q *Queue) AddLater(keys ...types.NamespacedName) { q.add(PriorityLater, keys...) }

func (q *Queue) add(priority int, keys ...types.NamespacedName) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.queue == nil {
		return
	}
	for _, key := range keys {
		q.queue.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, reconcile.Request{NamespacedName: key})
	}
}

// Source connects the queue with the controller that watches it.
func (q *Queue) Source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		q.mu.Lock()
		defer q.mu.Unlock()
		var ok bool
		if q.queue, ok = queue.(priorityqueue.PriorityQueue[reconcile.Request]); !ok {
			return fmt.Errorf("the controller's queue is a %T without priorities", queue)
		}
		return nil
	})
}

// fair is a controller's queue that keeps to the order, and gives out no more than there are turns.
type fair struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	order *order
	turns *Turns
}

// NewQueue makes the queue of a controller: client-go's, in an order of its own.
func NewQueue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request], turns *Turns,
) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	ordered := newOrder()
	queue := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: ordered})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{Name: name, Queue: queue})
	return &fair{workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
		workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{Name: name, DelayingQueue: delaying}), ordered, turns}
}

// AddWithOpts adds objects with a priority.
func (f *fair) AddWithOpts(o priorityqueue.AddOpts, items ...reconcile.Request) {
	for _, item := range items {
		f.order.urge(item, ptr.Deref(o.Priority, PriorityNow))
		switch {
		case o.RateLimited:
			f.AddRateLimited(item)
		case o.After > 0:
			f.AddAfter(item, o.After)
		default:
			f.Add(item)
		}
	}
}

// GetWithPriority is Get: the priority of one pass is not the next one's.
func (f *fair) GetWithPriority() (item reconcile.Request, priority int, shutdown bool) {
	item, shutdown = f.turns.take(f.Get)
	return item, PriorityNow, shutdown
}

// Done ends a pass. Its turn goes first: after that the object may be taken again.
func (f *fair) Done(item reconcile.Request) {
	f.turns.Leave(item.NamespacedName)
	f.TypedRateLimitingInterface.Done(item)
}

// Options of a controller that takes what others put into its queue. As many passes work as there are turns; others wait for
// answers.
func Options(turns *Turns) controller.Options {
	type limiter = workqueue.TypedRateLimiter[reconcile.Request]
	return controller.Options{
		MaxConcurrentReconciles: turns.workers + mostAway,
		NewQueue: func(name string, limiter limiter) workqueue.TypedRateLimitingInterface[reconcile.Request] {
			return NewQueue(name, limiter, turns)
		},
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](firstBackoff, lastBackoff),
	}
}
