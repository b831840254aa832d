package sim

import (
	"crypto/rsa"
	"net/http"
	"slices"
	"strings"
)

// client is an application. The simulator keeps whatever fields it is given and reads a few.
type client struct {
	id     string
	secret string
	keys   []*rsa.PublicKey // of its credentials for private key JWT
	doc    value            // without ID and secret
}

// isThirdParty says whether the client was registered by somebody else, for instance dynamically.
func (c *client) isThirdParty() bool {
	return c.doc.has("is_first_party") && !c.doc.truthOf("is_first_party")
}

// isExpress says whether the client is one that Auth0 manages for express configuration.
func (c *client) isExpress() bool { return c.doc.textOf("app_type") == "express_configuration" }

// allows says whether the client may use that grant type.
func (c *client) allows(grantType string) bool {
	types, ok := c.doc.get("grant_types")
	return !ok || slices.Contains(types.strings(), grantType)
}

// shown is the client as answers show it; the secret needs a scope of its own.
func (c *client) shown(withSecret bool) value {
	object := objectValue("name", c.doc.textOf("name"))
	if description, ok := c.doc.get("description"); ok {
		object.set("description", description)
	}
	object.set("client_id", stringValue(c.id))
	if withSecret && c.secret != "" {
		object.set("client_secret", stringValue(c.secret))
	}
	for _, m := range c.doc.members {
		object.set(m.name, m.value)
	}
	return object
}

// clientDefaults are the fields of a client that was created with a name only (recorded); those of an app_type differ.
func clientDefaults(appType string) value {
	grantTypes := []string{"authorization_code", "implicit", "refresh_token", "client_credentials"}
	if appType == "non_interactive" {
		grantTypes = []string{"client_credentials"}
	}
	defaults := objectValue(
		"is_first_party", true, "is_token_endpoint_ip_header_trusted", false, "oidc_conformant", false,
		"jwt_configuration", objectValue("secret_encoded", false, "lifetime_in_seconds", 36000),
		"sso_disabled", false, "cross_origin_authentication", false, "grant_types", grantTypes,
		"custom_login_page_on", true, "refresh_token", objectValue(
			"rotation_type", "non-rotating", "expiration_type", "non-expiring", "leeway", 0, "token_lifetime", 2592000,
			"infinite_token_lifetime", true, "infinite_idle_token_lifetime", true, "idle_token_lifetime", 1296000,
		),
	)
	if appType == "express_configuration" {
		defaults.merge(objectValue(
			"oidc_conformant", true, "jwt_configuration", objectValue("secret_encoded", false, "alg", "RS256"),
			"grant_types", []string{"authorization_code", "client_credentials"}, "organization_usage", "require",
			"organization_require_behavior", "pre_login_prompt",
		))
	}
	return defaults
}

// registerClient stores a client and makes up what it lacks: an ID (those of third parties have a prefix) and a secret.
func (s *Server) registerClient(c *client) {
	if c.id == "" {
		c.id = randomText(32)
		if c.isThirdParty() {
			c.id = "tpc_" + c.id
		}
	}
	if c.secret == "" {
		c.secret = randomText(64)
	}
	s.clients = append(s.clients, c)
	s.clientByID[c.id] = c
}

func (s *Server) client(id string) *client { return s.clientByID[id] }

func (s *Server) listClients(q *request) response {
	found := slices.DeleteFunc(slices.Clone(s.clients), func(c *client) bool { return !s.clientMatches(c, q.query) })
	return s.page(q, listing{
		name: "clients", totalsFirst: true, count: len(found),
		key:  func(i int) string { return found[i].id },
		item: func(i int) any { return q.fields(found[i].shown(q.readsKeys())) },
	})
}

// clientMatches applies the filters that concern client grants and those that tools use; there is no global client.
func (s *Server) clientMatches(c *client, query value) bool {
	if query.truthOf("is_global") {
		return false
	}
	if query.has("is_first_party") && query.truthOf("is_first_party") == c.isThirdParty() {
		return false
	}
	if types := query.textOf("app_type"); types != "" &&
		!slices.Contains(strings.Split(types, ","), c.doc.textOf("app_type")) {
		return false
	}
	return query.textOf("q") == "" || s.clientHasGrant(c, query.textOf("q"))
}

// clientHasGrant answers the two queries that the API permits: clients with a grant for an organization, and with one
// for any organization.
func (s *Server) clientHasGrant(c *client, query string) bool {
	name, wanted, _ := strings.Cut(query, ":")
	return slices.ContainsFunc(s.grants.sorted, func(g *storedGrant) bool {
		switch {
		case g.ClientID != c.id:
			return false
		case name == "client_grant.organization_id":
			return slices.Contains(g.organizations, wanted)
		default:
			return name == "client_grant.allow_any_organization" && g.AllowAnyOrganization != nil && *g.AllowAnyOrganization
		}
	})
}

func (q *request) readsKeys() bool {
	return slices.Contains(strings.Fields(q.scopes), "read:client_keys")
}

// fields applies the parameters fields and include_fields.
func (q *request) fields(object value) value {
	names := q.query.textOf("fields")
	if names == "" {
		return object
	}
	include := !q.query.has("include_fields") || q.query.truthOf("include_fields")
	object = object.clone()
	object.members = slices.DeleteFunc(object.members, func(m member) bool {
		return slices.Contains(strings.Split(names, ","), m.name) != include
	})
	return object
}

func (s *Server) createClient(q *request) response {
	doc := clientDefaults(q.body.textOf("app_type"))
	doc.merge(q.body)
	if jwt, ok := q.body.get("jwt_configuration"); ok {
		configuration := objectValue("secret_encoded", false)
		configuration.merge(jwt)
		doc.set("jwt_configuration", configuration)
	}
	doc.remove("client_id")
	doc.remove("client_secret")
	c := &client{doc: doc, secret: q.body.textOf("client_secret")}
	if refusal := c.takeCredentials(q); refusal != nil {
		return *refusal
	}
	s.registerClient(c)
	if c.isExpress() {
		s.addExpressGrant(c)
	}
	return reply(http.StatusCreated, c.shown(true))
}

// addExpressGrant makes the system grant that an express configuration client comes with (recorded).
func (s *Server) addExpressGrant(c *client) {
	s.grants.add(Grant{
		ID: s.freeGrantID(), ClientID: c.id, Audience: s.managementAudience(), IsSystem: true, SubjectType: "client",
		Scope: []string{
			"read:clients", "read:user_attribute_profiles", "read:connection_profiles", "read:organizations_summary",
			"read:connections", "create:connections", "update:connections", "read:connections_options",
			"update:connections_options", "read:organization_connections", "create:organization_connections",
			"update:organization_connections", "create:scim_config", "read:scim_token", "create:scim_token",
			"delete:scim_token",
		},
	})
}

func (s *Server) getClient(q *request) response {
	c := s.client(q.params[0])
	if c == nil {
		return errUnknownClient
	}
	return reply(http.StatusOK, q.fields(c.shown(q.readsKeys())))
}

func (s *Server) updateClient(q *request) response {
	c := s.client(q.params[0])
	if c == nil {
		return errUnknownClient
	}
	if secret := q.body.textOf("client_secret"); secret != "" {
		c.secret = secret
	}
	doc := c.doc.clone()
	doc.merge(q.body)
	doc.remove("client_secret")
	c.doc = doc
	return reply(http.StatusOK, c.shown(q.readsKeys()))
}

// deleteClient removes a client and its grants (recorded); 204 whether or not there is such a client.
func (s *Server) deleteClient(q *request) response {
	s.dropClient(q.params[0])
	return noContent()
}

func (s *Server) dropClient(id string) {
	s.clients = slices.DeleteFunc(s.clients, func(c *client) bool { return c.id == id })
	delete(s.clientByID, id)
	s.grants.removeIf(func(g *storedGrant) bool { return g.ClientID == id })
}
