package tenant

import "time"

// Where many ask at about the same time, as they do after a start, one listing serves all of them if it begins after the
// last: what comes to be tracked in its middle it tells nothing about. So it waits until nobody new has asked for a
// moment, but not for ever.
const (
	crowdQuiet    = 250 * time.Millisecond
	crowdPatience = 10 * time.Second
)

// crowd is when those began to ask who have not been served by a read yet. Who waits for the proof of a deletion is not
// counted: such reads have a moment of their own.
type crowd struct {
	first, last time.Time
}

func (c *crowd) join(now time.Time) {
	if c.first.IsZero() {
		c.first = now
	}
	c.last = now
}

// wait is how long the crowd is still growing.
func (c *crowd) wait(now time.Time) time.Duration {
	return min(crowdQuiet-now.Sub(c.last), crowdPatience-now.Sub(c.first))
}

// grows says how long to put off a listing for those who wait. A lone caller in a tenant that is known is looked up at once.
func (s *Session) grows(now time.Time) time.Duration {
	if s.refresh.listing != nil || s.refresh.pages > 0 && len(s.waiting) <= s.refresh.pages {
		return 0
	}
	return s.crowd.wait(now)
}
