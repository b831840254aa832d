package auth0_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func TestClient_TellsTokenRefusalsApart(t *testing.T) {
	const service = "Service not enabled within domain: https://x/api/v2/"
	const missing = `Client is not authorized to access \"https://x/\". You might probably want to create a \"client-grant\"`
	tests := map[string]struct {
		status      int
		code, words string
		want        auth0.Hint
		hiddenCode  bool
	}{
		"wrong secret":              {401, "access_denied", "Unauthorized", auth0.HintCredentials, false},
		"wrong assertion":           {401, "invalid_client", "Failed to verify canary", auth0.HintCredentials, false},
		"wrong client, by RFC":      {400, "invalid_client", "", auth0.HintCredentials, false},
		"unknown audience":          {403, "access_denied", service, auth0.HintAudience, false},
		"no grant":                  {403, "access_denied", missing, auth0.HintNotAuthorized, false},
		"no scopes":                 {403, "access_denied", "Client has not been granted scopes: canary", auth0.HintNotAuthorized, false},
		"third party, no grant":     {403, "unauthorized_client", "canary", auth0.HintNotAuthorized, false},
		"grant type":                {403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client.", auth0.HintGrantType, false},
		"quota":                     {429, "too_many_requests", "Client quota exceeded", auth0.HintRateLimit, false},
		"quota without words":       {429, "", "", auth0.HintRateLimit, true},
		"limit as a server error":   {500, "access_denied", "Global limit has been reached", auth0.HintRateLimit, false},
		"limit as a wrong secret":   {401, "access_denied", "Global limit has been reached", auth0.HintRateLimit, false},
		"limit as a refusal":        {403, "access_denied", "Too many requests", auth0.HintRateLimit, false},
		"trouble":                   {503, "canary_code", "canary", auth0.HintUnavailable, true},
		"trouble, as access":        {500, "access_denied", "canary", auth0.HintUnavailable, false},
		"a time-out over there":     {408, "", "", auth0.HintUnavailable, true},
		"an answer of another kind": {418, secretCanary, secretCanary, auth0.HintUnknown, true},
		"a refusal that says 200":   {200, "server_error", "canary", auth0.HintUnavailable, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tenant := newTenant(t, api, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				answer(w, test.status, fmt.Sprintf(`{"error":"%s","error_description":"%s"}`, test.code, test.words))
			})
			client := tenant.client(t)
			_, direct := client.Authenticate(t.Context())
			_, called := client.Get(t.Context(), "cgr_1")
			for _, err := range []error{direct, called} {
				got := asError[*auth0.TokenError](t, err)
				wantCode := test.code
				if test.hiddenCode {
					wantCode = ""
				}
				if got.Status != test.status || got.Hint != test.want || got.Code != wantCode || got.RateLimit.RetryAfter != 7*time.Second {
					t.Errorf("got %#v", got)
				}
				limited, trouble := test.want == auth0.HintRateLimit, test.want == auth0.HintUnavailable && test.status != 200
				if got.RateLimited() != limited || auth0.IsRateLimited(err) != limited || got.Unavailable() != trouble {
					t.Errorf("limited %v, trouble %v", got.RateLimited(), got.Unavailable())
				}
				if auth0.Unanswered(err) || auth0.StatusOf(err) != 0 || auth0.IsUnauthorized(err) || auth0.IsForbidden(err) {
					t.Error("taken for an answer of the Management API")
				}
				tellsNothing(t, err)
			}
			if _, calls := tenant.asked(); len(calls) != 0 {
				t.Error("a call without a token was sent")
			}
		})
	}
}

// Credentials are refused by the token endpoint alone: another answer in its place says nothing about them.
func TestClient_BlamesNoCredentialsForAnAnswerOfAnother(t *testing.T) {
	page := "<html>403 Forbidden</html>"
	tests := map[string]struct {
		status        int
		kind, body    string
		foreign       bool
		limited, gone bool
	}{
		"the token endpoint's own":      {403, "application/json", `{"error":"access_denied"}`, false, false, false},
		"an error that nobody knows":    {400, "application/json", `{"error":"other"}`, false, false, false},
		"HTML":                          {403, "text/html", page, true, false, true},
		"HTML, unauthorized":            {401, "text/html; charset=utf-8", page, true, false, true},
		"HTML that says it is JSON":     {403, "application/json", page, true, false, true},
		"JSON that says it is HTML":     {403, "text/html", `{"error":"invalid_client"}`, true, false, true},
		"JSON of a gateway":             {403, "application/json", `{"message":"Forbidden"}`, true, false, true},
		"an error that is no text":      {401, "application/json", `{"error":{"code":401}}`, true, false, true},
		"a form":                        {401, "application/x-www-form-urlencoded", `error=invalid_client`, true, false, true},
		"a page that is missing":        {404, "text/plain", "404 page not found", true, false, true},
		"words about wrong credentials": {403, "text/html", "Service not enabled within domain", true, false, true},
		"nothing at all":                {403, "", "", true, false, true},
		"another rate limit":            {429, "text/html", page, true, true, false},
		"a rate limit in words":         {403, "text/html", "Too many requests", true, true, false},
		"trouble of a proxy":            {502, "text/html", page, true, false, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newTenant(t, api, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{test.kind}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}).client(t).Authenticate(t.Context())
			got := asError[*auth0.TokenError](t, err)
			if got.Status != test.status || got.Foreign != test.foreign || got.RateLimited() != test.limited || got.Unavailable() != test.gone {
				t.Errorf("got %#v: limited %v, unavailable %v", got, got.RateLimited(), got.Unavailable())
			}
			if test.foreign && got.Code != "" {
				t.Errorf("believes the code %q", got.Code)
			}
		})
	}
}

func TestClient_RefusesTokenAnswersThatAreNone(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"HTML": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>canary"))
		},
		"no token":           answering(200, `{"token_type":"Bearer","expires_in":60}`),
		"an empty token":     answering(200, `{"access_token":"","expires_in":60}`),
		"another token type": answering(200, `{"access_token":"x","token_type":"mac","expires_in":60}`),
		"a broken token":     answering(200, `{"access_token":"x\r\nX-Canary: canary","expires_in":60}`),
		"a number":           answering(200, `{"access_token":77123,"expires_in":60}`),
		"a word for a life":  answering(200, `{"access_token":"x","expires_in":"canary"}`),
		"an expired token":   answering(200, `{"access_token":"x","expires_in":-60}`),
		"an endless token": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"`))
			for chunk := []byte(strings.Repeat("x", 64<<10)); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"a broken connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a broken stream": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4000")
			_, _ = w.Write([]byte(`{"access_token":"canary"}`))
		},
	}
	for name, handler := range tests {
		tenant := newTenant(t, api, handler)
		client := tenant.client(t)
		err := client.Delete(t.Context(), "cgr_1")
		got := asError[*auth0.TransportError](t, err)
		if got.Sent || got.Route != "/oauth/token" || auth0.Unanswered(err) {
			t.Errorf("%s: got %#v", name, got)
		}
		tellsNothing(t, err, "77123")
		if tokens, calls := tenant.asked(); len(calls) != 0 || len(tokens) != 1 {
			t.Errorf("%s: %d token requests, %d calls", name, len(tokens), len(calls))
		}
	}
}

func TestClient_FollowsNoRedirectOfATokenRequest(t *testing.T) {
	for _, location := range []string{"/elsewhere", "https://evil.example/", "%zz" + secretCanary} {
		tenant := newTenant(t, api, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		_, err := tenant.client(t).Authenticate(t.Context())
		if err == nil {
			t.Errorf("redirect to %q: no error", location)
		}
		if refused, ok := errors.AsType[*auth0.TokenError](err); ok && refused.Status != http.StatusTemporaryRedirect {
			t.Errorf("got %#v", refused)
		}
		tellsNothing(t, err)
		if tokens, calls := tenant.asked(); len(tokens) != 1 || len(calls) != 0 {
			t.Errorf("redirect to %q: followed to %v", location, calls)
		}
	}
}
