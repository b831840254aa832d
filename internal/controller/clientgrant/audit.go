package clientgrant

import (
	"context"
	"fmt"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
)

// auditWrite logs a write to the tenant before it is made: the log is the record of who caused which access. correlated
// marks the write with the same ID, so that the tenant's log tells of it, too.
func (t *teller) auditWrite(message string, why lifecycle.Cause, identity grant.Identity, id string, difference grant.Difference) {
	t.attempt = fmt.Sprintf("%s-%d", t.obj.UID, t.calls.Add(1))
	t.audit(message, why, identity, id, difference, "correlationID", t.attempt)
}

// audit logs what changes who answers for a grant, with further keys and values.
func (t *teller) audit(message string, why lifecycle.Cause, identity grant.Identity, id string, difference grant.Difference, further ...any) {
	t.log.Info(message, append([]any{
		"audit", true, "cause", string(why), "tenant", identity.Tenant, "clientID", identity.ClientID,
		"defaultFor", identity.DefaultFor, "audience", identity.Audience, "subjectType", identity.SubjectType, "grantID", id,
		"scopesAdded", difference.Added, "scopesRemoved", difference.Removed, "fields", difference.Fields,
	}, further...)...)
}

// correlated marks the calls of a context with the object and the attempt.
func (t *teller) correlated(ctx context.Context) context.Context {
	return auth0.WithCorrelationID(ctx, t.attempt)
}

// auditOwning logs what changes who answers for a grant, before it does.
func (t *teller) auditOwning(s *lifecycle.Step, do lifecycle.Write) {
	switch {
	case do.Owns && s.Cause == lifecycle.CauseAdoption && !t.gone:
		if held := t.world.Seen[s.Record.Identity].Grant; held != nil {
			t.audit("Adopting a grant that was in the tenant first", s.Cause, s.Record.Identity, s.Record.ID,
				grant.Describe(grant.Diff(t.world.Object.Fields, *held), *held))
		}
	case do.Owns && s.Cause == lifecycle.CauseHandOver:
		t.audit("Taking a grant over", s.Cause, s.Record.Identity, s.Record.ID, grant.Difference{})
	case s.Cause == lifecycle.CauseHandOver:
		t.auditHandOver()
	}
}

// auditHandOver logs the grants that another ClientGrant has now.
func (t *teller) auditHandOver() {
	for _, record := range []*grant.Record{t.world.Object.Record, t.world.Object.Replaces} {
		for i := range t.world.Rivals {
			r := &t.world.Rivals[i]
			if record != nil && r.Held && !r.Deleting && (r.Record.Of(record.Identity) || r.Replaces.Of(record.Identity)) {
				t.audit("Handing a grant over", lifecycle.CauseHandOver, record.Identity, record.ID, grant.Difference{},
					"successor", r.Namespace+"/"+r.Name)
				break
			}
		}
	}
}
