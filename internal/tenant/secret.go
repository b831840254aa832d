package tenant

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Keys of the Secret of an Auth0Tenant.
const (
	KeyClientID     = "clientID"
	KeyClientSecret = "clientSecret"
	KeyPrivateKey   = "privateKey"
	KeyDomain       = "domain"
)

// Credentials are what the Secret of an Auth0Tenant holds.
type Credentials struct {
	auth0.Credentials
	// Domains are where they may be sent, with commas between them; empty where the Secret does not say so.
	Domains string
}

// MayGoTo says whether the Secret lets its content be sent to a host.
func (c Credentials) MayGoTo(host string) bool {
	return c.Domains == "" || slices.ContainsFunc(strings.Split(c.Domains, ","), func(domain string) bool {
		return strings.EqualFold(strings.TrimSpace(domain), host)
	})
}

// CredentialsOf reads the credentials for a domain from the content of the Secret with the given name. Its errors name Secret and
// key, and never show a value.
func CredentialsOf(name string, data map[string][]byte, domain, algorithm string) (Credentials, error) {
	invalid := func(format string, args ...any) (Credentials, error) {
		return Credentials{}, fmt.Errorf("Secret %q "+format, append([]any{name}, args...)...)
	}
	clientID, secret, privateKey := string(data[KeyClientID]), string(data[KeyClientSecret]), data[KeyPrivateKey]
	read := Credentials{Domains: string(data[KeyDomain]), Credentials: auth0.Credentials{
		ClientID: clientID, ClientSecret: secret, PrivateKey: privateKey, Algorithm: algorithm,
	}}
	switch {
	case clientID == "":
		return invalid("has no key %q: add the client ID of the operator's application.", KeyClientID)
	case !grant.IsClientID(clientID):
		return invalid("has a value of key %q that is not a client ID: look for spaces or a line break.", KeyClientID)
	case secret == "" && len(privateKey) == 0:
		return invalid("has neither key %q nor %q: add one of them.", KeyClientSecret, KeyPrivateKey)
	case secret != "" && len(privateKey) > 0:
		return invalid("has both keys %q and %q: remove one of them.", KeyClientSecret, KeyPrivateKey)
	case strings.TrimSpace(secret) != secret:
		return invalid("has a value of key %q that begins or ends with a space or a line break: remove it.", KeyClientSecret)
	case !read.MayGoTo(domain):
		return invalid("is for another domain than spec.domain (its key %q), and is not sent there: correct that key, or name another Secret.", KeyDomain)
	}
	return read, nil
}
