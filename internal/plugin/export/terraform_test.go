package export

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// instance is a resource as terraform show -json prints it.
func instance(address, kind, name string, index any, values map[string]any) map[string]any {
	return map[string]any{"address": address, "mode": "managed", "type": kind, "name": name, "index": index, "values": values}
}

func stateOf(t *testing.T, root map[string]any) *State {
	t.Helper()
	text, err := json.Marshal(map[string]any{"format_version": "1.0", "values": map[string]any{"root_module": root}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadState("state.json", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func of(client string) map[string]any {
	return map[string]any{"id": "cgr_" + client, "client_id": client, "audience": "https://api/"}
}

func TestState_GivesNamesAndNamespacesAndLetsTerraformForget(t *testing.T) {
	o := observing()
	o.State = stateOf(t, map[string]any{
		"resources": []any{
			instance("auth0_client_grant.single", typeGrant, "single", nil, of("single")),
			instance(`auth0_client_grant.all["a[b]"]`, typeGrant, "all", "a[b]", of("a")),
			instance(`auth0_client_grant.all["it's \"c\"]"]`, typeGrant, "all", `it's "c"]`, of("c")),
			instance(`auth0_client_grant.some["kept"]`, typeGrant, "some", "kept", of("kept")),
			instance(`auth0_client_grant.some["gone's"]`, typeGrant, "some", "gone's", of("gone")),
			instance("auth0_organization_client_grant.link", typeLink, "link", nil, map[string]any{"grant_id": "cgr_kept", "organization_id": "org_1"}),
			instance("auth0_organization_client_grant.other", typeLink, "other", nil, map[string]any{"grant_id": "cgr_gone"}),
			instance("data.auth0_client_grants.x", "auth0_client_grants", "x", nil, nil),
		},
		"child_modules": []any{map[string]any{
			"address": `module.team["x"].module.Billing[0]`,
			"resources": []any{
				instance(`module.team["x"].module.Billing[0].auth0_client_grant.users[0]`, typeGrant, "users", 0, of("one")),
				instance(`module.team["x"].module.Billing[0].auth0_client_grant.users[1]`, typeGrant, "users", 1, of("two")),
				instance(`module.team["x"].module.Billing[0].auth0_client_grant.Users-0`, typeGrant, "Users-0", nil, of("three")),
			},
		}},
	})
	var grants []grant.Grant
	for _, client := range []string{"single", "a", "c", "kept", "one", "two", "three", "unknown"} {
		grants = append(grants, grant.Grant{ID: "cgr_" + client, ClientID: client, Audience: "https://api/", Fields: grant.Fields{Scope: []string{}}})
	}
	e := build(t, grants, acme, o)
	names := map[string]string{}
	for _, m := range e.Manifests {
		names[m.Spec.ClientRef.ID] = m.Namespace + "/" + m.Name
	}
	three, one := `module.team["x"].module.Billing[0].auth0_client_grant.Users-0`, `module.team["x"].module.Billing[0].auth0_client_grant.users[0]`
	want := map[string]string{
		"single": "grants/single", "a": "grants/all-a-b", "c": "grants/all-it-s-c", "kept": "grants/some-kept",
		"one": "billing/users-0-" + hashOf(one), "two": "billing/users-1", "three": "billing/users-0-" + hashOf(three),
		"unknown": "grants/" + nameOf(grant.Identity{ClientID: "unknown", Audience: "https://api/", SubjectType: "client"}),
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	files := e.Files(o.State)
	for _, address := range []string{
		"auth0_client_grant.single", "auth0_client_grant.all", "module.team.module.Billing.auth0_client_grant.users",
		"module.team.module.Billing.auth0_client_grant.Users-0",
	} {
		if block := "removed {\n  from = " + address + "\n\n  lifecycle {\n    destroy = false\n  }\n}\n"; strings.Count(files[fileRemoved], block) != 1 {
			t.Errorf("removed.tf lacks %s:\n%s", address, files[fileRemoved])
		}
	}
	if strings.Count(files[fileRemoved], "from =") != 4 || strings.Contains(files[fileRemoved], "[") {
		t.Errorf("removed.tf:\n%s", files[fileRemoved])
	}
	if want := "set -e\nterraform state rm 'auth0_client_grant.some[\"kept\"]'\n"; !strings.HasSuffix(files[fileStateRm], want) {
		t.Errorf("state-rm.sh:\n%s", files[fileStateRm])
	}
	if gone := o.State.gone(e); !slices.Equal(gone, []string{`auth0_client_grant.some["gone's"]`}) {
		t.Errorf("without a manifest: %v", gone)
	}
	if hanging := o.State.hanging(e); !slices.Equal(hanging, []string{"auth0_organization_client_grant.link"}) {
		t.Errorf("hanging on an exported grant: %v", hanging)
	}
	if rest := build(t, grants, acme, Options{Ref: o.Ref, Namespace: "grants"}); rest.Files(nil)[fileRemoved] != "" {
		t.Error("without a state there is something to remove")
	}
}
