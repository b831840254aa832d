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
		r := New(&Gatherer{Cache: indexed(t), Sessions: tenant.NewSessions(nil, nil, 1, time.Minute), Namespaced: namespaced, Start: time.Now})
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

// Auth0's own APIs may have the tenant's custom domain in their audience, although the Auth0Tenant is on the canonical one.
func TestPermission_TakesAPIsOfEveryHostOfATenantForSystemAPIs(t *testing.T) {
	of := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "auth0"}, Spec: v1alpha1.Auth0TenantSpec{Domain: "acme.auth0.com"}}
	g := newGathering(New(&Gatherer{
		Cache: indexed(t), Sessions: tenant.NewSessions(nil, nil, 1, time.Minute), Start: time.Now, TenantHosts: []string{"login.acme.com"},
	}), nil)
	may, err := g.permission(t.Context(), of, "auth0")
	if err != nil {
		t.Fatal(err)
	}
	for audience, allowed := range map[string]bool{"https://login.acme.com/me/": false, "https://api.acme.com/": true} {
		asked := grant.Identity{Tenant: "acme.auth0.com", ClientID: "app", Audience: audience, SubjectType: "client"}
		if may.decide(asked, grant.Fields{Scope: []string{"read"}}).Allowed != allowed {
			t.Errorf("%s is allowed: %v", audience, !allowed)
		}
	}
}
