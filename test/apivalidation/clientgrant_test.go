package apivalidation_test

import "testing"

const clientGrant = `
tenantRef: {name: main}
clientRef: {id: Zk3abcDEF_-0123456789}
audience: https://api.example.com/
scopes: [read:users]
`

const (
	exactlyOneClient = "clientRef needs exactly one of id, configMapKeyRef and defaultFor: set one and remove the others"
	exactlyOneScopes = "set exactly one of scopes and allowAllScopes: true; scopes: [] grants nothing"
	anyOrganization  = "allowAnyOrganization: true needs organizationUsage allow or require"
	tenantImmutable  = "tenantRef is immutable: create another ClientGrant for the other tenant, then delete this one"
)

func TestClientGrant_References(t *testing.T) {
	checkRows(t, "ClientGrant", clientGrant, []row{
		{name: "a grant with only what is required", spec: `{}`},
		{name: "a tenant in another namespace", spec: `tenantRef: {namespace: clientgrant-system}`},
		{name: "no tenant", spec: `tenantRef: null`, refused: "spec.tenantRef: Required value"},
		{name: "a tenant without a name", spec: `tenantRef: {name: null, namespace: a}`, refused: "spec.tenantRef.name: Required value"},
		{name: "a tenant with an empty name", spec: `tenantRef: {name: ""}`, refused: "spec.tenantRef.name in body should be at least 1 chars long"},
		{name: "a tenant name as long as a name can be", spec: `tenantRef: {name: ` + long(253) + `}`},
		{name: "a tenant name longer than a name can be", spec: `tenantRef: {name: ` + long(254) + `}`, refused: "spec.tenantRef.name: Too long"},
		{name: "a tenant namespace as long as it can be", spec: `tenantRef: {namespace: ` + long(63) + `}`},
		{name: "a tenant namespace longer than it can be", spec: `tenantRef: {namespace: ` + long(64) + `}`, refused: "spec.tenantRef.namespace: Too long"},
		{name: "a tenant name with dots", spec: `tenantRef: {name: main.eu-1}`},
		{name: "a tenant name that no object has", spec: `tenantRef: {name: a/b}`, refused: "spec.tenantRef.name in body should match"},
		{name: "a tenant name of dots", spec: `tenantRef: {name: ..}`, refused: "spec.tenantRef.name in body should match"},
		{name: "a tenant namespace that no object has", spec: `tenantRef: {namespace: "a%b"}`, refused: "spec.tenantRef.namespace in body should match"},
		{name: "a ConfigMap name that no object has", spec: `clientRef: {id: null, configMapKeyRef: {name: a/b, key: billing}}`, refused: "spec.clientRef.configMapKeyRef.name in body should match"},
		{name: "an empty tenant namespace", spec: `tenantRef: {namespace: ""}`, refused: "spec.tenantRef.namespace in body should be at least 1 chars long"},

		{name: "no client", spec: `clientRef: null`, refused: "spec.clientRef: Required value"},
		{name: "a client reference that names nothing", spec: `clientRef: {id: null}`, refused: exactlyOneClient},
		{name: "a client ID and a default group", spec: `clientRef: {defaultFor: third_party_clients}`, refused: exactlyOneClient},
		{name: "a client ID and a ConfigMap", spec: `clientRef: {configMapKeyRef: {name: apps, key: billing}}`, refused: exactlyOneClient},
		{name: "a ConfigMap and a default group", spec: `clientRef: {id: null, configMapKeyRef: {name: apps, key: billing}, defaultFor: third_party_clients}`, refused: exactlyOneClient},
		{name: "a client ID of 128 characters", spec: `clientRef: {id: ` + long(128) + `}`},
		{name: "a client ID of 129 characters", spec: `clientRef: {id: ` + long(129) + `}`, refused: "spec.clientRef.id: Too long"},
		{name: "an empty client ID", spec: `clientRef: {id: ""}`, refused: "id is a client ID: letters, digits"},
		{name: "a client ID with a line break", spec: `clientRef: {id: "abc\n"}`, refused: "id is a client ID: letters, digits"},
		{name: "a client ID with a character that no client ID has", spec: `clientRef: {id: a/b}`, refused: "id is a client ID: letters, digits"},
		{name: "a ConfigMap's key", spec: `clientRef: {id: null, configMapKeyRef: {name: apps, key: billing.client-ID_1}}`},
		{name: "a ConfigMap without a key", spec: `clientRef: {id: null, configMapKeyRef: {name: apps}}`, refused: "spec.clientRef.configMapKeyRef.key: Required value"},
		{name: "a key without a ConfigMap", spec: `clientRef: {id: null, configMapKeyRef: {key: billing}}`, refused: "spec.clientRef.configMapKeyRef.name: Required value"},
		{name: "a key that no ConfigMap can have", spec: `clientRef: {id: null, configMapKeyRef: {name: apps, key: a/b}}`, refused: "key is the name of a key of the ConfigMap"},
		{name: "the default grant of third-party applications", spec: `clientRef: {id: null, defaultFor: third_party_clients}`},
		{name: "the default grant of an unknown group", spec: `clientRef: {id: null, defaultFor: everybody}`, refused: `supported values: "third_party_clients"`},
	})
}

func TestClientGrant_Access(t *testing.T) {
	checkRows(t, "ClientGrant", clientGrant, []row{
		{name: "no audience", spec: `audience: null`, refused: "spec.audience: Required value"},
		{name: "an empty audience", spec: `audience: ""`, refused: "spec.audience in body should be at least 1 chars long"},
		{name: "an audience with a space at its end", spec: `audience: "https://api.example.com/ "`, refused: "audience begins or ends with a space or a line break"},
		{name: "an audience with a line break before it", spec: `audience: "\nhttps://api.example.com/"`, refused: "audience begins or ends with a space or a line break"},
		{name: "an audience with a space in it", spec: `audience: "my api"`},
		{name: "an audience that is no URL", spec: `audience: go-jwt-middleware`},
		{name: "an audience of 600 characters", spec: `audience: ` + long(600)},
		{name: "an audience of 601 characters", spec: `audience: ` + long(601), refused: "spec.audience: Too long"},

		{name: "the subject type user", spec: `subjectType: user`},
		{name: "an unknown subject type", spec: `subjectType: anonymous_user`, refused: `supported values: "client", "user"`},

		{name: "no scopes at all", spec: `scopes: null`, refused: exactlyOneScopes},
		{name: "an empty list of scopes", spec: `scopes: []`},
		{name: "duplicate scopes", spec: `scopes: [read:users, read:users]`},
		{name: "all scopes", spec: `{scopes: null, allowAllScopes: true}`},
		{name: "all scopes and a list of scopes", spec: `allowAllScopes: true`, refused: exactlyOneScopes},
		{name: "not all scopes but a list of scopes", spec: `allowAllScopes: false`},
		{name: "not all scopes, and no list of scopes", spec: `{scopes: null, allowAllScopes: false}`, refused: exactlyOneScopes},
		{name: "1,000 scopes of 280 characters", spec: `scopes: ` + list(1000, long(280))},
		{name: "1,001 scopes", spec: `scopes: ` + list(1001, "read:users"), refused: "spec.scopes: Too many: 1001: must have at most 1000 items"},
		{name: "a scope of 281 characters", spec: `scopes: [` + long(281) + `]`, refused: "spec.scopes[0]: Too long"},
		{name: "an empty scope", spec: `scopes: [read:users, ""]`, refused: "spec.scopes[1] in body should be at least 1 chars long"},
		{name: "two scopes in one string", spec: `scopes: ["read:users write:users"]`, refused: "spec.scopes[0]: Invalid value: \"read:users write:users\": a scope has no spaces: write one item of the list for each scope"},

		{name: "organizations denied", spec: `organizationUsage: deny`},
		{name: "organizations allowed", spec: `organizationUsage: allow`},
		{name: "organizations required", spec: `organizationUsage: require`},
		{name: "an unknown organization usage", spec: `organizationUsage: required`, refused: `supported values: "deny", "allow", "require"`},
		{name: "any organization while organizations are allowed", spec: `{organizationUsage: allow, allowAnyOrganization: true}`},
		{name: "any organization while organizations are required", spec: `{organizationUsage: require, allowAnyOrganization: true}`},
		{name: "any organization while organizations are denied", spec: `{organizationUsage: deny, allowAnyOrganization: true}`, refused: anyOrganization},
		{name: "any organization without an organization usage", spec: `allowAnyOrganization: true`, refused: anyOrganization},
		{name: "not any organization without an organization usage", spec: `allowAnyOrganization: false`},

		{name: "authorization details types", spec: `authorizationDetailsTypes: [payment]`},
		{name: "an empty list of authorization details types", spec: `authorizationDetailsTypes: []`},
		{name: "100 authorization details types of 255 characters", spec: `authorizationDetailsTypes: ` + list(100, long(255))},
		{name: "101 authorization details types", spec: `authorizationDetailsTypes: ` + list(101, "a"), refused: "spec.authorizationDetailsTypes: Too many"},
		{name: "an authorization details type of 256 characters", spec: `authorizationDetailsTypes: [` + long(256) + `]`, refused: "spec.authorizationDetailsTypes[0]: Too long"},
		{name: "an empty authorization details type", spec: `authorizationDetailsTypes: [""]`, refused: "spec.authorizationDetailsTypes[0] in body should be at least 1 chars long"},

		{name: "deletion leaves the grant", spec: `deletionPolicy: Orphan`},
		{name: "an unknown deletion policy", spec: `deletionPolicy: Retain`, refused: `supported values: "Delete", "Orphan"`},
		{name: "adoption refused", spec: `adoptionPolicy: Refuse`},
		{name: "an unknown adoption policy", spec: `adoptionPolicy: Never`, refused: `supported values: "Adopt", "Refuse"`},
		{name: "observation", spec: `mode: Observe`},
		{name: "suspension", spec: `mode: Suspend`},
		{name: "an unknown mode", spec: `mode: DryRun`, refused: `supported values: "Enforce", "Observe", "Suspend"`},
		{name: "a field that does not exist", spec: `scope: [read:users]`, refused: `unknown field "spec.scope"`},
	})
}

func TestClientGrant_Updates(t *testing.T) {
	checkRows(t, "ClientGrant", clientGrant, []row{
		{name: "another tenant", from: `{}`, spec: `tenantRef: {name: other}`, refused: tenantImmutable},
		{name: "a tenant namespace added later", from: `{}`, spec: `tenantRef: {namespace: elsewhere}`, refused: tenantImmutable},
		{name: "a tenant namespace removed later", from: `tenantRef: {namespace: a}`, spec: `{}`, refused: tenantImmutable},
		{name: "another tenant namespace", from: `tenantRef: {namespace: a}`, spec: `tenantRef: {namespace: b}`, refused: tenantImmutable},
		{name: "the same tenant", from: `tenantRef: {namespace: a}`, spec: `{tenantRef: {namespace: a}, scopes: []}`},
		{name: "another client", from: `{}`, spec: `clientRef: {id: other}`},
		{name: "a ConfigMap instead of a client ID", from: `{}`, spec: `clientRef: {id: null, configMapKeyRef: {name: apps, key: billing}}`},
		{name: "another audience", from: `{}`, spec: `audience: https://other.example.com/`},
		{name: "another subject type", from: `{}`, spec: `subjectType: user`},

		{name: "fewer scopes", from: `scopes: [a, b]`, spec: `scopes: [a]`},
		{name: "no scopes any more", from: `scopes: [a, b]`, spec: `scopes: []`},
		{name: "the list of scopes removed", from: `{}`, spec: `scopes: null`, refused: exactlyOneScopes},
		{name: "the list of scopes removed, and not all scopes", from: `{}`, spec: `{scopes: null, allowAllScopes: false}`, refused: exactlyOneScopes},
		{name: "all scopes instead of a list", from: `{}`, spec: `{scopes: null, allowAllScopes: true}`},
		{name: "a list instead of all scopes", from: `{scopes: null, allowAllScopes: true}`, spec: `allowAllScopes: false`},
		{
			name: "a list instead of all scopes, with allowAllScopes removed", from: `{scopes: null, allowAllScopes: true}`, spec: `{}`,
			refused: "allowAllScopes cannot be removed once set: set it to false, or re-create the object to stop managing it",
		},

		{name: "organizationUsage added later", from: `{}`, spec: `organizationUsage: allow`},
		{name: "organizationUsage closed", from: `organizationUsage: allow`, spec: `organizationUsage: deny`},
		{
			name: "organizationUsage removed", from: `organizationUsage: deny`, spec: `{}`,
			refused: "organizationUsage cannot be removed once set: set it to deny, or re-create the object to stop managing it",
		},
		{name: "allowAnyOrganization added later", from: `organizationUsage: allow`, spec: `{organizationUsage: allow, allowAnyOrganization: true}`},
		{name: "allowAnyOrganization closed", from: `{organizationUsage: allow, allowAnyOrganization: true}`, spec: `{organizationUsage: deny, allowAnyOrganization: false}`},
		{
			name: "allowAnyOrganization removed", from: `{organizationUsage: allow, allowAnyOrganization: true}`, spec: `organizationUsage: allow`,
			refused: "allowAnyOrganization cannot be removed once set: set it to false, or re-create the object to stop managing it",
		},
		{name: "authorizationDetailsTypes added later", from: `{}`, spec: `authorizationDetailsTypes: [payment]`},
		{name: "authorizationDetailsTypes closed", from: `authorizationDetailsTypes: [payment]`, spec: `authorizationDetailsTypes: []`},
		{
			name: "authorizationDetailsTypes removed", from: `authorizationDetailsTypes: []`, spec: `{}`,
			refused: "authorizationDetailsTypes cannot be removed once set: set it to [], or re-create the object to stop managing it",
		},
		{name: "policies and mode", from: `{}`, spec: `{deletionPolicy: Orphan, adoptionPolicy: Refuse, mode: Suspend}`},
	})
}
