package grant

import (
	"fmt"
	"slices"
	"strings"
)

// The closed values of optional fields: what an absent field means.
const organizationUsageClosed = "deny"

// organizationUsageOpen allows what deny allows and what require allows.
const organizationUsageOpen = "allow"

// Diff is what has to be sent so that the observed grant becomes the desired one: only fields that are desired and
// differ. An absent remote field equals its closed value: no scopes, deny, false, no types.
func Diff(desired Fields, observed Grant) Fields {
	var change Fields
	switch wantsAll := deref(desired.AllowAllScopes); {
	case wantsAll && !deref(observed.AllowAllScopes):
		change.AllowAllScopes = desired.AllowAllScopes
	case wantsAll || desired.Scope == nil:
		// All scopes are wanted and there, or scopes are not managed.
	case deref(observed.AllowAllScopes):
		// One request with both fields: scope alone is refused while every scope is allowed.
		off := false
		change.AllowAllScopes, change.Scope = &off, desired.Scope
	case !sameSet(desired.Scope, observed.Scope):
		change.Scope = desired.Scope
	}
	if desired.OrganizationUsage != nil && *desired.OrganizationUsage != organizationUsage(observed.Fields) {
		change.OrganizationUsage = desired.OrganizationUsage
	}
	if desired.AllowAnyOrganization != nil && *desired.AllowAnyOrganization != deref(observed.AllowAnyOrganization) {
		change.AllowAnyOrganization = desired.AllowAnyOrganization
	}
	if desired.AuthorizationDetailsTypes != nil &&
		!sameSet(desired.AuthorizationDetailsTypes, observed.AuthorizationDetailsTypes) {
		change.AuthorizationDetailsTypes = desired.AuthorizationDetailsTypes
	}
	if change.OrganizationUsage != nil && endsOrganizations(desired, observed) {
		change.AllowAnyOrganization = new(false)
	}
	return change
}

// endsOrganizations says whether bringing the desired fields to the observed grant forbids the use of organizations while any of
// them is allowed, which the spec leaves alone: that is closed with it, because a tenant may refuse a grant that says both.
func endsOrganizations(desired Fields, observed Grant) bool {
	return desired.OrganizationUsage != nil && *desired.OrganizationUsage == organizationUsageClosed &&
		desired.AllowAnyOrganization == nil && deref(observed.AllowAnyOrganization)
}

// Over is what the observed grant becomes once the desired fields are brought to it: a desired field wins, one that is
// not desired keeps its remote value. It is what a write amounts to, and so what has to be allowed before it.
func Over(desired Fields, observed Grant) Fields {
	after := observed.Fields
	switch {
	case deref(desired.AllowAllScopes):
		after.AllowAllScopes, after.Scope = desired.AllowAllScopes, nil
	case desired.Scope != nil:
		off := false
		after.AllowAllScopes, after.Scope = &off, desired.Scope
	}
	if desired.AllowAnyOrganization != nil {
		after.AllowAnyOrganization = desired.AllowAnyOrganization
	}
	if desired.OrganizationUsage != nil {
		after.OrganizationUsage = desired.OrganizationUsage
	}
	if organizationUsage(observed.Fields) != organizationUsageClosed && endsOrganizations(desired, observed) {
		after.AllowAnyOrganization = new(false)
	}
	if desired.AuthorizationDetailsTypes != nil {
		after.AuthorizationDetailsTypes = desired.AuthorizationDetailsTypes
	}
	return after
}

// Narrow is what has to be sent so that the observed grant gives nothing that the desired fields do not: scopes and types
// that are in both, the closed value of a flag where that is desired, and the desired use of organizations where any use is
// allowed: deny and require exclude each other, so that neither is less than the other. It never adds access.
func Narrow(desired Fields, observed Grant) Fields {
	var change Fields
	switch {
	case deref(desired.AllowAllScopes) || desired.Scope == nil:
		// No scope is too many.
	case deref(observed.AllowAllScopes):
		off := false
		change.AllowAllScopes, change.Scope = &off, desired.Scope
	case len(without(observed.Scope, desired.Scope)) > 0:
		change.Scope = within(observed.Scope, desired.Scope)
	}
	if desired.OrganizationUsage != nil && *desired.OrganizationUsage != organizationUsageOpen &&
		organizationUsage(observed.Fields) == organizationUsageOpen {
		change.OrganizationUsage = desired.OrganizationUsage
	}
	if desired.AllowAnyOrganization != nil && !*desired.AllowAnyOrganization && deref(observed.AllowAnyOrganization) {
		change.AllowAnyOrganization = desired.AllowAnyOrganization
	}
	if desired.AuthorizationDetailsTypes != nil &&
		len(without(observed.AuthorizationDetailsTypes, desired.AuthorizationDetailsTypes)) > 0 {
		change.AuthorizationDetailsTypes = within(observed.AuthorizationDetailsTypes, desired.AuthorizationDetailsTypes)
	}
	if change.OrganizationUsage != nil && endsOrganizations(desired, observed) {
		change.AllowAnyOrganization = new(false)
	}
	return change
}

// Undo is what the fields of a change were in the observed grant before it.
func Undo(change Fields, observed Grant) (before Fields) {
	if change.Scope != nil || change.AllowAllScopes != nil {
		before.Scope, before.AllowAllScopes = append([]string{}, observed.Scope...), observed.AllowAllScopes
	}
	if change.OrganizationUsage != nil {
		before.OrganizationUsage = new(organizationUsage(observed.Fields))
	}
	if change.AllowAnyOrganization != nil {
		before.AllowAnyOrganization = new(deref(observed.AllowAnyOrganization))
	}
	if change.AuthorizationDetailsTypes != nil {
		before.AuthorizationDetailsTypes = append([]string{}, observed.AuthorizationDetailsTypes...)
	}
	return before
}

// Reduces says whether the change takes access away from the observed grant and adds none.
func Reduces(change Fields, observed Grant) bool {
	after := Grant{Fields: Over(change, observed)}
	return !change.Empty() && !Widens(observed.Fields, after)
}

// Widens says whether the second grant gives anything that the first does not.
func Widens(before Fields, after Grant) bool {
	switch {
	case deref(after.AllowAllScopes) && !deref(before.AllowAllScopes):
		return true
	case !deref(after.AllowAllScopes) && !deref(before.AllowAllScopes) && len(without(after.Scope, before.Scope)) > 0:
		return true
	case organizationUsage(after.Fields) != organizationUsage(before) && organizationUsage(before) != organizationUsageOpen:
		return true
	case deref(after.AllowAnyOrganization) && !deref(before.AllowAnyOrganization):
		return true
	}
	return len(without(after.AuthorizationDetailsTypes, before.AuthorizationDetailsTypes)) > 0
}

// Missing returns the desired scopes that the observed grant lacks.
func Missing(desired Fields, observed Grant) []string {
	if deref(observed.AllowAllScopes) {
		return nil
	}
	missing := without(desired.Scope, observed.Scope)
	if len(missing) == 0 {
		return nil // Kept for every grant that is in order, an empty slice would keep the room for all its scopes.
	}
	return missing
}

// Difference tells a change to people: which scopes come and go, and which other fields change.
type Difference struct {
	Added   []string
	Removed []string
	Fields  []string
}

// Describe tells what the change does to the observed grant.
func Describe(change Fields, observed Grant) Difference {
	var difference Difference
	if change.Scope != nil {
		difference.Added, difference.Removed = without(change.Scope, observed.Scope), without(observed.Scope, change.Scope)
	}
	if change.AllowAllScopes != nil {
		difference.Fields = append(difference.Fields, "allowAllScopes")
	}
	if change.OrganizationUsage != nil {
		difference.Fields = append(difference.Fields, "organizationUsage")
	}
	if change.AllowAnyOrganization != nil {
		difference.Fields = append(difference.Fields, "allowAnyOrganization")
	}
	if change.AuthorizationDetailsTypes != nil {
		difference.Fields = append(difference.Fields, "authorizationDetailsTypes")
	}
	return difference
}

// Wider names the fields that the spec leaves alone and that give more access than their closed value.
func Wider(desired Fields, observed Grant) []string {
	var names []string
	if desired.OrganizationUsage == nil && organizationUsage(observed.Fields) != organizationUsageClosed {
		names = append(names, "organizationUsage")
	}
	if desired.AllowAnyOrganization == nil && deref(observed.AllowAnyOrganization) {
		names = append(names, "allowAnyOrganization")
	}
	if desired.AuthorizationDetailsTypes == nil && len(observed.AuthorizationDetailsTypes) > 0 {
		names = append(names, "authorizationDetailsTypes")
	}
	return names
}

// Summary counts scopes that come and go: "+2 -1".
func (d Difference) Summary() string {
	return fmt.Sprintf("+%d -%d", len(d.Added), len(d.Removed))
}

// String is the summary with the names of the fields that differ: "scopes +2 -1, allow_any_organization".
func (d Difference) String() string {
	return strings.Join(append([]string{"scopes " + d.Summary()}, d.Fields...), ", ")
}

// Distinct returns the values without duplicates, in order: the Management API may refuse duplicates, and keeps order.
func Distinct(values []string) []string {
	if values == nil {
		return nil
	}
	seen := make(map[string]struct{}, len(values))
	distinct := make([]string, 0, len(values))
	for _, value := range values {
		if _, ok := seen[value]; !ok {
			seen[value] = struct{}{}
			distinct = append(distinct, value)
		}
	}
	return distinct
}

// Without returns the values that are not in drop, in order.
func Without(values, drop []string) []string {
	if len(drop) == 0 {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return slices.Contains(drop, value) })
}

func sameSet(a, b []string) bool {
	return slices.Equal(append([]string{}, set(a)...), append([]string{}, set(b)...))
}

// without returns the sorted, distinct values of a that are not in b.
func without(a, b []string) []string {
	known := make(map[string]struct{}, len(b))
	for _, value := range b {
		known[value] = struct{}{}
	}
	return slices.DeleteFunc(set(a), func(value string) bool {
		_, ok := known[value]
		return ok
	})
}

// within returns the sorted, distinct values of a that are in b, too. It is never nil.
func within(a, b []string) []string {
	return append([]string{}, without(a, without(a, b))...)
}

func organizationUsage(f Fields) string {
	if f.OrganizationUsage == nil {
		return organizationUsageClosed
	}
	return *f.OrganizationUsage
}

func deref(value *bool) bool {
	return value != nil && *value
}
