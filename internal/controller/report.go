package controller

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// maxNames bounds the names that a status or message lists.
const maxNames = 20

// report says, without writing anything, what enforcing would change.
func (p *pass) report() error {
	seen, err := p.observe(p.identity, p.memory.fresh())
	if err != nil {
		return err
	}
	wanted := desired(&p.obj.Spec)
	if seen.Grant == nil {
		p.obj.Status.ScopeCount = nil
		p.obj.Status.Drift = drift(grant.Describe(grant.Diff(wanted, grant.Grant{}), grant.Grant{}), nil)
		return waiting(v1alpha1.ReasonWouldChange, "Enforcing would create the grant%s.", p.alsoRevoked())
	}
	held := *seen.Grant
	if recorded, ok := identityOf(p.record()); (!ok || recorded != p.identity) && !p.mayAdopt(held) {
		p.obj.Status.ScopeCount, p.obj.Status.Drift = nil, nil
		return adoptionRefused()
	}
	if held.IsSystem {
		return systemGrant()
	}
	p.tell(held)
	if err := p.allowed(grant.Over(wanted, held)); err != nil {
		return err
	}
	change := grant.Diff(wanted, held)
	revoked := p.alsoRevoked()
	switch {
	case change.Empty() && revoked == "":
		return &state{reason: v1alpha1.ReasonObserved, message: "Enforcing would change nothing.", ready: true}
	case change.Empty():
		return waiting(v1alpha1.ReasonWouldChange, "Enforcing would keep the grant as it is%s.", revoked)
	}
	difference := grant.Describe(change, held)
	p.obj.Status.Drift = drift(difference, grant.Wider(wanted, held))
	return waiting(v1alpha1.ReasonWouldChange, "Enforcing would change the grant: scopes %s%s (status.drift names them)%s.",
		difference.Summary(), fieldList(difference.Fields), revoked)
}

// alsoRevoked says which grants enforcing would revoke because the spec names another one now; empty where none.
func (p *pass) alsoRevoked() string {
	var text strings.Builder
	for _, record := range []*v1alpha1.OwnershipRecord{p.record(), p.obj.Status.Replaces} {
		if identity, ok := identityOf(record); ok && identity != p.identity && mayHaveMade(record) {
			text.WriteString(", and revoke the " + identity.String())
		}
	}
	return text.String()
}

// tell writes what the tenant holds to the status: the number of scopes, and what the spec leaves alone although it
// gives access.
func (p *pass) tell(held grant.Grant) {
	p.obj.Status.ScopeCount, p.obj.Status.Drift = nil, nil
	if !ptr.Deref(held.AllowAllScopes, false) {
		p.obj.Status.ScopeCount = new(int32(len(grant.Distinct(held.Scope)))) //nolint:gosec // a tenant's answer is bounded to megabytes
	}
	if wider := grant.Wider(desired(&p.obj.Spec), held); len(wider) > 0 {
		p.obj.Status.Drift = drift(grant.Difference{}, wider)
	}
}

// drift summarises a difference, bounded in names and size.
func drift(difference grant.Difference, wider []string) *v1alpha1.Drift {
	summary := &v1alpha1.Drift{
		Summary: difference.Summary(),
		Added:   int32(len(difference.Added)),   //nolint:gosec // bounded by the spec's schema
		Removed: int32(len(difference.Removed)), //nolint:gosec // a tenant's answer is bounded to megabytes
	}
	size := 0
	add := func(sign string, list []string) {
		for _, name := range list {
			size += len(name) + 1
			if len(summary.Names) == maxNames || size > 2*maxMessage {
				return
			}
			summary.Names = append(summary.Names, sign+name)
		}
	}
	add("", difference.Fields)
	add("", wider)
	add("+", difference.Added)
	add("-", difference.Removed)
	return summary
}

func fieldList(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return ", " + strings.Join(fields, ", ")
}

// names quotes a bounded list of names.
func names(list []string) string {
	quoted := make([]string, 0, min(len(list), maxNames)+1)
	for _, name := range list[:min(len(list), maxNames)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if len(list) > maxNames {
		quoted = append(quoted, fmt.Sprintf("and %d more", len(list)-maxNames))
	}
	return strings.Join(quoted, ", ")
}

// event tells of a change that was made. It is a courtesy: events may be lost, and are refused in a namespace that is
// being deleted.
func (p *pass) event(reason, format string, args ...any) {
	p.Events.Eventf(p.obj, nil, corev1.EventTypeNormal, reason, reason, format, args...)
}

// warnTenant tells whoever looks after the tenant. Events about one object that differ in their text alone are counted as
// one: the ClientGrant is named as the related object. The API server takes no longer text than a condition's.
func (p *pass) warnTenant(reason, format string, args ...any) {
	p.Events.Eventf(p.tenant, p.obj, corev1.EventTypeWarning, reason, reason, "%s", bounded(fmt.Sprintf(format, args...)))
}

// left notes access that may remain in the tenant with nobody managing it. tellLeft tells of it once the object has let
// go: a pass that does not come so far is made again.
func (p *pass) left(identity grant.Identity, why string) {
	p.leaving = append(p.leaving, leaving{identity, why})
}

// leaving is a grant that is left in the tenant, and why.
type leaving struct {
	identity grant.Identity
	why      string
}

// tellLeft tells of access that may remain: in the audit log, as an event on the Auth0Tenant and as a counter.
func (p *pass) tellLeft() {
	for _, left := range p.leaving {
		p.audit("Left a grant in the tenant", causeDeletion, left.identity, "", grant.Difference{})
		grantsLeft.WithLabelValues(tenantKey(p.obj).String()).Inc()
		if p.tenant != nil {
			p.warnTenant(v1alpha1.EventGrantLeft, "The %s may remain in the tenant after ClientGrant %s/%s: %s.",
				left.identity, p.obj.Namespace, p.obj.Name, left.why)
		}
	}
	p.leaving = nil
}

// asState says whether the error is a state, and which.
func asState(err error, s **state) bool { return errors.As(err, s) }

// firstError returns the error, or what comes next.
func firstError(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}
