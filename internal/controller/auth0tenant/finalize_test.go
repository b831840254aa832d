package auth0tenant

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// refusing is an API server that answers every listing with an error.
type refusing struct {
	client.Reader
	err error
}

func (r refusing) List(context.Context, client.ObjectList, ...client.ListOption) error { return r.err }

// TestAuth0TenantHasNoUsersOnceTheirCRDIsGone: else nothing would ever let it go, with the reason in a log alone.
func TestAuth0TenantHasNoUsersOnceTheirCRDIsGone(t *testing.T) {
	resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "clientgrants"}
	tests := map[string]struct {
		err  error
		fail bool
	}{
		"the server does not know the kind":     {apierrors.NewNotFound(resource, ""), false},
		"nor does what was discovered of it":    {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: resource.Group, Kind: "ClientGrant"}}, false},
		"the operator may not list":             {apierrors.NewForbidden(resource, "", errors.New("no role")), true},
		"the server cannot answer at this time": {apierrors.NewServiceUnavailable("starting"), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &Reconciler{Live: refusing{err: test.err}}
			count, _, _, err := r.liveUsers(t.Context(), types.NamespacedName{Namespace: "default", Name: "main"})
			if count != 0 || (err != nil) != test.fail {
				t.Errorf("%d users, error %v", count, err)
			}
		})
	}
}

// TestAuth0TenantWaitsForThoseOfWhichOnlyTheCacheKnows: the event of an end that the API server did not wait for may come late,
// and then the access has still to be ended.
func TestAuth0TenantWaitsForThoseOfWhichOnlyTheCacheKnows(t *testing.T) {
	recorded := v1alpha1.ClientGrantStatus{OwnershipRecord: v1alpha1.OwnershipRecord{Origin: v1alpha1.OriginCreated, GrantID: "cgr_1"}}
	tests := map[string]struct {
		finalizers []string
		status     v1alpha1.ClientGrantStatus
		live       error
		stays      bool
	}{
		"one that was held":                       {finalizers: []string{v1alpha1.ClientGrantFinalizer}, stays: true},
		"one whose finalizer was taken off":       {status: recorded, stays: true},
		"one that never owned anything":           {},
		"one that is left over of a deleted kind": {status: recorded, live: &meta.NoKindMatchError{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			of := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{
				Namespace: "auth0", Name: "main", UID: "1", Finalizers: []string{v1alpha1.TenantFinalizer, "example.com/other"},
			}}
			user := &v1alpha1.ClientGrant{
				ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "reader", Finalizers: test.finalizers}, Status: test.status,
			}
			user.Spec.TenantRef = v1alpha1.TenantReference{Name: "main", Namespace: "auth0"}
			r := reconcilerOf(t, interceptor.Funcs{}, of, user)
			r.Live = refusing{err: test.live}
			inUse, err := r.finalize(t.Context(), of)
			if err != nil || (inUse != nil) != test.stays {
				t.Fatalf("it is told %v, error %v", inUse, err)
			}
			if inUse != nil && (inUse.Reason != v1alpha1.ReasonInUse || inUse.After == 0) {
				t.Errorf("it is told %+v", inUse)
			}
			now := &v1alpha1.Auth0Tenant{}
			if err := r.Get(t.Context(), client.ObjectKeyFromObject(of), now); err != nil {
				t.Fatal(err)
			}
			if held := len(now.Finalizers) == 2; held != test.stays {
				t.Errorf("its finalizers are %v", now.Finalizers)
			}
		})
	}
}

// An end that the API server, or an admission policy of the cluster, does not let come is told in its words.
func TestAuth0TenantTellsThatItsFinalizerCannotBeTakenOff(t *testing.T) {
	resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "auth0tenants"}
	obj := tenantNamed("main")
	obj.Finalizers, obj.DeletionTimestamp = []string{v1alpha1.TenantFinalizer}, new(metav1.Now())
	obj.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAvailable}}
	r := reconcilerOf(t, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return apierrors.NewForbidden(resource, "main", errors.New("frozen zone"))
		},
	}, obj)
	result, err := reconcileOnce(t, r, obj)
	if err != nil || result.RequeueAfter == 0 {
		t.Errorf("result %+v, error %v", result, err)
	}
	if err := r.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
		t.Fatal(err)
	}
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
	if ready.Status != metav1.ConditionFalse || !strings.Contains(ready.Message, "frozen zone") {
		t.Errorf("told %+v", ready)
	}
}
