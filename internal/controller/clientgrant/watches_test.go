package clientgrant

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
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

// Of thousands that ask for what nobody gives them, none wakes another one, nor is it woken.
func TestRivalsOf_WakesAndIsWokenByWhoHasAStakeAlone(t *testing.T) {
	of := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "auth0", Name: "main", UID: "uid"}}
	of.Spec.AccessRules = []v1alpha1.AccessRule{{
		Name: "billing", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: []string{"billing"}},
		Audiences: []string{"*"}, Scopes: []string{"read"}, ClientIDs: []string{"*"},
	}}
	asking := func(namespace, name, scope string) *v1alpha1.ClientGrant {
		obj := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name)}}
		obj.Spec.TenantRef = v1alpha1.TenantReference{Namespace: "auth0", Name: "main"}
		obj.Spec.ClientRef.ID, obj.Spec.Audience, obj.Spec.SubjectType = "app", "https://api/", v1alpha1.SubjectTypeClient
		obj.Spec.Scopes = []string{scope}
		return obj
	}
	owner, heir := asking("billing", "owner", "read"), asking("billing", "heir", "read")
	objects := []client.Object{of, owner, heir, asking("strangers", "stranger", "read"), asking("strangers", "other", "read"), asking("billing", "refused", "write")}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithIndex(&v1alpha1.ClientGrant{}, cached.IndexAbout, func(obj client.Object) []string {
			spec := obj.(*v1alpha1.ClientGrant).Spec
			return []string{string(spec.SubjectType) + "  " + spec.ClientRef.ID + " " + spec.Audience}
		})
	for name, values := range cached.Auth0TenantIndexes {
		builder.WithIndex(&v1alpha1.Auth0Tenant{}, name, func(obj client.Object) []string { return values(obj.(*v1alpha1.Auth0Tenant)) })
	}
	stored := builder.Build()
	r := &Reconciler{Client: stored, worlds: world.New(&world.Gatherer{
		Cache: stored, About: cached.AboutBy(stored), Sessions: tenant.NewSessions(nil, nil, 1, time.Minute), Start: time.Now,
	})}
	queue := wake.NewQueue("", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](), wake.NewTurns(1))
	defer queue.ShutDown()
	for name, want := range map[string][]string{
		"owner": {"heir"}, "heir": {"owner"}, "stranger": {}, "other": {}, "refused": {},
	} {
		at := slices.IndexFunc(objects, func(obj client.Object) bool { return obj.GetName() == name })
		r.rivalsOf().Create(t.Context(), event.CreateEvent{Object: objects[at]}, queue)
		edited := objects[at].DeepCopyObject().(client.Object)
		edited.SetGeneration(2)
		r.rivalsOf().Update(t.Context(), event.UpdateEvent{ObjectOld: objects[at], ObjectNew: edited}, queue)
		woken := []string{}
		for queue.Len() > 0 {
			key, _ := queue.Get()
			queue.Done(key)
			woken = append(woken, key.Name)
		}
		if !slices.Equal(woken, want) {
			t.Errorf("%s wakes %v, want %v", name, woken, want)
		}
	}
}
