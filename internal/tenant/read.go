package tenant

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

const (
	// maxLookupPages bounds one look-up: an application holds a grant for each API and subject type, and a tenant has
	// 100,000 APIs at most.
	maxLookupPages = 2100
	// nextLasts is how long the place in a list is good for: the documented day, less what a request takes.
	nextLasts = 23 * time.Hour
)

// listPage reads one page of the list.
func (s *Session) listPage(ctx context.Context) {
	s.mu.Lock()
	l := s.refresh.listing
	if l == nil {
		s.mu.Unlock()
		return // Refresh dropped it since this page was chosen.
	}
	if now := time.Now(); l.pages == 0 || now.Sub(l.told) > nextLasts {
		*l = listing{began: now, found: map[grant.Identity]*grant.Grant{}}
	}
	client, next := s.client, l.next
	s.mu.Unlock()

	page, err := s.list(ctx, client, auth0.Filter{}, next)
	if err != nil {
		if next != "" && auth0.StatusOf(err) == http.StatusBadRequest {
			s.mu.Lock()
			*l = listing{} // The place in the list is not good any more: begin again.
			s.mu.Unlock()
		}
		s.failed(ctx, err)
		return
	}
	s.mu.Lock()
	if s.refresh.listing != l {
		s.mu.Unlock()
		return // Refresh asked for a newer one meanwhile.
	}
	l.pages++
	l.next, l.told = page.Next, time.Now()
	for _, held := range page.Grants {
		identity := held.Identity(s.config.Host)
		if _, ok := s.picture.tracked[identity]; ok {
			grant.Intern(&held.Audience)
			grant.InternAll(held.Scope)
			l.found[identity] = &held
		} else if !held.IsSystem {
			l.unmanaged++
		}
	}
	changed := map[Key]struct{}{}
	if page.Next == "" {
		s.listed(l, changed)
	} else if s.refresh.pages <= l.pages {
		s.longer(l)
	}
	s.succeeded(changed)
}

// longer deals with a list that has more pages than it had: nobody knows how many. Once reading on would cost more than
// looking up every client that is tracked, these are looked up, and it is remembered that the list is long.
func (s *Session) longer(l *listing) {
	r := &s.refresh
	r.pages = 0
	if l.pages < len(s.picture.holders) {
		return
	}
	r.pages, r.listing = l.pages+1, nil
	if r.running {
		s.startLookups()
	}
}

// listed takes over a complete list.
func (s *Session) listed(l *listing, changed map[Key]struct{}) {
	s.refresh.pages = l.pages
	s.refresh.listing = nil
	s.picture.merge(s.picture.trackedSince(l.began), l.found, l.began, changed)
	s.serve(changed)
	if s.refresh.running && len(s.refresh.lookups) == 0 {
		s.finishRefresh(l.began)
	}
	s.refresh.unmanaged = new(l.unmanaged)
}

// lookup reads all grants of one holder.
func (s *Session) lookup(ctx context.Context, holder grant.Holder) {
	client, began := s.currentClient(), time.Now()
	found := map[grant.Identity]*grant.Grant{}
	next := ""
	for range maxLookupPages {
		if next != "" && !s.token(ctx) {
			return
		}
		page, err := s.list(ctx, client, auth0.Filter{Holder: holder}, next)
		if err != nil {
			s.behind(holder)
			s.failed(ctx, err)
			return
		}
		for _, held := range page.Grants {
			found[held.Identity(s.Config().Host)] = &held
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if next != "" {
		s.failed(ctx, errors.New("the list of one client's grants does not end"))
		return
	}
	s.mu.Lock()
	changed := map[Key]struct{}{}
	s.picture.merge(s.picture.holders[holder], found, began, changed)
	s.serve(changed)
	r := &s.refresh
	if at := slices.Index(r.lookups, holder); at >= 0 {
		r.lookups = slices.Delete(r.lookups, at, at+1)
		if len(r.lookups) == 0 && r.running {
			s.finishRefresh(r.last)
		}
	}
	s.succeeded(changed)
}

// behind puts a holder whose look-up failed behind the others: what fails because of one client must not stop the rest.
func (s *Session) behind(holder grant.Holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, w := range s.waiting {
		if w.identity.Holder() == holder {
			w.since = time.Now()
			s.waiting[key] = w
		}
	}
	if r := &s.refresh; len(r.lookups) > 1 && r.lookups[0] == holder {
		r.lookups = append(r.lookups[1:], holder)
	}
}

// list makes the call for which the session has a token.
func (s *Session) list(ctx context.Context, client *auth0.Client, filter auth0.Filter, next string) (auth0.Page, error) {
	s.budget.StartCall(s.key())
	page, err := client.ListPage(ctx, filter, next)
	s.budget.EndCall(s.key(), OutcomeOf(err))
	s.countCall(filter.Holder)
	return page, err
}

// token waits for a token for one more page of a look-up; false when the session ends.
func (s *Session) token(ctx context.Context) bool {
	for {
		s.mu.Lock()
		class := s.whoWaits(time.Now()).class
		s.mu.Unlock()
		if s.budget.Acquire(s.key(), class) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.kick:
		}
	}
}
