package clientgrant

import (
	"errors"
	"net/http"
	"testing"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

func answer(status int, code string) error {
	return &auth0.Error{Method: http.MethodPost, Route: "/api/v2/client-grants", Status: status, Code: code, Message: "said so"}
}

func TestAnswered_RemembersOnlyWhatAuth0RefusedBecauseOfTheObject(t *testing.T) {
	for name, err := range map[string]error{
		"an unknown client or API": answer(404, ""), "a refusal": answer(400, ""), "a limit of the plan": answer(403, "too_many_entities"),
		"a conflict": answer(409, ""),
	} {
		got, failed := answered(err)
		if failed != nil || got.Refused == nil || got.Unanswered {
			t.Errorf("%s: %+v, %v", name, got, failed)
		}
		if got.Unknown != auth0.IsNotFound(err) || got.Conflict != auth0.IsConflict(err) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, err := range map[string]error{
		"the rate limit":       answer(429, ""),
		"no token":             tenant.ErrParked,
		"a server error":       answer(502, ""),
		"no answer":            &auth0.TransportError{Sent: true},
		"refused credentials":  answer(401, ""),
		"a missing scope":      answer(403, "insufficient_scope"),
		"a look under way":     tenant.ErrPending,
		"a change meanwhile":   outcome.ErrStale,
		"the API server's own": errors.New("etcd"),
	} {
		if got, failed := answered(err); got.Refused != nil || !errors.Is(failed, err) {
			t.Errorf("%s: %+v, %v", name, got, failed)
		}
	}
}
