package status

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// Conditions are those of an object's status that a State is written to.
type Conditions struct {
	List *[]metav1.Condition
	// Generation of the object that the State speaks of.
	Generation int64
}

// Set writes the state as Ready, Reconciling and Stalled; the latter two are present only while they are true.
func (c Conditions) Set(s *State) {
	if s.KeepsReady && c.ready() {
		return
	}
	ready := metav1.ConditionFalse
	if s.Ready {
		ready = metav1.ConditionTrue
	}
	c.put(v1alpha1.ConditionReady, ready, s)
	c.While(v1alpha1.ConditionReconciling, s.Working, s)
	c.While(v1alpha1.ConditionStalled, s.Stalled, s)
}

// Begin tells that the operator is at work on a generation of which nothing is verified yet.
func (c Conditions) Begin() {
	if !c.ready() {
		c.Set(Working(v1alpha1.ReasonProgressing, "The operator is at work."))
	}
}

func (c Conditions) ready() bool {
	found := meta.FindStatusCondition(*c.List, v1alpha1.ConditionReady)
	return found != nil && found.Status == metav1.ConditionTrue && found.ObservedGeneration == c.Generation
}

// While has a condition present for as long as the state holds.
func (c Conditions) While(kind string, holds bool, s *State) {
	if holds {
		c.put(kind, metav1.ConditionTrue, s)
		return
	}
	meta.RemoveStatusCondition(c.List, kind)
}

func (c Conditions) put(kind string, status metav1.ConditionStatus, s *State) {
	meta.SetStatusCondition(c.List, metav1.Condition{
		Type: kind, Status: status, ObservedGeneration: c.Generation, Reason: s.Reason, Message: Bounded(s.Message),
	})
}
