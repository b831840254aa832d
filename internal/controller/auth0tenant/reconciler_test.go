package auth0tenant

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// reconcilerOf is a Reconciler whose API server has these objects, and fails as it is told.
func reconcilerOf(t *testing.T, failing interceptor.Funcs, objects ...client.Object) *Reconciler {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	stored := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(failing).
		WithStatusSubresource(&v1alpha1.Auth0Tenant{}, &v1alpha1.ClientGrant{}).
		WithIndex(&v1alpha1.ClientGrant{}, cached.IndexTenant, func(obj client.Object) []string {
			return []string{obj.(*v1alpha1.ClientGrant).TenantKey().String()}
		}).Build()
	sessions := tenant.NewSessions(func(budget.Key) {}, func(budget.Key) {}, 1, time.Minute)
	t.Cleanup(sessions.CloseAll)
	return &Reconciler{
		Client: stored, Live: stored, Sessions: sessions, Events: &events.FakeRecorder{}, Queue: &wake.Queue{}, Grants: &wake.Queue{},
		Installation: Installation{TenantNamespaces: []string{"auth0"}, AllowedDomains: []string{"*.auth0.com"}},
		Pending:      func(types.NamespacedName) []types.NamespacedName { return nil }, Begin: func() {},
		known: map[types.NamespacedName]*knownTenant{}, turns: wake.NewTurns(1),
	}
}

func keyOf(obj client.Object) budget.Key { return budget.Key(client.ObjectKeyFromObject(obj)) }

func reconcileOnce(t *testing.T, r *Reconciler, obj client.Object) (ctrl.Result, error) {
	t.Helper()
	return r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
}

// An Auth0Tenant that cannot have the finalizer is not used, and keeps no other one of its host from work.
func TestReconcile_TellsThatTheFinalizerCannotBeAdded(t *testing.T) {
	resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "auth0tenants"}
	tests := map[string]struct {
		err                 error
		told, stalled, fail bool
	}{
		"too large":                 {apierrors.NewRequestEntityTooLargeError("limit is 3145728"), true, true, true},
		"too large for the storage": {apierrors.NewInternalError(errors.New("etcdserver: request is too large")), true, false, true},
		"refused by admission":      {apierrors.NewForbidden(resource, "main", errors.New("denied the request")), true, true, true},
		"no longer valid":           {apierrors.NewInvalid(schema.GroupKind{Kind: "Auth0Tenant"}, "main", nil), true, true, true},
		"written meanwhile":         {apierrors.NewConflict(resource, "main", errors.New("modified")), false, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			obj := tenantNamed("main")
			secret := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: "auth0", Name: "auth0"},
				Data:       map[string][]byte{tenant.KeyClientID: []byte("operator"), tenant.KeyClientSecret: []byte("secret")},
			}
			r := reconcilerOf(t, interceptor.Funcs{
				Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
					return test.err
				},
			}, obj, secret)
			result, err := reconcileOnce(t, r, obj)
			if (err != nil) != test.fail || !test.fail && result.RequeueAfter == 0 {
				t.Errorf("result %+v, error %v", result, err)
			}
			if len(r.Sessions.OperatorsOf("acme.eu.auth0.com")) > 0 || r.Sessions.MayUse(keyOf(obj), string(obj.UID), "operator") {
				t.Error("an application is protected, or waited for, whose credentials nobody tries")
			}
			if r.Sessions.Get(keyOf(obj), string(obj.UID)) != nil {
				t.Error("it is used without the finalizer")
			}
			now := &v1alpha1.Auth0Tenant{}
			if err := r.Get(t.Context(), client.ObjectKeyFromObject(obj), now); err != nil {
				t.Fatal(err)
			}
			ready := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady)
			if (ready != nil) != test.told || meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionStalled) != test.stalled {
				t.Errorf("told %+v", now.Status.Conditions)
			}
		})
	}
}

// An Auth0Tenant is needed for as long as the access of a ClientGrant is still being ended, also of one that is gone.
func TestReconcile_WaitsForClientGrantsThatAreGone(t *testing.T) {
	obj := tenantNamed("main")
	obj.Finalizers, obj.DeletionTimestamp = []string{v1alpha1.TenantFinalizer}, new(metav1.Now())
	pending := []types.NamespacedName{{Namespace: "billing", Name: "grant/uid"}}
	r := reconcilerOf(t, interceptor.Funcs{}, obj)
	r.Pending = func(of types.NamespacedName) []types.NamespacedName {
		if of != client.ObjectKeyFromObject(obj) {
			t.Errorf("asked for %v", of)
		}
		return pending
	}
	if _, err := reconcileOnce(t, r, obj); err != nil {
		t.Fatal(err)
	}
	now := &v1alpha1.Auth0Tenant{}
	if err := r.Get(t.Context(), client.ObjectKeyFromObject(obj), now); err != nil {
		t.Fatalf("it went: %v", err)
	}
	if ready := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Reason != v1alpha1.ReasonInUse {
		t.Errorf("told %+v", now.Status.Conditions)
	}
	pending = nil
	if _, err := reconcileOnce(t, r, obj); err != nil {
		t.Fatal(err)
	}
	if err := r.Get(t.Context(), client.ObjectKeyFromObject(obj), now); !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}
