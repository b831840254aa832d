package apivalidation_test

import (
	"fmt"
	"strings"
	"testing"
)

const auth0Tenant = `
domain: acme.eu.auth0.com
credentials: {secretRef: {name: auth0-management}}
`

const (
	audienceImmutable = "managementAudience is immutable, and cannot be added or removed later: create another Auth0Tenant"
	badDuration       = "resyncInterval is a duration of whole hours, minutes and seconds from 30s to 24h, such as 10m"
	patternsRequired  = `audiences, scopes and clientIDs are required unless namespaces.from is Same: write ["*"] to mean all`
	tooManyStars      = `in body should match '^[^*]*([*][^*]*){0,3}$'`
	namesWithNames    = "names goes with from: Names, and from: Names needs names"
	selectorWithFrom  = "selector goes with from: Selector, and from: Selector needs a selector"
	emptySelector     = "an empty selector would match every namespace: name a label, or write from: All to mean it"
)

func TestAuth0Tenant_Connection(t *testing.T) {
	audience := func(host string) string { return "managementAudience: https://" + host + "/api/v2/" }
	const badAudience, badDomain = "managementAudience is https://HOST/api/v2/", "domain is a host alone"
	checkRows(t, "Auth0Tenant", auth0Tenant, []row{
		{name: "a tenant with only what is required", spec: `{}`},
		{name: "no domain", spec: `domain: null`, refused: "spec.domain: Required value"},
		{name: "an empty domain", spec: `domain: ""`, refused: "spec.domain in body should be at least 1 chars long"},
		{name: "a domain with a port", spec: `domain: localhost:8443`},
		{name: "a domain with capitals", spec: `domain: Login.Example.com`},
		{name: "a domain of 253 characters", spec: `domain: ` + long(253)},
		{name: "a domain of 254 characters", spec: `domain: ` + long(254), refused: "spec.domain: Too long"},
		{name: "a URL instead of a domain", spec: `domain: https://acme.eu.auth0.com`, refused: badDomain},
		{name: "a domain with a path", spec: `domain: acme.eu.auth0.com/api`, refused: badDomain},
		{name: "a domain with user information", spec: `domain: acme.eu.auth0.com@example.com`, refused: badDomain},
		{name: "a domain with a trailing dot", spec: `domain: acme.eu.auth0.com.`, refused: badDomain},
		{name: "a domain with a line break", spec: `domain: "acme.eu.auth0.com\n"`, refused: badDomain},
		{name: "a domain beyond ASCII", spec: `domain: äcme.auth0.com`, refused: badDomain},
		{name: "a domain with a port of zero", spec: `domain: acme.eu.auth0.com:0`, refused: badDomain},

		{name: "a management audience", spec: audience("acme.eu.auth0.com")},
		{name: "a management audience with a port", spec: audience("localhost:8443")},
		{name: "a management audience without the slash at the end", spec: `managementAudience: https://acme.eu.auth0.com/api/v2`, refused: badAudience},
		{name: "a management audience without https", spec: `managementAudience: http://acme.eu.auth0.com/api/v2/`, refused: badAudience},
		{name: "a management audience longer than it can be", spec: audience(long(300)), refused: "spec.managementAudience: Too long"},

		{name: "no credentials", spec: `credentials: null`, refused: "spec.credentials: Required value"},
		{name: "no Secret", spec: `credentials: {secretRef: null}`, refused: "spec.credentials.secretRef: Required value"},
		{name: "a Secret without a name", spec: `credentials: {secretRef: {name: null}}`, refused: "spec.credentials.secretRef.name: Required value"},
		{name: "a Secret name that no object has", spec: `credentials: {secretRef: {name: a/b}}`, refused: "spec.credentials.secretRef.name in body should match"},
		{name: "a Secret with an empty name", spec: `credentials: {secretRef: {name: ""}}`, refused: "spec.credentials.secretRef.name in body should be at least 1 chars long"},
		{name: "the algorithm RS384", spec: `credentials: {privateKeyAlgorithm: RS384}`},
		{name: "the algorithm PS256", spec: `credentials: {privateKeyAlgorithm: PS256}`},
		{name: "an algorithm that Auth0 does not take", spec: `credentials: {privateKeyAlgorithm: HS256}`, refused: `supported values: "RS256", "RS384", "PS256"`},

		{name: "another domain", from: `{}`, spec: `domain: other.eu.auth0.com`, refused: "domain is immutable: create another Auth0Tenant for the other domain"},
		{name: "a management audience added later", from: `{}`, spec: audience("acme.eu.auth0.com"), refused: audienceImmutable},
		{name: "a management audience removed later", from: audience("acme.eu.auth0.com"), spec: `{}`, refused: audienceImmutable},
		{name: "another management audience", from: audience("acme.eu.auth0.com"), spec: audience("other.eu.auth0.com"), refused: audienceImmutable},
		{name: "the same management audience", from: audience("acme.eu.auth0.com"), spec: audience("acme.eu.auth0.com") + "\nmode: Observe"},
		{name: "other credentials", from: `{}`, spec: `credentials: {secretRef: {name: other}}`},
	})
}

func TestAuth0Tenant_Policies(t *testing.T) {
	checkRows(t, "Auth0Tenant", auth0Tenant, []row{
		{name: "violations revoke", spec: `onViolation: Revoke`},
		{name: "an unknown reaction to violations", spec: `onViolation: Ignore`, refused: `supported values: "Freeze", "Revoke"`},
		{name: "deletions leave the grants", spec: `deletionPolicy: Orphan`},
		{name: "an unknown deletion policy", spec: `deletionPolicy: Retain`, refused: `supported values: "Delete", "Orphan"`},
		{name: "the smallest deletion limit", spec: `deletionLimit: 1`},
		{name: "the largest deletion limit", spec: `deletionLimit: 100000`},
		{name: "a deletion limit of nothing", spec: `deletionLimit: 0`, refused: "spec.deletionLimit in body should be greater than or equal to 1"},
		{name: "a deletion limit beyond the largest", spec: `deletionLimit: 100001`, refused: "spec.deletionLimit in body should be less than or equal to 100000"},
		{name: "the smallest rate limit", spec: `rateLimit: {requestsPerMinute: 1, burst: 1}`},
		{name: "the largest rate limit", spec: `rateLimit: {requestsPerMinute: 60000, burst: 1000}`},
		{name: "no requests", spec: `rateLimit: {requestsPerMinute: 0}`, refused: "spec.rateLimit.requestsPerMinute in body should be greater than or equal to 1"},
		{name: "too many requests", spec: `rateLimit: {requestsPerMinute: 60001}`, refused: "spec.rateLimit.requestsPerMinute in body should be less than or equal to 60000"},
		{name: "no burst", spec: `rateLimit: {burst: 0}`, refused: "spec.rateLimit.burst in body should be greater than or equal to 1"},
		{name: "too large a burst", spec: `rateLimit: {burst: 1001}`, refused: "spec.rateLimit.burst in body should be less than or equal to 1000"},
		{name: "the shortest interval", spec: `resyncInterval: 30s`},
		{name: "the longest interval", spec: `resyncInterval: 24h`},
		{name: "an interval of hours, minutes and seconds", spec: `resyncInterval: 1h30m0s`},
		{name: "an interval that is too short", spec: `resyncInterval: 29s`, refused: badDuration},
		{name: "an interval that is too long", spec: `resyncInterval: 24h0m1s`, refused: badDuration},
		{name: "an interval longer than time itself", spec: `resyncInterval: 999999999h`, refused: badDuration},
		{name: "an interval without a unit", spec: `resyncInterval: "600"`, refused: badDuration},
		{name: "an interval below zero", spec: `resyncInterval: -10m`, refused: badDuration},
		{name: "an interval of parts of seconds", spec: `resyncInterval: 90.5s`, refused: badDuration},
		{name: "an empty interval", spec: `resyncInterval: ""`, refused: badDuration},
		{name: "a number as interval", spec: `resyncInterval: 600`, refused: "must be of type string"},
		{name: "observation", spec: `mode: Observe`},
		{name: "suspension", spec: `mode: Suspend`},
		{name: "an unknown mode", spec: `mode: DryRun`, refused: `supported values: "Enforce", "Observe", "Suspend"`},
		{name: "a field that does not exist", spec: `secretRef: {name: a}`, refused: `unknown field "spec.secretRef"`},
	})
}

func TestAuth0Tenant_AccessRules(t *testing.T) {
	const patterns = `audiences: ["*"], scopes: ["*"], clientIDs: ["*"]`
	rule := func(namespaces, rest string) string {
		return fmt.Sprintf("accessRules: [{name: billing, namespaces: {%s}, %s}]", namespaces, rest)
	}
	many := func(n int) string {
		rules := make([]string, n)
		for i := range rules {
			rules[i] = fmt.Sprintf("{name: rule-%d, namespaces: {from: Same}}", i)
		}
		return "accessRules: [" + strings.Join(rules, ", ") + "]"
	}
	checkRows(t, "Auth0Tenant", auth0Tenant, []row{
		{name: "a rule for the tenant's own namespace without patterns", spec: `accessRules: [{name: own, namespaces: {from: Same}}]`},
		{name: "a rule for the tenant's own namespace with patterns", spec: rule("from: Same", `scopes: ["read:*"]`)},
		{name: "a rule for named namespaces", spec: rule("from: Names, names: [billing]", patterns)},
		{name: "a rule for selected namespaces", spec: rule("from: Selector, selector: {matchLabels: {team: billing}}", patterns)},
		{name: "a rule for namespaces selected by an expression", spec: rule("from: Selector, selector: {matchExpressions: [{key: team, operator: Exists}]}", patterns)},
		{name: "a rule for all namespaces", spec: rule("from: All", patterns)},
		{name: "an empty list of rules", spec: `accessRules: []`, refused: "spec.accessRules in body should have at least 1 items"},
		{name: "64 rules", spec: many(64)},
		{name: "65 rules", spec: many(65), refused: "spec.accessRules: Too many: 65: must have at most 64 items"},
		{name: "two rules of one name", spec: `accessRules: [{name: a, namespaces: {from: Same}}, {name: a, namespaces: {from: Same}}]`, refused: "spec.accessRules[1]: Duplicate value"},
		{name: "a rule without a name", spec: `accessRules: [{namespaces: {from: Same}}]`, refused: "spec.accessRules[0].name: Required value"},
		{name: "a rule name with capitals", spec: `accessRules: [{name: Billing, namespaces: {from: Same}}]`, refused: "the name of a rule has lower-case letters"},
		{name: "a rule name longer than it can be", spec: `accessRules: [{name: ` + long(64) + `, namespaces: {from: Same}}]`, refused: "spec.accessRules[0].name: Too long"},
		{name: "a rule without namespaces", spec: `accessRules: [{name: a, ` + patterns + `}]`, refused: "spec.accessRules[0].namespaces: Required value"},
		{name: "a rule that does not say which namespaces", spec: rule("names: [billing]", patterns), refused: "spec.accessRules[0].namespaces.from: Required value"},
		{name: "a rule for an unknown kind of namespaces", spec: rule("from: Some", patterns), refused: `supported values: "Same", "Names", "Selector", "All"`},

		{name: "a namespace that cannot be", spec: rule("from: Names, names: [a/b]", patterns), refused: "names[0] in body should match"},
		{name: "named namespaces without names", spec: rule("from: Names", patterns), refused: namesWithNames},
		{name: "an empty list of names", spec: rule("from: Names, names: []", patterns), refused: "names in body should have at least 1 items"},
		{name: "names with all namespaces", spec: rule("from: All, names: [billing]", patterns), refused: namesWithNames},
		{name: "256 names", spec: rule("from: Names, names: "+list(256, "billing"), patterns)},
		{name: "257 names", spec: rule("from: Names, names: "+list(257, "billing"), patterns), refused: "names: Too many"},
		{name: "an empty name", spec: rule(`from: Names, names: [""]`, patterns), refused: "names[0] in body should be at least 1 chars long"},
		{name: "a name longer than a namespace's", spec: rule("from: Names, names: ["+long(64)+"]", patterns), refused: "names[0]: Too long"},
		{name: "selected namespaces without a selector", spec: rule("from: Selector", patterns), refused: selectorWithFrom},
		{name: "a selector with the tenant's own namespace", spec: rule("from: Same, selector: {matchLabels: {team: billing}}", patterns), refused: selectorWithFrom},
		{name: "an empty selector", spec: rule("from: Selector, selector: {}", patterns), refused: emptySelector},
		{name: "a selector of empty parts", spec: rule("from: Selector, selector: {matchLabels: {}, matchExpressions: []}", patterns), refused: emptySelector},

		{name: "no audiences for other namespaces", spec: rule("from: All", `scopes: ["*"], clientIDs: ["*"]`), refused: patternsRequired},
		{name: "no scopes for other namespaces", spec: rule("from: All", `audiences: ["*"], clientIDs: ["*"]`), refused: patternsRequired},
		{name: "no clientIDs for other namespaces", spec: rule("from: All", `audiences: ["*"], scopes: ["*"]`), refused: patternsRequired},
		{name: "an empty list of audiences", spec: rule("from: Same", "audiences: []"), refused: "audiences in body should have at least 1 items"},
		{name: "an empty list of scopes", spec: rule("from: Same", "scopes: []"), refused: "scopes in body should have at least 1 items"},
		{name: "an empty list of clientIDs", spec: rule("from: Same", "clientIDs: []"), refused: "clientIDs in body should have at least 1 items"},
		{name: "as many and as long patterns as there can be", spec: rule("from: Same", "audiences: "+list(256, long(600))+", scopes: "+list(1000, long(280))+", clientIDs: "+list(1000, long(128)))},
		{name: "257 audiences", spec: rule("from: Same", "audiences: "+list(257, "a")), refused: "audiences: Too many"},
		{name: "1,001 scopes", spec: rule("from: Same", "scopes: "+list(1001, "a")), refused: "scopes: Too many"},
		{name: "1,001 clientIDs", spec: rule("from: Same", "clientIDs: "+list(1001, "a")), refused: "clientIDs: Too many"},
		{name: "patterns of three stars", spec: rule("from: Same", `audiences: ["a*b*c*"], scopes: ["***"], clientIDs: ["*a*b*"]`)},
		{name: "an audience of four stars", spec: rule("from: Same", `audiences: ["a*b*c*d*"]`), refused: tooManyStars},
		{name: "a scope of four stars", spec: rule("from: Same", `scopes: ["read:*", "****"]`), refused: tooManyStars},
		{name: "a clientID of four stars", spec: rule("from: Same", `clientIDs: ["*a*b*c*"]`), refused: tooManyStars},
		{name: "an audience of 601 characters", spec: rule("from: Same", "audiences: ["+long(601)+"]"), refused: "audiences[0]: Too long"},
		{name: "a scope of 281 characters", spec: rule("from: Same", "scopes: ["+long(281)+"]"), refused: "scopes[0]: Too long"},
		{name: "a clientID of 129 characters", spec: rule("from: Same", "clientIDs: ["+long(129)+"]"), refused: "clientIDs[0]: Too long"},
		{name: "an empty audience", spec: rule("from: Same", `audiences: [""]`), refused: "audiences[0] in body should be at least 1 chars long"},
		{name: "an empty scope", spec: rule("from: Same", `scopes: [""]`), refused: "scopes[0] in body should be at least 1 chars long"},
		{name: "an empty clientID", spec: rule("from: Same", `clientIDs: [""]`), refused: "clientIDs[0] in body should be at least 1 chars long"},

		{name: "every right", spec: rule("from: Same", "allow: [AllScopes, AnyOrganization, UserSubject, AuthorizationDetails, DefaultFor, AdoptExisting, Orphan, SystemAPI]")},
		{name: "no right", spec: rule("from: Same", "allow: []")},
		{name: "an unknown right", spec: rule("from: Same", "allow: [Everything]"), refused: `Unsupported value: "Everything"`},
		{name: "a right twice, which means nothing", spec: rule("from: Same", "allow: [Orphan, Orphan]")},
	})
}
