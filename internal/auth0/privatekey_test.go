package auth0_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// TestNew_SaysWhatIsInThePlaceOfAPrivateKey tries keys as they are put into Secrets by mistake.
func TestNew_SaysWhatIsInThePlaceOfAPrivateKey(t *testing.T) {
	good := string(pkcs8(rsaKey()))
	block := func(kind string, headers map[string]string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("canary")}))
	}
	indented := func(by string) string {
		return by + strings.ReplaceAll(strings.TrimSpace(good), "\n", "\n"+by) + "\n"
	}
	lines := strings.Split(good, "\n")
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ key, want string }{
		"indented by spaces":              {indented("  "), "indented"},
		"indented by a tab":               {indented("\t"), "indented"},
		"indented but for the first line": {strings.TrimLeft(indented("    "), " "), "indented"},
		"escaped line breaks":             {strings.ReplaceAll(good, "\n", `\n`), `two characters \n`},
		"escaped line breaks of Windows":  {strings.ReplaceAll(good, "\n", `\r\n`), `two characters \n`},
		"a certificate first":             {block("CERTIFICATE", nil) + good, "certificate"},
		"a public key":                    {block("PUBLIC KEY", nil), "public key"},
		"an encrypted key":                {block("ENCRYPTED PRIVATE KEY", nil), "encrypted"},
		"an encrypted key of old": {
			block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}), "encrypted",
		},
		"an elliptic curve key":     {block("EC PRIVATE KEY", nil), "elliptic curve"},
		"another kind in PKCS #8":   {string(pkcs8(elliptical)), "another kind"},
		"a key of OpenSSH":          {block("OPENSSH PRIVATE KEY", nil), "OpenSSH"},
		"a block of another kind":   {block("CANARY", nil), "something else"},
		"base64 of base64":          {base64.StdEncoding.EncodeToString([]byte(good)), "base64"},
		"one line":                  {strings.ReplaceAll(strings.TrimSpace(good), "\n", " "), "no line breaks"},
		"cut off":                   {strings.Join(lines[:5], "\n"), "cut off"},
		"the text between alone":    {strings.Join(lines[1:len(lines)-2], "\n"), "-----BEGIN PRIVATE KEY-----"},
		"something else altogether": {secretCanary, "-----BEGIN PRIVATE KEY-----"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := auth0.New(auth0.Options{
				Domain: "x", Audience: audience, Credentials: auth0.Credentials{ClientID: "c", PrivateKey: []byte(test.key)},
			})
			if err == nil || !strings.HasPrefix(err.Error(), "private key: ") || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got error %v, want one about %q", err, test.want)
			}
			for _, line := range lines[1:] {
				if line != "" && !strings.HasPrefix(line, "-----") && strings.Contains(err.Error(), line) {
					t.Errorf("the error shows a part of the key: %v", err)
				}
			}
			tellsNothing(t, err)
		})
	}
	for name, key := range map[string]string{
		"line breaks of Windows": strings.ReplaceAll(good, "\n", "\r\n"),
		"words before":           "Bag Attributes\n" + good,
		"no last line break":     strings.TrimSpace(good),
	} {
		if _, err := auth0.New(auth0.Options{
			Domain: "x", Audience: audience, Credentials: auth0.Credentials{ClientID: "c", PrivateKey: []byte(key)},
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
