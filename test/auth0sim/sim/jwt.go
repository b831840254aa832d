package sim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // for RS384
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"
)

// signingKey signs access tokens. One key serves the whole process: making one takes long.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("sim: " + err.Error())
	}
	return key
})

// errSignature says that a token is well formed but not signed by the expected key.
var errSignature = errors.New("invalid signature")

// token is a JSON Web Token that was taken apart.
type token struct {
	algorithm string
	claims    value
	signed    string // what the signature is for
	signature []byte
}

// parseToken takes a token apart and checks nothing.
func parseToken(text string) (token, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return token{}, errors.New("a token has three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		data, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return token{}, err
		}
		decoded[i] = data
	}
	var header struct {
		Alg string `json:"alg"`
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil {
		return token{}, err
	}
	claims, err := parseJSON(decoded[1])
	if err != nil || claims.kind != kindObject {
		return token{}, errors.New("the claims are no JSON object")
	}
	return token{header.Alg, claims, parts[0] + "." + parts[1], decoded[2]}, nil
}

// verify checks the signature with an algorithm that Auth0 takes for assertions: RS256, RS384 or PS256.
func (t token) verify(key *rsa.PublicKey) error {
	hash := crypto.SHA256
	if t.algorithm == "RS384" {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write([]byte(t.signed))
	digest := h.Sum(nil)
	var err error
	switch t.algorithm {
	case "RS256", "RS384":
		err = rsa.VerifyPKCS1v15(key, hash, digest, t.signature)
	case "PS256":
		err = rsa.VerifyPSS(key, hash, digest, t.signature, nil)
	default:
		err = errSignature
	}
	if err != nil {
		return errSignature
	}
	return nil
}

// time returns a claim that is a time, and whether it is there.
func (t token) time(claim string) (time.Time, bool) {
	v, ok := t.claims.get(claim)
	if !ok || v.kind != kindNumber {
		return time.Time{}, false
	}
	return time.Unix(int64(t.claims.number(claim, 0)), 0), true
}

// audiences are the audiences of a token: the claim is a text or a list.
func (t token) audiences() []string {
	v, _ := t.claims.get("aud")
	if v.kind == kindString {
		return []string{v.text}
	}
	return v.strings()
}

// signToken makes an access token as Auth0 does: RS256, with a key ID.
func signToken(claims value) string {
	header := objectValue("alg", "RS256", "typ", "JWT", "kid", "auth0sim")
	signed := base64.RawURLEncoding.EncodeToString(encode(header)) + "." +
		base64.RawURLEncoding.EncodeToString(encode(claims))
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, signingKey(), crypto.SHA256, digest[:])
	if err != nil {
		panic("sim: " + err.Error()) // the key fits
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}
