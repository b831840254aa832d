package sim

import (
	"cmp"
	"net/http"
	"slices"
)

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
		name: "organizations", ceiling: true, count: len(found),
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
	if len(s.linked(id)) > 0 && s.settings.Unknowns.KeepLinkedOrganizations {
		return fail(http.StatusConflict, "The organization has client grants.", "")
	}
	s.dropOrganization(id)
	return noContent()
}

func (s *Server) dropOrganization(id string) {
	s.organizations = slices.DeleteFunc(s.organizations, func(o *organization) bool { return o.id == id })
	for _, g := range s.grants.sorted {
		g.dissociate(id)
	}
}
