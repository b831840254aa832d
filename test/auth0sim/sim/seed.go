package sim

import "fmt"

// Client describes a client for AddClient.
type Client struct {
	ID         string   `json:"client_id"` // default: random
	Name       string   `json:"name"`
	Secret     string   `json:"client_secret"` // default: random
	AppType    string   `json:"app_type"`      // for instance non_interactive or express_configuration
	ThirdParty bool     `json:"third_party"`
	GrantTypes []string `json:"grant_types"` // default: by app type
}

// API describes a resource server for AddAPI.
type API struct {
	ID         string   `json:"id"` // default: random
	Identifier string   `json:"identifier"`
	Name       string   `json:"name"` // default: the identifier
	Scopes     []string `json:"scopes"`
	IsSystem   bool     `json:"is_system"`
}

// Organization describes an organization for AddOrganization.
type Organization struct {
	ID   string `json:"id"` // default: random
	Name string `json:"name"`
}

// AddClient adds a client and returns it with its ID and secret. It panics if the ID is taken.
func (s *Server) AddClient(c Client) Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addClient(c)
}

func (s *Server) addClient(c Client) Client {
	if s.client(c.ID) != nil {
		panic("sim: there is a client " + c.ID)
	}
	doc := clientDefaults(c.AppType)
	doc.set("name", stringValue(c.Name))
	if c.AppType != "" {
		doc.set("app_type", stringValue(c.AppType))
	}
	if c.ThirdParty {
		doc.set("is_first_party", booleanValue(false))
	}
	if c.GrantTypes != nil {
		doc.set("grant_types", stringsValue(c.GrantTypes))
	}
	added := &client{id: c.ID, secret: c.Secret, doc: doc}
	s.registerClient(added)
	c.ID, c.Secret = added.id, added.secret
	return c
}

// AddAPI adds an API and returns it with its ID. It panics if the identifier is taken.
func (s *Server) AddAPI(a API) API {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addAPI(a)
}

func (s *Server) addAPI(a API) API {
	if s.apiByIdentifier(a.Identifier) != nil {
		panic("sim: there is an API " + a.Identifier)
	}
	if a.ID == "" {
		a.ID = randomHex(24)
	}
	if a.Name == "" {
		a.Name = a.Identifier
	}
	body := objectValue("name", a.Name)
	if a.Scopes != nil {
		body.set("scopes", scopeList(a.Scopes))
	}
	if a.IsSystem {
		body.set("is_system", booleanValue(true))
	}
	s.apis = append(s.apis, newAPI(a.ID, a.Identifier, body))
	return a
}

// AddOrganization adds an organization and returns it with its ID.
func (s *Server) AddOrganization(o Organization) Organization {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.ID == "" {
		o.ID = "org_" + randomText(16)
	}
	s.organizations = append(s.organizations, newOrganization(o.ID, objectValue("name", o.Name)))
	return o
}

// AddGrant adds a grant behind every client's back and returns it as it is stored: with an ID and a subject type, and
// with no scopes where none are given. The client and the API that it names are added if they are missing. It panics if
// its ID or its identity is taken.
func (s *Server) AddGrant(g Grant) Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addGrant(g)
}

func (s *Server) addGrant(g Grant) Grant {
	g = s.normalized(g)
	if s.grants.byID(g.ID) != nil || s.grants.byIdentity[g.identity()] != nil {
		panic(fmt.Sprintf("sim: there is a grant %s or one of %+v", g.ID, g.identity()))
	}
	stored := s.grants.add(g)
	return stored.clone()
}

// AddTwin adds a grant of an identity that another grant has already, as tenants hold that are older than the rule that there is
// one. It panics if its ID is taken.
func (s *Server) AddTwin(g Grant) Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	g = s.normalized(g)
	if s.grants.byID(g.ID) != nil {
		panic("sim: there is a grant " + g.ID)
	}
	return s.grants.addTwin(g).clone()
}

func (s *Server) normalized(g Grant) Grant {
	g = g.clone()
	if g.ID == "" {
		g.ID = s.freeGrantID()
	}
	if g.SubjectType == "" {
		g.SubjectType = "client"
	}
	switch {
	case g.allScopes():
		g.Scope = s.noScope()
	case g.Scope == nil:
		g.Scope = []string{}
	}
	if g.ClientID != "" && s.client(g.ClientID) == nil {
		s.addClient(Client{ID: g.ClientID, Name: g.ClientID})
	}
	if s.apiByIdentifier(g.Audience) == nil {
		s.addAPI(API{Identifier: g.Audience})
	}
	return g
}
