package auth0

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

const (
	applicationsRoute = "/api/v2/clients"
	apisRoute         = "/api/v2/resource-servers"
	// maxOffset is how far offset paging reaches (documented).
	maxOffset = 1000
)

// Application is what a listing tells of an application. The operator never asks for it; reading it takes read:clients.
type Application struct {
	ClientID   string   `json:"client_id"`
	Name       string   `json:"name"`
	GrantTypes []string `json:"grant_types"`
	// FirstParty is nil where the answer does not say it.
	FirstParty *bool `json:"is_first_party"`
}

// ListApplications returns one page of the tenant's applications, of 100 at most, and where the next page starts; empty: this
// is the last. Only the fields of [Application] are asked for, so that no key of an application is ever read.
func (c *Client) ListApplications(ctx context.Context, from string) (found []Application, next string, err error) {
	query := url.Values{
		"take": {strconv.Itoa(take)}, "fields": {"client_id,name,grant_types,is_first_party"}, "include_fields": {"true"},
	}
	if from != "" {
		query.Set("from", from)
	}
	call := apiCall{method: http.MethodGet, route: applicationsRoute, path: applicationsRoute, query: query, limit: maxList}
	var page struct {
		Applications *[]Application `json:"clients"`
		Next         string         `json:"next"`
	}
	body, err := c.do(ctx, call)
	if err != nil {
		return nil, "", err
	}
	if err := decode(body, &page); err != nil {
		return nil, "", call.broken("%w", err)
	}
	if page.Applications == nil || page.Next != "" && page.Next == from || len(page.Next) > maxNext {
		return nil, "", call.broken("no page of applications")
	}
	return *page.Applications, page.Next, nil
}

// API is what a listing tells of an API. The operator never asks for it; reading it takes read:resource_servers.
type API struct {
	Identifier string     `json:"identifier"`
	Name       string     `json:"name"`
	Scopes     []APIScope `json:"scopes"`
	// TokenLifetime is in seconds.
	TokenLifetime int       `json:"token_lifetime"`
	Policies      APIAccess `json:"subject_type_authorization"`
}

// APIScope is a scope that an API defines.
type APIScope struct {
	Value string `json:"value"`
}

// APIAccess says which tokens an API allows with and without a client grant.
type APIAccess struct {
	User   APIPolicy `json:"user"`
	Client APIPolicy `json:"client"`
}

// APIPolicy is allow_all, require_client_grant or deny_all; empty where the answer does not say it.
type APIPolicy struct {
	Policy string `json:"policy"`
}

// ListAPIs returns one page of the tenant's APIs, of 100 at most, the first with number 0, and whether more follow. The API
// pages this list by offset alone, and shows no more than its first 1,000 members (documented).
func (c *Client) ListAPIs(ctx context.Context, number int) (found []API, more bool, err error) {
	query := url.Values{
		"page": {strconv.Itoa(number)}, "per_page": {strconv.Itoa(take)}, "include_totals": {"true"},
	}
	call := apiCall{method: http.MethodGet, route: apisRoute, path: apisRoute, query: query, limit: maxList}
	var page struct {
		APIs  *[]API `json:"resource_servers"`
		Total int    `json:"total"`
	}
	body, err := c.do(ctx, call)
	if err != nil {
		return nil, false, err
	}
	if err := decode(body, &page); err != nil {
		return nil, false, call.broken("%w", err)
	}
	if page.APIs == nil {
		return nil, false, call.broken("no page of APIs")
	}
	until := (number + 1) * take
	return *page.APIs, len(*page.APIs) > 0 && until < page.Total && until < maxOffset, nil
}
