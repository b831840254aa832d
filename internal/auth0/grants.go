package auth0

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

const (
	listRoute = "/api/v2/client-grants"
	itemRoute = "/api/v2/client-grants/{id}"
	// take is the page size, the largest that the API takes (documented; recorded as accepted).
	take = 100
)

// What is wrong with a call before it is made. Nothing is sent, not even for a token.
var (
	errID     = errors.New("an ID is empty or no name")
	errHolder = errors.New("a client ID and a default-for group exclude each other")
	errEmpty  = errors.New("there is nothing to change")
)

// Filter narrows a listing. Its zero value lists every grant of the tenant.
type Filter struct {
	// Holder is whose grants are meant: a client's, or a group's default grants, never both (documented).
	grant.Holder
	// Audience is the identifier of the API.
	Audience string
}

// Page is one page of a listing.
type Page struct {
	// Grants may be empty although more pages follow.
	Grants []grant.Grant
	// Next is where the next page starts, for [Client.ListPage]. Empty: this page is the last.
	Next string
}

// ListPage returns one page, of 100 grants at most. An empty from asks for the first page, and the Next of a page for the
// one after it; only an empty Next ends a listing, never a short page (recorded). A Next is valid for 24 hours
// (documented). A page that names itself as the next, or that is not one of this kind of paging, is a [TransportError].
func (c *Client) ListPage(ctx context.Context, filter Filter, from string) (Page, error) {
	query := url.Values{"take": {strconv.Itoa(take)}}
	for name, value := range map[string]string{
		"from": from, "client_id": filter.ClientID, "default_for": filter.DefaultFor, "audience": filter.Audience,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	call := apiCall{method: http.MethodGet, route: listRoute, path: listRoute, query: query, limit: maxList}
	if filter.ClientID != "" && filter.DefaultFor != "" {
		return Page{}, call.unmade(errHolder)
	}
	body, err := c.do(ctx, call)
	if err != nil {
		return Page{}, err
	}
	return call.page(body, from)
}

// Get returns the grant with the ID; see [IsNotFound].
func (c *Client) Get(ctx context.Context, id string) (grant.Grant, error) {
	return c.item(ctx, http.MethodGet, id, nil)
}

// Create makes a grant and returns it as the API keeps it, which may differ from what was asked. See [IsConflict],
// [IsNotFound] and [Unanswered].
func (c *Client) Create(ctx context.Context, body grant.New) (grant.Grant, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return grant.Grant{}, err
	}
	call := apiCall{method: http.MethodPost, route: listRoute, path: listRoute, body: raw, limit: maxBody}
	answer, err := c.do(ctx, call)
	if err != nil {
		return grant.Grant{}, err
	}
	return call.grant(answer, "")
}

// Update changes the given fields, leaves the others alone (recorded), and returns the grant as the API keeps it. An
// empty change is an error, and not sent: the API refuses it (documented). See [IsNotFound] and [Unanswered].
func (c *Client) Update(ctx context.Context, id string, change grant.Fields) (grant.Grant, error) {
	if change.Empty() {
		return grant.Grant{}, apiCall{method: http.MethodPatch, route: itemRoute}.unmade(errEmpty)
	}
	raw, err := json.Marshal(change)
	if err != nil {
		return grant.Grant{}, err
	}
	return c.item(ctx, http.MethodPatch, id, raw)
}

// Delete deletes the grant with the ID. The API answers the same for an ID that does not exist (recorded): no error is
// no proof that the grant's access has ended. See [Unanswered].
func (c *Client) Delete(ctx context.Context, id string) error {
	call, err := itemCall(http.MethodDelete, id, nil)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, call)
	return err
}

// item makes a call for one grant that is answered with this grant.
func (c *Client) item(ctx context.Context, method, id string, body []byte) (grant.Grant, error) {
	call, err := itemCall(method, id, body)
	if err != nil {
		return grant.Grant{}, err
	}
	answer, err := c.do(ctx, call)
	if err != nil {
		return grant.Grant{}, err
	}
	return call.grant(answer, id)
}

// itemCall escapes the ID: it is one segment of the path, whatever it holds.
func itemCall(method, id string, body []byte) (apiCall, error) {
	call := apiCall{method: method, route: itemRoute, body: body, limit: maxBody}
	if !isID(id) {
		return call, call.unmade(errID)
	}
	call.path = listRoute + "/" + url.PathEscape(id)
	return call, nil
}
