package clientgrant

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

func TestDeleting_KeepsAnObjectThatIsSeenToBecomeAnotherOne(t *testing.T) {
	r := &Reconciler{Queue: &wake.Queue{}}
	before := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{
		Namespace: "billing", Name: "grant", UID: "first", Finalizers: []string{v1alpha1.ClientGrantFinalizer},
	}}
	before.Status.OwnershipRecord = v1alpha1.OwnershipRecord{Origin: v1alpha1.OriginCreated, ClientID: "app", GrantID: "cgr_1"}
	same := before.DeepCopy()
	r.deleting(event.UpdateEvent{ObjectOld: before, ObjectNew: same})
	if kept := r.tombstones.unburied(client.ObjectKeyFromObject(before)); len(kept) != 0 {
		t.Errorf("kept %v of an object that is still there", kept)
	}
	again := before.DeepCopy()
	again.UID, again.Status = "second", v1alpha1.ClientGrantStatus{}
	r.deleting(event.UpdateEvent{ObjectOld: before, ObjectNew: again})
	if kept := r.tombstones.unburied(client.ObjectKeyFromObject(before)); len(kept) != 1 || kept[0].UID != "first" {
		t.Errorf("kept %v, want the first object: nobody else would revoke its grant", kept)
	}
}
