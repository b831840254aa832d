package lifecycle

import (
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// unanswered says whether a create request for the record may have left without an answer. A request that this process
// planned and did not send is none.
func (w *World) unanswered(r *grant.Record) bool {
	_, late := w.Late[r.Identity]
	return late || r.Sent != "" && w.Memory.Planned != r.Sent
}

// acted says whether the record ever had an effect in the tenant that may still be there.
func (w *World) acted(r *grant.Record) bool {
	return r != nil && (r.ID != "" || w.unanswered(r))
}

// proofFrom is when a look must begin to prove the recorded grant absent: a create request without an answer has its time
// first.
func (w *World) proofFrom(r *grant.Record, since time.Time) time.Time {
	return latest(since, w.lateUntil(r))
}

// lateUntil is until when a create request without an answer may have its effect. One of an earlier process may have left
// until this one began.
func (w *World) lateUntil(r *grant.Record) time.Time {
	if late, ok := w.Late[r.Identity]; ok {
		return late
	}
	if w.unanswered(r) && r.Sent != w.Memory.Sent || slices.Contains(w.Memory.Earlier, r.Identity) {
		return w.Start.Add(w.CallTimeout)
	}
	return time.Time{}
}

// earlierRequest is how long a create request of an earlier process may still have its effect, of which only this object knows.
func (w *World) earlierRequest(r *grant.Record) time.Duration {
	if _, known := w.Late[r.Identity]; known {
		return 0
	}
	return w.lateUntil(r).Sub(w.Now)
}
