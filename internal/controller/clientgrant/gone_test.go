package clientgrant

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// An object whose finalizer was taken off while no operator ran, and that goes before this process looked at it, is known by its
// status alone.
func TestBury_TakesUpWhatAnEarlierProcessHeld(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		origin     v1alpha1.Origin
		id, reason string
		taken      bool
	}{
		"ready with a created grant":           {v1alpha1.OriginCreated, "cgr_1", v1alpha1.ReasonAvailable, true},
		"ready with an adopted grant":          {v1alpha1.OriginAdopted, "cgr_1", v1alpha1.ReasonAvailable, true},
		"frozen":                               {v1alpha1.OriginCreated, "cgr_1", v1alpha1.ReasonNotPermitted, true},
		"about to adopt":                       {v1alpha1.OriginAdopted, "cgr_1", v1alpha1.ReasonProgressing, false},
		"about to create, with nothing sent":   {v1alpha1.OriginCreated, "", v1alpha1.ReasonProgressing, false},
		"refused, and with no record any more": {"", "", v1alpha1.ReasonNotPermitted, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			nothing := func(client.Object) []string { return nil }
			objects := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1alpha1.ClientGrant{}, cached.IndexAbout, nothing).Build()
			r := &Reconciler{Client: objects, Queue: &wake.Queue{}, worlds: world.New(&world.Gatherer{About: cached.AboutBy(objects)})}
			obj := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "reader", UID: "1"}}
			obj.Spec.TenantRef.Name = "main"
			obj.Status.OwnershipRecord = v1alpha1.OwnershipRecord{Origin: test.origin, GrantID: test.id, ClientID: "app", Audience: "https://api/"}
			obj.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: test.reason}}
			r.tombstones.note(obj)
			r.bury(t.Context(), client.ObjectKeyFromObject(obj))
			if taken := len(r.Pending(obj.TenantKey())) == 1; taken != test.taken {
				t.Errorf("its access is to be ended: %v", taken)
			}
		})
	}
}

// unknownStep is a step that was added to the decision and to nothing else.
type unknownStep struct{ lifecycle.Action }

func TestStore_RefusesAStepThatItDoesNotKnow(t *testing.T) {
	obj := &v1alpha1.ClientGrant{}
	p := (&Reconciler{}).newPass(t.Context(), client.ObjectKeyFromObject(obj), obj, &past{})
	err := p.store(t.Context(), &lifecycle.Step{Do: unknownStep{}})
	if err == nil || !strings.Contains(err.Error(), "unknownStep") {
		t.Errorf("got %v", err)
	}
}
