package auth0

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Hint says what a refused token request most likely means.
type Hint string

// The meanings of a refused token request. The answers are reported by users; that of the quota is documented.
const (
	// HintUnknown: the answer is none of those below.
	HintUnknown Hint = ""
	// HintCredentials: the client ID, its secret or its assertion is wrong.
	HintCredentials Hint = "Credentials"
	// HintAudience: the tenant has no API with this identifier; that of a custom domain never is one.
	HintAudience Hint = "Audience"
	// HintNotAuthorized: the application has no client grant for the Management API.
	HintNotAuthorized Hint = "NotAuthorized"
	// HintGrantType: the application may not use the grant type client_credentials.
	HintGrantType Hint = "GrantType"
	// HintRateLimit: a rate limit or a token quota is used up. The credentials may be good.
	HintRateLimit Hint = "RateLimit"
	// HintUnavailable: the token endpoint itself is in trouble, or something else answered in its place. The credentials may
	// be good.
	HintUnavailable Hint = "Unavailable"
)

// String tells a person what to look at.
func (h Hint) String() string {
	switch h {
	case HintCredentials:
		return "wrong client ID, client secret or private key"
	case HintAudience:
		return "the tenant has no API with this audience"
	case HintNotAuthorized:
		return "the application is not authorized for this audience: it needs a client grant for the Management API"
	case HintGrantType:
		return "the application may not use the grant type client_credentials"
	case HintRateLimit:
		return "rate limit or token quota reached"
	case HintUnavailable:
		return "the token endpoint is not available"
	case HintUnknown:
	}
	return "the token endpoint refused the request"
}

// oauthRoute is the path of the token endpoint.
const oauthRoute = "/oauth/token"

// TokenError is a refused token request: the API call that needed the token was not made. It holds nothing of the
// answer's body but a code that is in the list of known ones.
type TokenError struct {
	// Status of the answer. A redirect is one, too: it is not followed.
	Status int
	// Code is the answer's error member if it is a code of OAuth 2.0 or one that Auth0 is known to use, else empty.
	Code string
	// RateLimit as the answer's headers tell it. Retry-After is documented for a token quota.
	RateLimit RateLimit
	// Foreign says that the answer is not the token endpoint's own, which is JSON with an error member: a proxy or firewall
	// in front of it may have answered.
	Foreign bool
	// Hint is what the answer most likely means.
	Hint Hint
}

// Error tells status, code and hint.
func (e *TokenError) Error() string {
	if e.Foreign && e.Unavailable() && !troubled(e.Status) {
		return fmt.Sprintf("POST %s: status %d, not the token endpoint's own answer but one of a server in between, such as a proxy",
			oauthRoute, e.Status)
	}
	if e.Code == "" {
		return fmt.Sprintf("POST %s: status %d: %s", oauthRoute, e.Status, e.Hint)
	}
	return fmt.Sprintf("POST %s: status %d (%s): %s", oauthRoute, e.Status, e.Code, e.Hint)
}

// RateLimited says that the request was one too many, whatever the status: the token endpoint is known to say so with a
// 5xx, and with the code of wrong credentials (reported). The credentials are not to blame; ask again later.
func (e *TokenError) RateLimited() bool {
	return e.Status == http.StatusTooManyRequests || e.Hint == HintRateLimit
}

// Unavailable says that the token endpoint is in trouble, or did not answer itself: a 5xx, a 408 or a foreign answer that is
// no rate limit. Ask again later.
func (e *TokenError) Unavailable() bool {
	return (e.Foreign || troubled(e.Status)) && !e.RateLimited()
}

var tokenCodes = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
	"access_denied", "server_error", "temporarily_unavailable", "too_many_requests",
}

// maxTokenAnswer is how much of an answer is looked at for words that say what it means, in bytes.
const maxTokenAnswer = 4 << 10

func newTokenError(refused *oauth2.RetrieveError, now time.Time) *TokenError {
	found := &TokenError{
		Status: refused.Response.StatusCode, RateLimit: rateLimitOf(refused.Response.Header, now),
		Foreign: refused.ErrorCode == "" || !isJSON(refused.Response.Header),
	}
	if !found.Foreign && slices.Contains(tokenCodes, refused.ErrorCode) {
		found.Code = refused.ErrorCode
	}
	words := strings.ToLower(string(refused.Body[:min(len(refused.Body), maxTokenAnswer)]))
	found.Hint = hintOf(found.Status, found.Code, words)
	if found.Foreign && found.Hint != HintRateLimit {
		found.Hint = HintUnavailable
	}
	return found
}

// hintOf reads what the token endpoint means. One status stands for several causes, which only words tell apart.
func hintOf(status int, code, words string) Hint {
	says := func(phrases ...string) bool {
		return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(words, phrase) })
	}
	switch {
	case status == http.StatusTooManyRequests, code == "too_many_requests",
		says("global limit", "limit has been reached", "quota exceeded", "too many requests"):
		return HintRateLimit
	case troubled(status), code == "server_error", code == "temporarily_unavailable":
		return HintUnavailable
	case says("service not enabled within domain"):
		return HintAudience
	case code == "unauthorized_client" && says("grant type"), code == "unsupported_grant_type":
		return HintGrantType
	case says("client is not authorized to access", "client has not been granted scopes"), code == "unauthorized_client":
		return HintNotAuthorized
	case status == http.StatusUnauthorized, code == "invalid_client":
		return HintCredentials
	}
	return HintUnknown
}

// troubled says that a status tells about the server, not about the request.
func troubled(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusRequestTimeout
}

// QuotaWait is how long to wait after a refusal of the token endpoint that names a time, as it is documented for a quota of tokens
// that is used up; half an hour at most, and 0 for any other error.
func QuotaWait(err error) time.Duration {
	if refused, ok := errors.AsType[*TokenError](err); ok && IsRateLimited(err) {
		return min(refused.RateLimit.RetryAfter, longestQuota)
	}
	return 0
}
