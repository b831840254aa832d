package tenant

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// nextLasts is how long the place in a list is good for: the documented day, less what a request takes.
const nextLasts = 23 * time.Hour

// listing is a walk over all pages of the tenant's list.
type listing struct {
	began time.Time
	// next is where the next page starts, as the tenant said at the time told.
	next  string
	told  time.Time
	pages int
	found map[grant.Identity]*grant.Grant
	// unmanaged counts the grants on these pages that are not tracked, but for those that cannot be.
	unmanaged int
}

// prepare begins the walk, also again where the place in the list is too old.
func (l *listing) prepare(now time.Time) {
	if l.pages == 0 || now.Sub(l.told) > nextLasts {
		*l = listing{began: now, found: map[grant.Identity]*grant.Grant{}}
	}
}

// add takes over a page. The grants of identities that are not tracked are only counted.
func (l *listing) add(page auth0.Page, host string, tracked *inventory) {
	l.pages++
	l.next, l.told = page.Next, time.Now()
	for _, held := range page.Grants {
		identity := held.Identity(host)
		if tracked.tracks(identity) {
			grant.Intern(&held.Audience)
			grant.InternAll(held.Scope)
			l.found[identity] = held.Beside(l.found[identity])
		} else if !held.IsSystem {
			l.unmanaged++
		}
	}
}
