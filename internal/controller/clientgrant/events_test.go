package clientgrant

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/events"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
)

func TestEventHandedOver_NamesTheGrantThatIsGivenAway(t *testing.T) {
	record := &grant.Record{Identity: grant.Identity{Audience: "https://new/"}, ID: "cgr_new"}
	replaces := &grant.Record{Identity: grant.Identity{Audience: "https://old/"}, ID: "cgr_old"}
	blank := &grant.Record{Identity: record.Identity}
	for name, test := range map[string]struct {
		replaced, after, afterReplaced *grant.Record
		want                           string
	}{
		"the one that is being replaced":        {replaces, record, nil, "cgr_old"},
		"the one of a change that is undone":    {replaces, replaces, nil, "cgr_new"},
		"the only one":                          {nil, blank, nil, "cgr_new"},
		"the only one, without a record of it":  {nil, nil, nil, "cgr_new"},
		"the newer one of two, with the object": {replaces, record, replaces, "cgr_new"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := events.NewFakeRecorder(1)
			told := &teller{object: object{Reconciler: &Reconciler{Events: seen}, obj: &v1alpha1.ClientGrant{}}}
			told.world.Object.Record, told.world.Object.Replaces = record, test.replaced
			told.eventHandedOver(&lifecycle.Step{Record: test.after, Replaces: test.afterReplaced})
			if note := <-seen.Events; !strings.Contains(note, "Grant "+test.want+" is") {
				t.Errorf("it says %q", note)
			}
		})
	}
}
