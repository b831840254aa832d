package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

func answered(status int, code string) error {
	return &auth0.Error{Method: http.MethodPost, Route: "/api/v2/client-grants", Status: status, Code: code, Message: "said so"}
}

// foreign is an answer that is not the Management API's own.
func foreign(status int) error {
	return &auth0.Error{Method: http.MethodDelete, Status: status, Foreign: true}
}

// told is what becomes of an error.
type told struct {
	reason                              string
	ready, stalled, keepsReady, working bool
	retry, silent                       bool
	after                               time.Duration
}

func tellOf(s *outcome.Outcome) told {
	return told{
		reason: s.Reason, ready: s.Ready, stalled: s.Stalled, keepsReady: s.KeepsReady, working: s.Working,
		retry: s.Retry, silent: s.Silent, after: s.After,
	}
}

func TestOf(t *testing.T) {
	rejected := told{reason: v1alpha1.ReasonRejected, stalled: true}
	unavailable := told{reason: v1alpha1.ReasonAPIUnavailable, keepsReady: true, working: true, retry: true}
	limited := told{reason: v1alpha1.ReasonRateLimited, keepsReady: true, working: true, retry: true}
	notReady := told{reason: v1alpha1.ReasonTenantNotReady, keepsReady: true, retry: true}
	again := told{silent: true, after: outcome.ReplanAfter}
	tests := map[string]struct {
		err  error
		want told
	}{
		"nothing went wrong":                {nil, told{reason: v1alpha1.ReasonAvailable, ready: true}},
		"the tenant is being looked up":     {tenant.ErrPending, told{silent: true}},
		"the object changed meanwhile":      {outcome.ErrStale, again},
		"the API server has a newer one":    {apierrors.NewConflict(schema.GroupResource{}, "x", nil), again},
		"the API server is out":             {apierrors.NewInternalError(errors.New("etcd")), told{silent: true, retry: true}},
		"others call first":                 {tenant.ErrParked, told{reason: v1alpha1.ReasonRateLimited, keepsReady: true, working: true}},
		"429":                               {answered(429, "too_many_requests"), limited},
		"the token quota is used up":        {&auth0.TokenError{Status: 429, Hint: auth0.HintRateLimit}, limited},
		"a limit that looks like a 5xx":     {&auth0.TokenError{Status: 500, Hint: auth0.HintRateLimit}, limited},
		"500":                               {answered(500, ""), unavailable},
		"502":                               {answered(502, ""), unavailable},
		"503":                               {answered(503, ""), unavailable},
		"408":                               {answered(408, ""), unavailable},
		"no answer":                         {&auth0.TransportError{Sent: true}, unavailable},
		"no connection":                     {&auth0.TransportError{}, unavailable},
		"the token endpoint is out":         {&auth0.TokenError{Status: 503, Hint: auth0.HintUnavailable}, unavailable},
		"the token is refused":              {&auth0.TokenError{Status: 401, Hint: "look at the Secret"}, notReady},
		"an answer about another grant":     {tenant.ErrOtherGrant, unavailable},
		"only reading is allowed":           {tenant.ErrReadOnly, unavailable},
		"401":                               {answered(401, ""), notReady},
		"403 for a scope":                   {answered(403, "insufficient_scope"), notReady},
		"403 for a limit of the plan":       {answered(403, "too_many_entities"), rejected},
		"403 without a code":                {answered(403, ""), rejected},
		"403 of a proxy in front of Auth0":  {foreign(403), unavailable},
		"400 of a proxy in front of Auth0":  {foreign(400), unavailable},
		"401 of a proxy in front of Auth0":  {foreign(401), unavailable},
		"404 of a proxy in front of Auth0":  {foreign(404), unavailable},
		"429 of a proxy in front of Auth0":  {foreign(429), limited},
		"a redirect to a proxy's own page":  {foreign(302), unavailable},
		"a conflict in no words":            {foreign(409), rejected},
		"a token request that a proxy ends": {&auth0.TokenError{Status: 403, Foreign: true, Hint: auth0.HintUnavailable}, unavailable},
		"400":                               {answered(400, "invalid_body"), rejected},
		"409":                               {answered(409, ""), rejected},
		"413":                               {answered(413, ""), rejected},
		"a redirect, which is not followed": {answered(302, ""), rejected},
		"404":                               {answered(404, "inexistent_client"), told{reason: v1alpha1.ReasonRejected}},
		"a state of its own":                {outcome.Stalled(v1alpha1.ReasonConflict, "x"), told{reason: v1alpha1.ReasonConflict, stalled: true}},
		"a wait for somebody else":          {outcome.Waiting(v1alpha1.ReasonClientNotResolved, "x"), told{reason: v1alpha1.ReasonClientNotResolved}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{test.err, fmt.Errorf("wrapped: %w", test.err)} {
				if test.err == nil {
					err = nil
				}
				if got := tellOf(outcome.Of(err)); got != test.want {
					t.Errorf("%v is told as %+v, want %+v", err, got, test.want)
				}
			}
		})
	}
}

// Whatever the error: somebody or something wakes the object again, or it is told that nobody will.
func TestOf_LeavesNoErrorWithoutANextStep(t *testing.T) {
	for status := 100; status < 600; status++ {
		for _, code := range []string{"", "insufficient_scope", "x"} {
			s := outcome.Of(answered(status, code))
			if s.Silent || s.Ready || s.Retry == s.Stalled && status != http.StatusNotFound {
				t.Errorf("%d (%s) is told as %+v", status, code, tellOf(s))
			}
			if s.Cause == nil || !errors.Is(s, s.Cause) {
				t.Errorf("%d (%s): the cause is lost", status, code)
			}
		}
	}
}

func TestUnobserved_LeavesTheNextLookToTheSession(t *testing.T) {
	tests := map[string]struct {
		err    error
		reason string
	}{
		"the rate limit":      {answered(429, ""), v1alpha1.ReasonRateLimited},
		"refused credentials": {answered(401, ""), v1alpha1.ReasonTenantNotReady},
		"a server error":      {answered(502, ""), v1alpha1.ReasonAPIUnavailable},
		"a refusal":           {answered(400, ""), v1alpha1.ReasonAPIUnavailable},
		"no such page":        {answered(404, ""), v1alpha1.ReasonAPIUnavailable},
		"no answer":           {&auth0.TransportError{}, v1alpha1.ReasonAPIUnavailable},
		"an endless list":     {errors.New("the list does not end"), v1alpha1.ReasonAPIUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := outcome.Unobserved(test.err)
			if s.Reason != test.reason || s.Retry || s.After != 0 || !s.KeepsReady || s.Stalled || s.Silent {
				t.Errorf("told as %+v, want %s", tellOf(s), test.reason)
			}
		})
	}
}

func TestOf_TellsOnlyTheMessageOfAnAnswer(t *testing.T) {
	err := &auth0.Error{Method: "POST", Route: "/r", Status: 400, Code: "c", Message: "line\nwith \"quotes\""}
	if got := outcome.Of(err).Message; !strings.Contains(got, `"line\nwith \"quotes\""`) {
		t.Errorf("the answer is not quoted: %s", got)
	}
}

func TestOf_OfAnEndedContextIsTriedAgain(t *testing.T) {
	if got := tellOf(outcome.Of(context.Canceled)); got != (told{silent: true, retry: true}) {
		t.Errorf("told as %+v", got)
	}
}

func TestPacedBy_TellsOneStateAtThePaceOfAnother(t *testing.T) {
	told := status.Stalled(v1alpha1.ReasonRejected, "refused")
	for name, row := range map[string]struct {
		pace  *outcome.Outcome
		after time.Duration
		retry bool
	}{
		"a hand-over that waits for the other one": {&outcome.Outcome{After: time.Second}, time.Second, false},
		"knowledge that was old":                   {outcome.Of(outcome.ErrStale), outcome.ReplanAfter, false},
		"an API server that does not answer":       {outcome.Of(errors.New("no answer")), 0, true},
		"a look that wakes when it is done":        {outcome.Of(tenant.ErrPending), 0, false},
	} {
		got := outcome.PacedBy(told, row.pace)
		if got.Reason != told.Reason || got.Message != told.Message || !got.Stalled || got.After != row.after || got.Retry != row.retry {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
