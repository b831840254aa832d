package auth0

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// A grant is linked to the organizations that may use it, where its organization_usage lets them. A link hangs on the grant's
// ID, and no answer about the grant itself shows it (recorded).
const (
	organizationsRoute = "/api/v2/client-grants/{id}/organizations"
	linksRoute         = "/api/v2/organizations/{id}/client-grants"
	linkRoute          = "/api/v2/organizations/{id}/client-grants/{id}"
)

const (
	// MaxGrantIDs is how many grants [Client.LinkedPage] can be asked about at once (documented).
	MaxGrantIDs = 10
	// maxOffsetPages is where offset paging ends: at 1,000 items (documented).
	maxOffsetPages = 1000 / take
)

var (
	errGrantIDs = errors.New("more grants than one call can be about")
	errCeiling  = errors.New("the list is longer than its pages reach")
)

// OrganizationPage is one page of the organizations that a grant is linked to.
type OrganizationPage struct {
	// IDs of the organizations; may be empty although more pages follow.
	IDs []string
	// Next is where the next page starts, for [Client.OrganizationsPage]. Empty: this page is the last.
	Next string
}

// OrganizationsPage returns one page of the organizations that a grant is linked to, 100 at most; from is that of
// [Client.ListPage]. See [IsNotFound]: there is no such grant.
func (c *Client) OrganizationsPage(ctx context.Context, grantID, from string) (OrganizationPage, error) {
	call := apiCall{
		method: http.MethodGet, route: organizationsRoute, query: url.Values{"take": {strconv.Itoa(take)}}, limit: maxList,
	}
	if from != "" {
		call.query.Set("from", from)
	}
	if !isID(grantID) {
		return OrganizationPage{}, call.unmade(errID)
	}
	call.path = listRoute + "/" + url.PathEscape(grantID) + "/organizations"
	body, err := c.do(ctx, call)
	if err != nil {
		return OrganizationPage{}, err
	}
	return call.organizations(body, from)
}

// LinkedPage is one page of the grants that an organization is linked to.
type LinkedPage struct {
	// GrantIDs of the page.
	GrantIDs []string
	// More says that there is a page after it.
	More bool
}

// LinkedPage returns one page of the grants that an organization is linked to, 100 at most: of the given ones, which are
// [MaxGrantIDs] at most, or of all where none is given. The first page is 0, and the tenth the last that can be asked for
// (documented). Whether an organization that does not exist has no grants or is [IsNotFound] is not known.
func (c *Client) LinkedPage(ctx context.Context, organization string, grantIDs []string, page int) (LinkedPage, error) {
	call := apiCall{method: http.MethodGet, route: linksRoute, limit: maxList, query: url.Values{
		"include_totals": {"true"}, "page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(take)}, "grant_ids": grantIDs,
	}}
	switch {
	case !isID(organization):
		return LinkedPage{}, call.unmade(errID)
	case len(grantIDs) > MaxGrantIDs:
		return LinkedPage{}, call.unmade(errGrantIDs)
	case page >= maxOffsetPages:
		return LinkedPage{}, call.unmade(errCeiling)
	}
	call.path = linksPath(organization)
	body, err := c.do(ctx, call)
	if err != nil {
		return LinkedPage{}, err
	}
	return call.linked(body, page)
}

// Link lets an organization use a grant. [IsConflict] says that the two are linked already, or that the organization has as many
// grants as it may have (documented): a look tells. [IsNotFound] says that one of the two does not exist. See [Unanswered].
func (c *Client) Link(ctx context.Context, organization, grantID string) error {
	call := apiCall{method: http.MethodPost, route: linksRoute, limit: maxBody}
	if !isID(organization) || !isID(grantID) {
		return call.unmade(errID)
	}
	call.path = linksPath(organization)
	var err error
	if call.body, err = json.Marshal(map[string]string{"grant_id": grantID}); err != nil {
		return err
	}
	body, err := c.do(ctx, call)
	if err != nil {
		return err
	}
	return call.link(body, grantID)
}

// Unlink takes a grant from an organization. No error is no proof that they are not linked any more, and what is answered of a pair
// that is not linked is not known. [IsNotFound] says that there is no such organization. See [Unanswered].
func (c *Client) Unlink(ctx context.Context, organization, grantID string) error {
	call := apiCall{method: http.MethodDelete, route: linkRoute, limit: maxBody}
	if !isID(organization) || !isID(grantID) {
		return call.unmade(errID)
	}
	call.path = linksPath(organization) + "/" + url.PathEscape(grantID)
	_, err := c.do(ctx, call)
	return err
}

func linksPath(organization string) string {
	return "/api/v2/organizations/" + url.PathEscape(organization) + "/client-grants"
}

// isID says whether a text can be one segment of a path, once it is escaped.
func isID(text string) bool { return text != "" && text != "." && text != ".." }

// organizations reads one page of the organizations of a grant.
func (call apiCall) organizations(body []byte, from string) (OrganizationPage, error) {
	var found struct {
		Organizations *[]struct {
			ID string `json:"id"`
		} `json:"organizations"`
		paged
	}
	if err := decode(body, &found); err != nil {
		return OrganizationPage{}, call.broken("%w", err)
	}
	if found.Organizations == nil {
		return OrganizationPage{}, call.broken("a page without organizations")
	}
	if err := call.follows(found.paged, len(*found.Organizations), from); err != nil {
		return OrganizationPage{}, err
	}
	page := OrganizationPage{Next: found.Next}
	for _, each := range *found.Organizations {
		if each.ID == "" {
			return OrganizationPage{}, call.broken("an organization without ID")
		}
		page.IDs = append(page.IDs, each.ID)
	}
	return page, nil
}

// linked reads one page of the grants of an organization. That there are more is told by the total alone.
func (call apiCall) linked(body []byte, page int) (LinkedPage, error) {
	var found struct {
		Grants *[]struct {
			ID string `json:"id"`
		} `json:"client_grants"`
		Total *int `json:"total"`
	}
	if err := decode(body, &found); err != nil {
		return LinkedPage{}, call.broken("%w", err)
	}
	if found.Grants == nil || found.Total == nil {
		return LinkedPage{}, call.broken("a page without client_grants or total")
	}
	answer := LinkedPage{More: (page+1)*take < *found.Total}
	if answer.More && len(*found.Grants) < take {
		return LinkedPage{}, call.broken("a page of %d grants with more to follow", len(*found.Grants))
	}
	for _, each := range *found.Grants {
		if each.ID == "" {
			return LinkedPage{}, call.broken("a grant without ID")
		}
		answer.GrantIDs = append(answer.GrantIDs, each.ID)
	}
	return answer, nil
}

// link reads the answer to a link: it names the grant grant_id (recorded) or id (documented).
func (call apiCall) link(body []byte, grantID string) error {
	var found struct {
		GrantID string `json:"grant_id"`
		ID      string `json:"id"`
	}
	if err := decode(body, &found); err != nil {
		return call.broken("%w", err)
	}
	if found.GrantID != grantID && found.ID != grantID {
		return call.broken("another grant than the one asked for")
	}
	return nil
}
