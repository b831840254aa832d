package sim

// The schemas of query strings, taken from the official description of the API.

func bounded(description string, minimum, maximum int) *schema {
	s := &schema{types: []kind{kindInteger}, description: description, minimum: &minimum}
	if maximum > 0 {
		s.maximum = &maximum
	}
	return s
}

func pagingProperties() []property {
	return []property{
		{"page", bounded("Page index of the results to return. First page is 0.", 0, 0)},
		{"per_page", bounded("Number of results per page. Defaults to 50.", 1, 100)},
		{"include_totals", &schema{types: []kind{kindBoolean}, description: totalsText}},
		{"from", &schema{types: []kind{kindString}, description: "Optional Id from which to start selection."}},
		{"take", bounded("Number of results per page. Defaults to 50.", 1, 100)},
	}
}

func textFilter(name, description string) property {
	return property{name, &schema{types: []kind{kindString}, description: description}}
}

var pagingQuery = &schema{types: []kind{kindObject}, closed: true, properties: pagingProperties()}

func newListGrantsQuery(subjectTypes ...string) *schema {
	return &schema{types: []kind{kindObject}, closed: true, properties: append([]property{
		{"per_page", bounded("Number of results per page.", 1, 100)},
		textFilter("audience", "Optional filter on audience."),
		textFilter("client_id", "Optional filter on client_id."),
		{"allow_any_organization", &schema{
			types: []kind{kindBoolean}, enum: []value{booleanValue(true)},
			description: "Optional filter on allow_any_organization.",
		}},
		{"subject_type", subjectType(subjectTypes)},
		{"default_for", defaultFor},
	}, pagingProperties()...)}
}

var organizationGrantsQuery = &schema{
	types: []kind{kindObject}, closed: true,
	properties: append([]property{
		{"audience", &schema{
			types: []kind{kindString}, maxLength: 600, description: "Optional filter on audience of the client grant.",
		}},
		textFilter("client_id", "Optional filter on client_id of the client grant."),
		{"grant_ids", &schema{types: []kind{kindArray}, description: grantIDsText, maxItems: 10, items: &schema{
			types: []kind{kindString}, format: "client-grant-id", matches: grantIDFormat.MatchString,
		}}},
	}, pagingProperties()[:3]...), // no checkpoint paging here
}

// looseListQuery knows the paging parameters and lets all others pass.
var looseListQuery = &schema{types: []kind{kindObject}, properties: append([]property{
	{"per_page", bounded("Number of results per page. Default value is 50, maximum value is 100", 0, 100)},
	{"include_fields", &schema{types: []kind{kindBoolean}}},
	{"is_global", &schema{types: []kind{kindBoolean}}},
	{"is_first_party", &schema{types: []kind{kindBoolean}}},
	{"identifiers", &schema{types: []kind{kindArray}, items: &schema{types: []kind{kindString}}}},
}, pagingProperties()...)}
