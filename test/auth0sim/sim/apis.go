package sim

import (
	"net/http"
	"slices"
	"strings"
)

// api is a resource server. Its identifier is the audience of client grants, compared exactly.
type api struct {
	id         string
	management bool  // the Management API: its identifier follows the tenant's domain
	doc        value // without ID and identifier
	identifier string
}

// isSystem says whether Auth0 itself provides the API.
func (a *api) isSystem() bool { return a.doc.truthOf("is_system") }

// managementScopes are the scopes of the Management API that the simulator's operations ask for.
var managementScopes = []string{
	"read:client_grants", "create:client_grants", "delete:client_grants", "update:client_grants",
	"read:clients", "update:clients", "delete:clients", "create:clients", "read:client_keys", "update:client_keys",
	"read:resource_servers", "update:resource_servers", "delete:resource_servers", "create:resource_servers",
	"read:organizations", "update:organizations", "create:organizations", "delete:organizations",
	"read:organization_client_grants", "create:organization_client_grants", "delete:organization_client_grants",
}

// apiDefaults are the fields of an API that was created with an identifier only (recorded).
func apiDefaults() value {
	policies := objectValue("client", objectValue("policy", "require_client_grant"), "user", objectValue("policy", "allow_all"))
	return objectValue(
		"allow_offline_access", false, "skip_consent_for_verifiable_first_party_clients", false,
		"subject_type_authorization", policies, "token_lifetime", 86400, "token_lifetime_for_web", 7200,
		"signing_alg", "RS256",
	)
}

func newManagementAPI() *api {
	doc := objectValue("name", "Auth0 Management API")
	doc.merge(apiDefaults())
	doc.set("scopes", scopeList(managementScopes))
	doc.set("is_system", booleanValue(true))
	return &api{id: randomHex(24), management: true, doc: doc}
}

// scopeList is the list of an API's scopes as its JSON form has it.
func scopeList(scopes []string) value {
	list := value{kind: kindArray, items: []value{}}
	for _, scope := range scopes {
		list.items = append(list.items, objectValue("value", scope, "description", scope))
	}
	return list
}

func (s *Server) identifierOf(a *api) string {
	if a.management {
		return s.managementAudience()
	}
	return a.identifier
}

func (s *Server) apiByIdentifier(identifier string) *api {
	for _, a := range s.apis {
		if s.identifierOf(a) == identifier {
			return a
		}
	}
	return nil
}

// api finds an API by its ID or its identifier.
func (s *Server) api(key string) *api {
	for _, a := range s.apis {
		if a.id == key {
			return a
		}
	}
	return s.apiByIdentifier(key)
}

// apiScopes are the values of an API's scopes.
func (s *Server) apiScopes(a *api) []string {
	list, _ := a.doc.get("scopes")
	scopes := make([]string, 0, len(list.items))
	for _, item := range list.items {
		scopes = append(scopes, item.textOf("value"))
	}
	return scopes
}

// policy is what the API demands for that subject type: require_client_grant, allow_all or deny_all.
func (a *api) policy(subjectType string) string {
	policies, _ := a.doc.get("subject_type_authorization")
	policy, _ := policies.get(subjectType)
	return policy.textOf("policy")
}

func (s *Server) shownAPI(a *api) value {
	object := objectValue("id", a.id, "name", a.doc.textOf("name"), "identifier", s.identifierOf(a))
	for _, m := range a.doc.members {
		if m.name != "signing_secret" {
			object.set(m.name, m.value)
		}
	}
	return object
}

func (s *Server) listAPIs(q *request) response {
	wanted, filtered := q.query.get("identifiers")
	found := slices.DeleteFunc(slices.Clone(s.apis), func(a *api) bool {
		return filtered && !slices.Contains(wanted.strings(), s.identifierOf(a))
	})
	return s.page(q, listing{
		name: "resource_servers", totalsFirst: true, count: len(found),
		key:  func(i int) string { return found[i].id },
		item: func(i int) any { return q.fields(s.shownAPI(found[i])) },
	})
}

func (s *Server) getAPI(q *request) response {
	a := s.api(q.params[0])
	if a == nil {
		return errUnknownAPI
	}
	return reply(http.StatusOK, s.shownAPI(a))
}

func (s *Server) createAPI(q *request) response {
	identifier := q.body.textOf("identifier")
	if a := s.apiByIdentifier(identifier); a != nil {
		if a.management {
			return fail(http.StatusBadRequest, "The selected identifier is reserved.", "invalid_body")
		}
		return fail(http.StatusConflict, "A resource server with the same identifier already exists.", "")
	}
	a := newAPI(randomHex(24), identifier, q.body)
	s.apis = append(s.apis, a)
	return reply(http.StatusCreated, s.shownAPI(a))
}

// newAPI fills in what every API has; without a name it is called like its identifier.
func newAPI(id, identifier string, body value) *api {
	doc := objectValue("name", identifier)
	doc.merge(apiDefaults())
	doc.merge(body)
	doc.remove("id")
	doc.remove("identifier")
	return &api{id: id, identifier: identifier, doc: doc}
}

// updateAPI answers 200 (recorded), other than the description says.
func (s *Server) updateAPI(q *request) response {
	a := s.api(q.params[0])
	switch {
	case a == nil:
		return errUnknownAPI
	case a.isSystem():
		return errSystemAPIs[http.MethodPatch]
	}
	doc := a.doc.clone()
	doc.merge(q.body)
	a.doc = doc
	return reply(http.StatusOK, s.shownAPI(a))
}

// deleteAPI answers 204 whether or not there is such an API. Whether its grants go with it is not known.
func (s *Server) deleteAPI(q *request) response {
	a := s.api(q.params[0])
	if a == nil {
		return noContent()
	}
	if a.isSystem() && !strings.HasPrefix(s.identifierOf(a), "urn:auth0:") { // one of those was recorded to go
		return errSystemAPIs[http.MethodDelete]
	}
	s.dropAPI(a)
	return noContent()
}

func (s *Server) dropAPI(a *api) {
	s.apis = slices.DeleteFunc(s.apis, func(other *api) bool { return other == a })
	if s.settings.Unknowns.CascadeAPIs {
		s.grants.removeIf(func(g *storedGrant) bool { return g.Audience == a.identifier })
	}
}
