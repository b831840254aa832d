// Package outcome says what a reconciliation came to: what is told, and when the object is looked at again.
package outcome

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// Outcome is an error where a reconciliation did not come to its end.
type Outcome struct { //nolint:errname // it is an error only where a reconciliation did not come to its end
	status.State
	// After is when to look again, where no event tells; Later says that this is not urgent.
	After time.Duration
	Later bool
	// Retry lets the queue's back-off say when to look again.
	Retry bool
	// Silent leaves the status as it is.
	Silent bool
	Cause  error
}

// Error is the message of the state.
func (o *Outcome) Error() string { return o.Reason + ": " + o.Message }

// Unwrap returns the error behind the outcome.
func (o *Outcome) Unwrap() error { return o.Cause }

// Stalled is an outcome in which nothing gets better until somebody changes something.
func Stalled(reason, format string, args ...any) *Outcome {
	return &Outcome{State: *status.Stalled(reason, format, args...)}
}

// Waiting is an outcome that an event ends.
func Waiting(reason, format string, args ...any) *Outcome {
	return &Outcome{State: *status.Waiting(reason, format, args...)}
}

// passing is an outcome that says nothing about a grant that was verified, and that the operator ends by itself.
func passing(cause error, reason, message string) *Outcome {
	return &Outcome{State: status.State{Reason: reason, Message: message, KeepsReady: true, Working: true}, Cause: cause}
}

// ErrStale ends a pass that was planned on knowledge which has changed since: it is planned again.
var ErrStale = errors.New("the object changed meanwhile")

// ReplanAfter is how soon a stale pass is planned again where no event does it earlier.
const ReplanAfter = 200 * time.Millisecond

// Of maps every error of a reconciliation to what is told and when to look again. It decides on its argument alone.
func Of(err error) *Outcome {
	var known *Outcome
	var call *auth0.Error
	switch {
	case err == nil:
		return &Outcome{State: status.State{Reason: v1alpha1.ReasonAvailable, Message: "The tenant holds the grant as specified.", Ready: true}}
	case errors.As(err, &known):
		return known
	case errors.Is(err, tenant.ErrPending):
		return &Outcome{Silent: true}
	case errors.Is(err, ErrStale) || apierrors.IsConflict(err) || apierrors.IsNotFound(err): // Changed, or gone meanwhile.
		return &Outcome{Silent: true, After: ReplanAfter}
	case errors.Is(err, tenant.ErrParked):
		return passing(err, v1alpha1.ReasonRateLimited, "Waiting for the tenant's rate limit (spec.rateLimit of the Auth0Tenant).")
	case auth0.IsRateLimited(err):
		limited := passing(err, v1alpha1.ReasonRateLimited, "The tenant's rate limit is reached; the operator goes on when it allows.")
		limited.Retry = true
		return limited
	case errors.As(err, &call) && !auth0.Unanswered(call):
		return rejected(call)
	case tenant.Refused(err):
		return credentialsRefused(err)
	case isAuth0(err):
		return Unavailable(err)
	}
	return &Outcome{Silent: true, Retry: true, Cause: err}
}

// PacedBy tells the one state, and looks again when the other outcome wants that, if it says.
func PacedBy(told *status.State, pace *Outcome) *Outcome {
	paced := &Outcome{State: *told}
	if pace.Retry || pace.After > 0 {
		paced.Retry, paced.After, paced.Cause = pace.Retry, pace.After, cmp.Or[error](pace.Cause, pace)
	}
	return paced
}

// Unobserved is the outcome for an object that waits for a look at the tenant which failed. The session looks again and wakes
// it: no retry is needed.
func Unobserved(err error) *Outcome {
	o := *Of(err)
	if o.Reason != v1alpha1.ReasonRateLimited && o.Reason != v1alpha1.ReasonTenantNotReady {
		o = *Unavailable(err)
	}
	o.Retry, o.After = false, 0
	return &o
}

// Unavailable is the outcome of a call that the tenant did not answer, or not as the Management API would.
func Unavailable(err error) *Outcome {
	unavailable := passing(err, v1alpha1.ReasonAPIUnavailable, "The Management API cannot be used now: "+err.Error())
	unavailable.Retry = true
	return unavailable
}

// rejected tells what Auth0 refused. 401 and a missing scope are the Auth0Tenant's trouble, which has its own condition for
// it.
func rejected(call *auth0.Error) *Outcome {
	var o *Outcome
	switch {
	case auth0.IsUnauthorized(call) || call.Status == http.StatusForbidden && call.Code == "insufficient_scope":
		return credentialsRefused(call)
	case call.Status == http.StatusNotFound:
		o = Waiting(v1alpha1.ReasonRejected,
			"Auth0 does not know the client or the API: %q. Check spec.clientRef and spec.audience, or create them in the tenant.",
			call.Message)
	default:
		o = Stalled(v1alpha1.ReasonRejected, "Auth0 refused the request (%d): %q. Change the spec or the tenant accordingly.",
			call.Status, call.Message)
	}
	o.Cause = call
	return o
}

// credentialsRefused leaves it to the Auth0Tenant to say why.
func credentialsRefused(err error) *Outcome {
	o := Waiting(v1alpha1.ReasonTenantNotReady, "Auth0 refused the operator's credentials for this call; see the Auth0Tenant.")
	o.KeepsReady, o.Retry, o.Cause = true, true, err
	return o
}

// isAuth0 says whether the error came from a call to the tenant.
func isAuth0(err error) bool {
	var call *auth0.Error
	var token *auth0.TokenError
	var transport *auth0.TransportError
	return errors.As(err, &call) || errors.As(err, &token) || errors.As(err, &transport) ||
		errors.Is(err, tenant.ErrOtherGrant) || errors.Is(err, tenant.ErrReadOnly)
}
