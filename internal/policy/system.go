package policy

import (
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// systemHosts are the tenant's own hosts. Their APIs, those of Auth0's domains and those named urn:auth0… belong to
// Auth0: whoever may call them can grant himself everything. An audience is arbitrary text that others may read as a
// URL, each in his own way; what one of them may take for such a host is one here.
type systemHosts map[string]struct{}

func newSystemHosts(hosts []string) systemHosts {
	known := systemHosts{}
	for _, host := range hosts {
		host = plain(host)
		if _, after, ok := strings.Cut(host, "://"); ok {
			host = after
		}
		host = authority(host)
		host, _, _ = strings.Cut(host[strings.LastIndex(host, "@")+1:], ":")
		if host = joinLabels(host); host != "" {
			known[host] = struct{}{}
		}
	}
	return known
}

// mayHost says whether the audience may be that of a system API. Delimiters are looked for before and after decoding,
// as some decode a host and others the whole.
func (s systemHosts) mayHost(audience string) bool {
	decoded := plain(audience)
	return isAuth0URN(decoded) || s.standIn(audience) || s.standIn(decoded)
}

// standIn looks where a host may stand: at the start, behind a scheme with any number of slashes, and behind every "@",
// as not all agree on which of them ends a user's name.
func (s systemHosts) standIn(text string) bool {
	for part := range strings.SplitSeq(text, "@") {
		for part != "" {
			part = strings.TrimLeftFunc(part, func(r rune) bool { return r <= unicode.MaxASCII && !isHostRune(r) })
			raw := authority(part)
			host := plain(raw)
			if s.anyOf(host) || s.anyOf(withoutBlanks(host)) {
				return true
			}
			if !strings.HasSuffix(strings.TrimRight(withoutBlanks(host), `/\`), ":") {
				break
			}
			part = part[len(raw):]
		}
	}
	return false
}

// anyOf takes every run of letters, digits, dots, hyphens and underscores for a host: whatever stands between two of
// them may end a host for one reader and be nothing for another.
func (s systemHosts) anyOf(text string) bool {
	for host := range strings.FieldsFuncSeq(text, func(r rune) bool { return !isHostRune(r) }) {
		host = joinLabels(host)
		if _, ok := s[host]; ok || strings.HasSuffix("."+host, ".auth0.com") || strings.HasSuffix("."+host, ".auth0app.com") {
			return true
		}
	}
	return false
}

// isAuth0URN takes any punctuation for the colon, and a URN within another for one.
func isAuth0URN(text string) bool {
	text = withoutBlanks(text)
	words := strings.FieldsFunc(text, func(r rune) bool { return !isHostRune(r) })
	return len(words) > 1 && words[0] == "urn" && strings.HasPrefix(words[1], "auth0") || strings.Contains(text, ":urn:auth0")
}

// authority ends where the path, the query or the fragment begins.
func authority(text string) string {
	if end := strings.IndexAny(text, "/?#"); end >= 0 {
		return text[:end]
	}
	return text
}

var (
	percentEncoded = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	// The full stop that Unicode does not fold, and the letter that host names were once folded to.
	hostFolds = strings.NewReplacer("\u3002", ".", "\u00df", "ss")
)

// plain is the text as the most willing reader of a host takes it: decoded until nothing is encoded, full-width and
// other forms of a letter folded, lower-cased, and without what is left that is not ASCII, which host names ignore or
// encode. Bytes that are no text become dots: one of the ways to smuggle a dot.
func plain(text string) string {
	for {
		folded := norm.NFKC.String(strings.ToValidUTF8(text, "."))
		text = percentEncoded.ReplaceAllStringFunc(folded, func(encoded string) string {
			decoded, _ := hex.DecodeString(encoded[1:])
			return string(decoded)
		})
		if text == folded {
			break
		}
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r > unicode.MaxASCII:
			return -1
		}
		return r
	}, hostFolds.Replace(strings.ToLower(text)))
}

// joinLabels drops empty labels, and so the dots at both ends.
func joinLabels(host string) string {
	return strings.Join(strings.FieldsFunc(host, func(r rune) bool { return r == '.' }), ".")
}

// withoutBlanks drops spaces and control characters, as some readers of URLs do.
func withoutBlanks(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '\x7f' {
			return -1
		}
		return r
	}, text)
}

func isHostRune(r rune) bool {
	return r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
