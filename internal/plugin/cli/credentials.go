package cli

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// The names that Auth0's own tools read.
const (
	envDomain       = "AUTH0_DOMAIN"
	envClientID     = "AUTH0_CLIENT_ID"
	envClientSecret = "AUTH0_CLIENT_SECRET" //nolint:gosec // the name of a variable, and no secret
	envPrivateKey   = "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY"
	envAlgorithm    = "AUTH0_CLIENT_ASSERTION_SIGNING_ALG"
	envAudience     = "AUTH0_AUDIENCE"
)

// given are credentials outside of a cluster, with the names that a file has for them.
type given struct {
	Domain              string `json:"domain"`
	ManagementAudience  string `json:"managementAudience,omitempty"`
	ClientID            string `json:"clientID"`
	ClientSecret        string `json:"clientSecret,omitempty"`
	PrivateKey          string `json:"privateKey,omitempty"`
	PrivateKeyAlgorithm string `json:"privateKeyAlgorithm,omitempty"`
}

func (c *Connection) fromEnvironment() (*v1alpha1.Auth0Tenant, auth0.Credentials, error) {
	g := given{
		Domain: c.Getenv(envDomain), ManagementAudience: c.Getenv(envAudience), ClientID: c.Getenv(envClientID),
		ClientSecret: c.Getenv(envClientSecret), PrivateKey: c.Getenv(envPrivateKey), PrivateKeyAlgorithm: c.Getenv(envAlgorithm),
	}
	return g.check(map[string]string{
		"domain": envDomain, "managementAudience": envAudience, "clientID": envClientID, "clientSecret": envClientSecret,
		"privateKey": envPrivateKey,
	})
}

// fromFile reads a file of YAML. What does not belong there is told by its line alone: the file holds a secret.
func (c *Connection) fromFile(path string) (*v1alpha1.Auth0Tenant, auth0.Credentials, error) {
	text, err := c.ReadFile(path)
	if err != nil {
		return nil, auth0.Credentials{}, err
	}
	var g given
	if err := yaml.UnmarshalStrict(text, &g); err != nil {
		return nil, auth0.Credentials{}, fmt.Errorf(
			"%s is not YAML with domain, clientID, clientSecret or privateKey, and optional managementAudience and privateKeyAlgorithm, "+
				"each once", path)
	}
	of, credentials, err := g.check(map[string]string{})
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return of, credentials, err
}

// check names what is wrong as its author calls it. No value is told.
func (g given) check(called map[string]string) (*v1alpha1.Auth0Tenant, auth0.Credentials, error) {
	wrong := func(field, what string) (*v1alpha1.Auth0Tenant, auth0.Credentials, error) {
		if name, ok := called[field]; ok {
			field = name
		}
		return nil, auth0.Credentials{}, fmt.Errorf("%s %s", field, what)
	}
	switch {
	case g.Domain == "":
		return wrong("domain", "is missing: set it to the tenant's domain, such as acme.eu.auth0.com")
	case strings.Contains(g.Domain, "/"):
		return wrong("domain", "must be a host without https:// and path, such as acme.eu.auth0.com")
	case g.ManagementAudience != "" &&
		(!strings.HasPrefix(g.ManagementAudience, "https://") || !strings.HasSuffix(g.ManagementAudience, "/api/v2/")):
		return wrong("managementAudience", "must be https://HOST/api/v2/, with the slash at the end")
	case !grant.IsClientID(g.ClientID):
		return wrong("clientID", "is missing or no client ID: look for spaces or a line break")
	case g.ClientSecret == "" && g.PrivateKey == "":
		return wrong("clientSecret", "is missing: set it, or a private key")
	case g.ClientSecret != "" && g.PrivateKey != "":
		return wrong("clientSecret", "and a private key are both there: remove one of them")
	case strings.TrimSpace(g.ClientSecret) != g.ClientSecret:
		return wrong("clientSecret", "begins or ends with a space or a line break: remove it")
	}
	return tenantAt(g.Domain, g.ManagementAudience), auth0.Credentials{
		ClientID: g.ClientID, ClientSecret: g.ClientSecret, PrivateKey: []byte(g.PrivateKey), Algorithm: g.PrivateKeyAlgorithm,
	}, nil
}
