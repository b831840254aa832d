package sim

import "net/http"

// getGrant is GET /client-grants/{id}.
func (s *Server) getGrant(q *request) response {
	id := q.params[0]
	if s.settings.Unknowns.StrictReadIDs && !grantIDFormat.MatchString(id) {
		return malformedGrantID(id, "The ID of the client grant to retrieve.")
	}
	stored := s.grants.byID(id)
	if stored == nil {
		return errUnknownGrant
	}
	return reply(http.StatusOK, stored.Grant)
}

// listGrants is GET /client-grants, in its three shapes: a bare array, an object with totals, and checkpoint pages.
func (s *Server) listGrants(q *request) response {
	if refusal := checkFilters(q.query); refusal != nil {
		return *refusal
	}
	found := s.grants.filter(func(g *storedGrant) bool { return g.matches(q.query) })
	return s.page(q, listing{
		name: "client_grants", totalsFirst: true, totalsLimit: 100, ceiling: true, paging: s.settings.Paging,
		count: len(found),
		key:   func(i int) string { return found[i].ID },
		item:  func(i int) any { return found[i].Grant },
	})
}

// checkFilters refuses combinations of filters; Auth0's own command line says that the API does, not in which words.
func checkFilters(query value) *response {
	if query.has("client_id") && query.has("default_for") {
		refusal := fail(http.StatusBadRequest,
			"`client_id` and `default_for` are mutually exclusive", "invalid_query_string")
		return &refusal
	}
	if query.has("subject_type") && !query.has("client_id") && !query.has("audience") && !query.has("default_for") {
		refusal := fail(http.StatusBadRequest,
			"`subject_type` requires one of `client_id`, `audience` or `default_for`", "invalid_query_string")
		return &refusal
	}
	return nil
}

func (g *storedGrant) matches(query value) bool {
	for _, filter := range []struct{ name, has string }{
		{"client_id", g.ClientID},
		{"audience", g.Audience},
		{"subject_type", g.SubjectType},
		{"default_for", g.DefaultFor},
	} {
		if query.has(filter.name) && query.textOf(filter.name) != filter.has {
			return false
		}
	}
	return !query.has("allow_any_organization") || g.AllowAnyOrganization != nil && *g.AllowAnyOrganization
}
