package clientgrant

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
)

var remembered = types.NamespacedName{Namespace: "ns", Name: "x"}

// clientGrant is an object of the given generation, made some time ago.
func clientGrant(generation int64, age time.Duration) *v1alpha1.ClientGrant {
	return &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{
		Namespace: remembered.Namespace, Name: remembered.Name, UID: "uid-1", Generation: generation,
		CreationTimestamp: metav1.NewTime(time.Now().Add(-age)),
	}}
}

// holdBack gives a past everything that a new generation or request ends.
func holdBack(p *past) *past {
	p.memory.Refused, p.memory.Dropped, p.memory.DroppedBefore = []lifecycle.Refusal{{}}, []string{"a"}, true
	return p
}

func (p *past) holdsNothingBack() bool {
	return p.memory.Refused == nil && p.memory.Dropped == nil && !p.memory.DroppedBefore
}

// fresh is since when evidence speaks of what the object asks for.
func (p *past) fresh() time.Time {
	if p.memory.Asked.After(p.memory.Since) {
		return p.memory.Asked
	}
	return p.memory.Since
}

func TestHistory_WantsYoungerEvidenceOnlyWhereSomethingIsNew(t *testing.T) {
	tests := map[string]struct {
		age    time.Duration
		change func(*v1alpha1.ClientGrant)
		// fresh is how old evidence may be, a minute after the first pass over the object and an hour after the first of all.
		fresh time.Duration
		// keeps says that what was held back still is.
		keeps bool
	}{
		"an object that is older than the process": {3 * time.Hour, func(*v1alpha1.ClientGrant) {}, time.Hour + time.Minute, true},
		"a younger object":                         {time.Minute, func(*v1alpha1.ClientGrant) {}, time.Minute, true},
		"a new generation":                         {3 * time.Hour, func(o *v1alpha1.ClientGrant) { o.Generation++ }, 0, false},
		"a request": {3 * time.Hour, func(o *v1alpha1.ClientGrant) {
			o.Annotations = map[string]string{v1alpha1.ReconcileRequestAnnotation: "now"}
		}, 0, false},
		"a request that was answered before": {3 * time.Hour, func(o *v1alpha1.ClientGrant) {
			o.Annotations = map[string]string{v1alpha1.ReconcileRequestAnnotation: "answered"}
		}, time.Hour + time.Minute, true},
		"another annotation": {3 * time.Hour, func(o *v1alpha1.ClientGrant) {
			o.Annotations = map[string]string{"x": "y"}
		}, time.Hour + time.Minute, true},
		"a new object of that name": {0, func(o *v1alpha1.ClientGrant) {
			o.UID, o.CreationTimestamp = "uid-2", metav1.NewTime(time.Now())
		}, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := &history{}
				time.Sleep(time.Hour) // A standby has no pass.
				all.of(types.NamespacedName{Name: "another"}, clientGrant(1, 0))
				time.Sleep(time.Hour)
				obj := clientGrant(1, test.age)
				obj.Status.LastHandledReconcileAt = "answered"
				holdBack(all.of(remembered, obj))
				time.Sleep(time.Minute)
				test.change(obj)
				known := all.of(remembered, obj)
				if got := time.Since(known.fresh()); got != test.fresh {
					t.Errorf("evidence may be %s old, want %s", got, test.fresh)
				}
				if known.holdsNothingBack() == test.keeps {
					t.Errorf("held back: %+v", known.memory)
				}
				time.Sleep(time.Minute)
				if again := all.of(remembered, obj); again != known || time.Since(again.fresh()) != test.fresh+time.Minute {
					t.Error("another pass made it new again")
				}
			})
		})
	}
}

func TestHistory_NotesWhenADeletionWasSeenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := &history{}
		time.Sleep(time.Hour)
		obj := clientGrant(1, 2*time.Hour)
		if known := holdBack(all.of(remembered, obj)); !known.memory.DeletedAt.IsZero() {
			t.Errorf("a new memory is %+v", known.memory)
		}
		obj.DeletionTimestamp = new(metav1.NewTime(time.Now().Add(-time.Minute)))
		seen := time.Now()
		for range 3 {
			known := all.of(remembered, obj)
			if !known.memory.DeletedAt.Equal(seen) || known.memory.Refused != nil {
				t.Errorf("deletion seen at %s, want %s; refusals %v", known.memory.DeletedAt, seen, known.memory.Refused)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestHistory_KnowsFromTheStatusThatScopesWereDropped(t *testing.T) {
	for name, test := range map[string]struct {
		condition metav1.Condition
		want      bool
	}{
		"of this generation":  {metav1.Condition{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonScopesDropped, ObservedGeneration: 2}, true},
		"of an earlier one":   {metav1.Condition{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonScopesDropped, ObservedGeneration: 1}, false},
		"of another reason":   {metav1.Condition{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonRejected, ObservedGeneration: 2}, false},
		"of another kind":     {metav1.Condition{Type: v1alpha1.ConditionStalled, Reason: v1alpha1.ReasonScopesDropped, ObservedGeneration: 2}, false},
		"of nothing told yet": {metav1.Condition{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			obj := clientGrant(2, time.Hour)
			obj.Status.Conditions = []metav1.Condition{test.condition}
			if got := (&history{}).of(remembered, obj).memory.DroppedBefore; got != test.want {
				t.Errorf("dropped before: %v", got)
			}
		})
	}
}

func TestHistory_KeepsNothingOfWhatIsGone(t *testing.T) {
	all := &history{}
	first := holdBack(all.of(remembered, clientGrant(1, 0)))
	all.forget(remembered)
	all.forget(remembered)
	if len(all.byKey) != 0 {
		t.Errorf("%d are left", len(all.byKey))
	}
	if again := all.of(remembered, clientGrant(1, 0)); again == first || !again.holdsNothingBack() {
		t.Error("what was forgotten is remembered")
	}
}
