package tenant

import "container/heap"

// ranked is a heap whose members know where they are in it, so that any of them can leave.
type ranked[T any] struct {
	heaped heaped[T]
}

// newRanked makes an empty heap, ordered by before; index is where a member keeps its place in it.
func newRanked[T any](before func(a, b T) bool, index func(member T) *int) ranked[T] {
	return ranked[T]{heaped[T]{before: before, index: index}}
}

func (r *ranked[T]) len() int { return len(r.heaped.members) }

// first returns the member that comes before all others; there must be one.
func (r *ranked[T]) first() T { return r.heaped.members[0] }

func (r *ranked[T]) add(member T) { heap.Push(&r.heaped, member) }

func (r *ranked[T]) remove(member T) { heap.Remove(&r.heaped, *r.heaped.index(member)) }

// moved says that the rank of a member has changed.
func (r *ranked[T]) moved(member T) { heap.Fix(&r.heaped, *r.heaped.index(member)) }

// heaped is what container/heap works on.
type heaped[T any] struct {
	members []T
	before  func(a, b T) bool
	index   func(member T) *int
}

func (h *heaped[T]) Len() int { return len(h.members) }

func (h *heaped[T]) Less(i, j int) bool { return h.before(h.members[i], h.members[j]) }

func (h *heaped[T]) Swap(i, j int) {
	h.members[i], h.members[j] = h.members[j], h.members[i]
	*h.index(h.members[i]), *h.index(h.members[j]) = i, j
}

func (h *heaped[T]) Push(added any) {
	member, _ := added.(T)
	*h.index(member) = len(h.members)
	h.members = append(h.members, member)
}

func (h *heaped[T]) Pop() any {
	last := len(h.members) - 1
	member := h.members[last]
	var none T
	h.members[last] = none
	h.members = h.members[:last]
	return member
}
