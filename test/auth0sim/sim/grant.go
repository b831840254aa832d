package sim

import (
	"cmp"
	"slices"
)

// Grant is a client grant as the tenant holds it. Its JSON form is what the API answers: the recorded order of the
// fields, and fields that were never set left out.
type Grant struct {
	ID       string `json:"id"`
	ClientID string `json:"client_id,omitempty"`
	Audience string `json:"audience"`
	// Scope is nil, and absent from answers, exactly while AllowAllScopes is true.
	Scope                []string `json:"scope,omitzero"`
	OrganizationUsage    string   `json:"organization_usage,omitempty"`
	AllowAnyOrganization *bool    `json:"allow_any_organization,omitempty"`
	IsSystem             bool     `json:"is_system,omitempty"`
	SubjectType          string   `json:"subject_type"`
	DefaultFor           string   `json:"default_for,omitempty"`
	// AuthorizationDetailsTypes is nil while never set; an empty list is kept and answered.
	AuthorizationDetailsTypes []string `json:"authorization_details_types,omitzero"`
	AllowAllScopes            *bool    `json:"allow_all_scopes,omitempty"`
}

// allScopes says whether the grant allows every scope of its API.
func (g *Grant) allScopes() bool { return g.AllowAllScopes != nil && *g.AllowAllScopes }

// clone returns a copy that shares nothing with g.
func (g *Grant) clone() Grant {
	c := *g
	c.Scope = slices.Clone(g.Scope)
	c.AuthorizationDetailsTypes = slices.Clone(g.AuthorizationDetailsTypes)
	if g.AllowAnyOrganization != nil {
		c.AllowAnyOrganization = new(*g.AllowAnyOrganization)
	}
	if g.AllowAllScopes != nil {
		c.AllowAllScopes = new(*g.AllowAllScopes)
	}
	return c
}

// identity is what is unique among the grants of a tenant: a client or a default-for group, an audience and a subject
// type. Everything is compared exactly.
type identity struct {
	clientID, defaultFor, audience, subjectType string
}

func (g *Grant) identity() identity {
	return identity{g.ClientID, g.DefaultFor, g.Audience, g.SubjectType}
}

// storedGrant is a grant with what no answer shows.
type storedGrant struct {
	Grant
	hidden        []string // the scopes from before allow_all_scopes was turned on
	organizations []string // IDs of the organizations that it is associated with
}

// grantStore holds the grants in the order of their IDs, the order of every recorded list.
type grantStore struct {
	sorted     []*storedGrant
	byIdentity map[identity]*storedGrant
}

func newGrantStore() grantStore { return grantStore{byIdentity: map[identity]*storedGrant{}} }

func (s *grantStore) position(id string) (int, bool) {
	return slices.BinarySearchFunc(s.sorted, id, func(g *storedGrant, id string) int { return cmp.Compare(g.ID, id) })
}

func (s *grantStore) byID(id string) *storedGrant {
	if i, ok := s.position(id); ok {
		return s.sorted[i]
	}
	return nil
}

// add stores a grant whose ID and identity are free.
func (s *grantStore) add(g Grant) *storedGrant {
	stored := s.addTwin(g)
	s.byIdentity[g.identity()] = stored
	return stored
}

// addTwin stores a grant of an identity that another one has.
func (s *grantStore) addTwin(g Grant) *storedGrant {
	stored := &storedGrant{Grant: g}
	i, _ := s.position(g.ID)
	s.sorted = slices.Insert(s.sorted, i, stored)
	return stored
}

func (s *grantStore) remove(id string) bool {
	i, ok := s.position(id)
	if !ok {
		return false
	}
	if g := s.sorted[i]; s.byIdentity[g.identity()] == g {
		delete(s.byIdentity, g.identity())
	}
	s.sorted = slices.Delete(s.sorted, i, i+1)
	return true
}

// removeIf removes every grant that match says yes to.
func (s *grantStore) removeIf(match func(*storedGrant) bool) {
	s.sorted = slices.DeleteFunc(s.sorted, func(g *storedGrant) bool {
		if !match(g) {
			return false
		}
		delete(s.byIdentity, g.identity())
		return true
	})
}

// filter lists the grants that match says yes to, in the order of their IDs.
func (s *grantStore) filter(match func(*storedGrant) bool) []*storedGrant {
	var found []*storedGrant
	for _, g := range s.sorted {
		if match(g) {
			found = append(found, g)
		}
	}
	return found
}
