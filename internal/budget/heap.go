package budget

import "container/heap"

// indexedHeap is a heap whose members know their index in it, so that any of them can be removed.
type indexedHeap[T any] struct {
	members members[T]
}

// newIndexedHeap makes an empty heap, ordered by before; index is where a member keeps its index.
func newIndexedHeap[T any](before func(a, b T) bool, index func(member T) *int) indexedHeap[T] {
	return indexedHeap[T]{members[T]{before: before, index: index}}
}

func (h *indexedHeap[T]) len() int { return len(h.members.list) }

// first returns the member that comes before all others; there must be one.
func (h *indexedHeap[T]) first() T { return h.members.list[0] }

func (h *indexedHeap[T]) add(member T) { heap.Push(&h.members, member) }

func (h *indexedHeap[T]) remove(member T) { heap.Remove(&h.members, *h.members.index(member)) }

// moved says that the order of a member has changed.
func (h *indexedHeap[T]) moved(member T) { heap.Fix(&h.members, *h.members.index(member)) }

// members is what container/heap works on.
type members[T any] struct {
	list   []T
	before func(a, b T) bool
	index  func(member T) *int
}

func (m *members[T]) Len() int { return len(m.list) }

func (m *members[T]) Less(i, j int) bool { return m.before(m.list[i], m.list[j]) }

func (m *members[T]) Swap(i, j int) {
	m.list[i], m.list[j] = m.list[j], m.list[i]
	*m.index(m.list[i]), *m.index(m.list[j]) = i, j
}

func (m *members[T]) Push(added any) {
	member, _ := added.(T)
	*m.index(member) = len(m.list)
	m.list = append(m.list, member)
}

func (m *members[T]) Pop() any {
	last := len(m.list) - 1
	member := m.list[last]
	var none T
	m.list[last] = none
	m.list = m.list[:last]
	return member
}
