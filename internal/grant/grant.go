// Package grant is the model of a client grant: what identifies it, what it holds, how two of them differ. It is pure:
// nothing here reads a clock, a network or a cluster.
package grant

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// SubjectTypeClient is the subject type of a grant that names none: recordings from before subject types lack the
// field, and a create request without it is answered with this value.
const SubjectTypeClient = "client"

// Identity says which grant is meant: the Management API keeps at most one grant for each. It is compared exactly.
type Identity struct {
	// Tenant is the canonical host of the Auth0 tenant.
	Tenant string
	// ClientID of the application; empty for a default grant.
	ClientID string
	// DefaultFor is the group whose default grant it is; empty for an application's grant.
	DefaultFor string
	// Audience is the identifier of the API.
	Audience string
	// SubjectType is never empty.
	SubjectType string
}

var clientIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// IsClientID says whether a text can be a client ID. Auth0 asks not to expect a certain length.
func IsClientID(text string) bool { return clientIDPattern.MatchString(text) }

// Holder is the client ID or the default-for group: whose grant it is.
func (i Identity) Holder() Holder {
	return Holder{ClientID: i.ClientID, DefaultFor: i.DefaultFor}
}

// String tells the identity in a message. A client ID and an audience are no secrets.
func (i Identity) String() string {
	subject := ""
	if i.SubjectType != SubjectTypeClient {
		subject = fmt.Sprintf(" (subject type %s)", i.SubjectType)
	}
	if i.DefaultFor != "" {
		return fmt.Sprintf("default grant of %q for %q%s", i.DefaultFor, i.Audience, subject)
	}
	return fmt.Sprintf("grant of client %q for %q%s", i.ClientID, i.Audience, subject)
}

// Outlives is what access may go on once the grant is deleted, as far as its identity tells (documented); empty where it tells
// nothing. Client IDs of third-party applications have a prefix of their own.
func (i Identity) Outlives() string {
	switch {
	case i.SubjectType == "user":
		return "First-party applications still get in where the API's policy for users allows all of them."
	case strings.HasPrefix(i.ClientID, "tpc_"):
		return "A default grant of this API for third-party applications, if there is one, holds for it now; scopes: [] instead prevents that."
	}
	return ""
}

// Holder is whose grants one look-up returns: those of one application, or the default grants of one group.
type Holder struct {
	ClientID   string
	DefaultFor string
}

// Fields are the fields of a grant that can be changed after it was made. A nil field is neither sent nor compared; an
// empty list is sent as [].
type Fields struct {
	Scope                     []string `json:"scope,omitzero"`
	OrganizationUsage         *string  `json:"organization_usage,omitempty"`
	AllowAnyOrganization      *bool    `json:"allow_any_organization,omitempty"`
	AuthorizationDetailsTypes []string `json:"authorization_details_types,omitzero"`
	AllowAllScopes            *bool    `json:"allow_all_scopes,omitempty"`
}

// Empty says that there is nothing to send. The Management API refuses an empty change.
func (f Fields) Empty() bool {
	return f.Scope == nil && f.OrganizationUsage == nil && f.AllowAnyOrganization == nil &&
		f.AuthorizationDetailsTypes == nil && f.AllowAllScopes == nil
}

// New is the body of a create request.
type New struct {
	ClientID    string `json:"client_id,omitempty"`
	DefaultFor  string `json:"default_for,omitempty"`
	Audience    string `json:"audience"`
	SubjectType string `json:"subject_type,omitempty"`
	Fields
}

// NewGrant is the create request for an identity. Closed values are left out: an absent field means the same, and some APIs and
// subject types refuse the field whatever its value.
func NewGrant(identity Identity, fields Fields) New {
	if !deref(fields.AllowAllScopes) {
		fields.AllowAllScopes = nil
	}
	if !deref(fields.AllowAnyOrganization) {
		fields.AllowAnyOrganization = nil
	}
	if organizationUsage(fields) == organizationUsageClosed {
		fields.OrganizationUsage = nil
	}
	return bodyOf(identity, fields)
}

// bodyOf is a create request with these fields. The subject type client is the server's default and is left out: recorded
// tenants accept both, and older ones know no subject types.
func bodyOf(identity Identity, fields Fields) New {
	body := New{
		ClientID: identity.ClientID, DefaultFor: identity.DefaultFor, Audience: identity.Audience, Fields: fields,
	}
	if identity.SubjectType != SubjectTypeClient {
		body.SubjectType = identity.SubjectType
	}
	return body
}

// Grant is a client grant as the Management API returns it. Fields that the answer lacks are nil: scope is absent while
// every scope is allowed, most others until they were set once.
type Grant struct {
	ID          string `json:"id"`
	ClientID    string `json:"client_id,omitempty"`
	Audience    string `json:"audience"`
	SubjectType string `json:"subject_type,omitempty"`
	DefaultFor  string `json:"default_for,omitempty"`
	IsSystem    bool   `json:"is_system,omitempty"`
	Fields
	// Others are further grants of the identity. The Management API makes no second one, but a tenant may hold some that are older
	// than this rule (reported): the access is that of all of them.
	Others []Grant `json:"-"`
}

// All is the grant and the further ones of its identity.
func (g Grant) All() []Grant { return append([]Grant{g}, g.Others...) }

// Beside is the grant together with another one of its identity, if there is one: the smallest ID first.
func (g Grant) Beside(other *Grant) *Grant {
	if other == nil {
		return &g
	}
	all := slices.SortedFunc(slices.Values(append(g.All(), other.All()...)), func(a, b Grant) int { return cmp.Compare(a.ID, b.ID) })
	return ahead(all, 0)
}

// Ahead is the grant with the one of that ID first, where it is among those of its identity.
func (g Grant) Ahead(id string) *Grant {
	all := g.All()
	return ahead(all, max(0, slices.IndexFunc(all, func(g Grant) bool { return g.ID == id })))
}

func ahead(all []Grant, i int) *Grant {
	for k := range all {
		all[k].Others = nil
	}
	first := all[i]
	if rest := slices.Delete(slices.Clone(all), i, i+1); len(rest) > 0 {
		first.Others = rest
	}
	return &first
}

// Identity of the grant in the tenant with the given canonical host.
func (g Grant) Identity(tenant string) Identity {
	identity := Identity{
		Tenant: tenant, ClientID: g.ClientID, DefaultFor: g.DefaultFor, Audience: g.Audience, SubjectType: g.SubjectType,
	}
	if identity.SubjectType == "" {
		identity.SubjectType = SubjectTypeClient
	}
	return identity
}

// Equal compares all that a picture of the tenant keeps; the order of scopes and types means nothing.
func (g Grant) Equal(other Grant) bool {
	return g.ID == other.ID && g.IsSystem == other.IsSystem && g.Identity("") == other.Identity("") &&
		canonicalJSON(g.Fields) == canonicalJSON(other.Fields) && slices.EqualFunc(g.Others, other.Others, Grant.Equal)
}

// set returns the sorted, distinct values of a list; nil stays nil, so that [] and an absent field stay apart.
func set(values []string) []string {
	if values == nil {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	return append([]string{}, slices.Compact(sorted)...)
}
