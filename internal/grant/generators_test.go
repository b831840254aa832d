package grant_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Values that are alike but not the same are drawn often: case, a slash at the end, and what JSON escapes.
var (
	scopeNames = rapid.SampledFrom([]string{"a", "A", "b", "read:users", "read:users ", "é", "<b>", `"`, "\u2028"})
	usages     = rapid.SampledFrom([]string{"deny", "allow", "require"})
	someTypes  = rapid.SampledFrom([]string{"payment", "shipping", "Payment"})
	audiences  = rapid.SampledFrom([]string{"https://api/", "https://api", "https://API/", "urn:x"})
)

// anyFields draws every combination of fields, also those that no spec can have.
func anyFields() *rapid.Generator[grant.Fields] {
	return rapid.Custom(func(t *rapid.T) grant.Fields {
		return grant.Fields{
			Scope:                     maybe(rapid.SliceOfN(scopeNames, 0, 4)).Draw(t, "scope"),
			OrganizationUsage:         rapid.Ptr(usages, true).Draw(t, "organization_usage"),
			AllowAnyOrganization:      rapid.Ptr(rapid.Bool(), true).Draw(t, "allow_any_organization"),
			AuthorizationDetailsTypes: maybe(rapid.SliceOfN(someTypes, 0, 3)).Draw(t, "authorization_details_types"),
			AllowAllScopes:            rapid.Ptr(rapid.Bool(), true).Draw(t, "allow_all_scopes"),
		}
	})
}

// maybe draws nil beside empty and other lists.
func maybe(lists *rapid.Generator[[]string]) *rapid.Generator[[]string] {
	return rapid.OneOf(rapid.Just([]string(nil)), rapid.Map(lists, func(list []string) []string {
		return append([]string{}, list...)
	}))
}

// specFields draws what a spec can ask for: exactly one of scopes and all scopes.
func specFields() *rapid.Generator[grant.Fields] {
	return rapid.Map(anyFields(), oneOfScopes)
}

// heldGrant draws what the API can answer: scope is absent exactly while every scope is allowed.
func heldGrant() *rapid.Generator[grant.Grant] {
	return rapid.Custom(func(t *rapid.T) grant.Grant {
		held := grant.Grant{
			ID:       rapid.SampledFrom([]string{"cgr_1", "cgr_2"}).Draw(t, "id"),
			Audience: audiences.Draw(t, "audience"),
			SubjectType: rapid.SampledFrom([]string{
				"", grant.SubjectTypeClient, "user", "anonymous_user",
			}).Draw(t, "subject_type"),
			IsSystem: rapid.Bool().Draw(t, "is_system"),
			Fields:   oneOfScopes(anyFields().Draw(t, "fields")),
		}
		if rapid.Bool().Draw(t, "default grant") {
			held.DefaultFor = "third_party_clients"
		} else {
			held.ClientID = rapid.SampledFrom([]string{"app", "App"}).Draw(t, "client_id")
		}
		return held
	})
}

func oneOfScopes(fields grant.Fields) grant.Fields {
	if isTrue(fields.AllowAllScopes) {
		fields.Scope = nil
	} else if fields.Scope == nil {
		fields.Scope = []string{}
	}
	return fields
}

// anyIdentity draws identities that are alike.
func anyIdentity() *rapid.Generator[grant.Identity] {
	return rapid.Map(heldGrant(), func(held grant.Grant) grant.Identity { return held.Identity("tenant.example") })
}

// fataler is a test of any kind.
type fataler interface {
	Fatalf(format string, args ...any)
}

// patched is what the API makes of a change: fields that are not sent stay, all scopes replace scope and the other way
// round. It fails the test where the API refuses the change.
func patched(t fataler, held grant.Grant, change grant.Fields) grant.Grant {
	all := isTrue(held.AllowAllScopes)
	switch {
	case change.Empty():
		t.Fatalf("an empty change was sent")
	case all && change.Scope != nil && change.AllowAllScopes == nil:
		t.Fatalf("scope was sent alone while every scope is allowed: %+v", change)
	case isTrue(change.AllowAllScopes) && len(change.Scope) > 0:
		t.Fatalf("scopes were sent beside all scopes: %+v", change)
	case all && change.AllowAllScopes != nil && !*change.AllowAllScopes && change.Scope == nil:
		t.Fatalf("all scopes were ended with nothing said about scope: %+v", change)
	}
	if change.AllowAllScopes != nil {
		held.AllowAllScopes = change.AllowAllScopes
	}
	switch {
	case isTrue(held.AllowAllScopes):
		held.Scope = nil
	case change.Scope != nil:
		held.Scope = change.Scope
	}
	if change.OrganizationUsage != nil {
		held.OrganizationUsage = change.OrganizationUsage
	}
	if change.AllowAnyOrganization != nil {
		held.AllowAnyOrganization = change.AllowAnyOrganization
	}
	if change.AuthorizationDetailsTypes != nil {
		held.AuthorizationDetailsTypes = change.AuthorizationDetailsTypes
	}
	return held
}

// shuffled draws the same list in another order, with some of its values twice.
func shuffled(t *rapid.T, list []string) []string {
	if len(list) == 0 {
		return list
	}
	again := rapid.SliceOfN(rapid.SampledFrom(list), 0, 3).Draw(t, "again")
	return rapid.Permutation(append(slices.Clone(list), again...)).Draw(t, "order")
}

func shuffledFields(t *rapid.T, fields grant.Fields) grant.Fields {
	fields.Scope = shuffled(t, fields.Scope)
	fields.AuthorizationDetailsTypes = shuffled(t, fields.AuthorizationDetailsTypes)
	return fields
}

func isTrue(value *bool) bool { return value != nil && *value }

func scopes(names ...string) grant.Fields { return grant.Fields{Scope: append([]string{}, names...)} }

// want compares exactly: nil and an empty list are two things.
func want[V any](t *testing.T, what string, got, wanted V) {
	t.Helper()
	if difference := cmp.Diff(wanted, got); difference != "" {
		t.Errorf("%s (-want +got):\n%s", what, difference)
	}
}

// wantList compares lists, of which an empty one and none are the same.
func wantList(t *testing.T, what string, got, wanted []string) {
	t.Helper()
	if difference := cmp.Diff(wanted, got, cmpopts.EquateEmpty()); difference != "" {
		t.Errorf("%s (-want +got):\n%s", what, difference)
	}
}
