package auth0tenant

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

func TestDomainMatches(t *testing.T) {
	tests := map[string]struct {
		pattern, domain string
		want            bool
	}{
		"one label":                             {"*.auth0.com", "acme.auth0.com", true},
		"several labels":                        {"*.auth0.com", "acme.eu.auth0.com", true},
		"any case":                              {"*.Auth0.com", "ACME.eu.AUTH0.COM", true},
		"the rest alone has no label before it": {"*.auth0.com", "auth0.com", false},
		"a name that only ends alike":           {"*.auth0.com", "evilauth0.com", false},
		"the rest in the middle":                {"*.auth0.com", "acme.auth0.com.evil.com", false},
		"the rest as a label":                   {"*.auth0.com", "auth0.com.evil.com", false},
		"another top level":                     {"*.auth0.com", "acme.auth0.co", false},
		"a longer top level":                    {"*.auth0.com", "acme.auth0.community", false},
		"a dot in the pattern is a dot":         {"*.auth0.com", "acme.auth0xcom", false},
		"a port that the pattern does not name": {"*.auth0.com", "acme.auth0.com:8443", false},
		"the default port, which is one, too":   {"*.auth0.com", "acme.auth0.com:443", false},
		"a port that the pattern names":         {"*.auth0.com:8443", "acme.auth0.com:8443", true},
		"another port than the pattern names":   {"*.auth0.com:8443", "acme.auth0.com:443", false},
		"no port where the pattern names one":   {"*.auth0.com:8443", "acme.auth0.com", false},
		"a longer port":                         {"*.auth0.com:844", "acme.auth0.com:8443", false},
		"a host by its name":                    {"login.example.com", "login.example.com", true},
		"a host by its name in any case":        {"login.example.com", "LOGIN.example.com", true},
		"a label before a host":                 {"login.example.com", "x.login.example.com", false},
		"a part of a host":                      {"login.example.com", "example.com", false},
		"a host with its port":                  {"127.0.0.1:8443", "127.0.0.1:8443", true},
		"an IP by its name":                     {"127.0.0.1", "127.0.0.1", true},
		"an IP where only names are allowed":    {"*.auth0.com", "127.0.0.1", false},
		"an IP has no labels":                   {"*.0.0.1", "127.0.0.1", false},
		"a star is nothing but the first label": {"acme.*.com", "acme.auth0.com", false},
		"a question mark is no wildcard":        {"acm?.auth0.com", "acme.auth0.com", false},
		"nothing":                               {"*.auth0.com", "", false},
		"a label that is empty":                 {"*.auth0.com", ".auth0.com", false},
		"a trailing dot":                        {"*.auth0.com", "acme.auth0.com.", false},
		"a trailing dot after a host":           {"login.example.com", "login.example.com.", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := domainMatches(test.pattern, test.domain); got != test.want {
				t.Errorf("%q matches %q: %v", test.pattern, test.domain, got)
			}
		})
	}
}

// allowedBySchema says what the schema of Auth0Tenant lets pass as a domain and as a Management API identifier.
func allowedBySchema(t testing.TB, field string) func(string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "crd", "bases", "auth0.clientgrants.dev_auth0tenants.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensions.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	value := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties[field]
	var pattern *regexp.Regexp
	for _, validation := range value.XValidations {
		if found := regexp.MustCompile(`^self\.matches\('(.*)'\)$`).FindStringSubmatch(validation.Rule); found != nil {
			pattern = regexp.MustCompile(found[1])
		}
	}
	if pattern == nil || value.MaxLength == nil {
		t.Fatalf("%s is not bounded", field)
	}
	return func(text string) bool { return pattern.MatchString(text) && int64(len(text)) <= *value.MaxLength }
}

// Between them, schema and patterns let none of these have the credentials.
func TestDomains_HostileFormsAreNeverUsed(t *testing.T) {
	allowed := allowedBySchema(t, "domain")
	innocent := map[string]bool{"a port": true, "an IP": true, "an IP with a port": true, "the metadata service": true}
	for name, domain := range map[string]string{
		"a user before the host":        "user@acme.auth0.com",
		"a host as a user":              "acme.auth0.com@evil.com",
		"a path":                        "evil.com/acme.auth0.com",
		"a path of a dot":               "evil.com/.auth0.com",
		"a query":                       "evil.com?.auth0.com",
		"a fragment":                    "evil.com#.auth0.com",
		"a backslash":                   `evil.com\.auth0.com`,
		"a scheme":                      "https://acme.auth0.com",
		"a scheme without slashes":      "https:acme.auth0.com",
		"an escaped slash":              "evil.com%2f.auth0.com",
		"an escaped dot":                "acme%2eauth0.com",
		"a trailing dot":                "acme.auth0.com.",
		"an empty label":                "acme..auth0.com",
		"nothing but the rest":          ".auth0.com",
		"a space":                       "evil.com .auth0.com",
		"a line end":                    "acme.auth0.com\n",
		"a line end in between":         "evil.com\n.auth0.com",
		"a NUL":                         "evil.com\x00.auth0.com",
		"a port":                        "acme.auth0.com:8443",
		"no port":                       "acme.auth0.com:",
		"port 0":                        "acme.auth0.com:0",
		"an IP":                         "127.0.0.1",
		"an IP with a port":             "127.0.0.1:8443",
		"an IPv6 address":               "[::1]",
		"the metadata service":          "169.254.169.254",
		"letters that look alike":       "acme.аuth0.com",
		"a letter that is folded":       "acme.auth0.cOm\u212a",
		"a dot of another script":       "evil.com。auth0.com",
		"a slash of another script":     "evil.com\uff0f.auth0.com",
		"a letter of another script":    "ácme.auth0.com",
		"a comma":                       "evil.com,.auth0.com",
		"a label that begins with a -":  "-.auth0.com",
		"a star":                        "*.auth0.com",
		"an underscore":                 "a_b.auth0.com",
		"a domain that is far too long": strings.Repeat("a.", 200) + "auth0.com",
	} {
		t.Run(name, func(t *testing.T) {
			for _, pattern := range []string{"*.auth0.com", "acme.auth0.com", "*.0.0.1", "*.0.0.1:8443"} {
				if domainMatches(pattern, domain) {
					t.Errorf("%q is used by %q", domain, pattern)
				}
			}
			if allowed(domain) != innocent[name] {
				t.Errorf("the schema allows %q: %v", domain, !innocent[name])
			}
		})
	}
}

// labelsMatch is what domainMatches should say, in the plainest way.
func labelsMatch(pattern, domain string) bool {
	patternHost, patternPort, _ := strings.Cut(strings.ToLower(pattern), ":")
	host, port, _ := strings.Cut(strings.ToLower(domain), ":")
	if port != patternPort {
		return false
	}
	want, got := strings.Split(patternHost, "."), strings.Split(host, ".")
	if want[0] != "*" {
		return slices.Equal(want, got)
	}
	extra := len(got) - len(want) + 1
	return extra > 0 && slices.Equal(want[1:], got[extra:]) && net.ParseIP(host) == nil
}

func TestDomainMatches_SaysWhatItsLabelsSay(t *testing.T) {
	allowed := allowedBySchema(t, "domain")
	labels := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "b", "ab", "auth0", "com", "1", "127"}), 1, 4)
	ports := rapid.SampledFrom([]string{"", "", "", ":1", ":11", ":443"})
	rapid.Check(t, func(t *rapid.T) {
		pattern := strings.Join(labels.Draw(t, "pattern"), ".") + ports.Draw(t, "its port")
		if rapid.Bool().Draw(t, "wild") {
			pattern = "*." + pattern
		}
		domain := strings.Join(labels.Draw(t, "domain"), ".") + ports.Draw(t, "the domain's port")
		if rapid.Bool().Draw(t, "alike") {
			domain = strings.Join(labels.Draw(t, "before"), ".") + "." + strings.TrimPrefix(pattern, "*.")
		}
		host, port, _ := strings.Cut(domain, ":")
		if CheckDomainPattern(pattern) != nil || !allowed(domain) || port != "" && net.ParseIP(host) != nil {
			return
		}
		if got, want := domainMatches(pattern, domain), labelsMatch(pattern, domain); got != want {
			t.Fatalf("%q matches %q: %v, want %v", pattern, domain, got, want)
		}
	})
}

func TestCheckDomainPattern(t *testing.T) {
	for _, pattern := range []string{
		"*.auth0.com", "acme.eu.auth0.com", "ACME.auth0.com", "*.example.com:8443", "login.example.com:443", "localhost",
		"127.0.0.1", "127.0.0.1:8443", "[::1]:8443", "xn--bcher-kva.example",
	} {
		if err := CheckDomainPattern(pattern); err != nil {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	for _, pattern := range []string{
		"", "*", "*.", "**", "*.*.com", "*auth0.com", "auth0.*", "acme.*.com", "a.*", "https://acme.auth0.com", "acme.auth0.com/",
		"user@acme.auth0.com", "acme.auth0.com.", ".auth0.com", "*..com", "acme..com", "acme.auth0.com:", "acme.auth0.com:0",
		"acme.auth0.com:65536", "acme.auth0.com:http", "acme.auth0.com:-1", "a b.com", "acme.auth0.com\n", "bücher.example",
		"acme?.com", "a_b.com", "-a.com", strings.Repeat("a.", 200) + "com",
	} {
		if err := CheckDomainPattern(pattern); err == nil {
			t.Errorf("%q is taken", pattern)
		} else if !strings.Contains(err.Error(), "allowed domain") {
			t.Errorf("%q: the error does not say what it is about: %v", pattern, err)
		}
	}
}

func TestCanonicalHost(t *testing.T) {
	audienceAllowed := allowedBySchema(t, "managementAudience")
	tests := map[string]struct{ domain, audience, want string }{
		"the domain":                            {"acme.eu.auth0.com", "", "acme.eu.auth0.com"},
		"in lower case":                         {"ACME.eu.Auth0.com", "", "acme.eu.auth0.com"},
		"without the default port":              {"acme.eu.auth0.com:443", "", "acme.eu.auth0.com"},
		"with another port":                     {"127.0.0.1:8443", "", "127.0.0.1:8443"},
		"with a port that ends like it":         {"127.0.0.1:1443", "", "127.0.0.1:1443"},
		"the tenant's behind a custom domain":   {"login.acme.com", "https://acme.eu.auth0.com/api/v2/", "acme.eu.auth0.com"},
		"the audience's in lower case":          {"login.acme.com", "https://ACME.eu.auth0.com/api/v2/", "acme.eu.auth0.com"},
		"the audience's, default port left out": {"login.acme.com", "https://acme.eu.auth0.com:443/api/v2/", "acme.eu.auth0.com"},
		"the audience's with another port":      {"127.0.0.1:1", "https://127.0.0.1:2/api/v2/", "127.0.0.1:2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.audience != "" && !audienceAllowed(test.audience) {
				t.Fatalf("no Auth0Tenant can have the audience %q", test.audience)
			}
			obj := &v1alpha1.Auth0Tenant{Spec: v1alpha1.Auth0TenantSpec{Domain: test.domain, ManagementAudience: test.audience}}
			if got := obj.CanonicalHost(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got, want := obj.APIIdentifier(), "https://"+test.want+"/api/v2/"; got != want {
				t.Errorf("the audience is %q, want %q", got, want)
			}
		})
	}
	for _, hostile := range []string{
		"http://acme.auth0.com/api/v2/", "https://acme.auth0.com/api/v2", "https://user@acme.auth0.com/api/v2/",
		"https://acme.auth0.com./api/v2/", "https://acme.auth0.com/api/v2/?x", "https://acme.auth0.com//api/v2/", "https:///api/v2/",
		"https://acme.auth0.com/api/v2/\nx",
	} {
		if audienceAllowed(hostile) {
			t.Errorf("an Auth0Tenant may have the audience %q", hostile)
		}
	}
}

func TestInstallation(t *testing.T) {
	installation := Installation{TenantNamespaces: []string{"one", "two"}, AllowedDomains: []string{"*.auth0.com", "login.acme.com"}}
	of := func(namespace, domain string, mode v1alpha1.Mode) *v1alpha1.Auth0Tenant {
		return &v1alpha1.Auth0Tenant{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace}, Spec: v1alpha1.Auth0TenantSpec{Domain: domain, Mode: mode},
		}
	}
	for name, test := range map[string]struct {
		obj  *v1alpha1.Auth0Tenant
		want string
	}{
		"allowed":                       {of("two", "acme.auth0.com", ""), ""},
		"allowed by the second pattern": {of("one", "login.acme.com", ""), ""},
		"another namespace":             {of("three", "acme.auth0.com", ""), v1alpha1.ReasonNamespaceNotAllowed},
		"another domain":                {of("one", "acme.com", ""), v1alpha1.ReasonDomainNotAllowed},
		"neither":                       {of("three", "acme.com", ""), v1alpha1.ReasonNamespaceNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			s := installation.check(test.obj)
			if s == nil && test.want != "" || s != nil && (s.Reason != test.want || !s.Stalled) {
				t.Errorf("got %+v, want %q", s, test.want)
			}
		})
	}
	if (Installation{}).check(of("one", "acme.auth0.com", "")) == nil {
		t.Error("a policy that names nothing allows something")
	}
	modes := []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeObserve, v1alpha1.ModeSuspend}
	for i, want := range []v1alpha1.Mode{v1alpha1.ModeObserve, v1alpha1.ModeObserve, v1alpha1.ModeSuspend} {
		if got := (Installation{ReadOnly: true}).mode(of("one", "x", modes[i])); got != want {
			t.Errorf("read only, %s is %s", modes[i], got)
		}
		if got := (Installation{}).mode(of("one", "x", modes[i])); got != modes[i] {
			t.Errorf("%s is %s", modes[i], got)
		}
	}
}
