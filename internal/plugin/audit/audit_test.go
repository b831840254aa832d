package audit

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/remote"
)

const host = "acme.eu.auth0.com"

func held(client string, scopes ...string) grant.Grant {
	return grant.Grant{ID: "cgr_" + client, ClientID: client, Audience: "https://api/", Fields: grant.Fields{Scope: append([]string{}, scopes...)}}
}

// owning is a ClientGrant that owns a grant and asks for these scopes.
func owning(of grant.Grant, scopes ...string) v1alpha1.ClientGrant {
	obj := v1alpha1.ClientGrant{Spec: v1alpha1.ClientGrantSpec{
		ClientRef: v1alpha1.ClientReference{ID: of.ClientID}, Audience: of.Audience, SubjectType: "client", Scopes: scopes,
	}}
	obj.Namespace, obj.Name, obj.Finalizers = "billing", "grant-"+of.ClientID, []string{v1alpha1.ClientGrantFinalizer}
	ownership.Set(&obj.Status, &grant.Record{Identity: of.Identity(host), ID: of.ID}, nil)
	return obj
}

// named are an application and an API as most are.
func named() remote.Names {
	return remote.Names{
		Applications: map[string]auth0.Application{"app": {ClientID: "app", Name: "App", GrantTypes: []string{"client_credentials"}, FirstParty: new(true)}},
		APIs: map[string]auth0.API{"https://api/": {
			Identifier: "https://api/", Name: "API", Scopes: []auth0.APIScope{{Value: "a"}, {Value: "b"}}, TokenLifetime: 3600,
			Policies: auth0.APIAccess{User: auth0.APIPolicy{Policy: "require_client_grant"}, Client: auth0.APIPolicy{Policy: "require_client_grant"}},
		}},
	}
}

func TestRows_SayWhoManagesAGrantAndWhatNeedsALook(t *testing.T) {
	app := held("app", "a")
	wide := app
	wide.Scope, wide.OrganizationUsage = []string{"b", "a"}, new("allow")
	user := app
	user.SubjectType = "user"
	system := app
	system.IsSystem = true
	everything := app
	everything.Scope, everything.AllowAllScopes = nil, new(true)
	tests := map[string]struct {
		grants  []grant.Grant
		objects []v1alpha1.ClientGrant
		change  func(*Tenant)
		manager string
		want    []Finding
	}{
		"a grant as its ClientGrant says": {grants: []grant.Grant{app}, objects: []v1alpha1.ClientGrant{owning(app, "a")}, manager: "billing/grant-app"},
		"a grant that gives less":         {grants: []grant.Grant{app}, objects: []v1alpha1.ClientGrant{owning(app, "a", "b")}, manager: "billing/grant-app"},
		"a grant that gives more": {
			grants: []grant.Grant{wide}, objects: []v1alpha1.ClientGrant{owning(app, "a")}, manager: "billing/grant-app",
			want: []Finding{{KindWider, "the ClientGrant does not ask for b, organizationUsage"}},
		},
		"all scopes instead of one": {
			grants: []grant.Grant{everything}, objects: []v1alpha1.ClientGrant{owning(app, "a")}, manager: "billing/grant-app",
			want: []Finding{{KindWider, "the ClientGrant does not ask for allowAllScopes"}},
		},
		"a ClientGrant that names another grant by now": {
			grants: []grant.Grant{app}, manager: "billing/grant-app", want: []Finding{{KindWider, "the ClientGrant names another grant by now"}},
			objects: []v1alpha1.ClientGrant{func() v1alpha1.ClientGrant { o := owning(app, "a"); o.Spec.Audience = "https://other/"; return o }()},
		},
		"a ClientGrant of another client by now": {
			grants: []grant.Grant{app}, manager: "billing/grant-app", want: []Finding{{KindWider, "the ClientGrant names another grant by now"}},
			objects: []v1alpha1.ClientGrant{func() v1alpha1.ClientGrant { o := owning(app, "a"); o.Spec.ClientRef.ID = "other"; return o }()},
		},
		"a grant that nobody names": {grants: []grant.Grant{app}, manager: "unmanaged", want: []Finding{{KindUnmanaged, "no ClientGrant owns it"}}},
		"a ClientGrant of another tenant": {
			grants: []grant.Grant{app}, manager: "unmanaged", want: []Finding{{KindUnmanaged, "no ClientGrant owns it"}},
			objects: []v1alpha1.ClientGrant{func() v1alpha1.ClientGrant { o := owning(app, "a"); o.Status.Tenant = "other.auth0.com"; return o }()},
		},
		"a ClientGrant without the finalizer": {
			grants: []grant.Grant{app}, manager: "unmanaged", want: []Finding{{KindUnmanaged, "no ClientGrant owns it"}},
			objects: []v1alpha1.ClientGrant{func() v1alpha1.ClientGrant { o := owning(app, "a"); o.Finalizers = nil; return o }()},
		},
		"a grant of Auth0's own": {grants: []grant.Grant{system}, manager: "system"},
		"no cluster":             {grants: []grant.Grant{app}, change: func(t *Tenant) { t.Cluster = false }, manager: "unknown"},
		"a scope that the API does not define": {
			grants: []grant.Grant{held("app", "a", "typo")}, objects: []v1alpha1.ClientGrant{owning(app, "a", "typo")}, manager: "billing/grant-app",
			want: []Finding{{KindUndefined, "the API does not define typo"}},
		},
		"an application without the grant type": {
			grants: []grant.Grant{app}, objects: []v1alpha1.ClientGrant{owning(app, "a")}, manager: "billing/grant-app",
			change: func(t *Tenant) { t.Names.Applications["app"] = auth0.Application{} },
			want:   []Finding{{KindIneffective, "the application may not use the grant type client_credentials"}},
		},
		"no such application": {
			grants: []grant.Grant{app}, objects: []v1alpha1.ClientGrant{owning(app, "a")}, manager: "billing/grant-app",
			change: func(t *Tenant) { delete(t.Names.Applications, "app") }, want: []Finding{{KindIneffective, "the tenant has no such application"}},
		},
		"no such API": {
			grants: []grant.Grant{app}, objects: []v1alpha1.ClientGrant{owning(app, "a")}, manager: "billing/grant-app",
			change: func(t *Tenant) { delete(t.Names.APIs, "https://api/") }, want: []Finding{{KindIneffective, "the tenant has no such API"}},
		},
		"an API that refuses every token": {
			grants: []grant.Grant{app}, objects: []v1alpha1.ClientGrant{owning(app, "a")}, manager: "billing/grant-app",
			change: func(t *Tenant) {
				api := t.Names.APIs["https://api/"]
				api.Policies.Client.Policy = "deny_all"
				t.Names.APIs["https://api/"] = api
			},
			want: []Finding{{KindIneffective, "the API's own policy refuses every token"}},
		},
		"access for users that the API gives anyway": {
			grants: []grant.Grant{user}, change: func(t *Tenant) {
				api := t.Names.APIs["https://api/"]
				api.Policies.User.Policy = "allow_all"
				t.Names.APIs["https://api/"] = api
			},
			manager: "unmanaged",
			want: []Finding{
				{KindUnmanaged, "no ClientGrant owns it"}, {KindOutlives, "the API's own policy gives this access to every first-party application"},
			},
		},
		"a third-party application beside a default grant": {
			grants: []grant.Grant{app, {DefaultFor: "third_party_clients", Audience: "https://api/"}},
			change: func(t *Tenant) {
				t.Names.Applications["app"] = auth0.Application{FirstParty: new(false), GrantTypes: []string{"client_credentials"}}
			},
			manager: "unmanaged",
			want: []Finding{
				{KindUnmanaged, "no ClientGrant owns it"}, {KindOutlives, "without it the default grant of third_party_clients holds for this application"},
			},
		},
		"names that nobody may read": {
			grants: []grant.Grant{held("app", "typo")}, change: func(t *Tenant) { t.Names = remote.Names{} }, manager: "unmanaged",
			want: []Finding{{KindUnmanaged, "no ClientGrant owns it"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tenant := &Tenant{Host: host, Grants: test.grants, Names: named(), Objects: test.objects, Cluster: true}
			if test.change != nil {
				test.change(tenant)
			}
			rows := slices.DeleteFunc(tenant.Rows(), func(r Row) bool { return r.ClientID != "app" })
			if len(rows) != 1 || rows[0].ManagedBy != test.manager || !slices.Equal(rows[0].Findings, test.want) {
				t.Errorf("got %+v", rows)
			}
		})
	}
}

func TestFilter(t *testing.T) {
	all := held("all")
	all.Scope, all.AllowAllScopes = nil, new(true)
	names := named()
	api := names.APIs["https://api/"]
	api.Policies.User.Policy = "allow_all"
	names.APIs["https://api/"] = api
	other := held("app", "a")
	other.Audience = "https://other/"
	tenant := &Tenant{Host: host, Grants: []grant.Grant{held("app", "a"), held("both", "a", "b"), all, held("none"), other}, Names: names}
	rows := append(tenant.Policies(), tenant.Rows()...)
	tests := map[string]struct {
		filter Filter
		want   []string
	}{
		"nothing":               {Filter{}, []string{"*", "all", "app", "app", "both", "none"}},
		"a client":              {Filter{Clients: []string{"app"}}, []string{"app", "app"}},
		"a pattern of clients":  {Filter{Clients: []string{"a*"}}, []string{"all", "app", "app"}},
		"an API":                {Filter{Audiences: []string{"https://other/"}}, []string{"app"}},
		"who can a scope":       {Filter{Audiences: []string{"https://api/"}, Scopes: []string{"b"}}, []string{"*", "all", "both"}},
		"a kind of findings":    {Filter{Findings: []Kind{KindIneffective}, Audiences: []string{"https://other/"}}, []string{"app"}},
		"a kind that none has":  {Filter{Findings: []Kind{KindWider}}, nil},
		"a client that is none": {Filter{Clients: []string{"App"}}, nil},
	}
	for name, test := range tests {
		var got []string
		for _, r := range test.filter.Of(rows) {
			got = append(got, r.cells()[0])
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// Whoever registers an application chooses its name.
func TestWrite_NamesDoNotBreakOutOfACell(t *testing.T) {
	names := named()
	names.Applications["app"] = auth0.Application{Name: "=cmd|' /C calc'!A0\n| <img> `x` [y](z) @team \x1b[31m\u202e", GrantTypes: []string{"client_credentials"}}
	tenant := &Tenant{Host: host, Grants: []grant.Grant{held("app", "a")}, Names: names}
	written := map[string]string{}
	for _, format := range formats() {
		var out bytes.Buffer
		if err := Write(&out, format, host, tenant.Rows()); err != nil {
			t.Fatal(err)
		}
		written[format] = out.String()
	}
	for format, lines := range map[string]int{"table": 2, "wide": 2, "csv": 2, "markdown": 3} {
		if got := strings.Count(written[format], "\n"); got != lines || strings.ContainsAny(written[format], "\x1b\u202e\r") {
			t.Errorf("%s has %d lines:\n%s", format, got, written[format])
		}
	}
	records, err := csv.NewReader(strings.NewReader(written["csv"])).ReadAll()
	if err != nil || len(records) != 2 || !strings.HasPrefix(records[1][1], "'=cmd|") {
		t.Errorf("CSV %q: %v", records, err)
	}
	if row := strings.Split(written["markdown"], "\n")[2]; strings.Count(row, "|")-strings.Count(row, `\|`) != len(columns)+1 ||
		strings.ContainsAny(row, "<@") || strings.Contains(row, "](") && !strings.Contains(row, `\[y`) {
		t.Errorf("markdown: %s", row)
	}
	var fromJSON, fromYAML report
	if err := json.Unmarshal([]byte(written["json"]), &fromJSON); err != nil || fromJSON.APIVersion != version || len(fromJSON.Grants) != 1 {
		t.Errorf("JSON: %v\n%s", err, written["json"])
	}
	if err := yaml.UnmarshalStrict([]byte(written["yaml"]), &fromYAML); err != nil || !cmp.Equal(fromJSON, fromYAML) {
		t.Errorf("YAML: %v\n%s", err, written["yaml"])
	}
	if !strings.Contains(written["json"], `"findings": []`) || !strings.Contains(written["json"], `"managedBy": "unknown"`) {
		t.Errorf("JSON:\n%s", written["json"])
	}
}
