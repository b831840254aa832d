package tenant

import (
	"errors"
	"net/http"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// ErrPending says that the answer is not known yet: the key is woken when it is.
var ErrPending = errors.New("the tenant is being looked up")

// ErrReadOnly refuses a write where the tenant is only observed.
var ErrReadOnly = errors.New("the tenant is read only")

// ErrOtherGrant says that an answer to a write spoke of another grant than the one that was meant.
var ErrOtherGrant = errors.New("the tenant answered about another grant")

// ErrParked says that the host's budget has no token for the key yet: the key is woken when it has.
var ErrParked = errors.New("waiting for the rate limit of the tenant")

// lackingScope is the Management API scope for want of which a call was refused; empty where that was not the cause.
func lackingScope(err error) string {
	var call *auth0.Error
	if !errors.As(err, &call) || call.Code != codeInsufficientScope {
		return ""
	}
	switch call.Method {
	case http.MethodPost:
		return "create:client_grants"
	case http.MethodPatch:
		return "update:client_grants"
	case http.MethodDelete:
		return "delete:client_grants"
	}
	return "read:client_grants"
}

// untouched says that a request surely changed nothing and told nothing about the grant: its observation stays valid.
func untouched(err error) bool {
	if failed, ok := errors.AsType[*auth0.TransportError](err); ok {
		return !failed.Sent
	}
	if call, ok := errors.AsType[*auth0.Error](err); ok && !auth0.Unanswered(call) && plainRefusal(call) {
		return true
	}
	_, unissued := errors.AsType[*auth0.TokenError](err)
	return unissued || auth0.IsRateLimited(err) || Refused(err)
}

// plainRefusal says that a call was refused because of its content or its client: an object that Auth0 refuses again and
// again costs one call each time, and no look. A change or deletion of a grant that is not found has learned something.
func plainRefusal(call *auth0.Error) bool {
	switch call.Status {
	case http.StatusBadRequest, http.StatusForbidden:
		return true
	case http.StatusNotFound:
		return call.Method == http.MethodPost
	}
	return false
}

// codeInsufficientScope is the recorded errorCode of a call for which the token lacks a scope. Other 403 answers, such
// as a limit of the plan, are about the call.
const codeInsufficientScope = "insufficient_scope"

// Refused says that the tenant did not accept the credentials, or not for this call.
func Refused(err error) bool {
	if token, ok := errors.AsType[*auth0.TokenError](err); ok {
		return !token.RateLimited() && !token.Unavailable()
	}
	call, ok := errors.AsType[*auth0.Error](err)
	return ok && (auth0.IsUnauthorized(err) || call.Code == codeInsufficientScope)
}
