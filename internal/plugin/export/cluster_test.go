package export

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Cluster is what an API server would hold. It is read as the operator reads its cache, and is not safe for concurrent use.
type Cluster struct {
	Grants     map[types.NamespacedName]*v1alpha1.ClientGrant
	tenants    map[types.NamespacedName]*v1alpha1.Auth0Tenant
	configMaps map[types.NamespacedName]*corev1.ConfigMap
	namespaces map[string]*corev1.Namespace
}

// NewCluster has no objects.
func NewCluster() *Cluster {
	return &Cluster{
		Grants: map[types.NamespacedName]*v1alpha1.ClientGrant{}, tenants: map[types.NamespacedName]*v1alpha1.Auth0Tenant{},
		configMaps: map[types.NamespacedName]*corev1.ConfigMap{}, namespaces: map[string]*corev1.Namespace{},
	}
}

// About finds more than asked for: who gathers a World tells apart who has a stake.
func (c *Cluster) About(context.Context, grant.Identity) ([]*v1alpha1.ClientGrant, error) {
	return c.Sorted(), nil
}

// Put stores an object in the place of any of its name. Other kinds than those that are decided on are left out.
func (c *Cluster) Put(object client.Object) {
	key := client.ObjectKeyFromObject(object)
	switch object := object.(type) {
	case *v1alpha1.ClientGrant:
		c.Grants[key] = object
	case *v1alpha1.Auth0Tenant:
		c.tenants[key] = object
	case *corev1.ConfigMap:
		c.configMaps[key] = object
	case *corev1.Namespace:
		c.namespaces[key.Name] = object
	}
}

// Tenants are the Auth0Tenants, in order.
func (c *Cluster) Tenants() []*v1alpha1.Auth0Tenant {
	found := slices.Collect(maps.Values(c.tenants))
	slices.SortFunc(found, func(a, b *v1alpha1.Auth0Tenant) int { return byName(a, b) })
	return found
}

// Sorted are the ClientGrants, in order.
func (c *Cluster) Sorted() []*v1alpha1.ClientGrant {
	found := slices.Collect(maps.Values(c.Grants))
	slices.SortFunc(found, func(a, b *v1alpha1.ClientGrant) int { return byName(a, b) })
	return found
}

func byName(a, b client.Object) int {
	return slices.Compare([]string{a.GetNamespace(), a.GetName()}, []string{b.GetNamespace(), b.GetName()})
}

// Get reads an object.
func (c *Cluster) Get(_ context.Context, key types.NamespacedName, into client.Object, _ ...client.GetOption) error {
	switch into := into.(type) {
	case *v1alpha1.Auth0Tenant:
		if found := c.tenants[key]; found != nil {
			found.DeepCopyInto(into)
			return nil
		}
	case *v1alpha1.ClientGrant:
		if found := c.Grants[key]; found != nil {
			found.DeepCopyInto(into)
			return nil
		}
	case *corev1.ConfigMap:
		if found := c.configMaps[key]; found != nil {
			found.DeepCopyInto(into)
			return nil
		}
	case *metav1.PartialObjectMetadata:
		if found := c.metadata(into.Kind, key); found != nil {
			found.DeepCopyInto(&into.ObjectMeta)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.String())
}

func (c *Cluster) metadata(kind string, key types.NamespacedName) *metav1.ObjectMeta {
	switch kind {
	case "Namespace":
		if found := c.namespaces[key.Name]; found != nil {
			return &found.ObjectMeta
		}
	case "ConfigMap":
		if found := c.configMaps[key]; found != nil {
			return &found.ObjectMeta
		}
	}
	return nil
}

// List lists the Auth0Tenants, of a value of an index where one is asked for.
func (c *Cluster) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	list, ok := into.(*v1alpha1.Auth0TenantList)
	if !ok {
		return fmt.Errorf("no list of %T", into)
	}
	for _, found := range c.Tenants() {
		matches := true
		for field, values := range cached.Auth0TenantIndexes {
			if o.FieldSelector == nil {
				break
			}
			if value, asked := o.FieldSelector.RequiresExactMatch(field); asked {
				matches = slices.Contains(values(found), value)
			}
		}
		if matches {
			list.Items = append(list.Items, *found)
		}
	}
	return nil
}
