package clientgrant

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

func TestOutcome_AShortWaitForTheRateLimitIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := &teller{object: object{past: &past{}}}
		first := told.outcome(tenant.ErrParked)
		if !first.Silent || first.After <= 0 || first.After > 5*time.Second {
			t.Fatalf("at first it is told as %+v", first)
		}
		time.Sleep(first.After)
		if long := told.outcome(tenant.ErrParked); long.Silent || long.Reason != v1alpha1.ReasonRateLimited || long.After != 0 {
			t.Errorf("a long wait is told as %+v", long)
		}
		if end := told.outcome(nil); !end.Ready {
			t.Errorf("the end of it is told as %+v", end)
		}
		if again := told.outcome(tenant.ErrParked); !again.Silent {
			t.Errorf("the next short wait is told as %+v", again)
		}
	})
}
