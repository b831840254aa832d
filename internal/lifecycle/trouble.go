package lifecycle

import (
	"strings"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// HeldUp adds to the trouble that keeps a deletion from being made how to do without it.
func HeldUp(w World, trouble status.State) *status.State {
	if trouble.Reason != v1alpha1.ReasonTenantNotReady && trouble.Reason != v1alpha1.ReasonAPIUnavailable {
		return &trouble
	}
	d := newDecision(w)
	told := trouble
	told.Message = d.blocked("%s.", strings.TrimSuffix(trouble.Message, ".")).Tell.Message
	if trouble.Reason == v1alpha1.ReasonTenantNotReady || !w.Tenant.Near {
		told.Reason, told.KeepsReady, told.Working = v1alpha1.ReasonDeletionBlocked, false, false
	}
	return &told
}

// NotRevoked is what is told of a deletion that Auth0 refused.
func NotRevoked(w World, refused status.State) *status.State {
	return passing(newDecision(w).blocked("%s", refused.Message)).Tell
}
