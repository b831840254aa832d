package auth0

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// maxNext bounds, in bytes, what names the next page: it goes into an address.
const maxNext = 8 << 10

// grant reads the answer to a call for one grant. Members that the client does not know are ignored; those it knows have
// the right type. Where an ID is wanted the answer is about no other.
func (call apiCall) grant(body []byte, wanted string) (grant.Grant, error) {
	var found grant.Grant
	if err := decode(body, &found); err != nil {
		return grant.Grant{}, call.broken("%w", err)
	}
	switch {
	case found.ID == "":
		return grant.Grant{}, call.broken("a grant without ID")
	case found.Audience == "":
		return grant.Grant{}, call.broken("a grant without audience")
	case wanted != "" && found.ID != wanted:
		return grant.Grant{}, call.broken("another grant than the one asked for")
	}
	return found, nil
}

// page reads one page of a listing.
func (call apiCall) page(body []byte, from string) (Page, error) {
	var found struct {
		Grants *grantList `json:"client_grants"`
		paged
	}
	if err := decode(body, &found); err != nil {
		return Page{}, call.broken("%w", err)
	}
	if found.Grants == nil {
		return Page{}, call.broken("a page without client_grants")
	}
	grants := *found.Grants
	for _, each := range grants {
		if each.ID == "" || each.Audience == "" {
			return Page{}, call.broken("a grant without ID or audience")
		}
	}
	if err := call.follows(found.paged, len(grants), from); err != nil {
		return Page{}, err
	}
	return Page{Grants: grants, Next: found.Next}, nil
}

// grantList reads grants one by one, and no more of them than a page was asked for: what it makes of a few bytes is many
// times as large.
type grantList []grant.Grant

var errTooMany = fmt.Errorf("more than the %d grants that were asked for", take)

// UnmarshalJSON reads the list.
func (l *grantList) UnmarshalJSON(list []byte) error {
	from := json.NewDecoder(bytes.NewReader(list))
	if start, err := from.Token(); err != nil || start != json.Delim('[') {
		return errors.New("member client_grants has the wrong type")
	}
	*l = grantList{}
	for from.More() {
		if len(*l) == take {
			return errTooMany
		}
		var next grant.Grant
		if err := from.Decode(&next); err != nil {
			return err
		}
		*l = append(*l, next)
	}
	return nil
}

// paged is what a page of a listing tells about the others.
type paged struct {
	Next  string `json:"next"`
	Total int    `json:"total"`
}

// follows says what is wrong with a page of so many items that cannot be trusted to be followed by the rest: a listing that
// ends early makes things look absent.
func (call apiCall) follows(page paged, items int, from string) error {
	if page.Next != "" && page.Next == from {
		return call.broken("a page that names itself as the next one")
	}
	if len(page.Next) > maxNext {
		return call.broken("a next of %d bytes", len(page.Next))
	}
	if from == "" && page.Next == "" && page.Total > items {
		// The shape of offset paging (recorded), which has no next.
		return call.broken("a last page with %d of %d items", items, page.Total)
	}
	return nil
}

// decode reads JSON without quoting it in an error.
func decode(body []byte, into any) error {
	err := json.Unmarshal(body, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return errors.New("member " + wrong.Field + " has the wrong type")
	}
	if errors.Is(err, errTooMany) {
		return err
	}
	if err != nil {
		return errors.New("not the JSON that was expected")
	}
	return nil
}
