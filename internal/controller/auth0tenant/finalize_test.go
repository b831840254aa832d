package auth0tenant

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
			count, _, err := r.liveUsers(t.Context(), types.NamespacedName{Namespace: "default", Name: "main"})
			if count != 0 || (err != nil) != test.fail {
				t.Errorf("%d users, error %v", count, err)
			}
		})
	}
}
