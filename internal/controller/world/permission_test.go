package world

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// An operator that may read nothing cluster-scoped would wait for a Namespace until its end.
func TestPermission_ReadsNoNamespaceWhereItMayNot(t *testing.T) {
	reader := interceptor.NewClient(nil, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("read")
		},
	})
	of := &v1alpha1.Auth0Tenant{Spec: v1alpha1.Auth0TenantSpec{
		Domain: "acme.auth0.com",
		AccessRules: []v1alpha1.AccessRule{{
			Name: "labelled", Audiences: []string{"*"}, Scopes: []string{"*"}, ClientIDs: []string{"*"},
			Namespaces: v1alpha1.RuleNamespaces{
				From: v1alpha1.NamespacesFromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "billing"}},
			},
		}},
	}}
	for _, namespaced := range []bool{true, false} {
		r := New(&Gatherer{Sessions: tenant.NewSessions(nil, nil, 1, time.Minute), Namespaced: namespaced, Start: time.Now})
		g := newGathering(r, reader)
		asked, err := g.permission(t.Context(), of, "billing")
		if namespaced != (err == nil) {
			t.Errorf("where nothing cluster-scoped may be read is %t, permission returned %v", namespaced, err)
		}
		identity := grant.Identity{Tenant: "acme.auth0.com", ClientID: "app", Audience: "https://api.example.com/", SubjectType: "client"}
		if err == nil && (asked.admits() || asked.decide(identity, grant.Fields{}).Allowed) {
			t.Error("a rule for labels that nobody knows admits the namespace")
		}
	}
}
