package sim

import (
	"net/http"
	"strings"
)

// The rules between the fields of a client grant. That these combinations are refused is documented or enforced by
// Auth0's own tools; apart from the system API rule for allow_all_scopes and the one for express configuration
// clients, the words of the refusals are not known.

// checkCreate checks what concerns only the body of a create.
func (s *Server) checkCreate(body value) *response {
	switch hasClient, hasDefault := body.has("client_id"), body.has("default_for"); {
	case hasClient && hasDefault:
		return refuse("`client_id` and `default_for` are mutually exclusive")
	case !hasClient && !hasDefault:
		return refuse("One of `client_id` or `default_for` must be provided")
	}
	if !body.has("scope") && !body.truthOf("allow_all_scopes") {
		refusal := invalidBody([]problem{{message: "Missing required property: scope"}})
		return &refusal
	}
	return nil
}

func refuse(message string) *response {
	refusal := invalidGrant(message)
	return &refusal
}

// checkUpdate checks what concerns only an update: while every scope is allowed, scopes cannot be set; one request
// that also turns that off can (recorded).
func (s *Server) checkUpdate(stored *storedGrant, body value) *response {
	off := body.has("allow_all_scopes") && !body.truthOf("allow_all_scopes")
	switch {
	case !stored.allScopes():
		return nil
	case body.has("scope") && !body.has("allow_all_scopes"):
		return refuse("`scope` cannot be provided when `allow_all_scopes` is true")
	case off && !body.has("scope") && s.settings.Unknowns.AllScopesOff == AllScopesOffRefused:
		return refuse("`scope` must be provided when `allow_all_scopes` is false")
	}
	return nil
}

// checkReferences looks the client and the API of a new grant up.
func (s *Server) checkReferences(g *Grant) *response {
	if g.ClientID != "" || g.DefaultFor == "" {
		c := s.client(g.ClientID)
		if c == nil {
			return s.unknown("Client not found", "inexistent_client")
		}
		if c.isExpress() {
			return refuse("Client of type express_configuration cannot be used")
		}
	}
	api := s.apiByIdentifier(g.Audience)
	if api == nil {
		return s.unknown("No resource with identifier "+g.Audience, "inexistent_resource_server")
	}
	if c := s.client(g.ClientID); c != nil && c.isThirdParty() && api.isSystem() {
		return refuse("Client grants for this API cannot be created for third-party clients.")
	}
	if g.DefaultFor != "" && api.isSystem() {
		return refuse("`default_for` cannot be provided when `audience` is a system API")
	}
	return nil
}

func (s *Server) unknown(message, code string) *response {
	switch other := s.settings.Unknowns.CreateUnknownCode; other {
	case "":
	case "-":
		code = ""
	default:
		code = other
	}
	refusal := fail(http.StatusNotFound, message, code)
	return &refusal
}

// checkFields checks the fields of body against each other and against the grant that they are for.
func (s *Server) checkFields(g *Grant, body value) *response {
	system := false
	if api := s.apiByIdentifier(g.Audience); api != nil {
		system = api.isSystem()
	}
	if body.has("allow_all_scopes") && system {
		return refuse("`allow_all_scopes` cannot be provided when `audience` is a system API")
	}
	scope, _ := body.get("scope")
	if body.truthOf("allow_all_scopes") && len(scope.items) > 0 {
		return refuse("`scope` cannot be provided when `allow_all_scopes` is true")
	}
	if types, _ := body.get("authorization_details_types"); len(types.items) > 0 && g.SubjectType != "user" {
		return refuse("`authorization_details_types` can only be provided when `subject_type` is `user`")
	}
	if refusal := s.checkOrganizations(g, body, system); refusal != nil {
		return refusal
	}
	return s.checkScopes(g, scope)
}

// checkOrganizations checks the organization settings: only grants of subject type client for one client have them,
// and a system API's only where it is the My Organization API (one was recorded).
func (s *Server) checkOrganizations(g *Grant, body value, system bool) *response {
	for _, name := range []string{"organization_usage", "allow_any_organization"} {
		switch {
		case !body.has(name):
		case g.SubjectType != "client":
			return refuse("`" + name + "` cannot be provided when `subject_type` is `" + g.SubjectType + "`")
		case g.DefaultFor != "":
			return refuse("`" + name + "` cannot be provided when `default_for` is provided")
		case system && !strings.HasSuffix(g.Audience, "/my-org/"):
			return refuse("`" + name + "` cannot be provided when `audience` is a system API")
		}
	}
	usage, anyOrganization := g.OrganizationUsage, g.AllowAnyOrganization != nil && *g.AllowAnyOrganization
	if body.has("organization_usage") {
		usage = body.textOf("organization_usage")
	}
	if body.has("allow_any_organization") {
		anyOrganization = body.truthOf("allow_any_organization")
	}
	merged := body.has("organization_usage") && !s.settings.Unknowns.BodyOnly
	if !body.truthOf("allow_any_organization") && (!merged || !anyOrganization) {
		return nil
	}
	if usage != "allow" && usage != "require" {
		return refuse("`allow_any_organization` can only be true when `organization_usage` is `allow` or `require`")
	}
	if c := s.client(g.ClientID); c != nil && c.isThirdParty() {
		return refuse("`allow_any_organization` cannot be true for third-party clients")
	}
	return nil
}

// checkScopes applies the optional rules for scopes. By default the API takes every scope, defined or not (recorded).
func (s *Server) checkScopes(g *Grant, scope value) *response {
	if s.settings.Unknowns.RefuseDuplicateScopes {
		unique := &schema{description: scopeText, uniqueItems: true}
		if problems := unique.check("scope", scope); len(problems) > 0 {
			refusal := invalidBody(problems)
			return &refusal
		}
	}
	if !s.settings.StrictScopes {
		return nil
	}
	known := map[string]bool{}
	if api := s.apiByIdentifier(g.Audience); api != nil {
		for _, scope := range s.apiScopes(api) {
			known[scope] = true
		}
	}
	for _, item := range scope.items {
		if !known[item.text] {
			refusal := fail(http.StatusBadRequest,
				"Payload validation error: scope must be a subset of resource server scopes", "invalid_body")
			return &refusal
		}
	}
	return nil
}
