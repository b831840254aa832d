package sim

import (
	"cmp"
	"net/http"
	"slices"
)

// maxGrantsPerOrganization is the documented limit in the public cloud.
const maxGrantsPerOrganization = 100

// organization is what a client grant can be associated with.
type organization struct {
	id  string
	doc value // without the ID
}

func (o *organization) name() string { return o.doc.textOf("name") }

// shown is the organization with its ID in front.
func (o *organization) shown() value {
	object := objectValue("id", o.id)
	for _, m := range o.doc.members {
		object.set(m.name, m.value)
	}
	return object
}

func (s *Server) organization(id string) *organization {
	for _, o := range s.organizations {
		if o.id == id {
			return o
		}
	}
	return nil
}

func (s *Server) listOrganizations(q *request) response {
	return s.pageOrganizations(q, slices.Clone(s.organizations))
}

func (s *Server) pageOrganizations(q *request, found []*organization) response {
	slices.SortFunc(found, func(a, b *organization) int { return cmp.Compare(a.id, b.id) })
	return s.page(q, listing{
		name: "organizations", count: len(found),
		key:  func(i int) string { return found[i].id },
		item: func(i int) any { return found[i].shown() },
	})
}

func (s *Server) createOrganization(q *request) response {
	for _, o := range s.organizations {
		if o.name() == q.body.textOf("name") {
			return fail(http.StatusConflict, "An organization with this name already exists.", "organization_conflict")
		}
	}
	o := newOrganization("org_"+randomText(16), q.body)
	s.organizations = append(s.organizations, o)
	return reply(http.StatusCreated, o.shown())
}

// newOrganization fills the fields in that every organization has (recorded); without a display name it is shown by
// its name.
func newOrganization(id string, body value) *organization {
	doc := objectValue(
		"name", body.textOf("name"), "display_name", body.textOf("name"),
		"third_party_client_access", "block", "is_app_entitlement_active", false,
	)
	doc.merge(body)
	return &organization{id: id, doc: doc}
}

func (s *Server) getOrganization(q *request) response {
	o := s.organization(q.params[0])
	if o == nil {
		return errUnknownOrg
	}
	return reply(http.StatusOK, o.shown())
}

func (s *Server) updateOrganization(q *request) response {
	o := s.organization(q.params[0])
	if o == nil {
		return errUnknownOrg
	}
	o.doc.merge(q.body)
	return reply(http.StatusOK, o.shown())
}

func (s *Server) deleteOrganization(q *request) response {
	id := q.params[0]
	s.organizations = slices.DeleteFunc(s.organizations, func(o *organization) bool { return o.id == id })
	for _, g := range s.grants.sorted {
		g.dissociate(id)
	}
	return noContent()
}

func (g *storedGrant) dissociate(organization string) {
	g.organizations = slices.DeleteFunc(g.organizations, func(id string) bool { return id == organization })
}

// organizationGrants is GET /organizations/{id}/client-grants. The description names no 404.
func (s *Server) organizationGrants(q *request) response {
	id := q.params[0]
	wanted, _ := q.query.get("grant_ids")
	found := s.grants.filter(func(g *storedGrant) bool {
		return slices.Contains(g.organizations, id) && g.matches(q.query) &&
			(!q.query.has("grant_ids") || slices.Contains(wanted.strings(), g.ID))
	})
	return s.page(q, listing{
		name: "client_grants", count: len(found),
		key:  func(i int) string { return found[i].ID },
		item: func(i int) any { return found[i].Grant },
	})
}

// linkGrant is POST /organizations/{id}/client-grants. The answer calls the ID grant_id and has no subject_type
// (recorded), other than the description says.
func (s *Server) linkGrant(q *request) response {
	o := s.organization(q.params[0])
	if o == nil {
		return fail(http.StatusNotFound, "No organization found by that id", "")
	}
	g := s.grants.byID(q.body.textOf("grant_id"))
	if g == nil {
		return errUnknownGrant
	}
	if slices.Contains(g.organizations, o.id) {
		return fail(http.StatusConflict, "The client grant has already been added to this organization.", "")
	}
	linked := s.grants.filter(func(g *storedGrant) bool { return slices.Contains(g.organizations, o.id) })
	if len(linked) >= maxGrantsPerOrganization {
		return fail(http.StatusConflict,
			"Quota exceeded; cannot add more than 100 client grants to a single organization", "")
	}
	g.organizations = append(slices.Clone(g.organizations), o.id)
	answer := objectValue("grant_id", g.ID, "client_id", g.ClientID, "audience", g.Audience)
	if g.Scope != nil {
		answer.set("scope", stringsValue(g.Scope))
	}
	if g.OrganizationUsage != "" {
		answer.set("organization_usage", stringValue(g.OrganizationUsage))
	}
	if g.AllowAnyOrganization != nil {
		answer.set("allow_any_organization", booleanValue(*g.AllowAnyOrganization))
	}
	return reply(http.StatusCreated, answer)
}

// unlinkGrant is DELETE /organizations/{id}/client-grants/{grant_id}.
func (s *Server) unlinkGrant(q *request) response {
	o := s.organization(q.params[0])
	if o == nil {
		return fail(http.StatusNotFound, "No organization found by that id.", "")
	}
	if g := s.grants.byID(q.params[1]); g != nil {
		g.dissociate(o.id)
	}
	return noContent()
}

// grantOrganizations is GET /client-grants/{id}/organizations.
func (s *Server) grantOrganizations(q *request) response {
	g := s.grants.byID(q.params[0])
	if g == nil {
		return errUnknownGrant
	}
	var found []*organization
	for _, id := range g.organizations {
		if o := s.organization(id); o != nil {
			found = append(found, o)
		}
	}
	return s.pageOrganizations(q, found)
}
