package budget

import "time"

// state is where a ticket is.
type state int

const (
	stateNew state = iota
	stateQueued
	statePaced
	stateGranted
	stateExpired
	stateUnderWay
)

// ticket is what the budget knows of one key.
type ticket struct {
	key   Key
	share *Share
	class Class
	page  bool
	// bucket is the one that its call counts against beside the host's own.
	bucket Bucket
	age    uint64
	state  state
	// asked is set when the key asked in its present pass, sent when the call for which it has a token left.
	asked, sent bool
	// until is when the state granted or expired ends.
	until time.Time
	// turn is the turn that the ticket's namespace had when the ticket was served; 0 while it waits.
	turn uint64
	// indexInQueue and indexInNamespace are the ticket's indices in the two heaps of the queue.
	indexInQueue     int
	indexInNamespace int
}

func older(a, b *ticket) bool { return a.age < b.age }
