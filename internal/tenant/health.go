package tenant

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// Health is what an Auth0Tenant tells of its session.
type Health struct {
	// Err is why the last look failed; nil once a look succeeded, or the credentials were proven, since.
	Err error
	// Verified is when the last complete look at everything tracked began.
	Verified time.Time
	// Completed counts these looks.
	Completed int
	// Took is how long the last of them took, waiting for the rate limit included.
	Took time.Duration
	// Failed is when a read failed last.
	Failed time.Time
	// Suspect says that the tenant refused the credentials since they were proven.
	Suspect bool
	// Lacking is the Management API scope for want of which it did; empty for another cause.
	Lacking string
}

// Stats is what a session tells for metrics.
type Stats struct {
	// Remaining is how many calls the session may make at once now. Waiting is how many keys wait for one, by class: the same for
	// every session of the tenant.
	Remaining float64
	Waiting   map[budget.Class]int
	// Verified is when the last complete look at everything tracked began; zero before there was one.
	Verified time.Time
	// Calls is what that look cost.
	Calls int
	// Interval is the time from one look to the next: the configured one, or longer where the budget stretches it.
	Interval time.Duration
	// Unmanaged are the grants of the tenant that are not tracked, to be read alone; nil unless that look was at the whole list.
	Unmanaged *Unmanaged
}

// Health of the session.
func (s *Session) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Health{
		Err: s.failure.err, Verified: s.refresh.verified, Completed: s.refresh.completed, Took: s.refresh.took,
		Failed: s.failure.at, Suspect: s.suspect, Lacking: s.lacking,
	}
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
