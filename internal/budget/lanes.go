package budget

// everyOldest: one of so many tokens goes to the oldest ticket.
const everyOldest = 10

// lanes are the waiting tickets of a share, a queue for each bucket: a ticket whose bucket is empty keeps no ticket of another from being
// served. Among queues whose best tickets are of one class the one that was served longest ago comes first. It is not safe for
// concurrent use.
type lanes struct {
	queues [buckets]queue
	// served counts all tickets that were served; last is what it was when the queue was served last.
	served int
	last   [buckets]int
}

func newLanes() (l lanes) {
	for bucket := range l.queues {
		l.queues[bucket] = newQueue()
	}
	return l
}

func (l *lanes) add(t *ticket) { l.queues[t.bucket].add(t) }

func (l *lanes) remove(t *ticket) { l.queues[t.bucket].remove(t) }

// best returns the ticket that is next among those whose bucket is open; nil where none waits.
func (l *lanes) best(byAge bool, isOpen func(Bucket) bool) (best *ticket) {
	for bucket := range l.queues {
		q := &l.queues[bucket]
		if q.all.len() == 0 || !isOpen(Bucket(bucket)) {
			continue
		}
		if t := q.best(byAge); best == nil || l.before(t, best, byAge) {
			best = t
		}
	}
	return best
}

func (l *lanes) before(a, b *ticket, byAge bool) bool {
	switch {
	case byAge:
		return older(a, b)
	case a.class != b.class:
		return a.class < b.class
	}
	return l.last[a.bucket] < l.last[b.bucket]
}

// count adds how many wait, by class.
func (l *lanes) count(waiting map[Class]int) {
	for of := range l.queues {
		for class := range l.queues[of].shares {
			waiting[Class(class)] += l.queues[of].shares[class].waiting
		}
	}
}

// serve takes out the ticket that was best: its namespace has had its turn.
func (l *lanes) serve(t *ticket) {
	l.served++
	l.last[t.bucket] = l.served
	l.queues[t.bucket].serve(t)
}
