package sim

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
)

// ParsePublicKey reads an RSA key from PEM: a public key, or a private key, of which it returns the public half.
func ParsePublicKey(data []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block found")
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key, nil
	case *rsa.PrivateKey:
		return &key.PublicKey, nil
	default:
		return nil, errors.New("the key is no RSA key")
	}
}

// takeCredentials registers the public keys in client_authentication_methods and shows them as the API does: with an
// ID and a key ID, and without the key.
func (c *client) takeCredentials(q *request) *response {
	methods, _ := c.doc.get("client_authentication_methods")
	jwt, _ := methods.get("private_key_jwt")
	credentials, ok := jwt.get("credentials")
	if !ok {
		return nil
	}
	shown := value{kind: kindArray, items: []value{}}
	for i, credential := range credentials.items {
		key, err := ParsePublicKey([]byte(credential.textOf("pem")))
		if err != nil {
			path := "client_authentication_methods.private_key_jwt.credentials[" + numberValue(i).text + "].pem"
			refusal := invalidBody([]problem{{message: "Object didn't pass validation for format pem", path: path}})
			return &refusal
		}
		c.keys = append(c.keys, key)
		algorithm := credential.textOf("alg")
		if algorithm == "" {
			algorithm = "RS256"
		}
		now := q.now.UTC().Format("2006-01-02T15:04:05.000Z")
		shown.items = append(shown.items, objectValue(
			"id", "cred_"+randomText(22), "name", credential.textOf("name"), "kid", thumbprint(key),
			"credential_type", "public_key", "alg", algorithm, "created_at", now, "updated_at", now,
		))
	}
	c.doc.set("client_authentication_methods", objectValue("private_key_jwt", objectValue("credentials", shown)))
	return nil
}

// thumbprint is the key ID that the API gives to a public key: the SHA-256 of its members in canonical form.
func thumbprint(key *rsa.PublicKey) string {
	members := encode(objectValue(
		"e", base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()), "kty", "RSA",
		"n", base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
	))
	digest := sha256.Sum256(members)
	return base64.RawURLEncoding.EncodeToString(digest[:])
}
