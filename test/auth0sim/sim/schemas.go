package sim

// The request schemas, taken from the official description of the API: types, bounds, and the description texts that
// validation messages quote.

const (
	scopeText       = "Scopes allowed for this client grant."
	allScopesText   = "If enabled, all scopes configured on the resource server are allowed for this grant."
	detailsText     = "Types of authorization_details allowed for this client grant."
	subjectTypeText = "The type of application access the client grant allows."
	defaultForText  = "Applies this client grant as the default for all clients in the specified group. The only accepted " +
		`value is <a href="https://auth0.com/docs/get-started/applications/application-access-to-apis-client-grants` +
		"#default-permissions-for-third-party-applications\">`third_party_clients`</a>, which applies the grant to all " +
		"third-party clients. Per-client grants for the same audience take precedence. Mutually exclusive with `client_id`."
	totalsText = "Return results inside an object that contains the total result count (true) or as a direct array of " +
		"results (false, default)."
	grantIDsText = "Optional filter on the ID of the client grant. Must be URL encoded and may be specified multiple times " +
		"(max 10).<br /><b>e.g.</b> <i>../client-grants?grant_ids=id1&grant_ids=id2</i>"
	anyOrganizationText = "If enabled, any organization can be used with this grant. If disabled (default), the grant must " +
		"be explicitly assigned to the desired organizations."
)

var (
	scopeItem   = &schema{types: []kind{kindString}, minLength: 1, maxLength: 280}
	detailsItem = &schema{types: []kind{kindString}, minLength: 1, maxLength: 255}
	details     = &schema{types: []kind{kindArray}, description: detailsText, items: detailsItem}
	defaultFor  = &schema{
		types: []kind{kindString}, description: defaultForText, enum: stringsValue([]string{"third_party_clients"}).items,
	}
	organizationUsages = stringsValue([]string{"deny", "allow", "require"}).items
)

var (
	createGrantBody = newCreateGrantBody("client", "user")
	listGrantsQuery = newListGrantsQuery("client", "user")
)

// withAnonymousUser are the schemas of a tenant that knows the newer subject type.
var withAnonymousUser = map[*schema]*schema{
	createGrantBody: newCreateGrantBody("client", "user", "anonymous_user"),
	listGrantsQuery: newListGrantsQuery("client", "user", "anonymous_user"),
}

func subjectType(known []string) *schema {
	return &schema{types: []kind{kindString}, description: subjectTypeText, enum: stringsValue(known).items}
}

func newCreateGrantBody(subjectTypes ...string) *schema {
	return &schema{types: []kind{kindObject}, closed: true, required: []string{"audience"}, properties: []property{
		{"client_id", &schema{types: []kind{kindString}, description: "ID of the client."}},
		{"audience", &schema{
			types: []kind{kindString}, description: "The audience (API identifier) of this client grant", minLength: 1,
		}},
		{"default_for", defaultFor},
		{"organization_usage", &schema{
			types: []kind{kindString}, enum: organizationUsages,
			description: "Defines whether organizations can be used with client credentials exchanges for this grant.",
		}},
		{"allow_any_organization", &schema{types: []kind{kindBoolean}, description: anyOrganizationText}},
		{"scope", &schema{types: []kind{kindArray}, description: scopeText, items: scopeItem}},
		{"subject_type", subjectType(subjectTypes)},
		{"authorization_details_types", details},
		{"allow_all_scopes", &schema{types: []kind{kindBoolean}, description: allScopesText}},
	}}
}

var updateGrantBody = &schema{
	types: []kind{kindObject}, closed: true, minProperties: 1,
	properties: []property{
		{"scope", &schema{types: []kind{kindArray, kindNull}, description: scopeText, items: scopeItem}},
		{"organization_usage", &schema{
			types: []kind{kindString, kindNull}, enum: append([]value{{kind: kindNull}}, organizationUsages...),
			description: "Controls how organizations may be used with this grant",
		}},
		{"allow_any_organization", &schema{
			types:       []kind{kindBoolean, kindNull},
			description: "Controls allowing any organization to be used with this grant",
		}},
		{"authorization_details_types", details},
		{"allow_all_scopes", &schema{types: []kind{kindBoolean, kindNull}, description: allScopesText}},
	},
}

var linkGrantBody = &schema{
	types: []kind{kindObject}, closed: true, required: []string{"grant_id"},
	properties: []property{{"grant_id", &schema{
		types: []kind{kindString}, description: "A Client Grant ID to add to the organization.",
		format: "client-grant-id", matches: grantIDFormat.MatchString,
	}}},
}

// updateBody is the body of an update of which only its being an object is checked.
var updateBody = &schema{types: []kind{kindObject}}

var createOrganizationBody = &schema{
	types: []kind{kindObject}, required: []string{"name"},
	properties: []property{{"name", &schema{
		types: []kind{kindString}, description: "The name of this organization.", minLength: 1, maxLength: 50,
	}}},
}

// createClientBody checks of a client what the simulator needs; the rest is kept as it is.
var createClientBody = &schema{
	types: []kind{kindObject}, required: []string{"name"},
	properties: []property{
		{"name", &schema{
			types: []kind{kindString}, minLength: 1,
			description: "Name of this client (min length: 1 character, does not allow `<` or `>`).",
		}},
		{"is_first_party", &schema{types: []kind{kindBoolean}, description: "Whether this client a first party client or not"}},
	},
}

var apiScopes = &schema{
	types: []kind{kindArray}, description: "List of permissions (scopes) that this API uses.",
	items: &schema{
		types: []kind{kindObject}, closed: true, required: []string{"value"},
		properties: []property{
			{"value", &schema{types: []kind{kindString}, description: "Value of this scope.", minLength: 1, maxLength: 280}},
			{"description", &schema{
				types: []kind{kindString}, description: "User-friendly description of this scope.", maxLength: 500,
			}},
		},
	},
}

var createAPIBody = &schema{
	types: []kind{kindObject}, required: []string{"identifier"},
	properties: []property{
		{"identifier", &schema{
			types: []kind{kindString}, minLength: 1, maxLength: 600,
			description: "Unique identifier for the API used as the audience parameter on authorization calls. " +
				"Can not be changed once set.",
		}},
		{"scopes", apiScopes},
	},
}

var updateAPIBody = &schema{types: []kind{kindObject}, properties: []property{{"scopes", apiScopes}}}
