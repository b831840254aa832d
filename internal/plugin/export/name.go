package export

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/cli"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/remote"
)

// How much of a name its parts take, so that it fits into a label of 63 characters.
const (
	clientInName   = 12
	audienceInName = 32
	hashInName     = 10
)

// nameOf is the name of the ClientGrant of a grant: what is readable of client and API, and a hash of all that tells grants apart. It
// depends on nothing else, neither on other grants nor on what an application is called today.
func nameOf(identity grant.Identity) string {
	holder := identity.ClientID
	if identity.DefaultFor != "" {
		holder = "default"
	}
	parts := []string{slug(holder, clientInName), slug(withoutScheme(identity.Audience), audienceInName)}
	if identity.SubjectType != grant.SubjectTypeClient {
		parts = append(parts, slug(identity.SubjectType, clientInName))
	}
	parts = append(parts, hashOf(identity.ClientID, identity.DefaultFor, identity.Audience, identity.SubjectType))
	return strings.Join(withoutEmpty(parts), "-")
}

// hashOf is short and in lower case. Between any two parts it takes a byte that is in neither.
func hashOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:hashInName]
}

// slug is what a name of Kubernetes can have of a text: letters and digits of ASCII in lower case, and single hyphens.
func slug(text string, most int) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	joined := strings.Join(words, "-")
	return strings.Trim(joined[:min(most, len(joined))], "-")
}

func withoutScheme(audience string) string {
	if _, rest, found := strings.Cut(audience, "://"); found {
		return rest
	}
	return audience
}

func withoutEmpty(parts []string) (kept []string) {
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return kept
}

// shownName bounds a name in a comment, in bytes: whoever registers an application chooses it.
const shownName = 100

// title is what people call a grant; empty where the names are not known.
func title(names remote.Names, held grant.Grant) string {
	application, api := names.Applications[held.ClientID].Name, names.APIs[held.Audience].Name
	if application == "" && api == "" {
		return ""
	}
	return fmt.Sprintf("%s for %s", quoted(application, held.ClientID+held.DefaultFor), quoted(api, held.Audience))
}

// quoted is a name as one line of a comment can have it.
func quoted(name, otherwise string) string {
	if name = cli.Printable(name); name == "" {
		return cli.Printable(otherwise)
	}
	return cli.Printable(strings.ToValidUTF8(name[:min(len(name), shownName)], ""))
}
