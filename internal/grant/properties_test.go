package grant_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// members are the fields as they are sent: names with their JSON.
func members(t *rapid.T, fields grant.Fields) map[string]json.RawMessage {
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]json.RawMessage
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDiff_AChangeThatIsAppliedLeavesNoOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, held := specFields().Draw(t, "desired"), heldGrant().Draw(t, "held")
		change := grant.Diff(desired, held)
		if change.Empty() {
			return
		}
		after := patched(t, held, change)
		if left := grant.Diff(desired, after); !left.Empty() {
			t.Fatalf("after %+v the grant is %+v and still lacks %+v", change, after, left)
		}
		if missing := grant.Missing(desired, after); len(missing) > 0 {
			t.Fatalf("after %+v %q are missing", change, missing)
		}
	})
}

func TestDiff_SendsOnlyDesiredFieldsThatDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, held := anyFields().Draw(t, "desired"), heldGrant().Draw(t, "held")
		wanted, has := members(t, desired), members(t, held.Fields)
		for name, value := range members(t, grant.Diff(desired, held)) {
			if name == "allow_all_scopes" && string(value) == "false" {
				if !isTrue(held.AllowAllScopes) || desired.Scope == nil {
					t.Fatalf("all scopes are ended where they are not on, or for no scopes")
				}
				continue
			}
			if name == "allow_any_organization" && desired.AllowAnyOrganization == nil {
				if string(value) != "false" || string(wanted["organization_usage"]) != `"deny"` || !isTrue(held.AllowAnyOrganization) {
					t.Fatalf("any organization is sent as %s although nobody manages it, with %+v over %+v", value, desired, held)
				}
				continue
			}
			if string(wanted[name]) != string(value) {
				t.Fatalf("%s is sent as %s, desired is %s", name, value, wanted[name])
			}
			if string(has[name]) == string(value) {
				t.Fatalf("%s is sent as %s, which it is already", name, value)
			}
		}
	})
}

func TestDiff_OrderAndDuplicatesMeanNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, held := anyFields().Draw(t, "desired"), heldGrant().Draw(t, "held")
		if rapid.Bool().Draw(t, "alike") {
			held.Fields = desired
		}
		other, again := shuffledFields(t, desired), held
		again.Fields = shuffledFields(t, held.Fields)
		one, two := grant.Diff(desired, held), grant.Diff(other, again)
		if !slices.Equal(slices.Sorted(maps.Keys(members(t, one))), slices.Sorted(maps.Keys(members(t, two)))) {
			t.Fatalf("%+v is sent, in another order %+v", one, two)
		}
		if !reflect.DeepEqual(grant.Describe(one, held), grant.Describe(two, again)) {
			t.Fatalf("%+v is told, in another order %+v", grant.Describe(one, held), grant.Describe(two, again))
		}
		if !slices.Equal(grant.Missing(desired, held), grant.Missing(other, again)) {
			t.Fatalf("%q are missing, in another order %q", grant.Missing(desired, held), grant.Missing(other, again))
		}
		if !held.Equal(again) || !again.Equal(held) {
			t.Fatalf("%+v and %+v are not equal", held, again)
		}
	})
}

func TestDiff_NeverSendsScopeAloneWhileEveryScopeIsAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := heldGrant().Draw(t, "held")
		held.AllowAllScopes, held.Scope = new(true), nil
		change := grant.Diff(anyFields().Draw(t, "desired"), held)
		if change.Scope != nil && (change.AllowAllScopes == nil || *change.AllowAllScopes) {
			t.Fatalf("%+v", change)
		}
	})
}

func TestDescribe_TellsEveryFieldThatIsSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, held := specFields().Draw(t, "desired"), heldGrant().Draw(t, "held")
		change := grant.Diff(desired, held)
		told := grant.Describe(change, held)
		sent := len(members(t, change))
		if change.Scope != nil {
			sent--
			if len(told.Added)+len(told.Removed) == 0 && len(change.Scope) > 0 {
				t.Fatalf("%+v is told as no change of scopes", change)
			}
		}
		if len(told.Fields) != sent {
			t.Fatalf("%d fields are sent beside scope, %q are told", sent, told.Fields)
		}
	})
}

func TestOver_IsWhatTheWriteLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, held := specFields().Draw(t, "desired"), heldGrant().Draw(t, "held")
		over, before := grant.Over(desired, held), held
		after := held
		if change := grant.Diff(desired, held); !change.Empty() {
			after = patched(t, held, change)
		}
		laid := held
		laid.Fields = over
		if left := grant.Diff(after.Fields, laid); !left.Empty() {
			t.Fatalf("the write leaves %+v, foretold was %+v", after.Fields, over)
		}
		if left := grant.Diff(over, after); !left.Empty() {
			t.Fatalf("the write leaves %+v, foretold was %+v", after.Fields, over)
		}
		if !held.Equal(before) {
			t.Fatalf("%+v was changed to %+v", before, held)
		}
	})
}

func TestWider_NamesExactlyWhatClosingWouldChange(t *testing.T) {
	closed := grant.Fields{
		OrganizationUsage: new("deny"), AllowAnyOrganization: new(false), AuthorizationDetailsTypes: []string{},
	}
	rapid.Check(t, func(t *rapid.T) {
		desired, held := specFields().Draw(t, "desired"), heldGrant().Draw(t, "held")
		closing := closed
		if desired.OrganizationUsage != nil {
			closing.OrganizationUsage = nil
		}
		if desired.AllowAnyOrganization != nil {
			closing.AllowAnyOrganization = nil
		}
		if desired.AuthorizationDetailsTypes != nil {
			closing.AuthorizationDetailsTypes = nil
		}
		told := grant.Describe(grant.Diff(closing, held), held).Fields
		if closing.AllowAnyOrganization == nil {
			told = grant.Without(told, []string{"allowAnyOrganization"}) // It is closed with the use of organizations.
		}
		if wider := grant.Wider(desired, held); !slices.Equal(wider, told) {
			t.Fatalf("%q are wider, closing the unmanaged fields would change %+v", wider, grant.Diff(closing, held))
		}
	})
}

func TestDistinct_KeepsEveryValueOnceInItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := maybe(rapid.SliceOf(scopeNames)).Draw(t, "list")
		got := grant.Distinct(list)
		if (got == nil) != (list == nil) {
			t.Fatalf("%#v became %#v", list, got)
		}
		rest := list
		for i, value := range got {
			if slices.Contains(got[:i], value) {
				t.Fatalf("%q is there twice", value)
			}
			at := slices.Index(rest, value)
			if at < 0 {
				t.Fatalf("%q out of %q is not in order", got, list)
			}
			rest = rest[at+1:]
		}
		if missing := grant.Without(list, got); len(missing) > 0 {
			t.Fatalf("%q got lost", missing)
		}
	})
}

// gives is what a grant allows, as a set: one token for each scope, type, and use of organizations.
func gives(t *rapid.T, held grant.Fields) map[string]bool {
	given := map[string]bool{}
	for _, scope := range held.Scope {
		given["scope "+scope] = true
	}
	if isTrue(held.AllowAllScopes) {
		for _, scope := range append([]string{"others"}, "a", "A", "b", "read:users", "read:users ", "é", "<b>", `"`, "\u2028") {
			given["scope "+scope] = true
		}
	}
	usage := "deny"
	if held.OrganizationUsage != nil {
		usage = *held.OrganizationUsage
	}
	switch usage {
	case "deny":
		given["tokens without organization"] = true
	case "require":
		given["tokens with organization"] = true
	case "allow":
		given["tokens without organization"], given["tokens with organization"] = true, true
	default:
		t.Fatalf("unknown usage %q", usage)
	}
	given["any organization"] = isTrue(held.AllowAnyOrganization)
	for _, name := range held.AuthorizationDetailsTypes {
		given["type "+name] = true
	}
	return given
}

func isWithin(a, b map[string]bool) bool {
	for name, given := range a {
		if given && !b[name] {
			return false
		}
	}
	return true
}

func TestNarrow_NeverAddsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, held := specFields().Draw(t, "desired"), heldGrant().Draw(t, "held")
		change := grant.Narrow(desired, held)
		if change.Empty() {
			return
		}
		after := patched(t, held, change)
		if !isWithin(gives(t, after.Fields), gives(t, held.Fields)) {
			t.Fatalf("%+v makes %+v of %+v", change, after.Fields, held.Fields)
		}
		if !grant.Reduces(change, held) {
			t.Fatalf("%+v over %+v does not pass for a reduction", change, held.Fields)
		}
		if again := grant.Narrow(desired, after); !again.Empty() {
			t.Fatalf("after %+v there is more to take away: %+v", change, again)
		}
	})
}

func TestReduces_IsTrueExactlyWhereNothingIsAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held, change := heldGrant().Draw(t, "held"), grant.Diff(specFields().Draw(t, "desired"), heldGrant().Draw(t, "other"))
		if change.Empty() || isTrue(held.AllowAllScopes) && change.Scope != nil && change.AllowAllScopes == nil {
			return
		}
		after := patched(t, held, change)
		if got, added := grant.Reduces(change, held), !isWithin(gives(t, after.Fields), gives(t, held.Fields)); got == added {
			t.Fatalf("%+v over %+v reduces: %v", change, held.Fields, got)
		}
	})
}
