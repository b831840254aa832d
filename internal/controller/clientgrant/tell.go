package clientgrant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// tellHeld writes what the tenant holds to the status: the number of scopes, and how it differs from the spec.
func (t *teller) tellHeld(s *lifecycle.Step) {
	held, told := *s.Held, &t.obj.Status
	told.ScopeCount, told.Drift = nil, nil
	if held.ID != "" && !ptr.Deref(held.AllowAllScopes, false) {
		told.ScopeCount = new(int32(len(grant.Distinct(held.Scope)))) //nolint:gosec // a tenant's answer is bounded to megabytes
	}
	wider := grant.Wider(t.world.Object.Fields, held)
	switch {
	case s.Plan != nil:
		told.Drift = drift(grant.Describe(*s.Plan, held), wider)
	case len(wider) > 0:
		told.Drift = &v1alpha1.Drift{Summary: "unmanaged", Unmanaged: wider}
	}
}

// drift summarises a difference, bounded in names and size.
func drift(difference grant.Difference, unmanaged []string) *v1alpha1.Drift {
	summary := &v1alpha1.Drift{
		Summary: difference.Summary(), Unmanaged: unmanaged,
		Added:   int32(len(difference.Added)),   //nolint:gosec // bounded by the spec's schema
		Removed: int32(len(difference.Removed)), //nolint:gosec // a tenant's answer is bounded to megabytes
	}
	size := 0
	add := func(sign string, list []string) {
		for _, name := range list {
			size += len(name) + 1
			if len(summary.Names) == status.MaxNames || size > 2*status.MaxMessage {
				return
			}
			summary.Names = append(summary.Names, sign+name)
		}
	}
	add("", difference.Fields)
	add("+", difference.Added)
	add("-", difference.Removed)
	return summary
}

// patience is how long an object waits for its turn to call the tenant before its status tells: most waits are shorter, and
// every state that is told is a write.
const patience = 2 * time.Second

// outcome is what the pass has to tell.
func (t *teller) outcome(err error) *outcome.Outcome {
	o := outcome.Of(err)
	if !errors.Is(err, tenant.ErrParked) {
		t.past.parked = time.Time{}
		return t.heldUp(o)
	}
	if t.past.parked.IsZero() {
		t.past.parked = time.Now()
	}
	if left := patience - time.Since(t.past.parked); left > 0 {
		return &outcome.Outcome{Silent: true, After: left, Later: true}
	}
	return o
}

// heldUp adds to the trouble that keeps a deletion from being made how to do without it.
func (t *teller) heldUp(o *outcome.Outcome) *outcome.Outcome {
	if o.Silent || !t.world.Object.Deleting {
		return o
	}
	told := *o
	told.State = *lifecycle.HeldUp(t.world, o.State)
	return &told
}

// isLost says whether the access of an object that is gone cannot be ended, and nothing promises that it can be later.
func (t *teller) isLost(o *outcome.Outcome) bool {
	of := t.around.Tenant
	return o.Reason == v1alpha1.ReasonDeletionBlocked && (!o.Passing || of == nil || !of.DeletionTimestamp.IsZero())
}

// finish tells what the pass came to.
func (t *teller) finish(ctx context.Context, err error) (ctrl.Result, error) {
	if err := t.fence(); err != nil {
		return ctrl.Result{}, err
	}
	o := t.outcome(err)
	if t.isGone() {
		return ctrl.Result{}, nil
	}
	if !o.Silent {
		o.After = t.tellState(o)
	}
	if err := t.writeStatus(ctx); err != nil {
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: outcome.ReplanAfter}, nil
		}
		if isRefusal(err) {
			t.eventNotWritten(err)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !o.Silent {
		t.tellChange()
	}
	if t.past.made != nil && t.stored.Status.GrantID != "" {
		t.eventMade(t.past.made)
		t.past.made = nil
	}
	switch {
	case o.Retry:
		return ctrl.Result{}, cmp.Or(o.Cause, err)
	case o.Later:
		return ctrl.Result{RequeueAfter: o.After, Priority: new(wake.PriorityLater)}, nil
	}
	return ctrl.Result{RequeueAfter: o.After}, nil
}

// tellState writes a state to the status, and returns when to look again.
func (t *teller) tellState(o *outcome.Outcome) time.Duration {
	told := &t.obj.Status
	t.said = o.State
	t.conditions().Set(t.told(&o.State))
	told.ObservedGeneration = t.obj.Generation
	told.Client = t.client()
	if told.Origin == "" && (o.Stalled || t.around.Tenant == nil) {
		told.Drift, told.ScopeCount = nil, nil // Of what is not its own nothing is told.
	}
	if kept := o.KeepsReady && meta.IsStatusConditionTrue(told.Conditions, v1alpha1.ConditionReady); t.past.request != "" && !kept {
		told.LastHandledReconcileAt = t.past.request // What could not be looked at is not answered beside an older Ready.
	}
	return t.tellContested(o.After)
}

// told is what may be told of a state in the object's namespace.
func (t *teller) told(s *status.State) *status.State {
	told := *s
	if lifecycle.Awaited(&t.world) && !t.world.Object.Deleting {
		told.Message += " Another ClientGrant asks for this grant too: deleting this one does not end the access."
	}
	of := &t.world.Tenant
	if s.Reason == v1alpha1.ReasonTenantNotReady && !of.Exists && t.obj.Spec.TenantRef.Namespace == "" {
		told.Message += " spec.tenantRef.namespace was left out, so that it is looked for in this namespace: if it is in another one, " +
			"create this ClientGrant again with that."
	}
	if s.Ready && t.lacksOrphan() {
		told.Message += " But no access rule that allows this grant gives the right Orphan: deleting this ClientGrant will wait, unless " +
			"spec.deletionPolicy is Delete."
	}
	if !of.Near && of.Exists && (s.Reason == v1alpha1.ReasonTenantNotReady || s.Reason == v1alpha1.ReasonAPIUnavailable) {
		told.Reason, told.Working = v1alpha1.ReasonTenantNotReady, false
		told.Message = fmt.Sprintf("Auth0Tenant %q in namespace %q is not ready.", of.Name, of.Namespace)
	}
	return &told
}

// lacksOrphan says whether the spec wants the grant to stay in the tenant, and the rules do not give the right to that.
func (t *teller) lacksOrphan() bool {
	w := &t.world
	return w.Object.Orphan && !w.Tenant.Orphans && w.Object.Record != nil &&
		!w.Tenant.Decide(w.Object.Record.Identity, w.Object.Fields, v1alpha1.RightOrphan).Allowed
}

// client is the application that the spec names. Of a ConfigMap no value is told that no access rule covers.
func (t *teller) client() string {
	w, ref := &t.world, &t.obj.Spec.ClientRef
	switch {
	case ref.ConfigMapKeyRef == nil:
		return ref.ID + ref.DefaultFor // One of the two is empty.
	case w.Unresolved == nil && w.Tenant.Exists && w.Tenant.OperatorsKnown && w.Tenant.Decide(w.Wanted, w.Object.Fields).Allowed:
		return w.Wanted.ClientID
	}
	return t.obj.Status.ClientID
}

// tellContested sets the condition while it holds, and returns when it has to be looked at again.
func (t *teller) tellContested(after time.Duration) time.Duration {
	now := time.Now()
	until, contested := t.past.memory.Contested(now)
	t.conditions().While(v1alpha1.ConditionContested, contested, status.Waiting(v1alpha1.ConditionContested,
		"Somebody else keeps changing this grant in the tenant: look for another tool that manages it, or for another cluster. "+
			"Corrections are held to one for each resync."))
	if wait := until.Sub(now); contested && (after == 0 || wait < after) {
		return wait
	}
	return after
}
