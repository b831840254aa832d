// Package cached says what the operator keeps of objects in its cache, and by what it finds them there.
package cached

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// compact makes a ClientGrant small before it is cached: without what only other programs read, kubectl's copy of the
// manifest above all, and with the strings that most objects have in common kept once.
func compact(object any) (any, error) {
	obj, ok := object.(*v1alpha1.ClientGrant)
	if !ok {
		return object, nil
	}
	obj.ManagedFields = nil
	delete(obj.Annotations, corev1.LastAppliedConfigAnnotation)
	grant.Intern(&obj.APIVersion, &obj.Kind, &obj.Namespace, &obj.Spec.TenantRef.Name, &obj.Spec.TenantRef.Namespace,
		&obj.Spec.Audience, &obj.Status.Audience, &obj.Status.Tenant)
	grant.InternAll(obj.Finalizers)
	grant.InternAll(obj.Spec.Scopes)
	for i := range obj.Status.Conditions {
		condition := &obj.Status.Conditions[i]
		grant.Intern(&condition.Type, &condition.Reason, &condition.Message)
	}
	return obj, nil
}

// labelsOnly keeps what access rules ask of a namespace.
func labelsOnly(object any) (any, error) {
	if metadata, ok := object.(metav1.Object); ok {
		metadata.SetAnnotations(nil)
		metadata.SetManagedFields(nil)
	}
	return object, nil
}

// nameOnly drops what is not needed and what may be content: kubectl keeps a copy of a Secret in an annotation.
func nameOnly(object any) (any, error) {
	if metadata, ok := object.(metav1.Object); ok {
		metadata.SetAnnotations(nil)
		metadata.SetLabels(nil)
		metadata.SetManagedFields(nil)
	}
	return object, nil
}
