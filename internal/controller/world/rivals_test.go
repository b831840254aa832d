package world

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// asking is a ClientGrant that asks for one grant with a scope, in a namespace.
func asking(namespace, name, scope string) *v1alpha1.ClientGrant {
	obj := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + name)}}
	obj.Spec = v1alpha1.ClientGrantSpec{
		TenantRef: v1alpha1.TenantReference{Namespace: "auth0", Name: "main"}, ClientRef: v1alpha1.ClientReference{ID: "app"},
		Audience: "https://api/", SubjectType: v1alpha1.SubjectTypeClient, Scopes: []string{scope}, Mode: v1alpha1.ModeEnforce,
	}
	return obj
}

// Whoever is refused costs nobody a read, however often he asks: not in a namespace that no rule speaks of, not where the rule
// refuses it, and not by way of a ConfigMap.
func TestRivals_ThatAreRefusedAreNotAskedLive(t *testing.T) {
	of := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "auth0", Name: "main", UID: "uid"}}
	of.Spec.Domain = "acme.auth0.com"
	of.Spec.AccessRules = []v1alpha1.AccessRule{{
		Name: "billing", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: []string{"billing"}},
		Audiences: []string{"*"}, Scopes: []string{"read"}, ClientIDs: []string{"*"},
	}}
	victim := asking("billing", "victim", "read")
	victim.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
	objects := []client.Object{of, victim, asking("billing", "heir", "read")}
	for i := range 300 {
		byConfigMap := asking("strangers", fmt.Sprint("reference-", i), "read")
		byConfigMap.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "missing", Key: "id"}}
		objects = append(objects, byConfigMap, asking("strangers", fmt.Sprint("stranger-", i), "read"), asking("billing", fmt.Sprint("refused-", i), "write"))
	}
	builder := fake.NewClientBuilder().WithScheme(testScheme(t)).WithObjects(objects...).
		WithIndex(&v1alpha1.ClientGrant{}, cached.IndexAbout, func(obj client.Object) []string {
			spec := obj.(*v1alpha1.ClientGrant).Spec
			return []string{"client  " + spec.ClientRef.ID + " " + spec.Audience}
		}).
		WithIndex(&v1alpha1.ClientGrant{}, cached.IndexTenant, func(client.Object) []string { return nil })
	for name, values := range cached.Auth0TenantIndexes {
		builder.WithIndex(&v1alpha1.Auth0Tenant{}, name, func(obj client.Object) []string { return values(obj.(*v1alpha1.Auth0Tenant)) })
	}
	stored := builder.Build()
	live := &countingReader{Reader: stored}
	g := New(&Gatherer{
		Cache: stored, Live: live, Sessions: tenant.NewSessions(nil, nil, 1, time.Minute), TenantNamespaces: []string{"auth0"}, Start: time.Now,
		About: cached.AboutBy(stored), Usable: func(*v1alpha1.Auth0Tenant) bool { return true },
		Gone: func(grant.Identity) []*v1alpha1.ClientGrant { return nil },
	})
	w, _, err := g.FromServer(t.Context(), victim, lifecycle.Memory{}, false)
	if err != nil || len(w.Rivals) != 1 || w.Rivals[0].Name != "heir" {
		t.Errorf("found %d rivals, error %v, want the one that may have the grant", len(w.Rivals), err)
	}
	if live.reads > 3 {
		t.Errorf("%d live reads, want the Auth0Tenant and the heir", live.reads)
	}
	hasStake := g.Stakes(t.Context())
	for _, obj := range objects[1:] {
		one := obj.(*v1alpha1.ClientGrant)
		if want := one.Name == "victim" || one.Name == "heir"; hasStake(one) != want {
			t.Errorf("%s/%s has a stake: %t", one.Namespace, one.Name, !want)
		}
	}
	stranger := objects[4].(*v1alpha1.ClientGrant)
	if w, _, err := g.FromCache(t.Context(), stranger, lifecycle.Memory{}, false); err != nil || len(w.Rivals) != 0 {
		t.Errorf("%d rivals were gathered for one that owns nothing and gets nothing, error %v", len(w.Rivals), err)
	}
}
