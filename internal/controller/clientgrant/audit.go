package clientgrant

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
)

// attempt is one request that writes to the tenant.
type attempt struct {
	// id marks the request, in the audit log and in the tenant's own; what is its line.
	id, what string
	response auth0.Response
}

// auditWrite logs a write to the tenant before it is made: the log is the record of who caused which access. traced marks
// the write with the same ID, so that the tenant's log tells of it, too.
func (t *teller) auditWrite(message string, why lifecycle.Cause, identity grant.Identity, id string, difference grant.Difference) {
	t.attempt = attempt{id: fmt.Sprintf("%s-%d", t.obj.UID, t.calls.Add(1)), what: message}
	t.audit(message, why, identity, id, difference, "correlationID", t.attempt.id)
}

// traced marks the call of a context with the object and the attempt, and notes what came of it.
func (t *teller) traced(ctx context.Context) context.Context {
	return auth0.WithResponse(auth0.WithCorrelationID(ctx, t.attempt.id), &t.attempt.response)
}

// auditAnswer logs what came of a write.
func (t *teller) auditAnswer(id string, err error) {
	a := &t.attempt
	message := "The tenant answered"
	if a.response.Status == 0 {
		message = "The tenant did not answer"
	}
	told := []any{
		"audit", true, "request", a.what, "correlationID", a.id, "code", a.response.Status, "grantID", id,
		"seconds", a.response.Duration.Seconds(),
	}
	if err != nil {
		told = append(told, "err", err.Error())
	}
	t.log.Info(message, told...)
}

// audit logs what changes who answers for a grant, with further keys and values.
func (t *teller) audit(message string, why lifecycle.Cause, identity grant.Identity, id string, difference grant.Difference, further ...any) {
	t.log.Info(message, append([]any{
		"audit", true, "cause", string(why), "generation", t.obj.Generation, "fieldManager", t.editor, "tenant", identity.Tenant,
		"clientID", identity.ClientID, "defaultFor", identity.DefaultFor, "audience", identity.Audience,
		"subjectType", identity.SubjectType, "grantID", id,
		"scopesAdded", difference.Added, "scopesRemoved", difference.Removed, "fields", difference.Fields,
	}, further...)...)
}

// editorOf is the field manager that changed a spec last, as the API server has noted it.
func editorOf(obj *v1alpha1.ClientGrant) string {
	var last metav1.ManagedFieldsEntry
	for _, entry := range obj.ManagedFields {
		specs := entry.Subresource == "" && entry.Time != nil && entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:spec"`)
		if specs && (last.Time == nil || !entry.Time.Before(last.Time)) {
			last = entry
		}
	}
	return last.Manager
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
		if record == nil {
			continue
		}
		if r := t.rivalOf(record.Identity, true); r != nil {
			t.audit("Handing a grant over", lifecycle.CauseHandOver, record.Identity, record.ID, grant.Difference{},
				"successor", r.Namespace+"/"+r.Name)
		}
	}
}
