package auth0

import (
	"bytes"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"regexp"

	"github.com/golang-jwt/jwt/v5"
)

// minKeyBits is the smallest RSA key that is not refused.
const minKeyBits = 2048

var (
	pemBegin = []byte("-----BEGIN ")
	// pemIndented is a first or last line of PEM that does not begin where its line does.
	pemIndented = regexp.MustCompile(`(?m)^[ \t]+-----(BEGIN|END) `)
	// pemTwice is what base64 makes of the beginning of PEM.
	pemTwice = []byte("LS0tLS1CRUdJTi")
)

// parsePrivateKey reads an RSA key. Its errors tell what the text is in the place of a key, and quote nothing of it.
func parsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM(text)
	switch {
	case err != nil: // The parser's own words may quote the key.
		return nil, errors.New("private key: must be an unencrypted RSA key in PEM, PKCS #1 or PKCS #8" + mistaken(text))
	case key.N.BitLen() < minKeyBits:
		return nil, errors.New("private key: must have at least 2048 bits")
	}
	return key, nil
}

// mistaken names what is commonly put in the place of a key; it is empty where the text is none of that.
func mistaken(text []byte) string {
	block, _ := pem.Decode(text)
	switch {
	case block != nil:
		return mistakenBlock(block)
	case bytes.HasPrefix(bytes.TrimSpace(text), pemTwice):
		return ": it is encoded in base64 once more than a Secret needs"
	case !bytes.Contains(text, pemBegin):
		return ": it has no line -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----"
	case bytes.Contains(text, []byte(`\n`)):
		return `: it has the two characters \n in the place of line breaks`
	case pemIndented.Match(text):
		return ": its lines are indented, and must begin without spaces"
	case bytes.Count(bytes.TrimSpace(text), []byte("\n")) == 0:
		return ": it has no line breaks"
	}
	return ": its PEM is damaged or cut off"
}

// mistakenBlock names the first block of a text in PEM that is no RSA key.
func mistakenBlock(block *pem.Block) string {
	switch block.Type {
	case "CERTIFICATE":
		return ": it begins with a certificate; leave the key alone in it"
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return ": it is a public key"
	case "EC PRIVATE KEY":
		return ": it is an elliptic curve key"
	case "OPENSSH PRIVATE KEY":
		return ": it is in the format of OpenSSH"
	case "RSA PRIVATE KEY", "PRIVATE KEY":
		if block.Headers["Proc-Type"] == "" {
			return ": it is a key of another kind, or damaged"
		}
		return ": it is encrypted"
	case "ENCRYPTED PRIVATE KEY":
		return ": it is encrypted"
	}
	return ": it begins with something else than a private key"
}
