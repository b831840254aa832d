package status_test

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestKstatus_OfEveryState(t *testing.T) {
	for name, s := range states(t) {
		t.Run(name, func(t *testing.T) {
			if got, want := compute(t, s.object), s.kstatus(); got != want {
				t.Errorf("kstatus is %s, want %s:\n%v", got, want, s.object.Object["status"])
			}
		})
		t.Run(name+", edited", func(t *testing.T) {
			want := status.InProgressStatus
			if s.deleting {
				want = status.TerminatingStatus
			}
			if got := compute(t, s.edited()); got != want {
				t.Errorf("kstatus is %s, want %s", got, want)
			}
		})
	}
}

func (s state) kstatus() status.Status {
	switch {
	case s.deleting:
		return status.TerminatingStatus
	case s.behind:
		return status.InProgressStatus
	case s.outcome == ready:
		return status.CurrentStatus
	case s.outcome == stalled:
		return status.FailedStatus
	}
	return status.InProgressStatus
}

func compute(t *testing.T, object *unstructured.Unstructured) status.Status {
	t.Helper()
	result, err := status.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}
