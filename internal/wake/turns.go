package wake

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// mostAway bounds how many passes of one controller wait for an answer of a tenant at once.
const mostAway = 250

// Turns bound how many passes of a controller work at once. A pass that calls a tenant leaves its turn to the next object of the
// queue, and does not come back for it: however many tenants hang, the others are served.
type Turns struct {
	workers       int
	working, away chan struct{}

	mu sync.Mutex
	// holding are the objects whose passes have a turn.
	holding map[reconcile.Request]struct{}
}

// NewTurns lets so many passes work at once.
func NewTurns(workers int) *Turns {
	return &Turns{
		workers: workers, working: make(chan struct{}, workers), away: make(chan struct{}, mostAway),
		holding: map[reconcile.Request]struct{}{},
	}
}

// take waits for a turn before it takes an object: what is taken later may be more urgent. There is none after a shutdown.
func (t *Turns) take(get func() (reconcile.Request, bool)) (item reconcile.Request, shutdown bool) {
	t.working <- struct{}{}
	if item, shutdown = get(); shutdown {
		<-t.working
		return item, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holding[item] = struct{}{}
	return item, false
}

// Leave leaves the turn of an object's pass, if it has it still.
func (t *Turns) Leave(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	item := reconcile.Request{NamespacedName: key}
	if _, has := t.holding[item]; has {
		delete(t.holding, item)
		<-t.working
	}
}

// Reserve says whether one more pass may wait for an answer; if so, Return must follow.
func (t *Turns) Reserve() bool {
	select {
	case t.away <- struct{}{}:
		return true
	default:
		return false
	}
}

// Return ends what Reserve began.
func (t *Turns) Return() { <-t.away }
