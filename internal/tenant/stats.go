package tenant

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Stats is what a session tells for metrics.
type Stats struct {
	// Remaining is how many calls the budget of the host allows at once now, Waiting how many wait for one, by class. Both
	// are the same for every session of the host.
	Remaining float64
	Waiting   map[Class]int
	// Verified is when the last complete look at everything tracked began; zero before there was one.
	Verified time.Time
	// Calls is what that look cost.
	Calls int
	// Interval is the time from one look to the next: the configured one, or longer where the budget stretches it.
	Interval time.Duration
	// Unmanaged is how many grants the tenant holds that nobody tracks; nil unless that look was at the whole list. What
	// belongs to Auth0 itself does not count.
	Unmanaged *int
}

// Stats of the session.
func (s *Session) Stats() Stats {
	stats := Stats{Remaining: s.budget.Remaining(), Waiting: s.budget.Waiting()}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.refresh
	if r.completed > 0 {
		stats.Verified = r.verified
	}
	stats.Calls, stats.Unmanaged = r.cost, r.unmanaged
	stats.Interval = max(s.config.Interval, r.took)
	if r.running {
		stats.Interval = max(stats.Interval, time.Since(r.last))
	}
	return stats
}

// countCall counts a read for what the running refresh costs: a page of the list, or the look-up that is its next.
func (s *Session) countCall(of grant.Holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.refresh
	if r.running && (of == grant.Holder{} || len(r.lookups) > 0 && r.lookups[0] == of) {
		r.calls++
	}
}
