package auth0

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Error is a definite answer of the Management API that is no success: any status but 2xx, redirects included, which
// are not followed. Callers decide by its status, never by its words, of which Auth0 promises nothing.
type Error struct {
	// Method of the request.
	Method string
	// Route is the path with {id} in the place of an ID.
	Route string
	// Status of the answer.
	Status int
	// Code and Message are the answer's errorCode and message: printable characters only, 256 of each at most,
	// "(withheld)" if they repeat a secret. They are empty where the answer has none, or no JSON.
	Code    string
	Message string
	// Foreign says that the body is not one of the API's own: a proxy or firewall in front of it may have answered. The
	// effect of the request is then unknown.
	Foreign bool
	// RateLimit as the answer's headers tell it.
	RateLimit RateLimit
}

// Error tells method, route, status and the API's message.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: status %d", e.Method, e.Route, e.Status)
	if e.Foreign && !troubled(e.Status) {
		text += ", not the API's own answer but one of a server in between, such as a proxy"
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	return text
}

// TransportError is a request without a definite answer: no connection, a time-out, a context that ended, a guard that
// refused it, an answer that breaks off, is too large, or is not what the API answers. A failed token request is one,
// too (Route is then /oauth/token): the API call that needed the token was not made.
type TransportError struct {
	// Method of the request.
	Method string
	// Route is the path with {id} in the place of an ID.
	Route string
	// Sent says that the API call may have reached the server and may have had its effect. False: it surely did not.
	Sent bool

	err error
}

// Error tells method, route and cause.
func (e *TransportError) Error() string {
	return fmt.Sprintf("%s %s: %v", e.Method, e.Route, e.err)
}

// Unwrap returns the cause, for errors.Is with context.Canceled, context.DeadlineExceeded or an error of the guard, and
// for errors.As. The texts of what lies below it are not cleaned.
func (e *TransportError) Unwrap() error {
	return e.err
}

// cause shows a clean text in the place of an error's own, which may quote what a server sent.
type cause struct {
	text string
	err  error
}

func newCause(err error, secrets ...string) *cause {
	text := shown(err.Error(), secrets...)
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer in time: " + context.DeadlineExceeded.Error()
	}
	return &cause{text: text, err: err}
}

func (c *cause) Error() string {
	return c.text
}

func (c *cause) Is(target error) bool {
	return errors.Is(c.err, target)
}

func (c *cause) As(target any) bool {
	return errors.As(c.err, target)
}

// StatusOf returns the status of an [Error], and 0 for every other error: the token endpoint's status says nothing about
// a grant.
func StatusOf(err error) int {
	if answered, ok := errors.AsType[*Error](err); ok {
		return answered.Status
	}
	return 0
}

// IsNotFound says that the API answered 404: on a create, to a client or an API that it does not know; else to the
// grant's ID.
func IsNotFound(err error) bool {
	return StatusOf(err) == http.StatusNotFound
}

// IsConflict says that the API answered 409: there is a grant of this identity already.
func IsConflict(err error) bool {
	return StatusOf(err) == http.StatusConflict
}

// IsUnauthorized says that the API itself answered 401. The client has dropped the token: the next call gets a new one.
func IsUnauthorized(err error) bool {
	answered, ok := errors.AsType[*Error](err)
	return ok && answered.Status == http.StatusUnauthorized && !answered.Foreign
}

// IsForbidden says that the API answered 403: the token lacks a scope, or the tenant a feature or room for more.
func IsForbidden(err error) bool {
	return StatusOf(err) == http.StatusForbidden
}

// IsRateLimited says that the API answered 429, or that the token endpoint said the like in any of its ways.
func IsRateLimited(err error) bool {
	if refused, ok := errors.AsType[*TokenError](err); ok {
		return refused.RateLimited()
	}
	return StatusOf(err) == http.StatusTooManyRequests
}

// Unanswered says that the API call was sent and that nothing definite is known about its effect: no answer, a time-out,
// a 5xx or 408, an answer that is not the API's own, or a 2xx whose answer cannot be read. A 429 and a 409 are definite
// in any words: a rate limit holds whoever sets it, and a look at the grant settles a conflict.
func Unanswered(err error) bool {
	if failed, ok := errors.AsType[*TransportError](err); ok {
		return failed.Sent
	}
	answered, ok := errors.AsType[*Error](err)
	return ok && (troubled(answered.Status) || answered.Foreign && !IsRateLimited(err) && !IsConflict(err))
}
