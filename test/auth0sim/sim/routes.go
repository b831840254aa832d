package sim

import (
	"net/http"
	"slices"
	"strings"
)

// Paths of the two APIs.
const (
	apiPath   = "/api/v2"
	tokenPath = "/oauth/token"
)

const grantOrganizationsRoute = "/client-grants/{id}/organizations"

// route is one operation. Patterns of the Management API are relative to /api/v2; {id} stands for one part of the path.
type route struct {
	method  string
	pattern string
	scopes  []string // any of them is enough
	query   *schema  // nil: any query, ignored, as recorded of the operations on one object
	body    *schema  // nil: no body
	bucket  bucketKind
	grantID string // how the description calls a path's grant ID whose format is checked; empty: it is not
	handle  func(*Server, *request) response
}

// tokenRoute is the one operation of the Authentication API.
var tokenRoute = &route{method: http.MethodPost, pattern: tokenPath}

// routes are the operations of the Management API, with the scopes that its description requires.
var routes = slices.Concat(grantRoutes(), organizationRoutes(), clientRoutes(), apiRoutes())

func grantRoutes() []*route {
	return []*route{
		{
			method: http.MethodGet, pattern: "/client-grants",
			scopes: []string{"read:client_grants"}, query: listGrantsQuery, handle: (*Server).listGrants,
		},
		{
			method: http.MethodPost, pattern: "/client-grants",
			scopes: []string{"create:client_grants"}, body: createGrantBody, handle: (*Server).createGrant,
		},
		{
			method: http.MethodGet, pattern: "/client-grants/{id}",
			scopes: []string{"read:client_grants"}, handle: (*Server).getGrant,
		},
		{
			method: http.MethodPatch, pattern: "/client-grants/{id}", grantID: "ID of the client grant to update.",
			scopes: []string{"update:client_grants"}, body: updateGrantBody, handle: (*Server).updateGrant,
		},
		{
			method: http.MethodDelete, pattern: "/client-grants/{id}", grantID: "ID of the client grant to delete.",
			scopes: []string{"delete:client_grants"}, handle: (*Server).deleteGrant,
		},
		{
			method: http.MethodGet, pattern: grantOrganizationsRoute,
			scopes: []string{"read:organization_client_grants"}, query: pagingQuery, handle: (*Server).grantOrganizations,
		},
	}
}

func organizationRoutes() []*route {
	return []*route{
		{
			method: http.MethodGet, pattern: "/organizations/{id}/client-grants",
			scopes: []string{"read:organization_client_grants"}, query: organizationGrantsQuery, bucket: linkReads,
			handle: (*Server).organizationGrants,
		},
		{
			method: http.MethodPost, pattern: "/organizations/{id}/client-grants",
			scopes: []string{"create:organization_client_grants"}, body: linkGrantBody, bucket: linkWrites,
			handle: (*Server).linkGrant,
		},
		{
			method: http.MethodDelete, pattern: "/organizations/{id}/client-grants/{grant_id}",
			scopes: []string{"delete:organization_client_grants"}, bucket: linkWrites, handle: (*Server).unlinkGrant,
		},
		{
			method: http.MethodGet, pattern: "/organizations",
			scopes: []string{"read:organizations"}, query: looseListQuery, handle: (*Server).listOrganizations,
		},
		{
			method: http.MethodPost, pattern: "/organizations",
			scopes: []string{"create:organizations"}, body: createOrganizationBody, handle: (*Server).createOrganization,
		},
		{
			method: http.MethodGet, pattern: "/organizations/{id}",
			scopes: []string{"read:organizations"}, handle: (*Server).getOrganization,
		},
		{
			method: http.MethodPatch, pattern: "/organizations/{id}",
			scopes: []string{"update:organizations"}, body: updateBody, handle: (*Server).updateOrganization,
		},
		{
			method: http.MethodDelete, pattern: "/organizations/{id}",
			scopes: []string{"delete:organizations"}, handle: (*Server).deleteOrganization,
		},
	}
}

func clientRoutes() []*route {
	return []*route{
		{
			method: http.MethodGet, pattern: "/clients",
			scopes: []string{"read:clients", "read:client_keys", "read:client_summary"},
			query:  looseListQuery, handle: (*Server).listClients,
		},
		{
			method: http.MethodPost, pattern: "/clients",
			scopes: []string{"create:clients"}, body: createClientBody, handle: (*Server).createClient,
		},
		{
			method: http.MethodGet, pattern: "/clients/{id}",
			scopes: []string{"read:clients", "read:client_keys", "read:client_credentials", "read:client_summary"},
			query:  looseListQuery, handle: (*Server).getClient,
		},
		{
			method: http.MethodPatch, pattern: "/clients/{id}",
			scopes: []string{"update:clients", "update:client_keys"}, body: updateBody, handle: (*Server).updateClient,
		},
		{
			method: http.MethodDelete, pattern: "/clients/{id}",
			scopes: []string{"delete:clients"}, handle: (*Server).deleteClient,
		},
	}
}

func apiRoutes() []*route {
	return []*route{
		{
			method: http.MethodGet, pattern: "/resource-servers",
			scopes: []string{"read:resource_servers"}, query: looseListQuery, handle: (*Server).listAPIs,
		},
		{
			method: http.MethodPost, pattern: "/resource-servers",
			scopes: []string{"create:resource_servers"}, body: createAPIBody, handle: (*Server).createAPI,
		},
		{
			method: http.MethodGet, pattern: "/resource-servers/{id}",
			scopes: []string{"read:resource_servers"}, handle: (*Server).getAPI,
		},
		{
			method: http.MethodPatch, pattern: "/resource-servers/{id}",
			scopes: []string{"update:resource_servers"}, body: updateAPIBody, handle: (*Server).updateAPI,
		},
		{
			method: http.MethodDelete, pattern: "/resource-servers/{id}",
			scopes: []string{"delete:resource_servers"}, handle: (*Server).deleteAPI,
		},
	}
}

// findRoute finds the operation and the parts of the path that its pattern leaves open, still escaped: an API's
// identifier is often an URL, sent as one escaped part.
func findRoute(method, path string) (*route, []string) {
	if path == tokenPath && method == http.MethodPost {
		return tokenRoute, nil
	}
	rest, ok := strings.CutPrefix(path, apiPath)
	if !ok {
		return nil, nil
	}
	for _, r := range routes {
		if r.method != method {
			continue
		}
		if params, ok := r.match(rest); ok {
			return r, params
		}
	}
	return nil, nil
}

func (r *route) match(path string) ([]string, bool) {
	want, got := strings.Split(r.pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var params []string
	for i := range want {
		if strings.HasPrefix(want[i], "{") && got[i] != "" {
			params = append(params, got[i])
		} else if want[i] != got[i] {
			return nil, false
		}
	}
	return params, true
}

// authorize asks for one of the route's scopes.
func (q *request) authorize() *response {
	granted := strings.Fields(q.scopes)
	for _, scope := range q.route.scopes {
		if slices.Contains(granted, scope) {
			return nil
		}
	}
	refusal := fail(http.StatusForbidden,
		"Insufficient scope, expected any of: "+strings.Join(q.route.scopes, ", "), "insufficient_scope")
	return &refusal
}
