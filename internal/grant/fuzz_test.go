package grant_test

import (
	"encoding/json"
	"testing"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// FuzzDiff takes a spec and a grant from JSON: whatever the API answers, one change is enough, and it is one that the
// API takes.
func FuzzDiff(f *testing.F) {
	for _, held := range []string{
		`{}`, `{"scope":["a","a","b"]}`, `{"allow_all_scopes":true}`, `{"scope":["a"],"allow_all_scopes":true}`,
		`{"scope":null,"organization_usage":"require","allow_any_organization":true,"authorization_details_types":["x"]}`,
	} {
		f.Add([]byte(`{"scope":["b","a","b"],"organization_usage":"deny"}`), []byte(held))
		f.Add([]byte(`{"allow_all_scopes":true,"authorization_details_types":[]}`), []byte(held))
		f.Add([]byte(`{"scope":[],"allow_all_scopes":false,"allow_any_organization":false}`), []byte(held))
	}
	f.Fuzz(func(t *testing.T, spec, answer []byte) {
		var desired grant.Fields
		var held grant.Grant
		if json.Unmarshal(spec, &desired) != nil || json.Unmarshal(answer, &held) != nil {
			return
		}
		desired = oneOfScopes(desired)
		if same := held; !held.Equal(same) {
			t.Fatalf("%+v does not equal itself", held)
		}
		change := grant.Diff(desired, held)
		if change.Empty() {
			return
		}
		after := patched(t, held, change)
		if left := grant.Diff(desired, after); !left.Empty() {
			t.Fatalf("after %+v the grant is %+v and still lacks %+v", change, after, left)
		}
		if told := grant.Describe(change, held); len(told.Added)+len(told.Removed)+len(told.Fields) == 0 {
			t.Fatalf("%+v is told as nothing", change)
		}
	})
}

// FuzzMadeFrom takes a grant from JSON: the request that asks for exactly this grant made it, with and without the
// optional fields, and no hash but those of such requests says so.
func FuzzMadeFrom(f *testing.F) {
	f.Add([]byte(`{"client_id":"app","audience":"x","scope":["a"]}`), "")
	f.Add([]byte(`{"default_for":"third_party_clients","audience":"x","subject_type":"user","allow_all_scopes":true}`), "0")
	f.Add([]byte(`{"audience":"x","scope":[],"organization_usage":"allow","allow_any_organization":false}`), "a")
	f.Fuzz(func(t *testing.T, answer []byte, hash string) {
		var held grant.Grant
		if json.Unmarshal(answer, &held) != nil {
			return
		}
		identity := held.Identity("tenant.example")
		whole := grant.NewGrant(identity, held.Fields)
		least := grant.NewGrant(identity, grant.Fields{Scope: held.Scope})
		if !held.MadeFrom(whole.Hash()) || !held.MadeFrom(least.Hash()) {
			t.Fatalf("%+v is not known as made from its own fields", held)
		}
		other := whole
		other.Audience += "/"
		if held.MadeFrom(other.Hash()) || len(hash) != len(whole.Hash()) && held.MadeFrom(hash) {
			t.Fatalf("%+v passes for another request's", held)
		}
	})
}
