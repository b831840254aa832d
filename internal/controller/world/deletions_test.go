package world

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
)

// limited is an Auth0Tenant with a limit of deletions, whose grants the namespaces own.
func limited(t *testing.T, limit int32, owners ...string) (*Gatherer, *v1alpha1.Auth0Tenant) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1alpha1.ClientGrant{}, cached.IndexTenant, func(obj client.Object) []string {
		return []string{obj.(*v1alpha1.ClientGrant).TenantKey().String()}
	})
	for _, owner := range owners {
		obj := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: owner, Name: "grant"}}
		obj.Status.Origin = v1alpha1.OriginCreated
		obj.Spec.TenantRef = v1alpha1.TenantReference{Namespace: "auth0", Name: "main"}
		objects.WithObjects(obj)
	}
	of := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "auth0", Name: "main", UID: "uid"}}
	of.Spec.DeletionLimit = &limit
	return New(&Gatherer{Cache: objects.Build()}), of
}

// deleteAll makes deletions in this order, and returns which of them may be made at once.
func deleteAll(t *testing.T, g *Gatherer, of *v1alpha1.Auth0Tenant, now time.Time, order ...string) (made []string) {
	t.Helper()
	for _, namespace := range order {
		_, from, err := g.DeletionsFrom(t.Context(), of, namespace, now)
		if err != nil {
			t.Fatal(err)
		}
		if from.After(now) {
			continue
		}
		if d := of.Status.Deletions; d == nil || now.Sub(d.Since.Time) >= DeletionWindow {
			of.Status.Deletions = &v1alpha1.DeletionCount{Since: metav1.NewTime(now)}
		}
		of.Status.Deletions.Count++
		g.Deleted(of, namespace)
		made = append(made, namespace)
	}
	return made
}

// One namespace that makes and deletes grants all the time leaves deletions to the others, and nobody gets more than the limit.
func TestDeletionsFrom_GivesNamespacesTheirShares(t *testing.T) {
	now := time.Now()
	many := slices.Repeat([]string{"noisy"}, 20)
	for name, test := range map[string]struct {
		owners, order, want []string
	}{
		"alone":        {[]string{"noisy"}, many, slices.Repeat([]string{"noisy"}, 8)},
		"beside one":   {[]string{"noisy", "quiet"}, append(slices.Clone(many), "quiet"), append(slices.Repeat([]string{"noisy"}, 4), "quiet")},
		"beside two":   {[]string{"noisy", "a", "b"}, append(slices.Clone(many), "a", "a", "b", "a"), append(slices.Repeat([]string{"noisy"}, 4), "a", "a", "b")},
		"all together": {[]string{"a", "b"}, slices.Repeat([]string{"a", "b"}, 20), []string{"a", "b", "a", "b", "a", "b"}},
	} {
		g, of := limited(t, 8, test.owners...)
		if got := deleteAll(t, g, of, now, test.order...); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
		if got := deleteAll(t, g, of, now.Add(DeletionWindow), "noisy"); len(got) != 1 {
			t.Errorf("%s: nothing goes an hour later", name)
		}
	}
}
