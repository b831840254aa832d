package auth0

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// assertionLife is how long an assertion can be used. It is made for one request.
	assertionLife = 2 * time.Minute
)

// signer makes the assertions of a private key (private_key_jwt).
type signer struct {
	clientID string
	audience string
	key      *rsa.PrivateKey
	method   jwt.SigningMethod
}

func newSigner(credentials Credentials, audience string) (*signer, error) {
	method, err := signingMethod(credentials.Algorithm)
	if err != nil {
		return nil, err
	}
	key, err := parsePrivateKey(credentials.PrivateKey)
	if err != nil {
		return nil, err
	}
	return &signer{clientID: credentials.ClientID, audience: audience, key: key, method: method}, nil
}

func signingMethod(algorithm string) (jwt.SigningMethod, error) {
	switch algorithm {
	case "", "RS256":
		return jwt.SigningMethodRS256, nil
	case "RS384":
		return jwt.SigningMethodRS384, nil
	case "PS256":
		return jwt.SigningMethodPS256, nil
	}
	return nil, errors.New("private key algorithm: must be RS256, RS384 or PS256")
}

// assertion is a JWT that proves the client's identity once. Documented: issuer and subject are the client ID, the
// audience is the tenant's URL with a slash at the end, jti is unique, and the whole has at most 2048 bytes.
func (s *signer) assertion(now time.Time) (string, error) {
	token := jwt.NewWithClaims(s.method, jwt.MapClaims{
		"iss": s.clientID,
		"sub": s.clientID,
		"aud": s.audience,
		"iat": now.Unix(),
		"exp": now.Add(assertionLife).Unix(),
		"jti": rand.Text(),
	})
	return token.SignedString(s.key)
}
