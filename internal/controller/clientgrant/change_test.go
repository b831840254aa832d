package clientgrant

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// recorded are events, as often as each would be one object of the API server: what differs in its text alone is counted there.
type recorded map[string]int

func (r recorded) Eventf(regarding, related runtime.Object, kind, reason, action, _ string, _ ...any) {
	name := "nothing"
	if related != nil {
		name = related.(metav1.Object).GetName()
	}
	r[fmt.Sprintf("%s %s %s %s %s", kind, reason, action, regarding.(metav1.Object).GetName(), name)]++
}

// many are tellers of as many objects of one Auth0Tenant, which tell into the same log and events.
func many(t *testing.T, count int) (tellers []*teller, events recorded, lines *[]string) {
	t.Helper()
	events, lines = recorded{}, &[]string{}
	log := funcr.New(func(_, line string) { *lines = append(*lines, line) }, funcr.Options{})
	of := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Name: "main"}}
	for i := range count {
		told := &teller{log: log}
		told.obj = &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("grant-", i)}}
		told.Reconciler, told.past, told.around.Tenant = &Reconciler{Events: events}, &past{told: v1alpha1.ReasonAvailable}, of
		tellers = append(tellers, told)
	}
	return tellers, events, lines
}

func become(tellers []*teller, s *status.State) {
	for _, told := range tellers {
		told.said = *s
		told.conditions().Set(s)
		told.tellChange()
	}
}

func TestTellChange_IsBoundedWhereAllObjectsAreInTroubleAtOnce(t *testing.T) {
	const count = 10_000
	available := &status.State{Reason: v1alpha1.ReasonAvailable, Message: "as specified", Ready: true}
	for _, of := range []struct {
		state  *status.State
		events int
		tenant bool
	}{
		{status.Stalled(v1alpha1.ReasonNotPermitted, "no rule"), count, false},
		{status.Waiting(v1alpha1.ReasonDeletionBlocked, "blocked"), count, false},
		{status.Working(v1alpha1.ReasonRateLimited, "limited"), 1, true},
		{status.Working(v1alpha1.ReasonAPIUnavailable, "503"), 1, true},
		{status.Waiting(v1alpha1.ReasonTenantNotReady, "not ready"), 0, true},
		{status.Working(v1alpha1.ReasonProgressing, "at work"), 0, true},
	} {
		t.Run(of.state.Reason, func(t *testing.T) {
			tellers, events, lines := many(t, count)
			for range 3 { // It stays so: nothing more is told.
				become(tellers, of.state)
			}
			if len(events) != of.events || len(*lines) != count {
				t.Errorf("%d events, want %d; %d lines, want %d", len(events), of.events, len(*lines), count)
			}
			for event, times := range events {
				if !strings.HasPrefix(event, "Warning "+of.state.Reason) || strings.Contains(event, " main nothing") != of.tenant || !of.tenant && times > 1 {
					t.Fatalf("%s, %d times", event, times)
				}
			}
			before := len(events)
			become(tellers, available)
			back := len(events) - before
			if want := map[bool]int{true: 0, false: count}[of.tenant]; back != want || len(*lines) != 2*count {
				t.Errorf("once they are Ready again: %d events, want %d; %d lines in all", back, want, len(*lines))
			}
		})
	}
}
