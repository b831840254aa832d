package budget

// queue is the order of the waiting tickets of one bucket: by class, within a class by the fair share of their namespaces, within a
// namespace by age. Every tenth goes by age alone, so that no ticket waits for ever. Each operation costs the logarithm of
// the queue's length. It is not safe for concurrent use.
type queue struct {
	all    indexedHeap[*ticket]
	shares [classes]fairShare
}

func newQueue() queue {
	q := queue{all: newIndexedHeap(older, func(t *ticket) *int { return &t.indexInQueue })}
	for class := range q.shares {
		q.shares[class] = newFairShare()
	}
	return q
}

func (q *queue) add(t *ticket) {
	q.all.add(t)
	q.shares[t.class].add(t)
}

func (q *queue) remove(t *ticket) {
	q.all.remove(t)
	q.shares[t.class].remove(t)
}

// best returns the ticket that is next; nil where none waits.
func (q *queue) best(byAge bool) *ticket {
	if byAge {
		return q.all.first()
	}
	for class := range q.shares {
		if share := &q.shares[class]; share.waiting > 0 {
			return share.first()
		}
	}
	return nil
}

// serve takes out the ticket that was best: its namespace has had its turn.
func (q *queue) serve(t *ticket) {
	q.shares[t.class].serve(t)
	q.remove(t)
}
