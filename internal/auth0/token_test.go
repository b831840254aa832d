package auth0_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func TestClient_SendsTheSecretInTheFormBodyOnly(t *testing.T) {
	tenant := newTenant(t, api)
	client := tenant.client(t)
	if _, err := client.Authenticate(auth0.WithCorrelationID(t.Context(), "x")); err != nil {
		t.Fatal(err)
	}
	tokens, calls := tenant.asked()
	if len(tokens) != 1 || len(calls) != 0 {
		t.Fatalf("asked %v %v", tokens, calls)
	}
	want := "audience=https%3A%2F%2Facme.eu.auth0.com%2Fapi%2Fv2%2F&client_id=operator&client_secret=" +
		url.QueryEscape(secretCanary) + "&grant_type=client_credentials"
	if got := tokens[0]; got.Method != http.MethodPost || got.URI != "/oauth/token" || got.Body != want {
		t.Errorf("sent %s %s\n%s\nwant\n%s", got.Method, got.URI, got.Body, want)
	}
	headers := http.Header{
		"Accept-Encoding": {"gzip"}, "Content-Type": {"application/x-www-form-urlencoded"},
		"User-Agent": {"clientgrant-operator"},
	}
	tokens[0].Header.Del("Content-Length")
	if diff := cmp.Diff(headers, tokens[0].Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestClient_SignsAnAssertionForEachTokenRequest(t *testing.T) {
	seen := map[string]bool{}
	for name, key := range map[string][]byte{"PKCS #1": pkcs1(rsaKey()), "PKCS #8": pkcs8(rsaKey())} {
		for algorithm, want := range map[string]string{"": "RS256", "RS256": "RS256", "RS384": "RS384", "PS256": "PS256"} {
			tenant := newTenant(t, api)
			client := tenant.client(t, func(o *auth0.Options) {
				o.Domain = strings.ToUpper(o.Domain)
				o.Credentials = auth0.Credentials{ClientID: "operator", PrivateKey: key, Algorithm: algorithm}
			})
			for range 2 {
				if _, err := client.Authenticate(t.Context()); err != nil {
					t.Fatal(name, algorithm, err)
				}
			}
			tokens, _ := tenant.asked()
			for _, each := range tokens {
				form, _ := url.ParseQuery(each.Body)
				assertion := form.Get("client_assertion")
				checkAssertion(t, assertion, want, tenant.domain())
				if seen[assertion] {
					t.Error("an assertion was used twice")
				}
				seen[assertion] = true
				form.Del("client_assertion")
				wantForm := url.Values{
					"audience": {audience}, "client_id": {"operator"}, "grant_type": {"client_credentials"},
					"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
				}
				if diff := cmp.Diff(wantForm, form); diff != "" || each.Header.Get("Authorization") != "" {
					t.Errorf("form (-want +got):\n%s", diff)
				}
			}
		}
	}
}

func checkAssertion(t *testing.T, assertion, algorithm, domain string) {
	t.Helper()
	claims := jwt.MapClaims{}
	token, err := jwt.NewParser(jwt.WithValidMethods([]string{algorithm})).ParseWithClaims(assertion, claims,
		func(*jwt.Token) (any, error) { return &rsaKey().PublicKey, nil })
	if err != nil || len(assertion) > 2048 {
		t.Fatalf("assertion of %d bytes: %v", len(assertion), err)
	}
	if diff := cmp.Diff(map[string]any{"alg": algorithm, "typ": "JWT"}, token.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	issued, ends := claims["iat"].(float64), claims["exp"].(float64)
	if ends-issued != 120 || time.Since(time.Unix(int64(issued), 0)).Abs() > time.Minute || len(claims["jti"].(string)) < 16 {
		t.Errorf("claims %v", claims)
	}
	for _, name := range []string{"iat", "exp", "jti"} {
		delete(claims, name)
	}
	want := jwt.MapClaims{"iss": "operator", "sub": "operator", "aud": "https://" + domain + "/"}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestClient_TellsWhatItKnowsOfTheToken(t *testing.T) {
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": "https://acme.eu.auth0.com/", "aud": []string{"one", "two"}, "exp": 1,
	}).SignedString(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		body string
		want auth0.Token
	}{
		"a JWT with scopes": {
			body: `{"access_token":"` + signed + `","scope":"read:client_grants  create:client_grants","expires_in":60}`,
			want: auth0.Token{
				Scopes: []string{"read:client_grants", "create:client_grants"}, ScopesKnown: true,
				Audiences: []string{"one", "two"}, Issuer: "https://acme.eu.auth0.com/",
			},
		},
		"an opaque token without scopes": {body: `{"access_token":"opaque","expires_in":60,"token_type":"bearer"}`},
		"an empty scope":                 {body: `{"access_token":"a.b.c","scope":"","expires_in":60}`, want: auth0.Token{ScopesKnown: true, Scopes: []string{}}},
		"a scope of another type":        {body: `{"access_token":"a.b.c","scope":["a"],"expires_in":60}`},
	}
	for name, test := range tests {
		client := newTenant(t, api, answering(http.StatusOK, test.body)).client(t)
		if _, ok := client.Token(); ok {
			t.Errorf("%s: knows a token before it has one", name)
		}
		got, err := client.Authenticate(t.Context())
		cached, ok := client.Token()
		if left := time.Until(got.Expiry); left > time.Minute || left < 50*time.Second {
			t.Errorf("%s: %v left", name, left)
		}
		if diff := cmp.Diff(got, cached); err != nil || !ok || diff != "" {
			t.Errorf("%s: error %v, cached %v (-fresh +cached):\n%s", name, err, ok, diff)
		}
		got.Expiry = time.Time{}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestClient_AuthenticatesWhateverIsCached(t *testing.T) {
	var fail atomic.Bool
	give := giveTokens()
	tenant := newTenant(t, api, func(w http.ResponseWriter, r *http.Request) {
		if fail.Load() {
			answer(w, http.StatusUnauthorized, `{"error":"access_denied","error_description":"Unauthorized"}`)
			return
		}
		give(w, r)
	})
	client := tenant.client(t)
	for range 2 {
		if _, err := client.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fail.Store(true)
	_, err := client.Authenticate(t.Context())
	_ = asError[*auth0.TokenError](t, err)
	if _, err := client.Get(t.Context(), "cgr_1"); err != nil {
		t.Errorf("a failed attempt spoils the token that is there: %v", err)
	}
	tokens, calls := tenant.asked()
	if len(tokens) != 3 || calls[0].Header.Get("Authorization") != "Bearer "+tokenCanary+"-2" {
		t.Errorf("%d token requests, call with %q", len(tokens), calls[0].Header.Get("Authorization"))
	}
}
