package clientgrant

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// locks let one pass at a time read live, decide and write about a grant. None of them is waited for: a pass that finds one
// taken ends, and its object is woken when the lock is free. The zero value is ready.
type locks struct {
	mu    sync.Mutex
	taken map[grant.Identity][]types.NamespacedName
}

// take locks all of the grants for an object, or none: then the object is returned by the free that ends the other pass.
func (l *locks) take(key types.NamespacedName, identities ...grant.Identity) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, identity := range identities {
		if waiting, taken := l.taken[identity]; taken {
			l.taken[identity] = append(waiting, key)
			return false
		}
	}
	if l.taken == nil {
		l.taken = map[grant.Identity][]types.NamespacedName{}
	}
	for _, identity := range identities {
		l.taken[identity] = nil
	}
	return true
}

// free unlocks the grants and returns the objects that found one of them locked.
func (l *locks) free(identities ...grant.Identity) (waiting []types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, identity := range identities {
		waiting = append(waiting, l.taken[identity]...)
		delete(l.taken, identity)
	}
	return slices.Compact(waiting)
}
