package lifecycle

import (
	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// entitled asks, in this order, whether there is an Auth0Tenant for the object, which grant it names, and whether the rules
// allow that. Nothing is asked of the tenant before, and nothing told about it.
func (d *decision) entitled() *status.State {
	owns := d.record != nil || d.replaces != nil
	t := &d.Tenant
	if !t.Exists || !t.Admits && !owns {
		s := tenantNotReady("Auth0Tenant %q does not exist in namespace %q, or does not admit this namespace: check spec.tenantRef, or ask "+
			"whoever owns it for an access rule.", t.Name, t.Namespace)
		s.KeepsReady = owns // What was only observed nobody may look at any more.
		return s
	}
	switch {
	case !t.Admits:
		return d.notPermitted(d.Object.Fields)
	case d.Unresolved != nil:
		return d.Unresolved
	case !t.OperatorsKnown:
		return &status.State{} // Silent: the object is woken when it is known.
	}
	if s := d.notPermitted(d.Object.Fields); s != nil {
		return s
	}
	return d.unusable()
}

// notPermitted is what the rules say against the wanted grant with these fields; nil where they allow it.
func (w *World) notPermitted(fields grant.Fields) *status.State {
	decision := w.Tenant.Decide(w.Wanted, fields)
	if decision.Allowed {
		return nil
	}
	return denied(decision)
}

func denied(decision policy.Decision) *status.State {
	s := status.Stalled(v1alpha1.ReasonNotPermitted, "%s", decision.ForUser)
	s.ForOwner = decision.ForOwner
	return s
}

// unusable is why the tenant cannot be used for an object that is not being deleted; nil where it can.
func (w *World) unusable() *status.State {
	t := &w.Tenant
	switch {
	case t.Deleting:
		return tenantNotReady("Auth0Tenant %q is being deleted.", t.Name)
	case t.Mode == v1alpha1.ModeSuspend:
		return tenantNotReady("Auth0Tenant %q is suspended (spec.mode).", t.Name)
	case t.Access == Untried:
		return &status.State{}
	case t.Access < ReadOnly:
		return tenantNotReady("Auth0Tenant %q is not ready; its Ready condition says why.", t.Name)
	}
	return nil
}

func tenantNotReady(format string, args ...any) *status.State {
	s := status.Waiting(v1alpha1.ReasonTenantNotReady, format, args...)
	s.KeepsReady = true
	return s
}

func (w *World) observing() bool {
	return w.Object.Mode == v1alpha1.ModeObserve || w.Tenant.Mode == v1alpha1.ModeObserve || w.Tenant.Access == ReadOnly
}

// elsewhere is a recorded grant of another tenant than the Auth0Tenant is of now: what this one holds proves nothing about it.
func (d *decision) elsewhere() *grant.Record {
	for _, r := range []*grant.Record{d.record, d.replaces} {
		if r != nil && r.Tenant != d.Tenant.Host {
			return r
		}
	}
	return nil
}

// writable says whether the tenant may be written to for an object that is not being deleted.
func (w *World) writable() bool {
	t := &w.Tenant
	return t.Exists && t.OperatorsKnown && !t.Deleting && t.Mode == v1alpha1.ModeEnforce && t.Access == Open
}
