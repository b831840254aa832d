package sim_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newAssertionTenant(t *testing.T) *tenant {
	t.Helper()
	return newTenant(t, func(o *sim.Options) { o.ClientPublicKey = &testKey().PublicKey })
}

// assert signs claims: those of a good assertion, changed.
func (n *tenant) assert(algorithm string, changes map[string]any) string {
	n.t.Helper()
	claims := map[string]any{
		"iss": n.ClientID(), "sub": n.ClientID(), "aud": "https://tenant.example/", "jti": rand.Text(),
		"iat": n.clock.now.Unix(), "exp": n.clock.now.Add(time.Minute).Unix(),
	}
	for name, change := range changes {
		claims[name] = change
		if change == nil {
			delete(claims, name)
		}
	}
	signed := part(n.t, map[string]any{"alg": algorithm, "typ": "JWT"}) + "." + part(n.t, claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature(n.t, algorithm, signed))
}

func part(t *testing.T, x any) string {
	t.Helper()
	data, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func signature(t *testing.T, algorithm, text string) []byte {
	t.Helper()
	hash := crypto.SHA256
	if algorithm == "RS384" {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write([]byte(text))
	var options crypto.SignerOpts = hash
	if algorithm == "PS256" {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	data, err := testKey().Sign(rand.Reader, h.Sum(nil), options)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// assertionForm is a token request with an assertion and without a client ID, as Auth0's SDK sends it.
func (n *tenant) assertionForm(assertion string) string {
	return url.Values{
		"grant_type": {"client_credentials"}, "audience": {n.ManagementAudience()}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}.Encode()
}

func TestAssertions_AreTaken(t *testing.T) {
	n := newAssertionTenant(t)
	for _, row := range []struct {
		name, algorithm string
		changes         map[string]any
		clientID        string
	}{
		{"signed with RS256", "RS256", nil, ""},
		{"signed with RS384", "RS384", nil, ""},
		{"signed with PS256", "PS256", nil, ""},
		{"with a client ID beside it", "RS256", nil, n.ClientID()},
		{"with a list of audiences", "RS256", map[string]any{"aud": []string{"x", "https://tenant.example/"}}, ""},
		{"without iat", "RS256", map[string]any{"iat": nil}, ""},
		{"that lives for five minutes", "RS256", map[string]any{"exp": n.clock.now.Add(5 * time.Minute).Unix()}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			form := n.assertionForm(n.assert(row.algorithm, row.changes))
			if row.clientID != "" {
				form += "&client_id=" + row.clientID
			}
			n.token = decodeToken(t, n.tokenRequest(form)).AccessToken
			n.want(http.MethodGet, grantsAt, "", http.StatusOK)
		})
	}
}

func TestAssertions_AreRefused(t *testing.T) {
	n := newAssertionTenant(t)
	used := n.assert("RS256", nil)
	decodeToken(t, n.tokenRequest(n.assertionForm(used)))
	good := strings.Split(n.assert("RS256", nil), ".")
	for _, row := range []struct{ name, form string }{
		{"a second time", n.assertionForm(used)},
		{"for the API instead of the tenant", n.assertionForm(n.assert("RS256", map[string]any{"aud": n.ManagementAudience()}))},
		{"without the slash", n.assertionForm(n.assert("RS256", map[string]any{"aud": "https://tenant.example"}))},
		{"when expired", n.assertionForm(n.assert("RS256", map[string]any{"exp": n.clock.now.Unix()}))},
		{"without an end", n.assertionForm(n.assert("RS256", map[string]any{"exp": nil}))},
		{"with a long life", n.assertionForm(n.assert("RS256", map[string]any{"exp": n.clock.now.Add(time.Hour).Unix()}))},
		{"from the future", n.assertionForm(n.assert("RS256", map[string]any{"iat": n.clock.now.Add(time.Minute).Unix()}))},
		{"without jti", n.assertionForm(n.assert("RS256", map[string]any{"jti": nil}))},
		{"of another issuer", n.assertionForm(n.assert("RS256", map[string]any{"iss": "x"}))},
		{"of an unknown client", n.assertionForm(n.assert("RS256", map[string]any{"iss": "x", "sub": "x"}))},
		{"beside another client ID", n.assertionForm(n.assert("RS256", nil)) + "&client_id=x"},
		{"in an algorithm that is not taken", n.assertionForm(n.assert("RS512", nil))},
		{"without a signature", n.assertionForm(good[0] + "." + good[1] + ".")},
		{"that is too long", n.assertionForm(n.assert("RS256", map[string]any{"x": strings.Repeat("x", 2048)}))},
		{"that is no token", n.assertionForm("abc")},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := n.in(t)
			got := n.tokenRequest(row.form)
			if got.status != http.StatusUnauthorized || field(t, got.body, "error") != "invalid_client" {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func TestParsePublicKey_TakesBothHalves(t *testing.T) {
	private := testKey()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for kind, data := range map[string][]byte{
		"PRIVATE KEY": pkcs8, "PUBLIC KEY": public, "RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(private),
		"RSA PUBLIC KEY": x509.MarshalPKCS1PublicKey(&private.PublicKey),
	} {
		key, err := sim.ParsePublicKey(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
		if err != nil || !key.Equal(&private.PublicKey) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := sim.ParsePublicKey([]byte("nothing")); err == nil {
		t.Error("nothing is taken for a key")
	}
}

func TestClients_BringTheirOwnKeys(t *testing.T) {
	undescribed(t)
	n := newTenant(t)
	data, err := x509.MarshalPKIXPublicKey(&testKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: data})))
	if err != nil {
		t.Fatal(err)
	}
	body := n.want(http.MethodPost, "/clients", `{"name":"App","client_authentication_methods":{"private_key_jwt":`+
		`{"credentials":[{"name":"key","credential_type":"public_key","pem":`+string(text)+`}]}}}`, http.StatusCreated)
	if strings.Contains(body, "BEGIN PUBLIC KEY") || !strings.Contains(body, `"kid":"`) {
		t.Errorf("got %s", body)
	}
	id := field(t, body, "client_id")
	n.AddGrant(sim.Grant{ClientID: id, Audience: audience, Scope: []string{"read:resource"}})
	form := url.Values{
		"grant_type": {"client_credentials"}, "audience": {audience},
		"client_assertion":      {n.assert("RS256", map[string]any{"iss": id, "sub": id})},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	if fields := decodeToken(t, n.tokenRequest(form.Encode())); *fields.Scope != "read:resource" {
		t.Errorf("got %+v", fields)
	}
}
