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

// MadeFrom says whether a create request with the given hash could have made this grant. Which optional fields the
// request held is not known: the server may have filled one that it left out, or may not show one that it set to its
// closed value. Every choice is tried. Scopes mean nothing while all of them are allowed: some tenants show an empty list then.
func (g Grant) MadeFrom(hash string) bool {
	if hash == "" {
		return false
	}
	identity := g.Identity("")
	for choice := range 1 << 4 {
		fields := g.Fields
		if deref(fields.AllowAllScopes) {
			fields.Scope = nil
		}
		if choice&1 != 0 {
			fields.OrganizationUsage = otherwise(fields.OrganizationUsage, organizationUsageClosed)
		}
		if choice&2 != 0 {
			fields.AllowAnyOrganization = otherwise(fields.AllowAnyOrganization, false)
		}
		if choice&4 != 0 && fields.AuthorizationDetailsTypes != nil {
			fields.AuthorizationDetailsTypes = nil
		} else if choice&4 != 0 {
			fields.AuthorizationDetailsTypes = []string{}
		}
		if choice&8 != 0 {
			fields.AllowAllScopes = otherwise(fields.AllowAllScopes, false)
		}
		if bodyOf(identity, fields).Hash() == hash {
			return true
		}
	}
	return false
}

// MadeLess says whether a create request with the given hash, which asked for these fields, could have made this grant
// although the server kept less than it was asked for, as it does with scopes that an API does not define.
func (g Grant) MadeLess(hash string, asked Fields) bool {
	identity := g.Identity("")
	same := NewGrant(identity, asked).Hash() == hash || bodyOf(identity, asked).Hash() == hash
	return hash != "" && same && !Widens(asked, g)
}

// otherwise is what an optional field may have been in the request: left out where it is shown, closed where it is not.
func otherwise[V any](shown *V, closed V) *V {
	if shown != nil {
		return nil
	}
	return &closed
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
