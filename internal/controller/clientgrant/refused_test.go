package clientgrant

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// reconcilerOf is a Reconciler whose API server has these objects, and refuses what it is told to.
func reconcilerOf(t *testing.T, refusing interceptor.Funcs, objects ...client.Object) (*Reconciler, *events.FakeRecorder) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	nothing := func(client.Object) []string { return nil }
	stored := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(refusing).
		WithStatusSubresource(&v1alpha1.ClientGrant{}).WithIndex(&v1alpha1.ClientGrant{}, cached.IndexAbout, nothing).Build()
	sessions := tenant.NewSessions(func(budget.Key) {}, func(budget.Key) {}, 1, time.Minute)
	t.Cleanup(sessions.CloseAll)
	told := events.NewFakeRecorder(10)
	r := &Reconciler{Client: stored, Live: stored, Events: told, Sessions: sessions, Queue: &wake.Queue{}, Tenants: &wake.Queue{}}
	r.turns = wake.NewTurns(1)
	r.worlds = world.New(&world.Gatherer{
		Cache: stored, Live: stored, Sessions: sessions, Start: r.history.start, About: cached.AboutBy(stored),
		Gone: func(grant.Identity) []*v1alpha1.ClientGrant { return nil },
	})
	return r, told
}

// An admission policy of the cluster may refuse the operator's writes to an object: an end that cannot come is told where anything
// can be told.
func TestReconcile_TellsInTheServersWordsWhatItRefuses(t *testing.T) {
	resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "clientgrants"}
	refusals := map[string]error{
		"a policy":                           apierrors.NewForbidden(resource, "reader", errors.New("frozen zone")),
		"a webhook that does not answer":     apierrors.NewInternalError(errors.New("failed calling webhook: frozen zone")),
		"a webhook that refuses the request": apierrors.NewBadRequest("admission webhook denied the request: frozen zone"),
	}
	for name, refusal := range refusals {
		for _, status := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				now := metav1.Now()
				obj := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{
					Namespace: "team", Name: "reader", DeletionTimestamp: &now, Finalizers: []string{v1alpha1.ClientGrantFinalizer},
				}}
				obj.Spec.TenantRef = v1alpha1.TenantReference{Name: "main", Namespace: "elsewhere"}
				obj.Spec.ClientRef.ID, obj.Spec.Audience, obj.Spec.SubjectType = "app", "https://api/", "client"
				obj.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAvailable}}
				r, told := reconcilerOf(t, interceptor.Funcs{
					Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
						return refusal
					},
					SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
						if status {
							return refusal
						}
						return c.SubResource(sub).Patch(ctx, o, p, opts...)
					},
				}, obj)
				key := client.ObjectKeyFromObject(obj)
				if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err == nil {
					t.Error("it is not tried again")
				}
				if status {
					select {
					case event := <-told.Events:
						if !strings.HasPrefix(event, "Warning "+v1alpha1.EventNotWritten) || !strings.Contains(event, "frozen zone") {
							t.Errorf("told %q", event)
						}
					default:
						t.Error("nothing is told")
					}
					return
				}
				if err := r.Get(t.Context(), key, obj); err != nil {
					t.Fatal(err)
				}
				ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
				if ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonDeletionBlocked || !strings.Contains(ready.Message, "frozen zone") {
					t.Errorf("told %+v", ready)
				}
			})
		}
	}
}
