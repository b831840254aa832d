package grant

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Hash identifies the content of a create request: the SHA-256 of its body with lists as sorted sets.
func (n New) Hash() string {
	n.Scope, n.AuthorizationDetailsTypes = set(n.Scope), set(n.AuthorizationDetailsTypes)
	sum := sha256.Sum256([]byte(canonicalJSON(n)))
	return hex.EncodeToString(sum[:])
}

// MadeFrom says whether a create request with the given hash could have made this grant. The request left out an
// unknown choice of optional fields, which the server may have filled since: every choice is tried.
func (g Grant) MadeFrom(hash string) bool {
	if hash == "" {
		return false
	}
	identity := g.Identity("")
	for choice := range 1 << 4 {
		fields := g.Fields
		if choice&1 != 0 {
			fields.OrganizationUsage = nil
		}
		if choice&2 != 0 {
			fields.AllowAnyOrganization = nil
		}
		if choice&4 != 0 {
			fields.AuthorizationDetailsTypes = nil
		}
		if choice&8 != 0 {
			fields.AllowAllScopes = nil
		}
		if NewGrant(identity, fields).Hash() == hash {
			return true
		}
	}
	return false
}

// canonicalJSON cannot fail for the types of this package: strings, booleans and lists of strings.
func canonicalJSON(value any) string {
	if fields, ok := value.(Fields); ok {
		fields.Scope, fields.AuthorizationDetailsTypes = set(fields.Scope), set(fields.AuthorizationDetailsTypes)
		value = fields
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
