package tenant

import "time"

// A batch of keys that ask at about the same time, as they do after a start, is served by one listing if that begins after
// the last of them asked: a listing tells nothing about an identity that came to be tracked in its middle. So it waits until
// no new key has asked for batchIdle, at most batchMax.
const (
	batchIdle = 250 * time.Millisecond
	batchMax  = 10 * time.Second
)

// batchWindow is when the keys of a batch asked. Keys that wait for the proof of a deletion are not part of it: such looks
// have a moment of their own.
type batchWindow struct {
	first, last time.Time
}

func (b *batchWindow) add(now time.Time) {
	if b.first.IsZero() {
		b.first = now
	}
	b.last = now
}

// wait is how long the window is still open.
func (b *batchWindow) wait(now time.Time) time.Duration {
	return min(batchIdle-now.Sub(b.last), batchMax-now.Sub(b.first))
}
