package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// board shows how every ClientGrant is, as a watch tells it.
type board struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	states map[client.ObjectKey]state
	gone   map[client.ObjectKey]time.Time
}

// state is how an object is: ready means that its Ready condition is true for its generation, since then.
type state struct {
	ready      bool
	generation int64
	since      time.Time
	grantID    string
}

func newBoard(ctx context.Context, config *rest.Config, scheme *runtime.Scheme) (*board, error) {
	watching, err := cache.New(config, cache.Options{Scheme: scheme, DefaultTransform: cache.TransformStripManagedFields()})
	if err != nil {
		return nil, err
	}
	informer, err := watching.GetInformer(ctx, &v1alpha1.ClientGrant{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &board{
		cancel: cancel, done: make(chan struct{}), states: map[client.ObjectKey]state{}, gone: map[client.ObjectKey]time.Time{},
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: b.set, UpdateFunc: func(_, obj any) { b.set(obj) }, DeleteFunc: b.remove,
	})
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(b.done)
		_ = watching.Start(ctx) // Ends with its context.
	}()
	return b, nil
}

func (b *board) close() {
	b.cancel()
	<-b.done
}

func (b *board) set(obj any) {
	grant, ok := obj.(*v1alpha1.ClientGrant)
	if !ok {
		return
	}
	now := state{generation: grant.Generation, since: time.Now(), grantID: grant.Status.GrantID}
	condition := meta.FindStatusCondition(grant.Status.Conditions, v1alpha1.ConditionReady)
	now.ready = condition != nil && condition.ObservedGeneration == grant.Generation && condition.Status == "True"
	key := client.ObjectKeyFromObject(grant)
	b.mu.Lock()
	defer b.mu.Unlock()
	if before, ok := b.states[key]; ok && before.ready == now.ready && before.generation == now.generation {
		now.since = before.since
	}
	b.states[key] = now
}

func (b *board) remove(obj any) {
	if last, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	grant, ok := obj.(*v1alpha1.ClientGrant)
	if !ok {
		return
	}
	key := client.ObjectKeyFromObject(grant)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.states, key)
	b.gone[key] = time.Now()
}

// state of one object.
func (b *board) state(key client.ObjectKey) (state, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.states[key]
	return s, ok
}

// isGone says since when an object is gone.
func (b *board) isGone(key client.ObjectKey) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.gone[key]
	return at, ok
}

// count is how many objects of a namespace there are, and how many of them are ready.
func (b *board) count(namespace string) (all, ready int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, s := range b.states {
		if key.Namespace != namespace {
			continue
		}
		all++
		if s.ready {
			ready++
		}
	}
	return all, ready
}

// in returns the objects of a namespace.
func (b *board) in(namespace string) map[client.ObjectKey]state {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := maps.Clone(b.states)
	maps.DeleteFunc(found, func(key client.ObjectKey, _ state) bool { return key.Namespace != namespace })
	return found
}

// becomesReady waits until an object is ready at a generation, and returns since when.
func (b *board) becomesReady(ctx context.Context, key client.ObjectKey, generation int64, within time.Duration) (time.Time, error) {
	var at time.Time
	err := until(ctx, within, func() (bool, error) {
		s, ok := b.state(key)
		at = s.since
		return ok && s.ready && s.generation >= generation, nil
	})
	return at, err
}

// goes waits until an object is gone.
func (b *board) goes(ctx context.Context, key client.ObjectKey, within time.Duration) error {
	return until(ctx, within, func() (bool, error) {
		_, gone := b.isGone(key)
		return gone, nil
	})
}
