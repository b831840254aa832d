package auth0_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func discard() *log.Logger {
	return log.New(io.Discard, "", 0)
}

func TestNew_NamesTheOptionThatIsWrong(t *testing.T) {
	secret := auth0.Credentials{ClientID: "operator", ClientSecret: secretCanary}
	key := func(pem []byte, algorithm string) auth0.Credentials {
		return auth0.Credentials{ClientID: "operator", PrivateKey: pem, Algorithm: algorithm}
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := pkcs1(rsaKey())
	tests := map[string]struct {
		options auth0.Options
		want    string
	}{
		"no domain":        {auth0.Options{Audience: audience, Credentials: secret}, "domain: "},
		"a URL":            {auth0.Options{Domain: "https://canary", Audience: audience, Credentials: secret}, "domain: "},
		"a path":           {auth0.Options{Domain: "canary/x", Audience: audience, Credentials: secret}, "domain: "},
		"a user":           {auth0.Options{Domain: "u:canary@x", Audience: audience, Credentials: secret}, "domain: "},
		"a query":          {auth0.Options{Domain: "x?canary", Audience: audience, Credentials: secret}, "domain: "},
		"a fragment":       {auth0.Options{Domain: "x#canary", Audience: audience, Credentials: secret}, "domain: "},
		"half a port":      {auth0.Options{Domain: "x:", Audience: audience, Credentials: secret}, "domain: "},
		"a port alone":     {auth0.Options{Domain: ":443", Audience: audience, Credentials: secret}, "domain: "},
		"a word as a port": {auth0.Options{Domain: "x:canary", Audience: audience, Credentials: secret}, "domain: "},
		"a space":          {auth0.Options{Domain: "canary x", Audience: audience, Credentials: secret}, "domain: "},
		"no audience":      {auth0.Options{Domain: "x", Credentials: secret}, "audience: "},
		"negative timeout": {auth0.Options{Domain: "x", Audience: audience, Credentials: secret, Timeout: -time.Second}, "timeout: "},
		"two header lines": {auth0.Options{Domain: "x", Audience: audience, Credentials: secret, UserAgent: "a\ncanary: b"}, "user agent: "},
		"no client ID": {
			auth0.Options{Domain: "x", Audience: audience, Credentials: auth0.Credentials{ClientSecret: secretCanary}}, "client ID: ",
		},
		"no secret": {
			auth0.Options{Domain: "x", Audience: audience, Credentials: auth0.Credentials{ClientID: "c"}}, "client secret and private key: ",
		},
		"two secrets": {auth0.Options{Domain: "x", Audience: audience, Credentials: auth0.Credentials{
			ClientID: "c", ClientSecret: secretCanary, PrivateKey: good,
		}}, "client secret and private key: "},
		"no PEM":        {auth0.Options{Domain: "x", Audience: audience, Credentials: key([]byte(secretCanary), "")}, "private key: "},
		"a broken key":  {auth0.Options{Domain: "x", Audience: audience, Credentials: key(bytes.Replace(good, []byte("MII"), []byte("MIX"), 1), "")}, "private key: "},
		"another key":   {auth0.Options{Domain: "x", Audience: audience, Credentials: key(pkcs8(elliptical), "")}, "private key: "},
		"a small key":   {auth0.Options{Domain: "x", Audience: audience, Credentials: key(pkcs1(generate(1024)), "")}, "private key: "},
		"an algorithm":  {auth0.Options{Domain: "x", Audience: audience, Credentials: key(good, "HS256")}, "private key algorithm: "},
		"none as one":   {auth0.Options{Domain: "x", Audience: audience, Credentials: key(good, "none")}, "private key algorithm: "},
		"in lower case": {auth0.Options{Domain: "x", Audience: audience, Credentials: key(good, "rs256")}, "private key algorithm: "},
	}
	for name, test := range tests {
		client, err := auth0.New(test.options)
		if client != nil || err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got %v, error %v, want %q", name, client, err, test.want)
		}
		tellsNothing(t, err)
	}
}

func TestNew_TakesGoodDomains(t *testing.T) {
	for domain, want := range map[string]string{
		"acme.eu.auth0.com": "https://acme.eu.auth0.com", "ACME.eu.Auth0.com:443": "https://acme.eu.auth0.com",
		"localhost:8443": "https://localhost:8443", "[::1]:8443": "https://[::1]:8443", "127.0.0.1": "https://127.0.0.1",
	} {
		client, err := auth0.New(auth0.Options{
			Domain: domain, Audience: audience, Credentials: auth0.Credentials{ClientID: "c", ClientSecret: "s"},
		})
		if err != nil || client.String() != "client of "+want {
			t.Errorf("%s: %v, error %v", domain, client, err)
		}
	}
}

func TestNothingPrintedShowsASecret(t *testing.T) {
	secret := auth0.Credentials{ClientID: "operator", ClientSecret: secretCanary}
	keyed := auth0.Credentials{ClientID: "operator", PrivateKey: []byte(secretCanary), Algorithm: "RS256"}
	client := newTenant(t, api).client(t)
	token, err := client.Authenticate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	values := []any{
		secret, &secret, keyed,
		[]auth0.Credentials{secret},
		map[string]any{"c": keyed},
		auth0.Options{Credentials: secret},
		&auth0.Options{Credentials: keyed},
		struct{ C *auth0.Client }{client},
		client, *client,
		struct{ c *auth0.Client }{client},
		token,
	}
	for _, value := range values {
		var printed strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3s"} {
			fmt.Fprintf(&printed, verb+"\n", value)
		}
		raw, err := json.Marshal(value)
		fmt.Fprintln(&printed, string(raw), err)
		slog.New(slog.NewTextHandler(&printed, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("json", "value", value)
		for _, canary := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%X", "canary"), "99 97 110"} {
			if strings.Contains(printed.String(), canary) {
				t.Errorf("a %T shows %q:\n%s", value, canary, printed.String())
			}
		}
	}
	if got := fmt.Sprint(secret); got != `credentials of client "operator"` {
		t.Errorf("got %s", got)
	}
}
