package clientgrant

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// event tells of a change that was made. It is a courtesy: events may be lost, and are refused in a namespace that is
// being deleted.
func (t *teller) event(reason, format string, args ...any) {
	t.Events.Eventf(t.obj, nil, corev1.EventTypeNormal, reason, reason, format, args...)
}

func (t *teller) eventAdopted(id string) {
	t.event(v1alpha1.EventAdopted, "Adopted grant %s, which was in the tenant first.", id)
}

func (t *teller) eventTookOver(id string) {
	t.event(v1alpha1.EventHandedOver, "Took over grant %s from another ClientGrant.", id)
	metrics.HandedOver(t.obj.TenantKey())
}

// eventHandedOver tells of the grants that were recorded before the step.
func (t *teller) eventHandedOver() {
	id := ""
	if record := t.world.Object.Record; record != nil {
		id = record.ID
	}
	t.event(v1alpha1.EventHandedOver, "Grant %s is handed over to another ClientGrant.", id)
}

func (t *teller) eventUpdated(id string, difference grant.Difference) {
	t.event(v1alpha1.EventUpdated, "Updated grant %s: %s.", id, difference)
}

// eventRevoked tells which access may go on all the same.
func (t *teller) eventRevoked(identity grant.Identity, id string) {
	t.event(v1alpha1.EventRevoked, "%s", strings.TrimSpace("Revoked grant "+id+". "+identity.Outlives()))
}

// eventNotWritten tells what the status cannot.
func (t *teller) eventNotWritten(err error) {
	t.Events.Eventf(t.obj, nil, corev1.EventTypeWarning, v1alpha1.EventNotWritten, v1alpha1.EventNotWritten, "%s",
		status.Bounded(fmt.Sprintf("The Kubernetes API server refuses the operator's change of the status: %s", err)))
}

// warnTenant tells the owner of the tenant. Events about one object that differ in their text alone are counted as one: the
// ClientGrant is named as the related object. The API server takes no longer text than a condition's.
func (t *teller) warnTenant(reason, format string, args ...any) {
	if of := t.around.Tenant; of != nil {
		t.Events.Eventf(of, t.obj, corev1.EventTypeWarning, reason, reason, "%s", status.Bounded(fmt.Sprintf(format, args...)))
	}
}

// tellOwner tells the owner of the tenant of a refusal that is new at this generation.
func (t *teller) tellOwner(s *status.State) {
	if s.ForOwner == "" || t.around.Tenant == nil || t.past.ownerTold == t.obj.Generation {
		return
	}
	t.past.ownerTold = t.obj.Generation
	t.warnTenant(v1alpha1.EventNotPermitted, "ClientGrant %s/%s is refused: %s", t.obj.Namespace, t.obj.Name, s.ForOwner)
}

// noteLeft notes the access that a step leaves in the tenant. It is told once the step is taken: a pass that does not come so
// far is made again.
func (t *teller) noteLeft(s *lifecycle.Step) {
	t.leaving = nil
	for _, l := range s.Left {
		t.left(l.Identity, l.Why)
	}
}

func (t *teller) left(identity grant.Identity, why string) {
	t.leaving = append(t.leaving, lifecycle.Left{Identity: identity, Why: why})
}

// tellLeft tells of access that may remain: in the audit log, as an event on the Auth0Tenant and as a counter.
func (t *teller) tellLeft() {
	for _, left := range t.leaving {
		t.audit("Left a grant in the tenant", lifecycle.CauseDeletion, left.Identity, "", grant.Difference{})
		metrics.GrantLeft(t.obj.TenantKey())
		t.warnTenant(v1alpha1.EventGrantLeft, "The %s may remain in the tenant after ClientGrant %s/%s: %s.",
			left.Identity, t.obj.Namespace, t.obj.Name, left.Why)
	}
	t.leaving = nil
}
