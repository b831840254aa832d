package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

func answered(status int, code string) error {
	return &auth0.Error{Method: http.MethodPost, Route: "/api/v2/client-grants", Status: status, Code: code, Message: "said so"}
}

// told is what becomes of an error.
type told struct {
	reason                              string
	ready, stalled, keepsReady, working bool
	retry, silent                       bool
	after                               time.Duration
}

func tellOf(s *state) told {
	return told{
		reason: s.reason, ready: s.ready, stalled: s.stalled, keepsReady: s.keepsReady, working: s.working,
		retry: s.retry, silent: s.silent, after: s.after,
	}
}

func TestStateOf(t *testing.T) {
	rejected := told{reason: v1alpha1.ReasonRejected, stalled: true}
	unavailable := told{reason: v1alpha1.ReasonAPIUnavailable, keepsReady: true, working: true, retry: true}
	limited := told{reason: v1alpha1.ReasonRateLimited, keepsReady: true, working: true, retry: true}
	notReady := told{reason: v1alpha1.ReasonTenantNotReady, keepsReady: true, retry: true}
	again := told{silent: true, after: replanAfter}
	tests := map[string]struct {
		err  error
		want told
	}{
		"nothing went wrong":                {nil, told{reason: v1alpha1.ReasonAvailable, ready: true}},
		"the tenant is being looked up":     {tenant.ErrPending, told{silent: true}},
		"the object changed meanwhile":      {errStale, again},
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
		"400":                               {answered(400, "invalid_body"), rejected},
		"409":                               {answered(409, ""), rejected},
		"413":                               {answered(413, ""), rejected},
		"a redirect, which is not followed": {answered(302, ""), rejected},
		"404":                               {answered(404, "inexistent_client"), told{reason: v1alpha1.ReasonRejected}},
		"a state of its own":                {stalled(v1alpha1.ReasonConflict, "x"), told{reason: v1alpha1.ReasonConflict, stalled: true}},
		"a wait for somebody else":          {waiting(v1alpha1.ReasonClientNotResolved, "x"), told{reason: v1alpha1.ReasonClientNotResolved}},
		"a tenant that is not ready":        {tenantNotReady("x"), told{reason: v1alpha1.ReasonTenantNotReady, keepsReady: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{test.err, fmt.Errorf("wrapped: %w", test.err)} {
				if test.err == nil {
					err = nil
				}
				if got := tellOf(stateOf(err)); got != test.want {
					t.Errorf("%v is told as %+v, want %+v", err, got, test.want)
				}
			}
		})
	}
}

// Whatever the error: somebody or something wakes the object again, or it is told that nobody will.
func TestStateOf_LeavesNoErrorWithoutANextStep(t *testing.T) {
	for status := 100; status < 600; status++ {
		for _, code := range []string{"", "insufficient_scope", "x"} {
			s := stateOf(answered(status, code))
			if s.silent || s.ready || s.retry == s.stalled && status != http.StatusNotFound {
				t.Errorf("%d (%s) is told as %+v", status, code, tellOf(s))
			}
			if s.cause == nil || !errors.Is(s, s.cause) {
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
			s := unobserved(test.err)
			if s.reason != test.reason || s.retry || s.after != 0 || !s.keepsReady || s.stalled || s.silent {
				t.Errorf("told as %+v, want %s", tellOf(s), test.reason)
			}
		})
	}
}

func TestStateOf_TellsOnlyTheMessageOfAnAnswer(t *testing.T) {
	err := &auth0.Error{Method: "POST", Route: "/r", Status: 400, Code: "c", Message: "line\nwith \"quotes\""}
	if got := stateOf(err).message; !strings.Contains(got, `"line\nwith \"quotes\""`) {
		t.Errorf("the answer is not quoted: %s", got)
	}
}

func TestStateOf_OfAnEndedContextIsTriedAgain(t *testing.T) {
	if got := tellOf(stateOf(context.Canceled)); got != (told{silent: true, retry: true}) {
		t.Errorf("told as %+v", got)
	}
}

// written is a list of conditions after some states of one generation each.
func written(states ...func(conditions)) []metav1.Condition {
	var list []metav1.Condition
	for n, write := range states {
		write(conditions{&list, int64(n + 1)})
	}
	return list
}

func putting(s *state) func(conditions) { return func(c conditions) { c.set(s) } }

func TestConditions(t *testing.T) {
	good := &state{reason: v1alpha1.ReasonAvailable, ready: true}
	busy := &state{reason: v1alpha1.ReasonAPIUnavailable, keepsReady: true, working: true}
	stuck := &state{reason: v1alpha1.ReasonRejected, stalled: true}
	idle := &state{reason: v1alpha1.ReasonClientNotResolved}
	same := func(states ...*state) (list []metav1.Condition) { // All of one generation.
		for _, s := range states {
			conditions{&list, 1}.set(s)
		}
		return list
	}
	tests := map[string]struct {
		list []metav1.Condition
		want map[string]string
	}{
		"a good state is Ready and nothing else":                  {same(good), map[string]string{"Ready": "True Available 1"}},
		"a stalled one is Stalled":                                {same(stuck), map[string]string{"Ready": "False Rejected 1", "Stalled": "True Rejected 1"}},
		"one at work is Reconciling":                              {same(busy), map[string]string{"Ready": "False APIUnavailable 1", "Reconciling": "True APIUnavailable 1"}},
		"one that waits is neither":                               {same(idle), map[string]string{"Ready": "False ClientNotResolved 1"}},
		"a good state ends Stalled":                               {same(stuck, good), map[string]string{"Ready": "True Available 1"}},
		"a good state ends Reconciling":                           {same(busy, good), map[string]string{"Ready": "True Available 1"}},
		"Stalled gives way to Reconciling":                        {same(stuck, busy), map[string]string{"Ready": "False APIUnavailable 1", "Reconciling": "True APIUnavailable 1"}},
		"a tenant's trouble keeps what was verified":              {same(good, busy), map[string]string{"Ready": "True Available 1"}},
		"a grant's own trouble does not":                          {same(good, stuck), map[string]string{"Ready": "False Rejected 1", "Stalled": "True Rejected 1"}},
		"a tenant's trouble tells of a generation never verified": {written(putting(good), putting(busy)), map[string]string{"Ready": "False APIUnavailable 2", "Reconciling": "True APIUnavailable 2"}},
		"work on a new generation begins":                         {written(putting(good), conditions.begin), map[string]string{"Ready": "False Progressing 2", "Reconciling": "True Progressing 2"}},
		"work on a standstill begins":                             {written(putting(stuck), conditions.begin), map[string]string{"Ready": "False Progressing 2", "Reconciling": "True Progressing 2"}},
		"the first work begins":                                   {written(conditions.begin), map[string]string{"Ready": "False Progressing 1", "Reconciling": "True Progressing 1"}},
		"work on what was verified changes nothing":               {begun(same(good)), map[string]string{"Ready": "True Available 1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, c := range test.list {
				got[c.Type] = fmt.Sprintf("%s %s %d", c.Status, c.Reason, c.ObservedGeneration)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func begun(list []metav1.Condition) []metav1.Condition {
	conditions{&list, 1}.begin()
	return list
}

func TestConditions_StayAsTheyAreWhereNothingChanged(t *testing.T) {
	past := metav1.NewTime(time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC))
	for _, s := range []*state{
		stateOf(nil), stateOf(answered(400, "")), stateOf(answered(502, "")), stateOf(answered(404, "")), tenantNotReady("x"),
	} {
		var list []metav1.Condition
		c := conditions{&list, 3}
		c.set(s)
		for i := range list {
			list[i].LastTransitionTime = past
		}
		before := append([]metav1.Condition{}, list...)
		c.set(s)
		if !reflect.DeepEqual(list, before) {
			t.Errorf("%s: %+v became %+v", s.reason, before, list)
		}
		c.set(&state{reason: s.reason, message: "other words", ready: s.ready, working: s.working, stalled: s.stalled})
		if got := meta.FindStatusCondition(list, v1alpha1.ConditionReady); got.Message != "other words" || !got.LastTransitionTime.Equal(&past) {
			t.Errorf("%s: other words made a transition of it: %+v", s.reason, got)
		}
	}
}

func TestConditions_MessagesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat(rapid.StringN(1, 40, -1).Draw(t, "text"), rapid.IntRange(1, 200).Draw(t, "times"))
		var list []metav1.Condition
		conditions{&list, 1}.set(&state{reason: "x", message: text, stalled: true})
		for _, c := range list {
			switch {
			case len(text) <= maxMessage && c.Message != text:
				t.Fatalf("a short message was changed")
			case len(text) > maxMessage && (len(c.Message) > maxMessage || len(c.Message) < maxMessage-len("...")-utf8.UTFMax || !strings.HasSuffix(c.Message, "...")):
				t.Fatalf("%d bytes were cut to %d", len(text), len(c.Message))
			case !utf8.ValidString(c.Message):
				t.Fatalf("a character was cut in two")
			}
		}
	})
}

func TestOutcome_AShortWaitForTheRateLimitIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passOf()
		first := p.outcome(tenant.ErrParked)
		if !first.silent || first.after <= 0 || first.after > 5*time.Second {
			t.Fatalf("at first it is told as %+v", tellOf(first))
		}
		time.Sleep(first.after)
		if told := p.outcome(tenant.ErrParked); told.silent || told.reason != v1alpha1.ReasonRateLimited || told.after != 0 {
			t.Errorf("a long wait is told as %+v", tellOf(told))
		}
		if told := p.outcome(nil); !told.ready {
			t.Errorf("the end of it is told as %+v", tellOf(told))
		}
		if again := p.outcome(tenant.ErrParked); !again.silent {
			t.Errorf("the next short wait is told as %+v", tellOf(again))
		}
	})
}

func TestPacedBy_TellsOneStateAtThePaceOfAnother(t *testing.T) {
	told := &state{reason: v1alpha1.ReasonRejected, message: "refused", stalled: true, after: time.Hour}
	for name, row := range map[string]struct {
		pace  *state
		after time.Duration
		retry bool
	}{
		"a hand-over that waits for the other one": {handingOver(), time.Second, false},
		"knowledge that was old":                   {stateOf(errStale), replanAfter, false},
		"an API server that does not answer":       {stateOf(errors.New("no answer")), 0, true},
		"a look that wakes when it is done":        {stateOf(tenant.ErrPending), time.Hour, false},
	} {
		got := pacedBy(told, row.pace)
		if got.reason != told.reason || got.message != told.message || !got.stalled || got.after != row.after || got.retry != row.retry {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
