package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// Filter says which rows are shown. Clients, audiences and scopes are patterns as those of access rules; none means all.
type Filter struct {
	Clients, Audiences, Scopes []string
	// Findings are kinds of findings of which a row has to have one.
	Findings []Kind
}

// Of are the rows that are shown.
func (f Filter) Of(rows []Row) []Row {
	clients, audiences, scopes := policy.Matcher(f.Clients), policy.Matcher(f.Audiences), policy.Matcher(f.Scopes)
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool {
		switch {
		case len(f.Clients) > 0 && !clients(r.ClientID), len(f.Audiences) > 0 && !audiences(r.Audience):
			return true
		case len(f.Scopes) > 0 && !r.AllScopes && !slices.ContainsFunc(r.Scopes, scopes):
			return true
		}
		return len(f.Findings) > 0 && !r.Has(f.Findings...)
	})
}

// Has says whether a row has a finding of one of the kinds.
func (r *Row) Has(kinds ...Kind) bool {
	return slices.ContainsFunc(r.Findings, func(found Finding) bool { return slices.Contains(kinds, found.Kind) })
}

// kindsOf reads kinds from a flag.
func kindsOf(flag string, names []string) (kinds []Kind, err error) {
	for _, name := range names {
		if !slices.Contains(Kinds(), name) {
			return nil, fmt.Errorf("--%s %q: must be of %s", flag, name, strings.Join(Kinds(), ", "))
		}
		kinds = append(kinds, Kind(name))
	}
	return kinds, nil
}
