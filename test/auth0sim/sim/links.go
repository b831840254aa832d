package sim

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
)

// maxLinks is the documented limit in the public cloud.
const maxLinks = 100

// linked are the grants that an organization has.
func (s *Server) linked(organization string) []*storedGrant {
	return s.grants.filter(func(g *storedGrant) bool { return slices.Contains(g.organizations, organization) })
}

func (g *storedGrant) dissociate(organization string) {
	g.organizations = slices.DeleteFunc(g.organizations, func(id string) bool { return id == organization })
}

// organizationGrants is GET /organizations/{id}/client-grants.
func (s *Server) organizationGrants(q *request) response {
	id := q.params[0]
	if status := s.settings.Unknowns.UnknownOrganizationStatus; status != 0 && s.organization(id) == nil {
		return fail(status, "No organization found by that id.", "")
	}
	wanted, _ := q.query.get("grant_ids")
	found := s.grants.filter(func(g *storedGrant) bool {
		return slices.Contains(g.organizations, id) && g.matches(q.query) &&
			(!q.query.has("grant_ids") || slices.Contains(wanted.strings(), g.ID))
	})
	return s.page(q, listing{
		name: "client_grants", ceiling: true, count: len(found),
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
	if most := cmp.Or(s.settings.MaxLinks, maxLinks); len(s.linked(o.id)) >= most {
		return fail(http.StatusConflict,
			"Quota exceeded; cannot add more than "+strconv.Itoa(most)+" client grants to a single organization", "")
	}
	if refusal := s.checkLink(g); refusal != nil {
		return *refusal
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

// checkLink applies the rules that are not known to hold.
func (s *Server) checkLink(g *storedGrant) *response {
	unknowns := &s.settings.Unknowns
	switch {
	case unknowns.RefuseDenyLinks && g.OrganizationUsage != "allow" && g.OrganizationUsage != "require":
		return refuse("The client grant denies organizations")
	case unknowns.RefuseUserLinks && g.SubjectType != "client":
		return refuse("A client grant whose `subject_type` is `" + g.SubjectType + "` has no organizations")
	}
	return nil
}

// unlinkGrant is DELETE /organizations/{id}/client-grants/{grant_id}.
func (s *Server) unlinkGrant(q *request) response {
	o := s.organization(q.params[0])
	if o == nil {
		return fail(http.StatusNotFound, "No organization found by that id.", "")
	}
	g := s.grants.byID(q.params[1])
	if status := s.settings.Unknowns.UnlinkedStatus; status != 0 && (g == nil || !slices.Contains(g.organizations, o.id)) {
		return fail(status, "The client grant has not been added to this organization.", "")
	}
	if g != nil {
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
