package status

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// ReasonUnknown stands for that of a Ready condition which is not there yet.
const ReasonUnknown = "Unknown"

// Change is that of an object's Ready condition to another reason.
type Change struct {
	// From and To are the reasons.
	From, To string
	// Ready says that the condition is True now; Message is the new one.
	Ready   bool
	Message string
}

// ChangeOf is what became of a Ready condition that had the reason from; nil where it still has that.
func ChangeOf(from string, now []metav1.Condition) *Change {
	ready := meta.FindStatusCondition(now, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason == from {
		return nil
	}
	return &Change{From: from, To: ready.Reason, Ready: ready.Status == metav1.ConditionTrue, Message: ready.Message}
}

// ReasonOf is that of the Ready condition.
func ReasonOf(conditions []metav1.Condition) string {
	if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return ReasonUnknown
}

// IsTrouble says whether the object is not Ready, for another reason than that the operator is at work.
func IsTrouble(conditions []metav1.Condition) bool {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status != metav1.ConditionTrue && ready.Reason != v1alpha1.ReasonProgressing
}
