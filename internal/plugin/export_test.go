package plugin

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestExport_ReadsEachPageOnceAndWritesTheSameTwice(t *testing.T) {
	for i, paging := range []sim.Paging{{}, {EmptyPages: true}, {TrailingPage: true}} {
		tenant := simulate(t)
		tenant.Configure(func(s *sim.Settings) { s.Paging = paging })
		total := 170 + 100*i
		for n := range total {
			tenant.AddGrant(sim.Grant{ClientID: fmt.Sprintf("app%d", n%50), Audience: fmt.Sprintf("https://api-%d/", n), Scope: []string{"b", "a"}})
		}
		tenant.AddGrant(sim.Grant{ClientID: "app1", Audience: "https://system/", IsSystem: true})
		tenant.ClearLog()
		args := []string{"export", "--tenant=ns/main", "--requests-per-minute=60000", "--names=false"}
		first := try(t, tenant, nil, append(args, "--dir="+filepath.Join(t.TempDir(), "a"))...)
		tokens, lists, others := calls(tenant)
		if most := (total+100)/100 + 1; first.code != 0 || tokens != 1 || others != 0 || paging == (sim.Paging{}) && lists > most-1 {
			t.Errorf("%d grants took %d token requests, %d lists and %d others: %s", total, tokens, lists, others, first.err)
		}
		a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
		try(t, tenant, nil, append(args, "--dir="+a)...)
		tenant.Configure(func(s *sim.Settings) { s.Paging = sim.Paging{Cap: 7} })
		try(t, tenant, nil, append(args, "--dir="+b)...)
		if got := files(t, a); !maps.Equal(got, files(t, b)) || strings.Count(got["default/clientgrants.yaml"], "kind: ClientGrant\n") != total {
			t.Errorf("two exports of %d grants differ, or are not complete: %v", total, first.err)
		}
		if again := try(t, tenant, nil, append(args, "--dir="+a)...); again.code != 1 || !strings.Contains(again.err, "is not empty: name another folder") {
			t.Errorf("a folder is written over: %q", again.err)
		}
	}
}

func TestExport_SendsGrantsWhereTheMappingSays(t *testing.T) {
	tenant := simulate(t)
	tenant.AddClient(sim.Client{ID: "Zk3x", Name: "Billing backend"})
	tenant.AddAPI(sim.API{Identifier: "https://users.example.com/", Name: "Users API"})
	tenant.AddGrant(sim.Grant{ClientID: "Zk3x", Audience: "https://users.example.com/", Scope: []string{"read:users"}})
	tenant.AddGrant(sim.Grant{ClientID: "Zk3x", Audience: "https://users.example.com/", SubjectType: "user", Scope: []string{"read:users"}})
	tenant.AddGrant(sim.Grant{ClientID: "other", Audience: "https://ledger.example.com/"})
	folder := filepath.Join(t.TempDir(), "grants")
	got := try(t, tenant, nil, "export", "--tenant=clientgrant-system/main", "--mode=Observe", "--dir="+folder, "--requests-per-minute=6000",
		"-n=rest", "--map="+write(t, "namespaces: [{namespace: billing, clientIDs: [Zk*], audiences: ['https://users.*']}]"))
	if want := "2 manifests; 1 more need a right and are in needs-rights.yaml of their namespaces.\n"; got.code != 0 || got.err != want {
		t.Errorf("exit code %d, told %q, want %q", got.code, got.err, want)
	}
	found := files(t, folder)
	for file, want := range map[string]string{
		"kustomization.yaml":         "kind: Kustomization\nresources:\n- billing\n- rest\n",
		"billing/kustomization.yaml": "resources:\n- clientgrants.yaml\n# When its access rules are in the Auth0Tenant:\n# - needs-rights.yaml\n",
		"billing/clientgrants.yaml": `# Billing backend for Users API
apiVersion: auth0.clientgrants.dev/v1alpha1
kind: ClientGrant
metadata:
  name: zk3x-users-example-com-awu5goeweu
  namespace: billing
spec:
  audience: https://users.example.com/
  clientRef:
    id: Zk3x
  mode: Observe
  scopes:
  - read:users
  tenantRef:
    name: main
    namespace: clientgrant-system
`,
		"billing/needs-rights.yaml": "# Billing backend for Users API\n# Needs: UserSubject\napiVersion: ",
		"rest/clientgrants.yaml":    "# other for https://ledger.example.com/\napiVersion: ",
		"access-rules.yaml":         "accessRules:\n# Namespace billing\n- allow:\n  - AdoptExisting\n  audiences:\n  - https://users.example.com/\n",
	} {
		if !strings.Contains(found[file], want) {
			t.Errorf("%s (-want +got):\n%s", file, cmp.Diff(want, found[file]))
		}
	}
	if stdout := try(t, tenant, nil, "export", "--tenant=ns/main", "--names=false", "--requests-per-minute=6000"); strings.Count(stdout.out, "kind: ClientGrant\n") != 2 ||
		!strings.Contains(stdout.err, "1 more need a right and are left out: --dir writes them") {
		t.Errorf("without a folder: %s%s", stdout.out, stdout.err)
	}
}

func TestExport_ManagesWithoutTheRightToReadNames(t *testing.T) {
	tenant := simulate(t)
	tenant.Configure(func(s *sim.Settings) { s.GrantedScopes = []string{"read:client_grants"} })
	tenant.AddGrant(sim.Grant{ClientID: "app", Audience: "https://api/"})
	got := try(t, tenant, nil, "export", "--tenant=ns/main", "--requests-per-minute=6000")
	if got.code != 0 || strings.Contains(got.out, "#") || !strings.Contains(got.err, "Names are missing: they take read:clients and read:resource_servers.") {
		t.Errorf("exit code %d:\n%s%s", got.code, got.out, got.err)
	}
	if _, _, others := calls(tenant); others != 0 {
		t.Errorf("%d calls that are not allowed", others)
	}
}

func TestExport_WaitsForARateLimit(t *testing.T) {
	tenant := simulate(t)
	for n := range 150 {
		tenant.AddGrant(sim.Grant{ClientID: "app", Audience: fmt.Sprintf("https://api-%d/", n)})
	}
	tenant.Inject(sim.Fault{Method: "GET", Route: "/client-grants", Status: 429, Header: http.Header{"Retry-After": {"1"}}})
	got := try(t, tenant, nil, "export", "--tenant=ns/main", "--names=false", "--requests-per-minute=60000")
	if got.code != 0 || strings.Count(got.out, "kind: ClientGrant\n") != 150 {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
}
