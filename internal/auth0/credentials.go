package auth0

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Credentials of the operator's own application: exactly one of ClientSecret and PrivateKey. However a value is printed,
// logged or encoded, only its client ID shows. Whoever keeps one in an unexported field must not print what holds it: fmt
// cannot call the methods of such a field.
type Credentials struct {
	// ClientID of the application. It is no secret.
	ClientID string
	// ClientSecret is sent in the form body of the token request, and nowhere else.
	ClientSecret string
	// PrivateKey is an RSA key of at least 2048 bits, PEM, PKCS #1 or PKCS #8, not encrypted. It signs the assertion of
	// the token request and never leaves the process.
	PrivateKey []byte
	// Algorithm of that signature: RS256, RS384 or PS256 (documented). Empty means RS256. It means nothing to a secret.
	Algorithm string
}

// String names the client ID.
func (c Credentials) String() string {
	return fmt.Sprintf("credentials of client %q", c.ClientID)
}

// GoString is String.
func (c Credentials) GoString() string {
	return c.String()
}

// Format writes String, whatever the verb and its flags.
func (c Credentials) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, c.String())
}

// LogValue is String.
func (c Credentials) LogValue() slog.Value {
	return slog.StringValue(c.String())
}

// MarshalJSON writes String.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(c.String())
}

// identity is how the client proves who it is.
type identity struct {
	clientID string
	// secret is empty where there is a signer. It is a function because fmt follows pointers for a verb that does not fit.
	secret func() string
	signer *signer
}

// newIdentity checks the credentials; audience is whom an assertion is made for.
func newIdentity(credentials Credentials, audience string) (*identity, error) {
	if credentials.ClientID == "" {
		return nil, errors.New("client ID: must not be empty")
	}
	if (credentials.ClientSecret == "") == (len(credentials.PrivateKey) == 0) {
		return nil, errors.New("client secret and private key: exactly one of them must be set")
	}
	proof := &identity{clientID: credentials.ClientID, secret: func() string { return credentials.ClientSecret }}
	if credentials.ClientSecret != "" {
		return proof, nil
	}
	signer, err := newSigner(credentials, audience)
	proof.signer = signer
	return proof, err
}
