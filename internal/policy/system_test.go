package policy_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// isSystem asks a rule that allows everything but what needs a literal: it refuses system APIs alone.
func isSystem(rules *policy.Rules, audience string) bool {
	return !rules.Decide(ask(forAudience(audience))).Allowed
}

// ruling allows everything by a pattern in a tenant with the given hosts.
func ruling(hosts ...string) *policy.Rules {
	return policy.New(list(access("a", allow(allRights...))), home, hosts...)
}

// Each row is an audience that somebody may read as one of a system API, beside one that looks alike and is not.
func TestSystemAPI_IsKnownInEverySpelling(t *testing.T) {
	tests := map[string]struct{ system, own string }{
		"the Management API":                         {"https://acme.eu.auth0.com/api/v2/", "https://api.example.com/api/v2/"},
		"without the slash at the end":               {"https://acme.eu.auth0.com/api/v2", "https://api.example.com/api/v2"},
		"another path":                               {"https://acme.eu.auth0.com/userinfo", "https://api.example.com/userinfo"},
		"no path":                                    {"https://acme.eu.auth0.com", "https://api.example.com"},
		"another tenant":                             {"https://other.us.auth0.com/api/v2/", "https://other.us.example.com/api/v2/"},
		"another region":                             {"https://acme.jp.auth0.com/api/v2/", "https://acme.jp.auth0.co/api/v2/"},
		"a tenant without region":                    {"https://acme.auth0.com/me/", "https://acme.auth0.example/me/"},
		"the domain itself":                          {"https://auth0.com/api/v2/", "https://notauth0.com/api/v2/"},
		"the other domain":                           {"https://acme.guardian.auth0app.com/", "https://acme.guardian.notauth0app.com/"},
		"the other domain itself":                    {"https://auth0app.com/", "https://auth0apps.com/"},
		"the tenant's custom domain":                 {"https://login.acme.example/api/v2/", "https://login2.acme.example/api/v2/"},
		"the custom domain is no suffix":             {"https://login.acme.example/me/", "https://x.login.acme.example/me/"},
		"a host that ends alike":                     {"https://x-.auth0.com/", "https://x-auth0.com/"},
		"a host that begins alike":                   {"https://acme.auth0.com/", "https://acme.auth0.com.example.com/"},
		"a top level that begins alike":              {"https://acme.auth0.com", "https://acme.auth0.community"},
		"a host with an underscore before":           {"https://x_y.auth0.com/", "https://x_login.acme.example/"},
		"upper case":                                 {"https://ACME.EU.AUTH0.COM/api/v2/", "https://API.EXAMPLE.COM/api/v2/"},
		"mixed case":                                 {"https://acme.eu.Auth0.Com/api/v2/", "https://acme.eu.0Auth.Com/api/v2/"},
		"the custom domain in mixed case":            {"https://Login.Acme.example/", "https://Logins.Acme.example/"},
		"an upper-case scheme":                       {"HTTPS://acme.auth0.com/", "HTTPS://api.example.com/"},
		"another scheme":                             {"http://acme.auth0.com/", "http://api.example.com/"},
		"an unknown scheme":                          {"api://acme.auth0.com/", "api://acme-auth0-com/"},
		"a scheme with a plus":                       {"git+ssh://acme.auth0.com/", "git+ssh://api.example.com/"},
		"two schemes":                                {"jar:https://acme.auth0.com/", "jar:https://api.example.com/"},
		"a scheme twice":                             {"https://https://acme.auth0.com/", "https://https://api.example.com/"},
		"no scheme":                                  {"acme.auth0.com/api/v2/", "api.example.com/api/v2/"},
		"no scheme and no path":                      {"acme.auth0.com", "auth0.com-mirror"},
		"no scheme, but a port":                      {"acme.auth0.com:443/api/v2/", "api.example.com:443/api/v2/"},
		"no scheme, but slashes":                     {"//acme.auth0.com/api/v2/", "//api.example.com/api/v2/"},
		"a slash at the start":                       {"/acme.auth0.com/api/v2/", "/api.example.com/api/v2/"},
		"no slashes behind the scheme":               {"https:acme.auth0.com/", "https:api.example.com/"},
		"one slash behind the scheme":                {"https:/acme.auth0.com/", "https:/api.example.com/"},
		"three slashes behind the scheme":            {"https:///acme.auth0.com/", "https:///api.example.com/"},
		"many slashes behind the scheme":             {"https://///////acme.auth0.com/", "https://///////api.example.com/"},
		"backslashes behind the scheme":              {`https:\\acme.auth0.com\api\v2\`, `https:\\api.example.com\api\v2\`},
		"a slash and a backslash":                    {`https:/\acme.auth0.com/`, `https:/\api.example.com/`},
		"a backslash and a slash":                    {`https:\/acme.auth0.com/`, `https:\/api.example.com/`},
		"a backslash before the domain":              {`https://api.example.com\.auth0.com/`, `https://api.example.com\auth0/`},
		"a backslash before the path":                {`https://acme.auth0.com\api\v2\`, `https://api.example.com\api\v2\`},
		"a port":                                     {"https://acme.auth0.com:443/api/v2/", "https://api.example.com:443/api/v2/"},
		"another port":                               {"https://acme.auth0.com:8443/", "https://api.example.com:8443/"},
		"an empty port":                              {"https://acme.auth0.com:/", "https://api.example.com:/"},
		"a port that is none":                        {"https://acme.auth0.com:x/", "https://api.example.com:x/"},
		"the custom domain with a port":              {"https://login.acme.example:444/", "https://api.acme.example:444/"},
		"a dot at the end":                           {"https://acme.auth0.com./api/v2/", "https://api.example.com./api/v2/"},
		"dots at the end":                            {"https://acme.auth0.com.../", "https://api.example.com.../"},
		"a dot at the end and a port":                {"https://acme.auth0.com.:443/", "https://api.example.com.:443/"},
		"a dot at the end of the custom domain":      {"https://login.acme.example./", "https://login.acme.example.org./"},
		"a dot at the start":                         {"https://.auth0.com/", "https://.example.com/"},
		"a dot too many":                             {"https://acme.auth0..com/", "https://api..example.com/"},
		"a user":                                     {"https://user@acme.auth0.com/", "https://user@api.example.com/"},
		"a user with a password":                     {"https://user:secret@acme.auth0.com/", "https://user:secret@api.example.com/"},
		"a host as the user":                         {"https://api.example.com@acme.auth0.com/", "https://api.example.com@api.example.org/"},
		"a host as the user, with a port":            {"https://api.example.com:443@acme.auth0.com/", "https://auth0:443@api.example.com/"},
		"a user that looks like a host of Auth0":     {"https://acme.auth0.com@api.example.com/", "https://acme@api.example.com/"},
		"two users":                                  {"https://a@b@acme.auth0.com/", "https://a@b@api.example.com/"},
		"a user behind a backslash":                  {`https://api.example.com\@acme.auth0.com/`, `https://api.example.com\@api.example.org/`},
		"a user behind a question mark":              {"https://api.example.com?@acme.auth0.com/", "https://api.example.com?@api.example.org/"},
		"a user behind a number sign":                {"https://api.example.com#@acme.auth0.com/", "https://api.example.com#@api.example.org/"},
		"a user with a slash":                        {"https://user:a/b@acme.auth0.com/", "https://user:a/b@api.example.com/"},
		"a user that is empty":                       {"https://@acme.auth0.com/", "https://@api.example.com/"},
		"a query":                                    {"https://acme.auth0.com?x=y", "https://api.example.com?x=acme.auth0.com"},
		"a fragment":                                 {"https://acme.auth0.com#x", "https://api.example.com#acme.auth0.com"},
		"a host in the path":                         {"https://acme.auth0.com/api.example.com/", "https://api.example.com/acme.auth0.com/"},
		"a URL in the path":                          {"https://acme.auth0.com/https://api.example.com/", "https://api.example.com/https://acme.auth0.com/api/v2/"},
		"a URL in the query":                         {"https://acme.auth0.com/?to=https://api.example.com/", "https://api.example.com/?to=https://acme.auth0.com/api/v2/"},
		"a parameter behind the host":                {"https://acme.auth0.com;x=y/", "https://api.example.com;x=y/"},
		"an encoded dot":                             {"https://acme%2eauth0%2Ecom/", "https://api%2eexample%2Ecom/"},
		"encoded letters":                            {"https://%61cme.%41uth0.com/", "https://%61pi.example.com/"},
		"a host that is wholly encoded":              {"https://%61%75%74%68%30%2e%63%6f%6d/", "https://%61%75%74%68%31%2e%63%6f%6d/"},
		"encoded twice":                              {"https://acme%252eauth0.com/", "https://api%252eexample.com/"},
		"encoded three times":                        {"https://acme.auth0%25252ecom/", "https://api.example%25252ecom/"},
		"encoded in parts":                           {"https://acme%%32%65auth0.com/", "https://api%%32%65example.com/"},
		"the custom domain, encoded":                 {"https://login%2eacme.example/", "https://login%2eexample.acme/"},
		"an encoded colon of the scheme":             {"https%3A//acme.auth0.com/", "https%3A//api.example.com/"},
		"encoded slashes of the scheme":              {"https:%2F%2Facme.auth0.com/", "https:%2F%2Fapi.example.com/"},
		"an audience that is wholly encoded":         {"https%3A%2F%2Facme.auth0.com%2Fapi%2Fv2%2F", "https%3A%2F%2Fapi.example.com%2Fapi%2Fv2%2F"},
		"an encoded slash before the domain":         {"https://api.example.com%2F.auth0.com/", "https://api.example.com%2Fauth0/"},
		"an encoded question mark before the domain": {"https://api.example.com%3F.auth0.com/", "https://api.example.com%3Fauth0/"},
		"slashes encoded differently often":          {"https%253A//api.example.com%2F.auth0.com/", "https%253A//api.example.com/.auth0.com/"},
		"an encoded user":                            {"https://api.example.com%40acme.auth0.com/", "https://api.example.com%40api.example.org/"},
		"an encoded port":                            {"https://acme.auth0.com%3A443/", "https://api.example.com%3A443/"},
		"an encoded zero byte":                       {"https://acme.auth0.com%00.example.com/", "https://api.example.com%00.example.org/"},
		"an encoded line break":                      {"https://acme.auth0%0a.com/", "https://api.example%0a.com/"},
		"an encoded space":                           {"https://acme.auth0.com%20/", "https://api.example.com%20/"},
		"an overlong encoding of a dot":              {"https://acme.auth0%c0%aecom/", "https://api.example%c0%aecom/"},
		"a percent sign that encodes nothing":        {"https://%zz.auth0.com/", "https://%zz.example.com/"},
		"a percent sign before the domain":           {"https://acme%.auth0.com/", "https://acme%.example.com/"},
		"an encoded host in the path":                {"https://acme%2eauth0.com/x", "https://api.example.com/%61cme.auth0.com/"},
		"an ideographic full stop":                   {"https://acme\u3002auth0\u3002com/", "https://api\u3002example\u3002com/"},
		"a full-width full stop":                     {"https://acme\uff0eauth0\uff0ecom/", "https://api\uff0eexample\uff0ecom/"},
		"a half-width full stop":                     {"https://acme\uff61auth0\uff61com/", "https://api\uff61example\uff61com/"},
		"a one-dot leader":                           {"https://acme\u2024auth0\u2024com/", "https://api\u2024example\u2024com/"},
		"an encoded ideographic full stop":           {"https://acme%E3%80%82auth0.com/", "https://api%E3%80%82example.com/"},
		"full-width letters":                         {"https://acme.\uff41\uff55\uff54\uff48\uff10.com/", "https://acme.\uff41\uff55\uff54\uff48\uff11.com/"},
		"full-width capitals":                        {"https://acme.\uff21UTH0.com/", "https://acme.\uff22UTH0.com/"},
		"circled letters":                            {"https://acme.\u24d0uth0.com/", "https://acme.\u24d1uth0.com/"},
		"mathematical letters":                       {"https://acme.\U0001d41auth0.com/", "https://acme.\U0001d41buth0.com/"},
		"a superscript digit":                        {"https://acme.auth\u2070.com/", "https://acme.auth\u00b9.com/"},
		"the Kelvin sign":                            {"https://to\u212aen.acme.example/", "https://to\u212aens.acme.example/"},
		"the long s":                                 {"https://\u017fso.acme.example/", "https://\u017fsos.acme.example/"},
		"the sharp s":                                {"https://stra\u00dfe.acme.example/", "https://stra\u00dfen.acme.example/"},
		"a full-width slash":                         {"https:\uff0f\uff0facme.auth0.com/", "https:\uff0f\uff0fapi.example.com/"},
		"a full-width slash before the domain":       {"https://api.example.com\uff0f.auth0.com/", "https://api.example.com\uff0fauth0/"},
		"a full-width slash, the rest encoded":       {"https://api.example.com\uff0f%2eauth0.com/", "https://api.example.com\uff0f%2eexample.org/"},
		"a sign that folds to a slash":               {"https://evil.\u2100.auth0.com/", "https://evil.\u2100.example.com/"},
		"a full-width colon":                         {"https\uff1a//acme.auth0.com/", "https\uff1a//api.example.com/"},
		"a full-width at":                            {"https://api.example.com\uff20acme.auth0.com/", "https://api.example.com\uff20api.example.org/"},
		"a full-width percent sign":                  {"https://acme\uff052eauth0.com/", "https://api\uff052eexample.com/"},
		"a soft hyphen":                              {"https://acme.au\u00adth0.com/", "https://api.exa\u00admple.com/"},
		"a zero-width space":                         {"https://acme.auth0\u200b.com/", "https://api.example\u200b.com/"},
		"a byte order mark":                          {"\ufeffhttps://acme.auth0.com/", "\ufeffhttps://api.example.com/"},
		"a variation selector":                       {"https://acme.auth\ufe0f0.com/", "https://api.example\ufe0f.com/"},
		"a letter with an accent before the domain":  {"https://acm\u00e9.auth0.com/", "https://acm\u00e9.example.com/"},
		"a letter of another script":                 {"https://\u0430cme.auth0.com/", "https://acme.\u0430uth0.com/"},
		"a no-break space":                           {"https://acme.auth0.com\u00a0/", "https://api.example.com\u00a0/"},
		"a line separator":                           {"https://acme.auth0.com\u2028.example.com/", "https://api.example.com\u2028.example.org/"},
		"bytes that are no text":                     {"https://acme\xffauth0.com/", "https://api\xffexample.com/"},
		"a space before":                             {" https://acme.auth0.com/", " https://api.example.com/"},
		"a space behind":                             {"https://acme.auth0.com ", "https://api.example.com "},
		"a space in the host":                        {"https://acme.auth0 .com/", "https://api.example .com/"},
		"a space behind the host":                    {"https://acme.auth0.com .example.com/", "https://api.example.com .example.org/"},
		"a space behind the scheme":                  {"https: //acme.auth0.com/", "https: //api.example.com/"},
		"a tab in the host":                          {"https://acme.au\tth0.com/", "https://api.exam\tple.com/"},
		"a line break in the host":                   {"https://acme.auth0.\r\ncom/", "https://api.example.\r\ncom/"},
		"a line break in the scheme":                 {"ht\ntps://acme.auth0.com/", "ht\ntps://api.example.com/"},
		"a line break between the slashes":           {"https:/\n/acme.auth0.com/", "https:/\n/api.example.com/"},
		"a zero byte":                                {"https://acme.auth0.com\x00.example.com/", "https://api.example.com\x00.example.org/"},
		"a delete character":                         {"https://acme.auth0\x7f.com/", "https://api.example\x7f.com/"},
		"a control character in the host":            {"https://acme.au\x01th0.com/", "https://api.exam\x01ple.com/"},
		"brackets around the host":                   {"https://[acme.auth0.com]/", "https://[::1]/"},
		"brackets around the URL":                    {"<https://acme.auth0.com/>", "<https://api.example.com/>"},
		"quotes around the URL":                      {`"https://acme.auth0.com/"`, `"https://api.example.com/"`},
		"a star before the domain":                   {"https://*.auth0.com/", "https://*.example.com/"},
		"a list of hosts":                            {"https://api.example.com,acme.auth0.com/", "https://api.example.com,api.example.org/"},
		"a URN of Auth0":                             {"urn:auth0-authz-api", "urn:my-auth0-api"},
		"a URN of Auth0, with a colon":               {"urn:auth0:authz-api", "urn:example:auth0"},
		"nothing but the URN's start":                {"urn:auth0", "urn:auth"},
		"a URN that goes on":                         {"urn:auth0x", "urn:xauth0"},
		"a URN in capitals":                          {"URN:AUTH0-AUTHZ-API", "URN:EXAMPLE"},
		"a URN in mixed case":                        {"Urn:Auth0-authz-api", "Urn:Author"},
		"a URN, encoded":                             {"urn%3Aauth0-authz-api", "urn%3Aexample"},
		"a URN, encoded twice":                       {"urn%253A%2561uth0-authz-api", "urn%253A%2562uth0-authz-api"},
		"a URN with slashes":                         {"urn://auth0-authz-api", "urn://example"},
		"a URN with colons":                          {"urn::auth0-authz-api", "urn::example"},
		"a URN with a space before":                  {" urn:auth0-authz-api", " urn:example"},
		"a URN with a space within":                  {"urn: auth0-authz-api", "urn: example"},
		"a URN with a line break within":             {"u\nrn:au\tth0-authz-api", "u\nrn:exa\tmple"},
		"a URN with a full-width colon":              {"urn\uff1aauth0-authz-api", "urn\uff1aexample"},
		"a URN with full-width letters":              {"urn:\uff41uth0-authz-api", "urn:\uff42uth0-authz-api"},
		"a URN with a soft hyphen":                   {"urn:au\u00adth0-authz-api", "urn:exa\u00admple"},
		"a URN in a URL":                             {"url:urn:auth0-authz-api", "https://api.example.com/?x=urn:auth0-authz-api"},
		"a URN in brackets":                          {"<URL:urn:auth0-authz-api>", "<URL:urn:example>"},
		"a word that ends like a URN":                {"urn:auth0:return", "return:auth0"},
		"a host of Auth0 in a URN":                   {"urn:acme.auth0.com", "urn:acme.example.com"},
		"words":                                      {"see acme.auth0.com", "see auth0"},
		"nothing":                                    {"auth0.com", ""},
	}
	rules := ruling(ownHost, "token.acme.example", "sso.acme.example", "strasse.acme.example")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !isSystem(rules, test.system) {
				t.Errorf("%q passes for an API of one's own", test.system)
			}
			if isSystem(rules, test.own) {
				t.Errorf("%q passes for a system API", test.own)
			}
			literal := policy.New(list(access("a", audiences(test.system), scopes("read:users"), allow(v1alpha1.RightSystemAPI))), home, ownHost)
			if !strings.Contains(test.system, "*") && !literal.Decide(ask(forAudience(test.system))).Allowed {
				t.Errorf("%q cannot be allowed by its name", test.system)
			}
		})
	}
	t.Logf("%d spellings", len(tests))
}

// These pass for system APIs although a strict reader of URLs finds another host: who writes such an audience may name
// it in a rule.
func TestSystemAPI_InDoubtItIsOne(t *testing.T) {
	rules := ruling(ownHost)
	for name, audience := range map[string]string{
		"an at behind the path":            "https://api.example.com/@acme.auth0.com",
		"an encoded at behind the path":    "https://user:a/b%40acme.auth0.com/",
		"a path behind an empty port":      "https://api.example.com:/acme.auth0.com",
		"a path behind a backslash":        `https://api.example.com\acme.auth0.com`,
		"an encoded slash behind the host": "https://api.example.com%2Facme.auth0.com/",
		"a top level beyond ASCII":         "https://acme.auth0.com\u00e9/",
	} {
		t.Run(name, func(t *testing.T) {
			if !isSystem(rules, audience) {
				t.Errorf("%q passes for an API of one's own", audience)
			}
		})
	}
}

func TestSystemAPI_TheTenantsHostsAreReadAsAudiencesAre(t *testing.T) {
	for name, host := range map[string]string{
		"a host":                        "login.acme.example",
		"a host in capitals":            "LOGIN.ACME.EXAMPLE",
		"a host with a port":            "login.acme.example:8443",
		"a host with a dot at the end":  "login.acme.example.",
		"the Management API":            "https://login.acme.example/api/v2/",
		"the Management API, with port": "https://login.acme.example:8443/api/v2/",
		"an issuer":                     "https://login.acme.example/",
		"an issuer without a slash":     "https://login.acme.example",
		"an issuer with a user":         "https://user:secret@login.acme.example/?x#y",
		"an encoded host":               "login%2eacme.example",
		"full-width letters":            "\uff4cogin.acme.example",
	} {
		t.Run(name, func(t *testing.T) {
			rules := ruling("", host)
			if !isSystem(rules, "https://login.acme.example/api/v2/") || !isSystem(rules, "login.acme.example:443") {
				t.Errorf("%q is not known", host)
			}
			for _, own := range []string{"https://api.example.com:8443/api/v2/", "https://acme.example/", "x", "", "https://", "https://user:secret@x/"} {
				if isSystem(rules, own) {
					t.Errorf("%q passes for a system API where %q is one", own, host)
				}
			}
		})
	}
	if isSystem(ruling(), "https://login.acme.example/api/v2/") || !isSystem(ruling(), managementAPI) {
		t.Error("without hosts of the tenant, Auth0's are known and no others")
	}
	for _, none := range []string{"", ".", "https://", "/", ":443", "@"} {
		for _, own := range []string{"", ".", "https://", "https:///", "urn:x", "a"} {
			if isSystem(ruling(none), own) {
				t.Errorf("%q passes for a system API where the tenant has the host %q", own, none)
			}
		}
	}
}

func TestSystemAPI_IsNeverSlow(t *testing.T) {
	rules := ruling(ownHost)
	start := time.Now()
	for _, unit := range []string{"%25", "@", "https:/", "%2525%", "a:/", "\ufdfa", "%EF%B7%BA", ":", "/", "%EF%BC%85"} {
		text := strings.Repeat(unit, 600/len([]rune(unit)))
		isSystem(rules, text)
		isSystem(rules, "%"+strings.ReplaceAll(text, "%", ""))
	}
	isSystem(rules, "%"+strings.Repeat("25", 299))
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

// FuzzSystemAPI holds against the standard library's reader of URLs: where that finds a system's host, so does the
// policy; and behind a plain host, no path without an at makes a system API of one's own.
func FuzzSystemAPI(f *testing.F) {
	for _, seed := range []string{
		managementAPI, "urn:auth0-authz-api", "//login.acme.example:1/", "http://a:b@x.auth0app.com?y", "https://%61.auth0.com", "x%2F", "?%40", "api/v2/",
	} {
		f.Add(seed)
	}
	rules := ruling(ownHost)
	f.Fuzz(func(t *testing.T, text string) {
		for _, audience := range []string{text, "https://" + text, "https://x@" + text, "//" + text + "/"} {
			if parsed, err := url.Parse(audience); err == nil {
				host := "." + strings.TrimRight(strings.ToLower(parsed.Hostname()), ".")
				if (host == "."+ownHost || strings.HasSuffix(host, ".auth0.com") || strings.HasSuffix(host, ".auth0app.com")) && !isSystem(rules, audience) {
					t.Errorf("%q passes for an API of one's own", audience)
				}
			}
		}
		for _, system := range []string{"https://acme.auth0.com/" + text, "https://" + ownHost + "?" + text, "urn:auth0" + text, "https://" + text + "@acme.auth0.com"} {
			if !isSystem(rules, system) {
				t.Errorf("%q passes for an API of one's own", system)
			}
		}
		own := "https://api.example.com/" + strings.NewReplacer("@", "", "%", "", ":", "", "\uff20", "", "\ufe6b", "", "\uff1a", "", "\ufe55", "", "\ufe13", "", "\uff05", "", "\ufe6a", "").Replace(text)
		if isSystem(rules, own) {
			t.Errorf("%q passes for a system API", own)
		}
	})
}
