package v1alpha1_test

import (
	"testing"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// TestFinalizers_KeepTheirNames stands for every object that an earlier version has left its finalizer on: under another
// name nobody would ever take it off.
func TestFinalizers_KeepTheirNames(t *testing.T) {
	for name, wanted := range map[string]string{
		v1alpha1.ClientGrantFinalizer: "auth0.clientgrants.dev/client-grant",
		v1alpha1.TenantFinalizer:      "auth0.clientgrants.dev/tenant",
	} {
		if name != wanted {
			t.Errorf("the finalizer is %q now; it was %q", name, wanted)
		}
	}
}
