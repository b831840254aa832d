package export

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/manifest"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/remote"
)

const host = "acme.eu.auth0.com"

var acme = Tenant{Host: host, SystemHosts: []string{host}, Own: "own"}

func observing() Options {
	return Options{
		Ref: v1alpha1.TenantReference{Name: "main", Namespace: "clientgrant-system"}, Mode: v1alpha1.ModeObserve, Namespace: "grants",
	}
}

// pick draws one of the values.
func pick[V any](r *rand.Rand, values ...V) V { return values[r.IntN(len(values))] }

// anyGrant draws what a tenant can hold, with values that are alike and those that no manifest can have.
func anyGrant(r *rand.Rand) grant.Grant {
	held := grant.Grant{
		ClientID: pick(r, "Zk3x", "zk3x", "Qw8_-", "own", "app"), SubjectType: pick(r, "", "client", "client", "user", "anonymous_user"),
		Audience: pick(r, "https://api/", "https://api", "https://API/", "urn:x", "https://"+host+"/api/v2/", "api\n---\nkind: x"),
		IsSystem: r.IntN(20) == 0,
	}
	if r.IntN(10) == 0 {
		held.ClientID, held.DefaultFor = "", "third_party_clients"
	}
	if held.AllowAllScopes = pick(r, nil, new(false), new(true)); held.AllowAllScopes == nil || !*held.AllowAllScopes {
		held.Scope = []string{}
		for range r.IntN(4) {
			held.Scope = append(held.Scope, pick(r, "a", "b", "read:users", "no", "1", "~", "é", "*"))
		}
	}
	held.OrganizationUsage = pick(r, nil, new("deny"), new("allow"), new("require"))
	held.AllowAnyOrganization = pick(r, nil, new(false), new(true))
	held.AuthorizationDetailsTypes = pick(r, nil, []string{}, []string{"payment"}, []string{"b", "a"})
	return held
}

func anyTenant(r *rand.Rand) []grant.Grant {
	byIdentity := map[grant.Identity]grant.Grant{}
	for i := range r.IntN(12) {
		held := anyGrant(r)
		held.ID = fmt.Sprintf("cgr_%d", i)
		byIdentity[held.Identity(host)] = held
	}
	grants := slices.Collect(maps.Values(byIdentity))
	slices.SortFunc(grants, func(a, b grant.Grant) int { return remote.Compare(a.Identity(""), b.Identity("")) })
	return grants
}

func build(t *testing.T, grants []grant.Grant, of Tenant, o Options) *Export {
	t.Helper()
	e, err := Build(t.Context(), grants, of, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// decode reads manifests as the API server does, strictly.
func decode(t *testing.T, text string) (found []*v1alpha1.ClientGrant) {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := reader.Read()
		if err != nil {
			return found
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		if err := manifest.Check(t.Context(), object); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		made := &v1alpha1.ClientGrant{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, made, true); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		made.UID = types.UID(made.Namespace + "/" + made.Name)
		found = append(found, made)
	}
}

// applied is a desk where the manifests and the access rules of an export are applied, and the tenant holds the grants.
func applied(t *testing.T, e *Export, grants []grant.Grant) *Desk {
	t.Helper()
	cluster := NewCluster()
	of := &v1alpha1.Auth0Tenant{Spec: v1alpha1.Auth0TenantSpec{Domain: host, Mode: v1alpha1.ModeEnforce, AccessRules: accessRules(e.Rules)}}
	of.Name, of.Namespace, of.UID = "main", "clientgrant-system", "main"
	cluster.Put(of)
	for _, content := range e.Files(nil) {
		if strings.Contains(content, "kind: ClientGrant\n") {
			for _, one := range decode(t, content) {
				cluster.Put(one)
			}
		}
	}
	client, err := auth0.New(auth0.Options{
		Domain: host, Audience: of.APIIdentifier(), Credentials: auth0.Credentials{ClientID: "own", ClientSecret: "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	desk := NewDesk(cluster, time.Now())
	t.Cleanup(desk.Close)
	desk.Reached(of, client, "own", nil, grants)
	return desk
}

// next is what the operator would do next for each ClientGrant.
func next(t *testing.T, desk *Desk) map[string]lifecycle.Step {
	t.Helper()
	steps := map[string]lifecycle.Step{}
	for _, one := range desk.Sorted() {
		w, err := desk.World(context.Background(), one, lifecycle.Memory{})
		if err != nil {
			t.Fatal(err)
		}
		steps[one.Namespace+"/"+one.Name] = lifecycle.Next(w)
	}
	return steps
}

// everythingIsManaged fails if a grant gives something of which its manifest says nothing.
func everythingIsManaged(t *testing.T, desk *Desk, grants []grant.Grant) {
	t.Helper()
	held := map[grant.Identity]grant.Grant{}
	for _, one := range grants {
		held[one.Identity("")] = one
	}
	for _, one := range desk.Sorted() {
		of := held[ownership.Asked(one)]
		unused := of.OrganizationUsage == nil || *of.OrganizationUsage == "deny"
		for _, field := range grant.Wider(world.Desired(&one.Spec), of) {
			if field != "allowAnyOrganization" || !unused {
				t.Errorf("the manifest of %+v does not say %s: %+v", of, field, one.Spec)
			}
		}
	}
}

func TestBuild_OnceAppliedNothingWouldChange(t *testing.T) {
	manifests, skipped := 0, 0
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 0))
		grants := anyTenant(r)
		e := build(t, grants, acme, observing())
		desk := applied(t, e, grants)
		if len(desk.Grants) != len(e.Manifests) || len(e.Manifests)+len(e.Skipped) != len(grants) {
			t.Fatalf("seed %d: %d grants, %d objects, %d manifests, %d skipped", seed, len(grants), len(desk.Grants), len(e.Manifests), len(e.Skipped))
		}
		everythingIsManaged(t, desk, grants)
		for name, step := range next(t, desk) {
			if step.Tell == nil || step.Tell.Reason != v1alpha1.ReasonObserved {
				t.Fatalf("seed %d: %s is told %+v\n%v", seed, name, step.Tell, e.Files(nil))
			}
		}
		manifests, skipped = manifests+len(e.Manifests), skipped+len(e.Skipped)
		desk.Close()
	}
	if manifests < 2000 || skipped < 500 {
		t.Errorf("only %d manifests and %d skipped grants", manifests, skipped)
	}
}

func TestBuild_TheOrderOfTheListAndOtherGrantsMeanNothing(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		grants := anyTenant(r)
		want := build(t, grants, acme, observing())
		for i := range grants { // Scopes come in any order, too.
			grants[i].Scope = slices.Clone(grants[i].Scope)
			slices.Reverse(grants[i].Scope)
		}
		slices.Reverse(grants)
		if diff := cmp.Diff(want.Files(nil), build(t, grants, acme, observing()).Files(nil)); diff != "" {
			t.Fatalf("seed %d: another order (-want +got):\n%s", seed, diff)
		}
		texts := map[string]bool{}
		for _, m := range want.Manifests {
			texts[m.text()] = true
		}
		for _, m := range build(t, grants[:len(grants)/2], acme, observing()).Manifests {
			if !texts[m.text()] {
				t.Fatalf("seed %d: without other grants the manifest is another one:\n%s", seed, m.text())
			}
		}
	}
}

func TestBuild_SkipsWhatNoManifestCanSay(t *testing.T) {
	tests := map[string]struct {
		held grant.Grant
		why  string
	}{
		"a grant of Auth0's own":  {grant.Grant{ClientID: "app", Audience: "https://api/", IsSystem: true}, "belongs to Auth0"},
		"that of the credentials": {grant.Grant{ClientID: "own", Audience: "https://api/"}, "credentials"},
		"a subject type that manifests do not know": {
			grant.Grant{ClientID: "app", Audience: "https://api/", SubjectType: "anonymous_user"}, "spec.subjectType",
		},
		"a client ID that is none":           {grant.Grant{ClientID: "a b", Audience: "https://api/"}, "spec.clientRef.id"},
		"a scope that manifests do not know": {grant.Grant{ClientID: "app", Audience: "https://api/", Fields: grant.Fields{Scope: []string{"a b"}}}, "spec.scopes"},
		"all scopes of a system API": {
			grant.Grant{ClientID: "app", Audience: "https://" + host + "/api/v2/", Fields: grant.Fields{AllowAllScopes: new(true)}}, "allowAllScopes",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := build(t, []grant.Grant{test.held}, acme, observing())
			if len(e.Manifests) != 0 || len(e.Rules) != 0 || len(e.Skipped) != 1 || !strings.Contains(e.Skipped[0].Why, test.why) {
				t.Errorf("got %d manifests, rules %v, skipped %+v", len(e.Manifests), e.Rules, e.Skipped)
			}
		})
	}
}

// Whoever registers an application chooses its name.
func TestBuild_ANameIsNeverMoreThanAComment(t *testing.T) {
	grants := []grant.Grant{{ClientID: "app", Audience: "https://api/", Fields: grant.Fields{Scope: []string{"a"}}}}
	named := acme
	named.Names = remote.Names{
		Applications: map[string]auth0.Application{"app": {Name: "Evil\n---\nkind: Secret\r\u2028x: \u202etxt" + strings.Repeat("é", 100)}},
		APIs:         map[string]auth0.API{"https://api/": {Name: "\x00API"}},
	}
	text := stream(build(t, grants, named, observing()).Manifests)
	if found := decode(t, text); len(found) != 1 || strings.Count(text, "\n#") != 0 || !strings.HasPrefix(text, "# Evil --- kind: Secret") {
		t.Errorf("got %d manifests:\n%s", len(found), text)
	}
	for _, r := range text {
		if r == '\r' || r == '\u2028' || r == '\u202e' || r == 0 {
			t.Errorf("the text holds %q", r)
		}
	}
}

func TestBuild_FewRulesThatAllowNoMore(t *testing.T) {
	var grants []grant.Grant
	for i := range 3000 {
		grants = append(grants, grant.Grant{
			ClientID: fmt.Sprintf("app%d", i), Audience: fmt.Sprintf("https://api-%d/", i%300), Fields: grant.Fields{Scope: []string{"a"}},
		})
	}
	many := build(t, grants, acme, observing())
	if len(many.Manifests) != 3000 || len(many.Rules) > mostRules || fits(t.Context(), many) != nil {
		t.Errorf("%d manifests need %d rules: %v", len(many.Manifests), len(many.Rules), fits(t.Context(), many))
	}
	few := build(t, []grant.Grant{
		{ClientID: "a", Audience: "https://x/", Fields: grant.Fields{Scope: []string{"read"}}},
		{ClientID: "b", Audience: "https://x/", Fields: grant.Fields{Scope: []string{"write"}}},
		{ClientID: "b", Audience: "https://y/", Fields: grant.Fields{Scope: []string{}}},
		{ClientID: "b", Audience: "https://x/", SubjectType: "user", Fields: grant.Fields{Scope: []string{"read"}}},
	}, acme, observing())
	want := `# Namespace grants
- allow:
  - AdoptExisting
  audiences:
  - https://x/
  clientIDs:
  - a
  - b
  name: grants-x
  namespaces:
    from: Names
    names:
    - grants
  scopes:
  - read
  - write
- allow:
  - AdoptExisting
  audiences:
  - https://y/
  clientIDs:
  - b
  name: grants-y
  namespaces:
    from: Names
    names:
    - grants
  scopes:
  - none
`
	if diff := cmp.Diff(want, rulesText(few.rulesOf(false))); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if header := few.rightsHeader("grants"); !strings.Contains(header, "#   - UserSubject\n") || !strings.Contains(header, "#   name: grants-x-2\n") {
		t.Errorf("the rule for what needs a right:\n%s", header)
	}
}

func TestNameOf(t *testing.T) {
	for want, identity := range map[string]grant.Identity{
		"zk3x-api-example-com-v1-":      {ClientID: "Zk3x", Audience: "https://api.example.com/v1/", SubjectType: "client"},
		"zk3x-api-example-com-v1-user-": {ClientID: "Zk3x", Audience: "https://api.example.com/v1/", SubjectType: "user"},
		"default-urn-x-":                {DefaultFor: "third_party_clients", Audience: "urn:x", SubjectType: "client"},
		"abcdefghijkl-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-anonymous-us-": {
			ClientID: "abcdefghijklmnopqrstuvwxyz", Audience: strings.Repeat("a", 600), SubjectType: "anonymous_user",
		},
		"": {ClientID: "_", Audience: "é", SubjectType: "client"},
	} {
		got := nameOf(identity)
		if !strings.HasPrefix(got, want) || len(got) != len(want)+hashInName && want != "" || len(got) > 71 {
			t.Errorf("%s is called %q, want %q and a hash", identity, got, want)
		}
		other := identity
		other.ClientID += "x"
		if nameOf(other) == got {
			t.Errorf("%s and %s are both called %q", identity, other, got)
		}
	}
}

// BenchmarkBuild is about memory and time of a large tenant; the calls are bounded by a test.
func BenchmarkBuild(b *testing.B) {
	var grants []grant.Grant
	for i := range 10_000 {
		grants = append(grants, grant.Grant{
			ClientID: fmt.Sprintf("app%d", i/4), Audience: fmt.Sprintf("https://api-%d/", i%40), Fields: grant.Fields{Scope: []string{"a", "b", "c"}},
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		e, err := Build(b.Context(), grants, acme, observing())
		if err != nil || len(e.Files(nil)) == 0 {
			b.Fatal(err)
		}
	}
}
