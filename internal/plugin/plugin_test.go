package plugin

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/clientgrants/clientgrant-operator/internal/plugin/cli"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

const secret = "canary-S3cret"

// simulate starts a simulated tenant.
func simulate(t *testing.T) *sim.Running {
	t.Helper()
	tenant, err := sim.StartTLS(sim.Options{ClientID: "auditor", ClientSecret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tenant.Close)
	return tenant
}

// told is what a run of the program told.
type told struct {
	code     int
	out, err string
}

// try runs the program with the credentials of a tenant in its environment; further variables replace them. Whatever it did, only GET
// and the token request left, and no secret is told.
func try(t *testing.T, tenant *sim.Running, environment map[string]string, args ...string) told {
	t.Helper()
	variables := map[string]string{
		"AUTH0_DOMAIN": tenant.Domain(), "AUTH0_CLIENT_ID": "auditor", "AUTH0_CLIENT_SECRET": secret,
	}
	maps.Copy(variables, environment)
	streams, _, out, errs := genericiooptions.NewTestIOStreams()
	c := cli.NewConnection(streams, "test")
	c.Getenv = func(name string) string { return variables[name] }
	c.Transport = tenant.Client().Transport
	none := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(args, "--kubeconfig="+none)
	code := run(t.Context(), c, "test", args)
	got := told{code, out.String(), errs.String()}
	for _, call := range tenant.Log() {
		if call.Method != http.MethodGet && (call.Method != http.MethodPost || call.Path != "/oauth/token") {
			t.Errorf("%v sends %s %s", args, call.Method, call.Path)
		}
	}
	if strings.Contains(got.out+got.err, secret) {
		t.Errorf("%v tells the secret:\n%s%s", args, got.out, got.err)
	}
	return got
}

// files reads a folder.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		found[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is wrong is told in one line that says what to do.
func TestRun_TellsInOneLineWhatToDo(t *testing.T) {
	tenant := simulate(t)
	export := []string{"export", "--tenant=ns/main"}
	tests := map[string]struct {
		environment map[string]string
		scopes      []string
		args        []string
		want        string
	}{
		"a wrong secret":   {environment: map[string]string{"AUTH0_CLIENT_SECRET": "x"}, args: export, want: "refused the credentials of the environment: correct them"},
		"a missing secret": {environment: map[string]string{"AUTH0_CLIENT_SECRET": ""}, args: export, want: "AUTH0_CLIENT_SECRET is missing: set it"},
		"an address":       {environment: map[string]string{"AUTH0_DOMAIN": "https://acme.auth0.com"}, args: export, want: "AUTH0_DOMAIN must be a host without https://"},
		"no such tenant":   {environment: map[string]string{"AUTH0_DOMAIN": "127.0.0.1:1"}, args: export, want: "no token could be had from 127.0.0.1:1: check the domain"},
		"another audience": {environment: map[string]string{"AUTH0_AUDIENCE": "https://other.auth0.com/api/v2/"}, args: export, want: "AUTH0_AUDIENCE"},
		"no right to read": {scopes: []string{"read:clients"}, args: export, want: `client "auditor" may not read from ` + tenant.Domain() + ": give it read:client_grants"},
		"no credentials":   {environment: map[string]string{"AUTH0_DOMAIN": ""}, args: export, want: "or set AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET"},
		"no Auth0Tenant":   {args: []string{"export"}, want: "name the Auth0Tenant: --tenant NAMESPACE/NAME"},
		"a bad reference":  {args: []string{"export", "--tenant=a/b/c"}, want: "write NAME or NAMESPACE/NAME"},
		"an unknown verb":  {args: []string{"exprot"}, want: `there is no verb "exprot": see kubectl clientgrants --help`},
		"an unknown flag":  {args: []string{"export", "--client-secret=x"}, want: "unknown flag: --client-secret"},
		"an unknown mode":  {args: append(export, "--mode=observe"), want: `--mode "observe": must be Observe, Enforce or Suspend`},
		"a missing file":   {args: append(export, "--map=/nowhere"), want: "/nowhere"},
		"a file of credentials with another field": {
			args: append(export, "--credentials="+write(t, "domain: x\nsecret: "+secret)), want: "is not YAML with domain, clientID",
		},
		"a mapping with another field": {args: append(export, "--map="+write(t, "namespaces: [{name: x}]")), want: `unknown field "name"`},
		"a mapping that is no YAML":    {args: append(export, "--map="+write(t, "{")), want: "yaml: line 1"},
		"a mapping of nothing":         {args: append(export, "--map="+write(t, "namespaces: [{namespace: x}]")), want: `write ["*"] to mean all`},
		"a namespace that is none":     {args: append(export, "--map="+write(t, "namespaces: [{namespace: X, clientIDs: [x]}]")), want: `namespaces[0].namespace "X"`},
		"a raw state":                  {args: append(export, "--from-terraform="+write(t, `{"version":4}`)), want: "make one with terraform show -json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tenant.Configure(func(s *sim.Settings) { s.GrantedScopes = test.scopes })
			got := try(t, tenant, test.environment, test.args...)
			if got.code != cli.CodeError || got.out != "" || !strings.HasPrefix(got.err, "error: ") || !strings.Contains(got.err, test.want) ||
				strings.Count(got.err, "\n") != 1 {
				t.Errorf("exit code %d, output %q, told %q, want %q", got.code, got.out, got.err, test.want)
			}
		})
	}
}

func TestRun_EveryVerbHasHelpWithAnExample(t *testing.T) {
	tenant := simulate(t)
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	root := command(cli.NewConnection(streams, "test"), "test")
	verbs := 0
	for _, verb := range root.Commands() {
		verbs++
		got := try(t, tenant, nil, verb.Name(), "--help")
		for _, want := range []string{"Examples:\n  # ", "kubectl clientgrants " + verb.Name(), "Exit codes: "} {
			if got.code != 0 || !strings.Contains(got.out, want) {
				t.Errorf("the help of %s lacks %q:\n%s", verb.Name(), want, got.out)
			}
		}
	}
	if verbs == 0 {
		t.Error("there is no verb")
	}
	if got := try(t, tenant, nil, "--version"); !strings.Contains(got.out, "test") || got.code != 0 {
		t.Errorf("the version is told as %q", got.out)
	}
}

// calls counts the requests since the log was cleared.
func calls(tenant *sim.Running) (tokens, lists, others int) {
	for _, call := range tenant.Log() {
		switch {
		case call.Path == "/oauth/token":
			tokens++
		case call.Route == "/client-grants":
			lists++
		default:
			others++
		}
	}
	return tokens, lists, others
}
