package controller_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// statusLogDir names the folder that one object of every state is written to, for test/conformance to have other tools
// judge them; empty: none are.
var statusLogDir = os.Getenv("STATUS_LOG_DIR")

// recordState writes an object of the operator as the API server holds it, unless there is one in the same state already:
// states are the same where tools that read a status cannot tell them apart.
func recordState(obj client.Object) {
	if statusLogDir == "" {
		return
	}
	kind, err := apiutil.GVKForObject(obj, k8s.Scheme())
	Expect(err).NotTo(HaveOccurred())
	if kind.GroupVersion() != v1alpha1.GroupVersion {
		return // An event.
	}
	file := filepath.Join(statusLogDir, kind.Kind+" "+stateName(obj)+".json")
	if _, err := os.Stat(file); err == nil {
		return
	}
	obj = obj.DeepCopyObject().(client.Object)
	obj.SetManagedFields(nil)
	obj.GetObjectKind().SetGroupVersionKind(kind)
	text, err := json.MarshalIndent(obj, "", "  ")
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(file, text, 0o600)).To(Succeed())
}

// stateName puts a state into words that make a file name.
func stateName(obj client.Object) string {
	observed, mode := int64(0), v1alpha1.Mode("")
	switch o := obj.(type) {
	case *v1alpha1.ClientGrant:
		observed, mode = o.Status.ObservedGeneration, o.Spec.Mode
	case *v1alpha1.Auth0Tenant:
		observed, mode = o.Status.ObservedGeneration, o.Spec.Mode
	}
	words := []string{"new"}
	if ready := meta.FindStatusCondition(conditionsOf(obj), v1alpha1.ConditionReady); ready != nil {
		words = []string{string(ready.Status), ready.Reason}
	}
	for _, condition := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionContested} {
		if meta.IsStatusConditionPresentAndEqual(conditionsOf(obj), condition, metav1.ConditionTrue) {
			words = append(words, condition)
		}
	}
	if observed != obj.GetGeneration() {
		words = append(words, "behind")
	}
	if !obj.GetDeletionTimestamp().IsZero() {
		words = append(words, "deleting")
	}
	return fmt.Sprintf("%s in %s", strings.Join(words, " "), mode)
}
