package auth0tenant

import (
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

func TestAccepted_SaysThatTheIntervalCannotBeKept(t *testing.T) {
	config := tenant.Config{Interval: time.Minute}
	for took, want := range map[time.Duration]bool{time.Second: false, time.Minute: false, 61 * time.Second: true} {
		if got := strings.Contains(accepted(config, nil, took), "spec.resyncInterval"); got != want {
			t.Errorf("a look that takes %s: told %t, want %t", took, got, want)
		}
	}
}
