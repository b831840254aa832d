package auth0

import (
	"encoding/json"
	"errors"

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
		Grants *[]grant.Grant `json:"client_grants"`
		paged
	}
	if err := decode(body, &found); err != nil {
		return Page{}, call.broken("%w", err)
	}
	if found.Grants == nil {
		return Page{}, call.broken("a page without client_grants")
	}
	for _, each := range *found.Grants {
		if each.ID == "" || each.Audience == "" {
			return Page{}, call.broken("a grant without ID or audience")
		}
	}
	if err := call.follows(found.paged, len(*found.Grants), from); err != nil {
		return Page{}, err
	}
	return Page{Grants: *found.Grants, Next: found.Next}, nil
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
	if err != nil {
		return errors.New("not the JSON that was expected")
	}
	return nil
}
