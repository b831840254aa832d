package plugin

import (
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/internal/plugin/cli"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestAudit_ListsEveryGrantWithoutACluster(t *testing.T) {
	tenant := simulate(t)
	tenant.AddClient(sim.Client{ID: "app", Name: "Billing backend", GrantTypes: []string{"client_credentials"}})
	tenant.AddAPI(sim.API{Identifier: "https://ledger/", Name: "Ledger", Scopes: []string{"read", "write"}})
	tenant.AddGrant(sim.Grant{ClientID: "app", Audience: "https://ledger/", Scope: []string{"write", "read"}})
	tenant.AddGrant(sim.Grant{ClientID: "other", Audience: "https://ledger/", Scope: []string{"read", "raed"}})
	tenant.ClearLog()
	got := try(t, tenant, nil, "audit", "--requests-per-minute=6000")
	want := `CLIENT   AUDIENCE          SUBJECT   SCOPES       MANAGED BY   FINDINGS
app      https://ledger/   client    read write   unknown      -
other    https://ledger/   client    raed read    unknown      undefined
`
	if got.code != 0 || got.out != want {
		t.Errorf("exit code %d:\n%s%s", got.code, got.out, got.err)
	}
	if tokens, lists, others := calls(tenant); tokens != 1 || lists != 1 || others != 2 {
		t.Errorf("%d token requests, %d lists, %d others", tokens, lists, others)
	}
	if !strings.Contains(got.err, "2 rows; "+tenant.Domain()+" holds 2 grants.") || !strings.Contains(got.err, "Who manages them is not known") {
		t.Errorf("told %s", got.err)
	}
	who := try(t, tenant, nil, "audit", "--requests-per-minute=6000", "--who-can=https://ledger/", "write", "-o=csv")
	if who.code != 0 || strings.Contains(who.out, "other,") || !strings.Contains(who.out, "\napp,Billing backend,https://ledger/,Ledger,client,read write,deny,unknown,,86400s,cgr_") ||
		!strings.Contains(who.out, "\n*,every first-party application,https://ledger/,Ledger,user,*,,API policy,,86400s,\n") {
		t.Errorf("who can write:\n%s%s", who.out, who.err)
	}
	for args, code := range map[string]int{
		"--fail-on=undefined": cli.CodeRefused, "--fail-on=undefined --client=app": 0, "--fail-on=wider,ineffective": 0, "--fail-on=typo": cli.CodeError,
		"--finding=typo": cli.CodeError, "-o=xml": cli.CodeError, "write": cli.CodeError, "--who-can=x --scope=y": cli.CodeError,
	} {
		got := try(t, tenant, nil, append([]string{"audit", "--requests-per-minute=6000"}, strings.Fields(args)...)...)
		if got.code != code || code == cli.CodeError && strings.Count(got.err, "\n") != 1 {
			t.Errorf("%s: exit code %d, want %d: %s", args, got.code, code, got.err)
		}
	}
}
