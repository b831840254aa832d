package controller

import (
	"context"
	"fmt"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// cause says in the audit log who is behind a write.
type cause string

const (
	causeSpec        cause = "spec"
	causeDrift       cause = "drift"
	causeAdoption    cause = "adoption"
	causeReplacement cause = "replacement"
	causeHandOver    cause = "hand-over"
	causeViolation   cause = "violation"
	causeDeletion    cause = "deletion"
)

// cause of a write to the wanted grant: drift where this generation was in place before.
func (p *pass) cause() cause {
	if p.memory.inPlace {
		return causeDrift
	}
	return causeSpec
}

// auditWrite logs a write to the tenant before it is made: the log is the record of who caused which access. correlated
// marks the write with the same ID, so that the tenant's log tells of it, too.
func (p *pass) auditWrite(message string, why cause, identity grant.Identity, id string, difference grant.Difference) {
	p.attempt = fmt.Sprintf("%s-%d", p.obj.UID, p.calls.Add(1))
	p.audit(message, why, identity, id, difference, "correlationID", p.attempt)
}

// audit logs what changes who answers for a grant, with further keys and values.
func (p *pass) audit(message string, why cause, identity grant.Identity, id string, difference grant.Difference, further ...any) {
	p.log.Info(message, append([]any{
		"audit", true, "cause", string(why), "tenant", identity.Tenant, "clientID", identity.ClientID,
		"defaultFor", identity.DefaultFor, "audience", identity.Audience, "subjectType", identity.SubjectType, "grantID", id,
		"scopesAdded", difference.Added, "scopesRemoved", difference.Removed, "fields", difference.Fields,
	}, further...)...)
}

// correlated marks the calls of a context with the object and the attempt.
func (p *pass) correlated(ctx context.Context) context.Context {
	return auth0.WithCorrelationID(ctx, p.attempt)
}
