package sim

import (
	"crypto/rsa"
	"net/http"
	"slices"
)

// OnRequest calls hook at the start of every request, before it has any effect; nil ends that. The hook may call every
// method of the server and read the request's body.
func (s *Server) OnRequest(hook func(*http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRequest = hook
}

// SetClientCredentials changes how a client authenticates: its secret, its public key, or both. An empty secret and a
// nil key end that way. Tokens that were issued stay valid.
func (s *Server) SetClientCredentials(clientID, secret string, key *rsa.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.client(clientID)
	if c == nil {
		panic("sim: no client " + clientID)
	}
	c.secret, c.keys = secret, nil
	if key != nil {
		c.keys = []*rsa.PublicKey{key}
	}
}

// DeleteClient removes a client and its grants.
func (s *Server) DeleteClient(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropClient(id)
}

// DeleteAPI removes an API by its identifier, without its grants unless Unknowns.CascadeAPIs says so.
func (s *Server) DeleteAPI(identifier string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apiByIdentifier(identifier); a != nil {
		s.dropAPI(a)
	}
}

// EditGrant changes a grant behind every client's back and says whether there was one. It panics if the change makes
// its ID or its identity that of another grant. Under another ID it is a grant that was made again, which no organization
// has. change must not call the server.
func (s *Server) EditGrant(id string, change func(*Grant)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.grants.byID(id)
	if stored == nil {
		return false
	}
	g := stored.clone()
	change(&g)
	s.grants.remove(id)
	s.addGrant(g)
	if g.ID == id {
		s.grants.byID(id).organizations = stored.organizations
	}
	return true
}

// DeleteGrant removes a grant behind every client's back, system grants too, and says whether there was one.
func (s *Server) DeleteGrant(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grants.remove(id)
}

// Link associates a grant with an organization. It panics if there is no such grant.
func (s *Server) Link(grantID, organizationID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants.byID(grantID)
	if g == nil {
		panic("sim: no grant " + grantID)
	}
	g.dissociate(organizationID)
	g.organizations = append(g.organizations, organizationID)
}

// Unlink ends the association of a grant with an organization, if there is one.
func (s *Server) Unlink(grantID, organizationID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.grants.byID(grantID); g != nil {
		g.dissociate(organizationID)
	}
}

// DeleteOrganization removes an organization and its links behind every client's back.
func (s *Server) DeleteOrganization(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropOrganization(id)
}

// Grants returns all grants in the order of their IDs.
func (s *Server) Grants() []Grant {
	return s.grantsWhere(func(*storedGrant) bool { return true })
}

// GrantsOf returns the grants of one client, in the order of their IDs.
func (s *Server) GrantsOf(clientID string) []Grant {
	return s.grantsWhere(func(g *storedGrant) bool { return g.ClientID == clientID })
}

func (s *Server) grantsWhere(match func(*storedGrant) bool) []Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Grant{}
	for _, g := range s.grants.filter(match) {
		found = append(found, g.clone())
	}
	return found
}

// Grant returns the grant with that ID and whether there is one.
func (s *Server) Grant(id string) (Grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.grants.byID(id); g != nil {
		return g.clone(), true
	}
	return Grant{}, false
}

// FindGrant returns the grant with that identity and whether there is one; clientID may also be a default-for group.
func (s *Server) FindGrant(clientID, audience, subjectType string) (Grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range []identity{
		{clientID: clientID, audience: audience, subjectType: subjectType},
		{defaultFor: clientID, audience: audience, subjectType: subjectType},
	} {
		if g := s.grants.byIdentity[key]; g != nil {
			return g.clone(), true
		}
	}
	return Grant{}, false
}

// GrantCount is the number of grants.
func (s *Server) GrantCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.grants.sorted)
}

// GrantOrganizations are the IDs of the organizations that a grant is associated with.
func (s *Server) GrantOrganizations(grantID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.grants.byID(grantID); g != nil {
		return slices.Clone(g.organizations)
	}
	return nil
}
