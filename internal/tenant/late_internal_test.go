package tenant

import (
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// A session that is opened again under another host still knows of the requests that were not answered.
func TestLateCreates_JoinThoseOfAnotherHost(t *testing.T) {
	app, sent := grant.Identity{ClientID: "app"}, time.Now()
	custom, own := newLateCreates(time.Minute), newLateCreates(time.Minute)
	custom.add(app, sent)
	own.add(app, sent.Add(-time.Second))
	own.join(custom)
	if until, late := own.of(app); !late || !until.Equal(sent.Add(time.Minute)) {
		t.Errorf("late %v, until %s", late, until)
	}
}
