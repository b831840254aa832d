package auth0

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

const (
	// maxText is how many characters of a foreign text are shown.
	maxText = 256
	// withheld stands for a text that repeats a secret.
	withheld = "(withheld)"
	// tellingRun is how many characters of a secret in a row give it away: a cut or broken copy is one, too.
	tellingRun = 12
)

// shown is what may be shown of a text that somebody else wrote: printable characters only, maxText of them at most, and
// nothing at all of a text that repeats one of the secrets.
func shown(text string, secrets ...string) string {
	clean := printable(text)
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		// As it is, and as it was sent in a form.
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			if strings.Contains(text, form) || reveals(clean, form) {
				return withheld
			}
		}
	}
	return clean
}

// reveals says whether the text holds the secret, or so much of it that the rest does not matter.
func reveals(text, secret string) bool {
	run := min(len(secret), tellingRun)
	for start := 0; start+run <= len(secret); start++ {
		if strings.Contains(text, secret[start:start+run]) {
			return true
		}
	}
	return false
}

// printable replaces what is not printable (line ends, control and direction characters) by spaces, and cuts.
func printable(text string) string {
	var clean strings.Builder
	count := 0
	for _, character := range strings.TrimSpace(text) {
		if count == maxText {
			break
		}
		if !unicode.IsPrint(character) {
			character = ' '
		}
		clean.WriteRune(character)
		count++
	}
	return strings.TrimSpace(clean.String())
}

// isVisible says whether the text is not empty and all of it can stand in a header without quotes.
func isVisible(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(character rune) bool {
		return character <= ' ' || character > '~'
	})
}

// isJSON says whether an answer says of itself that it is JSON.
func isJSON(header http.Header) bool {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}
