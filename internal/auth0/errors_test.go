package auth0_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// remoteError is an error as the API answers it.
func remoteError(status int, message, code string) string {
	return fmt.Sprintf(`{"statusCode":%d,"error":%q,"message":%q,"errorCode":%q}`, status, http.StatusText(status), message, code)
}

func TestClient_TypesErrorsByStatus(t *testing.T) {
	is := map[string]func(error) bool{
		"not found": auth0.IsNotFound, "conflict": auth0.IsConflict, "unauthorized": auth0.IsUnauthorized,
		"forbidden": auth0.IsForbidden, "rate limited": auth0.IsRateLimited, "unanswered": auth0.Unanswered,
	}
	tests := map[int]string{
		301: "", 302: "", 307: "", 308: "", 400: "", 401: "unauthorized", 403: "forbidden", 404: "not found",
		408: "unanswered", 409: "conflict", 418: "", 429: "rate limited", 500: "unanswered", 501: "unanswered",
		502: "unanswered", 503: "unanswered", 504: "unanswered", 599: "unanswered",
	}
	for status, want := range tests {
		tenant := newTenant(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			answer(w, status, remoteError(status, "The message.", "the_code"))
		})
		for name, call := range calls(tenant.client(t)) {
			err := call(t.Context())
			got := asError[*auth0.Error](t, err)
			if got.Status != status || auth0.StatusOf(err) != status || got.Message != "The message." || got.Code != "the_code" {
				t.Errorf("%s: got %#v", name, got)
			}
			method, about, _ := strings.Cut(name, " ")
			route := "/api/v2/client-grants/{id}"
			switch {
			case about == "organizations":
				route += "/organizations"
			case about == "linked" || about == "link":
				route = "/api/v2/organizations/{id}/client-grants"
			case about == "unlink":
				route = "/api/v2/organizations/{id}/client-grants/{id}"
			case about == "list" || method == http.MethodPost:
				route = "/api/v2/client-grants"
			}
			text := fmt.Sprintf("%s %s: status %d: The message. (the_code)", method, route, status)
			if got.Method != method || got.Route != route || err.Error() != text {
				t.Errorf("got %q, want %q", err.Error(), text)
			}
			for predicate, holds := range is {
				if holds(err) != (predicate == want) {
					t.Errorf("status %d, %s: %v", status, predicate, holds(err))
				}
				if holds(fmt.Errorf("wrapped: %w", err)) != (predicate == want) || holds(nil) || holds(errors.New("other")) {
					t.Errorf("status %d, %s: wrong about another error", status, predicate)
				}
			}
		}
		_, asked := tenant.asked()
		if want := len(calls(nil)); len(asked) != want {
			t.Errorf("status %d: %d calls were sent for %d: a retry, or a redirect that was followed", status, len(asked), want)
		}
	}
}

// A proxy or firewall that answers in the API's place decides nothing: the request may have had its effect.
func TestClient_TellsAnswersApartThatAreNotTheAPIs(t *testing.T) {
	own, page := remoteError(403, "No.", ""), "<html>403 Forbidden</html>"
	tests := map[string]struct {
		status         int
		kind, body     string
		foreign, vague bool
	}{
		"the API's own":                 {403, "application/json", own, false, false},
		"the API's own without a code":  {401, "application/json", `{"statusCode":401,"message":"Missing authentication"}`, false, false},
		"the API's own with little":     {400, "application/json", `{"errorCode":"invalid_body"}`, false, false},
		"HTML":                          {403, "text/html", page, true, true},
		"HTML that says it is JSON":     {403, "application/json", page, true, true},
		"JSON that says it is HTML":     {403, "text/html", own, true, true},
		"JSON of a gateway":             {403, "application/json", `{"message":"Forbidden"}`, true, true},
		"another bad request":           {400, "text/html", page, true, true},
		"another token that is refused": {401, "text/html", page, true, true},
		"another page that is missing":  {404, "text/plain", "404 page not found", true, true},
		"a redirect to a login page":    {302, "text/html", page, true, true},
		"nothing at all":                {403, "", "", true, true},
		"another rate limit":            {429, "text/html", page, true, false},
		"a conflict in no words":        {409, "text/html", page, true, false},
		"trouble of a proxy":            {502, "text/html", page, true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := newTenant(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{test.kind}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}).client(t)
			for _, call := range calls(client) {
				err := call(t.Context())
				got := asError[*auth0.Error](t, err)
				if got.Status != test.status || got.Foreign != test.foreign || auth0.Unanswered(err) != test.vague {
					t.Errorf("got %#v, unanswered %v", got, auth0.Unanswered(err))
				}
				if own := test.status == http.StatusUnauthorized && !test.foreign; auth0.IsUnauthorized(err) != own {
					t.Errorf("unauthorized: %v", !own)
				}
			}
			if _, kept := client.Token(); kept == (test.status == http.StatusUnauthorized && !test.foreign) {
				t.Errorf("the token is kept: %v", kept)
			}
		})
	}
}

func TestClient_ShowsOnlyCleanMessages(t *testing.T) {
	long := strings.Repeat("ä", 300)
	pushed := strings.Repeat("x", 250) + secretCanary
	tests := map[string]struct {
		kind, body    string
		message, code string
	}{
		"no code":            {body: `{"message":"Missing authentication"}`, message: "Missing authentication"},
		"other types":        {body: `{"message":["a"],"errorCode":"b"}`, code: "b"},
		"an array":           {body: `["a"]`},
		"garbage":            {body: `{{{`},
		"HTML":               {kind: "text/html", body: `{"message":"<html>"}`},
		"no type":            {kind: "-", body: `{"message":"a"}`},
		"problem JSON":       {kind: "application/problem+json", body: `{"message":"a"}`, message: "a"},
		"control characters": {body: `{"message":" a\n\u0000\u001b[31mb\u202ec\r\n"}`, message: "a   [31mb c"},
		"too long":           {body: `{"message":"` + long + `","errorCode":"` + long + `"}`, message: long[:512], code: long[:512]},
		"the secret":         {body: `{"message":"bad secret ` + secretCanary + `"}`, message: "(withheld)"},
		"the secret as code": {body: `{"errorCode":"` + secretCanary + `"}`, code: "(withheld)"},
		"the secret, cut":    {body: `{"message":"` + pushed + `"}`, message: "(withheld)"},
		"half of the secret": {body: `{"message":"it starts ` + secretCanary[:20] + `"}`, message: "(withheld)"},
		"the secret, as in a form": {
			body: `{"message":"client_secret=` + url.QueryEscape(secretCanary) + `"}`, message: "(withheld)",
		},
		"the token":    {body: `{"message":"Bearer ` + tokenCanary + `-1 is bad"}`, message: "(withheld)"},
		"a large body": {body: `{"message":"a","x":"` + strings.Repeat("x", 1<<20) + `"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := newTenant(t, func(w http.ResponseWriter, _ *http.Request) {
				switch test.kind {
				case "":
					w.Header().Set("Content-Type", "application/json")
				case "-":
					w.Header()["Content-Type"] = nil
				default:
					w.Header().Set("Content-Type", test.kind)
				}
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(test.body))
			}).client(t)
			_, err := client.ListPage(t.Context(), auth0.Filter{Audience: "canary in the query"}, "canary")
			got := asError[*auth0.Error](t, err)
			if got.Status != http.StatusBadRequest || got.Message != test.message || got.Code != test.code {
				t.Errorf("got %q and %q, want %q and %q", got.Message, got.Code, test.message, test.code)
			}
			if utf8.RuneCountInString(got.Message) > 256 {
				t.Errorf("a message of %d characters", utf8.RuneCountInString(got.Message))
			}
			tellsNothing(t, err)
		})
	}
}

func TestClient_WithholdsASecretAsItWasSentInAForm(t *testing.T) {
	const secret = "p/q+r=s/t+u=v"
	client := newTenant(t, answering(http.StatusBadRequest, remoteError(400, "form client_secret="+url.QueryEscape(secret), ""))).
		client(t, func(o *auth0.Options) { o.Credentials.ClientSecret = secret })
	_, err := client.Get(t.Context(), "cgr_1")
	if got := asError[*auth0.Error](t, err); got.Message != "(withheld)" {
		t.Errorf("got %q", got.Message)
	}
}

func TestClient_WithholdsAnAssertion(t *testing.T) {
	var assertion string
	tenant := newTenant(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusForbidden, remoteError(403, "who sent "+assertion, ""))
	}, func(w http.ResponseWriter, r *http.Request) {
		assertion = r.FormValue("client_assertion")
		answer(w, http.StatusOK, `{"access_token":"`+tokenCanary+`","expires_in":60}`)
	})
	client := tenant.client(t, func(o *auth0.Options) {
		o.Credentials = auth0.Credentials{ClientID: "operator", PrivateKey: pkcs8(rsaKey())}
	})
	_, err := client.Get(t.Context(), "cgr_1")
	if got := asError[*auth0.Error](t, err); got.Message != "(withheld)" || assertion == "" {
		t.Errorf("got %q", got.Message)
	}
	tellsNothing(t, err, assertion)
}

func TestClient_TakesAnUnreadableSuccessForNoAnswer(t *testing.T) {
	plain := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := map[string]http.HandlerFunc{
		"HTML":             plain(200, "text/html", "<html>canary</html>"),
		"JSON by no name":  plain(200, "text/plain", one),
		"an array":         answering(200, `[`+one+`]`),
		"a string":         answering(200, `"canary"`),
		"null":             answering(200, `null`),
		"no ID":            answering(201, `{"audience":"a"}`),
		"no audience":      answering(200, `{"id":"cgr_1"}`),
		"a wrong type":     answering(200, `{"id":"cgr_1","audience":"a","allow_all_scopes":"canary"}`),
		"a wrong number":   answering(200, `{"id":"cgr_1","audience":77123,"scope":[]}`),
		"nothing":          answering(200, ``),
		"no content":       answering(204, ``),
		"half an answer":   answering(200, one[:40]),
		"more than bounds": answering(200, `{"id":"cgr_1","audience":"a","x":"`+strings.Repeat("x", 1<<20)+`"}`),
		"a broken stream": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "4000")
			_, _ = w.Write([]byte(one))
		},
		"a broken connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, handler := range tests {
		tenant := newTenant(t, handler)
		client := tenant.client(t)
		for method, call := range calls(client) {
			if strings.Contains(method, " ") || method == "DELETE" {
				continue // Listings and links have tests of their own, and a 204 has no body.
			}
			err := call(t.Context())
			got := asError[*auth0.TransportError](t, err)
			if !auth0.Unanswered(err) || !got.Sent || got.Method != method || auth0.StatusOf(err) != 0 {
				t.Errorf("%s to %s: got %#v", name, method, got)
			}
			tellsNothing(t, err, "77123")
		}
	}
	for _, name := range []string{"HTML", "JSON by no name", "more than bounds", "a broken stream", "a broken connection"} {
		if err := newTenant(t, tests[name]).client(t).Delete(t.Context(), "cgr_1"); !auth0.Unanswered(err) {
			t.Errorf("%s to DELETE: got error %v", name, err)
		}
	}
}

func TestClient_RefusesTheAnswerAboutAnotherGrant(t *testing.T) {
	client := newTenant(t, answering(http.StatusOK, one)).client(t)
	if _, err := client.Get(t.Context(), "cgr_2"); !auth0.Unanswered(err) {
		t.Errorf("get: got error %v", err)
	}
	if _, err := client.Update(t.Context(), "cgr_2", fields()); !auth0.Unanswered(err) {
		t.Errorf("update: got error %v", err)
	}
}

func TestClient_TellsTheObserverOfEveryCall(t *testing.T) {
	var got []auth0.Response
	status := http.StatusOK
	tenant := newTenant(t, func(w http.ResponseWriter, _ *http.Request) {
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-RateLimit-Limit", "50")
		w.Header().Set("X-RateLimit-Remaining", "7")
		answer(w, status, one)
	})
	refuse := false
	client := tenant.client(t, func(o *auth0.Options) {
		o.OnResponse = func(r auth0.Response) { got = append(got, r) }
		o.Guard = func(string) error {
			if refuse {
				return errors.New("refused")
			}
			return nil
		}
	})
	if _, err := client.Authenticate(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("error %v, told of %v", err, got)
	}
	for _, status = range []int{200, 409, 503, 0} {
		_, _ = client.Update(t.Context(), "cgr_1", fields("a"))
	}
	refuse = true
	_, _ = client.Update(t.Context(), "cgr_1", fields("a"))
	limit := auth0.RateLimit{Limit: 50, Remaining: 7, Known: true}
	want := []auth0.Response{
		{Method: "PATCH", Route: "/api/v2/client-grants/{id}", Status: 200, RateLimit: limit},
		{Method: "PATCH", Route: "/api/v2/client-grants/{id}", Status: 409, RateLimit: limit},
		{Method: "PATCH", Route: "/api/v2/client-grants/{id}", Status: 503, RateLimit: limit},
		{Method: "PATCH", Route: "/api/v2/client-grants/{id}", Status: 0},
	}
	for i := range got {
		if got[i].Duration <= 0 {
			t.Errorf("duration %v", got[i].Duration)
		}
		got[i].Duration = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestTransportError_NeverQuotesTheServer(t *testing.T) {
	// What answers is no HTTP server; net/http quotes its first line.
	client := clientOver(t, roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("malformed HTTP response %q", "\x00"+secretCanary+" "+tokenCanary)
	}))
	_, err := client.Get(t.Context(), "cgr_1")
	if got := asError[*auth0.TransportError](t, err); !got.Sent {
		t.Error("a transport that does not report on connections proves nothing")
	}
	if !strings.Contains(err.Error(), "(withheld)") {
		t.Errorf("got %v", err)
	}
	tellsNothing(t, err)
}

func TestTransportError_KeepsItsCause(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tenant := newTenant(t, api)
	_, err := tenant.client(t).Get(ctx, "cgr_1")
	if !errors.Is(err, context.Canceled) || auth0.Unanswered(err) {
		t.Errorf("got %v", err)
	}
}
