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

// page reads one page of a listing. A page that cannot be trusted to be followed by the rest is an error, as a listing
// that ends early makes grants look absent.
func (call apiCall) page(body []byte, from string) (Page, error) {
	var found struct {
		Grants *[]grant.Grant `json:"client_grants"`
		Next   string         `json:"next"`
		Total  int            `json:"total"`
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
	if found.Next != "" && found.Next == from {
		return Page{}, call.broken("a page that names itself as the next one")
	}
	if len(found.Next) > maxNext {
		return Page{}, call.broken("a next of %d bytes", len(found.Next))
	}
	if from == "" && found.Next == "" && found.Total > len(*found.Grants) {
		// The shape of offset paging (recorded), which has no next.
		return Page{}, call.broken("a last page with %d of %d grants", len(*found.Grants), found.Total)
	}
	return Page{Grants: *found.Grants, Next: found.Next}, nil
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
