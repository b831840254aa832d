package controller

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// So many corrections within so long say that somebody else keeps changing the grant back.
const (
	contestedAfter  = 3
	contestedWithin = 10 * time.Minute
)

// corrected notes that a grant which was in place was brought back to its spec, after so many refreshes of the session.
func (m *memory) corrected(refreshes int) {
	m.correctedIn = refreshes
	m.corrections = append(m.corrections, time.Now())
	if len(m.corrections) > contestedAfter {
		m.corrections = m.corrections[1:]
	}
}

// isContested says whether somebody else keeps changing the grant back, and until when that is said if it stops.
func (m *memory) isContested() (until time.Time, contested bool) {
	if len(m.corrections) < contestedAfter {
		return time.Time{}, false
	}
	until = m.corrections[len(m.corrections)-1].Add(contestedWithin)
	return until, m.corrections[len(m.corrections)-1].Sub(m.corrections[0]) <= contestedWithin && time.Now().Before(until)
}

// contested holds back a correction of a grant that somebody else keeps changing back, to one for each resync; nil where
// nothing is held back. What takes access away never is.
func (p *pass) contested() error {
	_, contested := p.memory.isContested()
	if !contested || p.cause() != causeDrift || p.session.Health().Completed > p.memory.correctedIn {
		return nil
	}
	s := waiting(v1alpha1.ReasonProgressing, "Somebody else keeps changing this grant: it is corrected once in %s.", interval(p.tenant))
	s.working, s.after = true, interval(p.tenant)
	return s
}

// tellContested sets the condition while it holds, and returns when it has to be looked at again.
func (p *pass) tellContested(after time.Duration) time.Duration {
	until, contested := p.memory.isContested()
	if !contested {
		meta.RemoveStatusCondition(&p.obj.Status.Conditions, v1alpha1.ConditionContested)
		return after
	}
	meta.SetStatusCondition(&p.obj.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionContested, Status: metav1.ConditionTrue, ObservedGeneration: p.obj.Generation,
		Reason: v1alpha1.ConditionContested,
		Message: "Somebody else keeps changing this grant in the tenant: look for another tool that manages it, or for another cluster. " +
			"Corrections are held to one for each resync.",
	})
	if wait := time.Until(until); after == 0 || wait < after {
		return wait
	}
	return after
}
