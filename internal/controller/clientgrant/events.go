package clientgrant

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// event tells of a change that was made, warn of one that nobody asked for. Both are a courtesy: events may be lost.
func (t *teller) event(reason, format string, args ...any) {
	t.tell(corev1.EventTypeNormal, reason, fmt.Sprintf(format, args...))
}

func (t *teller) warn(reason, format string, args ...any) {
	t.tell(corev1.EventTypeWarning, reason, fmt.Sprintf(format, args...))
}

func (t *teller) tell(kind, reason, note string) {
	if !t.muted {
		t.Events.Eventf(t.obj, nil, kind, reason, reason, "%s", status.Bounded(note))
	}
}

// isMuted says whether the API server would refuse events about an object, because its namespace is being deleted.
func (r *Reconciler) isMuted(ctx context.Context, obj *v1alpha1.ClientGrant) bool {
	if obj.DeletionTimestamp.IsZero() || r.Namespaced {
		return false
	}
	namespace := cached.MetadataOf("Namespace")
	err := r.Get(ctx, types.NamespacedName{Name: obj.Namespace}, namespace)
	return err == nil && !namespace.DeletionTimestamp.IsZero()
}

// tellChange tells, at the end of a pass, of a Ready condition that has another reason than at the end of the last one: in the
// log, and as an event where that is for somebody to know who looks after the object.
func (t *teller) tellChange() {
	c := status.ChangeOf(t.past.told, t.obj.Status.Conditions)
	if c == nil {
		return
	}
	t.past.told = c.To
	told := []any{"from", c.From, "to", c.To, "ready", c.Ready, "message", c.Message, "generation", t.obj.Generation}
	if t.said.Reason != c.To && c.To == v1alpha1.ReasonTenantNotReady {
		told = append(told, "cause", t.said.Reason+": "+t.said.Message) // Not told in the object's namespace.
	}
	t.log.Info("Ready changed", told...)
	switch {
	case c.To == v1alpha1.ReasonProgressing:
	case c.Ready && t.past.troubled:
		t.past.troubled = false
		t.event(c.To, "%s", c.Message)
	case !c.Ready && t.around.Tenant != nil && isTenants(c.To):
		t.warnOfTenant()
	case !c.Ready:
		t.past.troubled = true
		t.warn(c.To, "%s", c.Message)
	}
}

// isTenants says whether a reason is the tenant's trouble, which may keep all of its ClientGrants at once.
func isTenants(reason string) bool {
	switch reason {
	case v1alpha1.ReasonTenantNotReady, v1alpha1.ReasonRateLimited, v1alpha1.ReasonAPIUnavailable:
		return true
	}
	return false
}

// warnOfTenant tells of trouble that all ClientGrants of an Auth0Tenant may have: one event there, which is counted, in the place
// of one for each of them. Of one that is not ready itself that is told already.
func (t *teller) warnOfTenant() {
	if reason := t.said.Reason; reason != v1alpha1.ReasonTenantNotReady {
		note := "ClientGrants wait because of the tenant: " + t.said.Message
		t.Events.Eventf(t.around.Tenant, nil, corev1.EventTypeWarning, reason, reason, "%s", status.Bounded(note))
	}
}

func (t *teller) eventAdopted(id string) {
	t.event(v1alpha1.EventAdopted, "Adopted grant %s, which was in the tenant first.", id)
}

// eventTookOver tells of a grant that was another ClientGrant's.
func (t *teller) eventTookOver(record *grant.Record) {
	t.event(v1alpha1.EventHandedOver, "Took over grant %s from %s.", record.ID, nameOf(t.rivalOf(record.Identity, false)))
	metrics.HandedOver(t.obj.TenantKey())
}

// eventHandedOver tells of the grant that the step gives away: the one that was recorded before it, or the one that was being
// replaced. It is a warning unless the object goes.
func (t *teller) eventHandedOver(s *lifecycle.Step) {
	record, tell := t.world.Object.Record, t.warn
	if replaces := t.world.Object.Replaces; replaces != nil && s.Replaces == nil && (record == nil || s.Record.Of(record.Identity)) {
		record = replaces
	}
	if t.world.Object.Deleting {
		tell = t.event
	}
	if record == nil {
		record = &grant.Record{}
	}
	tell(v1alpha1.EventHandedOver, "Grant %s is handed over to %s.", record.ID, nameOf(t.rivalOf(record.Identity, true)))
}

// rivalOf is the other ClientGrant that records a grant; nil where there is none. A successor holds it, and stays.
func (t *teller) rivalOf(identity grant.Identity, succeeds bool) *lifecycle.Rival {
	for i := range t.world.Rivals {
		r := &t.world.Rivals[i]
		if (r.Record.Of(identity) || r.Replaces.Of(identity)) && (!succeeds || r.Held && !r.Deleting) {
			return r
		}
	}
	return nil
}

// nameOf names another ClientGrant, if it may be known in the object's namespace.
func nameOf(r *lifecycle.Rival) string {
	if r == nil || !r.Near {
		return "another ClientGrant"
	}
	return fmt.Sprintf("ClientGrant %q", r.Name)
}

// eventUpdated names what was added to a grant and taken from it. That somebody had changed it in the tenant is a warning.
func (t *teller) eventUpdated(do lifecycle.Change, difference grant.Difference) {
	if do.Cause == lifecycle.CauseDrift {
		t.warn(v1alpha1.EventDriftCorrected, "Somebody changed grant %s in the tenant. It is as specified again: %s.", do.ID, named(difference))
		return
	}
	t.event(v1alpha1.EventUpdated, "Updated grant %s: %s.", do.ID, named(difference))
}

// named is a difference with a bounded list of what comes and goes: "scopes +1 -1: +read:users, -admin:all".
func named(difference grant.Difference) string {
	return "scopes " + difference.Summary() + ": " + strings.Join(drift(difference, nil).Names, ", ")
}

// made is an event about a grant that was made: once the status records it.
type made struct{ reason, note string }

// madeBy is what is told of a grant that a request made. That it had been deleted in the tenant is a warning.
func madeBy(do lifecycle.Create, id string) *made {
	if do.Cause == lifecycle.CauseDrift {
		return &made{v1alpha1.EventDriftCorrected, fmt.Sprintf("Somebody deleted the grant in the tenant. It is there again as %s: %s.",
			id, named(grant.Difference{Added: do.Body.Scope}))}
	}
	return &made{v1alpha1.EventCreated, "Created grant " + id + "."}
}

// eventMade tells of it.
func (t *teller) eventMade(m *made) {
	if m.reason == v1alpha1.EventDriftCorrected {
		t.warn(m.reason, "%s", m.note)
		return
	}
	t.event(m.reason, "%s", m.note)
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

// tellOwner tells the owner of the tenant what the rules lack: once for each generation or, where a grant is there that may not be
// adopted, for each answer. After a restart what was told before is not known.
func (t *teller) tellOwner(s *status.State) {
	if s.ForOwner == "" || t.around.Tenant == nil {
		return
	}
	is, was := s.ForOwner, t.past.ownerTold
	if s.Reason == v1alpha1.ReasonNotPermitted {
		is = fmt.Sprintf("%s %d", s.Reason, t.obj.Generation)
	}
	if t.past.ownerTold = is; was == is || was == toldBefore {
		return
	}
	t.warnTenant(s.Reason, "ClientGrant %s/%s is refused: %s", t.obj.Namespace, t.obj.Name, s.ForOwner)
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
		id, scopes := t.known(left.Identity)
		t.audit("Left a grant in the tenant", lifecycle.CauseDeletion, left.Identity, id, grant.Difference{}, "scopes", scopes)
		metrics.GrantLeft(t.obj.TenantKey())
		t.warnTenant(v1alpha1.EventGrantLeft, "The %s may remain in the tenant after ClientGrant %s/%s: %s.",
			left.Identity, t.obj.Namespace, t.obj.Name, left.Why)
	}
	t.leaving = nil
}

// known is what is known of a grant: from the last look at the tenant, else from the record.
func (t *teller) known(identity grant.Identity) (id string, scopes []string) {
	if held := t.world.Seen[identity].Grant; held != nil {
		return held.ID, held.Scope
	}
	for _, r := range []*grant.Record{t.world.Object.Record, t.world.Object.Replaces} {
		if r.Of(identity) {
			return r.ID, nil
		}
	}
	return "", nil
}
