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
	// unmanaged are the grants on these pages that are not tracked.
	unmanaged Unmanaged
}

// prepare begins the walk, also again where the place in the list is too old.
func (l *listing) prepare(now time.Time) {
	if l.pages == 0 || now.Sub(l.told) > nextLasts {
		*l = listing{began: now, found: map[grant.Identity]*grant.Grant{}}
	}
}

// Unmanaged are grants of the tenant that are not tracked, without those that belong to Auth0 itself and those of the operator's own
// application.
type Unmanaged struct {
	Count int
	// Names of the first of them.
	Names []string
}

// mostNames bounds the names that are kept.
const mostNames = 20

func (u *Unmanaged) add(identity grant.Identity) {
	if u.Count++; len(u.Names) < mostNames {
		u.Names = append(u.Names, identity.String())
	}
}

// add takes over a page. The grants of identities that are not tracked are only counted.
func (l *listing) add(page auth0.Page, of Config, tracked *inventory) {
	l.pages++
	l.next, l.told = page.Next, time.Now()
	for _, held := range page.Grants {
		identity := held.Identity(of.Host)
		if tracked.tracks(identity) {
			grant.Intern(&held.Audience)
			grant.InternAll(held.Scope)
			l.found[identity] = held.Beside(l.found[identity])
		} else if !held.IsSystem && (held.ClientID != of.ClientID || of.ClientID == "") {
			l.unmanaged.add(identity)
		}
	}
}
