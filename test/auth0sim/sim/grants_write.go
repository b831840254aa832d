package sim

import (
	"net/http"
	"slices"
	"strings"
)

// createGrant is POST /client-grants. The client and the API must exist; their absence is a 404, which says nothing
// about the grant.
func (s *Server) createGrant(q *request) response {
	body := q.body
	if refusal := s.checkCreate(body); refusal != nil {
		return *refusal
	}
	g := Grant{
		ClientID: body.textOf("client_id"), Audience: body.textOf("audience"), DefaultFor: body.textOf("default_for"),
		SubjectType: body.textOf("subject_type"), OrganizationUsage: body.textOf("organization_usage"),
	}
	if g.SubjectType == "" {
		g.SubjectType = "client"
	}
	if refusal := s.checkReferences(&g); refusal != nil {
		return *refusal
	}
	if refusal := s.checkFields(&g, body); refusal != nil {
		return *refusal
	}
	if s.grants.byIdentity[g.identity()] != nil {
		return s.conflict(&g)
	}
	if limit := s.settings.MaxGrants; limit > 0 && len(s.grants.sorted) >= limit {
		return errTooMany
	}
	g.ID = s.freeGrantID()
	stored := &storedGrant{Grant: g}
	s.assign(stored, body)
	stored = s.grants.add(stored.Grant)
	return reply(http.StatusCreated, s.answered(stored, body))
}

func (s *Server) conflict(g *Grant) response {
	message := s.settings.Unknowns.ConflictMessage
	if message == "" {
		message = "A client grant already exists between {client} and {audience}"
	}
	grantee := g.ClientID
	if grantee == "" {
		grantee = g.DefaultFor
	}
	message = strings.NewReplacer("{client}", grantee, "{audience}", g.Audience).Replace(message)
	return fail(http.StatusConflict, message, s.settings.Unknowns.ConflictCode)
}

func (s *Server) freeGrantID() string {
	for {
		if id := "cgr_" + randomText(16); s.grants.byID(id) == nil {
			return id
		}
	}
}

// updateGrant is PATCH /client-grants/{id}: fields that are not sent stay as they are.
func (s *Server) updateGrant(q *request) response {
	stored := s.grants.byID(q.params[0])
	if stored == nil {
		if message := s.settings.Unknowns.PatchUnknownMessage; message != "" {
			return fail(http.StatusNotFound, message, "inexistent_client_grant")
		}
		return errUnknownGrant
	}
	if stored.IsSystem {
		return s.systemGrant()
	}
	draft := &storedGrant{Grant: stored.clone(), hidden: stored.hidden, organizations: stored.organizations}
	body, refusal := s.applyNulls(draft, q.body)
	if refusal != nil {
		return *refusal
	}
	if refusal := s.checkUpdate(draft, body); refusal != nil {
		return *refusal
	}
	if refusal := s.checkFields(&draft.Grant, body); refusal != nil {
		return *refusal
	}
	s.assign(draft, body)
	*stored = *draft
	return reply(http.StatusOK, s.answered(stored, body))
}

// applyNulls applies the explicit nulls of an update and returns the rest of it. What null does is not known.
func (s *Server) applyNulls(draft *storedGrant, body value) (value, *response) {
	rest := value{kind: kindObject}
	for _, m := range body.members {
		if m.value.kind != kindNull {
			rest.set(m.name, m.value)
			continue
		}
		switch s.settings.Unknowns.Null {
		case NullKeeps:
		case NullRefused:
			refusal := invalidGrant("`" + m.name + "` cannot be null")
			return value{}, &refusal
		case NullRemoves:
			draft.clear(m.name)
		}
	}
	return rest, nil
}

// clear unsets a field.
func (g *storedGrant) clear(name string) {
	switch name {
	case "scope":
		if !g.allScopes() {
			g.Scope = []string{}
		}
	case "organization_usage":
		g.OrganizationUsage = ""
	case "allow_any_organization":
		g.AllowAnyOrganization = nil
	case "allow_all_scopes":
		if g.allScopes() {
			g.Scope = []string{}
		}
		g.AllowAllScopes = nil
	}
}

// assign sets the fields that body has. Scopes are kept exactly as sent, in order and with duplicates.
func (s *Server) assign(g *storedGrant, body value) {
	if v, ok := body.get("organization_usage"); ok {
		g.OrganizationUsage = v.text
		if v.text == "deny" && s.settings.Unknowns.DenyUnlinks {
			g.organizations = nil
		}
	}
	if v, ok := body.get("allow_any_organization"); ok {
		g.AllowAnyOrganization = new(v.truth)
	}
	if v, ok := body.get("authorization_details_types"); ok {
		g.AuthorizationDetailsTypes = v.strings()
	}
	if v, ok := body.get("allow_all_scopes"); ok {
		s.turnAllScopes(g, v.truth)
	}
	if v, ok := body.get("scope"); ok && !g.allScopes() {
		g.Scope = slices.DeleteFunc(v.strings(), s.drops)
	}
}

// turnAllScopes turns allow_all_scopes on or off; a scope in the same request is set after it.
func (s *Server) turnAllScopes(g *storedGrant, on bool) {
	switch {
	case on && !g.allScopes():
		g.hidden, g.Scope = g.Scope, s.noScope()
	case !on && g.allScopes():
		g.Scope = []string{}
		if s.settings.Unknowns.AllScopesOff == AllScopesOffRestores {
			g.Scope = append(g.Scope, g.hidden...)
		}
	}
	g.AllowAllScopes = new(on)
}

// noScope is what a grant of every scope shows in scope.
func (s *Server) noScope() []string {
	if s.settings.Unknowns.EmptyScope {
		return []string{}
	}
	return nil
}

func (s *Server) drops(scope string) bool { return slices.Contains(s.settings.DropScopes, scope) }

// answered is the grant as the answer to a write shows it.
func (s *Server) answered(stored *storedGrant, body value) Grant {
	g := stored.clone()
	if v, ok := body.get("scope"); ok && s.settings.EchoDroppedScopes && g.Scope != nil {
		g.Scope = v.strings()
	}
	return g
}

// deleteGrant is DELETE /client-grants/{id}: 204 whether or not there is such a grant (recorded).
func (s *Server) deleteGrant(q *request) response {
	id := q.params[0]
	if stored := s.grants.byID(id); stored != nil && stored.IsSystem {
		return s.systemGrant()
	}
	s.grants.remove(id)
	return noContent()
}

// systemGrant refuses a change of a grant that Auth0 made itself. Only that it is refused is documented.
func (s *Server) systemGrant() response {
	status := s.settings.Unknowns.SystemGrantStatus
	if status == 0 {
		status = http.StatusBadRequest
	}
	return fail(status, "This grant is a special grant created by Auth0. It cannot be modified or deleted directly.",
		"operation_not_supported")
}
