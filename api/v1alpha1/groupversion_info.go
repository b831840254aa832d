// Package v1alpha1 holds the two kinds of the operator, ClientGrant and Auth0Tenant, with the names of their condition
// types, reasons, finalizers and annotations.
//
// +kubebuilder:object:generate=true
// +groupName=auth0.clientgrants.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the kinds in this package.
var GroupVersion = schema.GroupVersion{Group: "auth0.clientgrants.dev", Version: "v1alpha1"}

var schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the kinds of this package.
var AddToScheme = schemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &ClientGrant{}, &ClientGrantList{}, &Auth0Tenant{}, &Auth0TenantList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
