package auth0_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// Secrets that no printed value may ever hold.
const (
	secretCanary = "canary-S3cret/with+signs=in_it"
	tokenCanary  = "canary-access-token"
)

const audience = "https://acme.eu.auth0.com/api/v2/"

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// tenant is an Auth0 tenant that a test writes: two handlers, and what they were asked.
type tenant struct {
	*httptest.Server

	mu       sync.Mutex
	requests []request
}

type request struct {
	Method string
	URI    string
	Header http.Header
	Body   string
	Proto  int
}

// newTenant serves API calls with api and token requests with the given handler, or with one that gives every request a
// token of its own.
func newTenant(t *testing.T, api http.HandlerFunc, token ...http.HandlerFunc) *tenant {
	t.Helper()
	served := &tenant{}
	given := giveTokens()
	if len(token) > 0 {
		given = token[0]
	}
	served.Server = httptest.NewTLSServer(served.handler(given, api))
	t.Cleanup(served.Close)
	return served
}

func (s *tenant) handler(token, api http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // No server acts on half a request.
		}
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.RequestURI, r.Header.Clone(), string(body), r.ProtoMajor})
		s.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if r.URL.Path == "/oauth/token" {
			token(w, r)
			return
		}
		api(w, r)
	})
}

// asked returns the requests so far, split into token requests and API calls.
func (s *tenant) asked() (tokens, calls []request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, each := range s.requests {
		if each.URI == "/oauth/token" {
			tokens = append(tokens, each)
		} else {
			calls = append(calls, each)
		}
	}
	return tokens, calls
}

func (s *tenant) domain() string {
	return strings.TrimPrefix(s.URL, "https://")
}

// client of the tenant, with a client secret.
func (s *tenant) client(t *testing.T, changes ...func(*auth0.Options)) *auth0.Client {
	t.Helper()
	options := auth0.Options{
		Domain: s.domain(), Audience: audience, RoundTripper: s.Client().Transport,
		Credentials: auth0.Credentials{ClientID: "operator", ClientSecret: secretCanary},
	}
	for _, change := range changes {
		change(&options)
	}
	client, err := auth0.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func giveTokens() http.HandlerFunc {
	var mu sync.Mutex
	count := 0
	return func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		count++
		answer(w, http.StatusOK, fmt.Sprintf(`{"access_token":"%s-%d","expires_in":86400,"token_type":"Bearer"}`, tokenCanary, count))
	}
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, body) }
}

// one is a grant as the API answers it.
const one = `{"id":"cgr_1","client_id":"c","audience":"https://api.example.com/","scope":["a"],"subject_type":"client"}`

// roundTrip is a transport in memory, for tests in which time matters.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	return f(r)
}

func response(status int, body string) *http.Response {
	recorder := httptest.NewRecorder()
	answer(recorder, status, body)
	return recorder.Result()
}

// tokenThen answers token requests in memory and leaves API calls to the next transport.
func tokenThen(next http.RoundTripper) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/oauth/token" {
			return response(http.StatusOK, `{"access_token":"`+tokenCanary+`","expires_in":86400}`), nil
		}
		return next.RoundTrip(r)
	}
}

// tellsNothing fails if any way to print the error, or what it wraps, shows a canary.
func tellsNothing(t *testing.T, err error, canaries ...string) {
	t.Helper()
	for each := err; each != nil; each = errors.Unwrap(each) {
		raw, _ := json.Marshal(each)
		printed := fmt.Sprintf("%v\n%+v\n%#v\n%q\n%s", each, each, each, each, raw)
		for _, canary := range append(canaries, secretCanary, tokenCanary, "canary") {
			if strings.Contains(printed, canary) {
				t.Errorf("an error shows %q:\n%s", canary, printed)
			}
		}
	}
}

// clientOver is a client whose API calls go over the given transport.
func clientOver(t *testing.T, transport http.RoundTripper, changes ...func(*auth0.Options)) *auth0.Client {
	t.Helper()
	options := auth0.Options{
		Domain: "acme.example", Audience: audience, RoundTripper: tokenThen(transport),
		Credentials: auth0.Credentials{ClientID: "operator", ClientSecret: secretCanary},
	}
	for _, change := range changes {
		change(&options)
	}
	client, err := auth0.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// asError returns the error as the given type, or fails the test.
func asError[E error](t *testing.T, err error) E {
	t.Helper()
	found, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("got error %v (%T), want a %T", err, err, found)
	}
	return found
}

// calls are all the methods, each with a call that is right.
func calls(client *auth0.Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"GET list": func(ctx context.Context) error { _, err := client.ListPage(ctx, auth0.Filter{}, ""); return err },
		"GET":      func(ctx context.Context) error { _, err := client.Get(ctx, "cgr_1"); return err },
		"POST":     func(ctx context.Context) error { _, err := client.Create(ctx, newGrant()); return err },
		"PATCH":    func(ctx context.Context) error { _, err := client.Update(ctx, "cgr_1", fields("a")); return err },
		"DELETE":   func(ctx context.Context) error { return client.Delete(ctx, "cgr_1") },
		"GET organizations": func(ctx context.Context) error {
			_, err := client.OrganizationsPage(ctx, "cgr_1", "")
			return err
		},
		"GET linked": func(ctx context.Context) error {
			_, err := client.LinkedPage(ctx, "org_1", nil, 0)
			return err
		},
		"POST link":     func(ctx context.Context) error { return client.Link(ctx, "org_1", "cgr_1") },
		"DELETE unlink": func(ctx context.Context) error { return client.Unlink(ctx, "org_1", "cgr_1") },
	}
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return generate(2048) })

func generate(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func pkcs1(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func pkcs8(key any) []byte {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
