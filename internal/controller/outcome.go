package controller

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// errStale ends a pass that was planned on knowledge which has changed since: it is planned again.
var errStale = errors.New("the object changed meanwhile")

// replanAfter is how soon a stale pass is planned again where no event does it earlier.
const replanAfter = 200 * time.Millisecond

// maxMessage bounds the message of a condition, in bytes.
const maxMessage = 1024

// state is what a pass found out and wants told: the error that carries a condition's reason. A pass without error has
// reached Available.
type state struct {
	reason  string
	message string
	// ready is set where the state is a good one.
	ready bool
	// stalled is set where nothing gets better until somebody changes something.
	stalled bool
	// keepsReady is set where the trouble says nothing about a grant that was verified for this generation.
	keepsReady bool
	// working is set where the operator goes on by itself.
	working bool
	// after is when to look again, where no event tells.
	after time.Duration
	// later says that looking again is not urgent.
	later bool
	// retry lets the queue's back-off say when to look again.
	retry bool
	// passing says that what blocks a deletion may end by itself while the Auth0Tenant stays.
	passing bool
	// silent states leave the status as it is.
	silent bool
	// forOwner is what the owner of the tenant is told, and nobody else.
	forOwner string
	cause    error
}

// Error is the message of the state.
func (s *state) Error() string { return s.reason + ": " + s.message }

// Unwrap returns the error behind the state.
func (s *state) Unwrap() error { return s.cause }

func stalled(reason, format string, args ...any) *state {
	return &state{reason: reason, message: fmt.Sprintf(format, args...), stalled: true}
}

func waiting(reason, format string, args ...any) *state {
	return &state{reason: reason, message: fmt.Sprintf(format, args...)}
}

func tenantNotReady(format string, args ...any) *state {
	s := waiting(v1alpha1.ReasonTenantNotReady, format, args...)
	s.keepsReady = true
	return s
}

// stateOf maps every error of a pass to what is told and when to look again. It decides alone on its argument.
func stateOf(err error) *state {
	var known *state
	var call *auth0.Error
	switch {
	case err == nil:
		return &state{reason: v1alpha1.ReasonAvailable, message: "The tenant holds the grant as specified.", ready: true}
	case errors.As(err, &known):
		return known
	case errors.Is(err, tenant.ErrPending):
		return &state{silent: true}
	case errors.Is(err, errStale) || apierrors.IsConflict(err) || apierrors.IsNotFound(err): // Changed, or gone meanwhile.
		return &state{silent: true, after: replanAfter}
	case errors.Is(err, tenant.ErrParked):
		return &state{
			reason: v1alpha1.ReasonRateLimited, message: "Waiting for the tenant's rate limit (spec.rateLimit of the Auth0Tenant).",
			keepsReady: true, working: true, cause: err,
		}
	case auth0.IsRateLimited(err):
		return &state{
			reason: v1alpha1.ReasonRateLimited, message: "The tenant's rate limit is reached; the operator goes on when it allows.",
			keepsReady: true, working: true, retry: true, cause: err,
		}
	case errors.As(err, &call) && call.Status < http.StatusInternalServerError && call.Status != http.StatusRequestTimeout:
		return rejectedState(call)
	case tenant.Refused(err):
		return credentialsRefused(err)
	case isAuth0(err):
		return unavailable(err)
	}
	return &state{silent: true, retry: true, cause: err}
}

// pacedBy tells the one state, and looks again when the other one wants that, if it says.
func pacedBy(told, pace *state) *state {
	paced := *told
	if pace.retry || pace.after > 0 {
		paced.retry, paced.after, paced.cause = pace.retry, pace.after, cmp.Or[error](pace.cause, pace)
	}
	return &paced
}

// unobserved is the state of an object that waits for a look at the tenant which failed. The session looks again and
// wakes it: no retry is needed.
func unobserved(err error) *state {
	s := stateOf(err)
	if s.reason != v1alpha1.ReasonRateLimited && s.reason != v1alpha1.ReasonTenantNotReady {
		s = unavailable(err)
	}
	s.retry, s.after = false, 0
	return s
}

func unavailable(err error) *state {
	return &state{
		reason: v1alpha1.ReasonAPIUnavailable, message: "The Management API cannot be used now: " + err.Error(),
		keepsReady: true, working: true, retry: true, cause: err,
	}
}

// rejectedState tells what Auth0 refused. 401 and a missing scope are the Auth0Tenant's trouble, which has its own
// condition for it.
func rejectedState(call *auth0.Error) *state {
	switch call.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if call.Status == http.StatusUnauthorized || call.Code == "insufficient_scope" {
			return credentialsRefused(call)
		}
	case http.StatusNotFound:
		s := waiting(v1alpha1.ReasonRejected,
			"Auth0 does not know the client or the API: %q. Check spec.clientRef and spec.audience, or create them in the tenant.",
			call.Message)
		s.cause = call
		return s
	}
	s := stalled(v1alpha1.ReasonRejected, "Auth0 refused the request (%d): %q. Change the spec or the tenant accordingly.",
		call.Status, call.Message)
	s.cause = call
	return s
}

// credentialsRefused leaves it to the Auth0Tenant to say why.
func credentialsRefused(err error) *state {
	s := tenantNotReady("Auth0 refused the operator's credentials for this call; see the Auth0Tenant.")
	s.retry, s.cause = true, err
	return s
}

// isAuth0 says whether the error came from a call to the tenant.
func isAuth0(err error) bool {
	var call *auth0.Error
	var token *auth0.TokenError
	var transport *auth0.TransportError
	return errors.As(err, &call) || errors.As(err, &token) || errors.As(err, &transport) ||
		errors.Is(err, tenant.ErrOtherGrant) || errors.Is(err, tenant.ErrReadOnly)
}

// conditions is what stateOf's answer is written to.
type conditions struct {
	list       *[]metav1.Condition
	generation int64
}

// set writes the state as Ready, Reconciling and Stalled; the latter two are present only while they are true.
func (c conditions) set(s *state) {
	ready := meta.FindStatusCondition(*c.list, v1alpha1.ConditionReady)
	if s.keepsReady && ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == c.generation {
		return
	}
	status := metav1.ConditionFalse
	if s.ready {
		status = metav1.ConditionTrue
	}
	c.put(v1alpha1.ConditionReady, status, s)
	c.while(v1alpha1.ConditionReconciling, s.working, s)
	c.while(v1alpha1.ConditionStalled, s.stalled, s)
}

func (c conditions) while(kind string, holds bool, s *state) {
	if holds {
		c.put(kind, metav1.ConditionTrue, s)
		return
	}
	meta.RemoveStatusCondition(c.list, kind)
}

func (c conditions) put(kind string, status metav1.ConditionStatus, s *state) {
	meta.SetStatusCondition(c.list, metav1.Condition{
		Type: kind, Status: status, ObservedGeneration: c.generation, Reason: s.reason, Message: bounded(s.message),
	})
}

// bounded cuts a message to what a condition may hold.
func bounded(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage-3], "") + "..."
}
