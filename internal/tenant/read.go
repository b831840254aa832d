package tenant

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// maxLookupPages bounds one look-up: an application holds a grant for each API and subject type, and a tenant has 100,000
// APIs at most.
const maxLookupPages = 2100

// listPage reads one page of the list.
func (r *reader) listPage(ctx context.Context) {
	s := r.session
	l, client := r.preparedListing()
	if l == nil {
		return // Refresh dropped it since this page was chosen.
	}
	page, err := r.list(ctx, client, auth0.Filter{}, l.next)
	if err != nil {
		if l.next != "" && auth0.StatusOf(err) == http.StatusBadRequest {
			s.mu.Lock()
			*l = listing{} // The place in the list is not good any more: begin again.
			s.mu.Unlock()
		}
		r.failed(ctx, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refresh.listing != l {
		return // Refresh asked for a newer one meanwhile.
	}
	l.add(page, s.config, s.inventory)
	changed := keySet{}
	if page.Next == "" {
		s.inventory.merge(s.inventory.trackedSince(l.began), l.found, l.began, changed)
		s.waiting.serve(s.inventory, changed)
		s.refresh.listed(l)
	} else if s.refresh.pages <= l.pages {
		s.refresh.longer(l, s.inventory)
	}
	r.succeeded(changed)
}

// preparedListing returns the listing that goes on, nil where there is none. Its fields change in the reader alone.
func (r *reader) preparedListing() (*listing, *auth0.Client) {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.refresh.listing
	if l != nil {
		l.prepare(time.Now())
	}
	return l, s.client
}

// lookupFor reads what the first of those who wait needs.
func (r *reader) lookupFor(ctx context.Context, wanted demand) {
	r.session.mu.Lock()
	r.session.waiting.took(wanted.first.Namespace)
	r.session.mu.Unlock()
	r.lookup(ctx, wanted.holder)
}

// lookup reads all grants of one holder.
func (r *reader) lookup(ctx context.Context, holder grant.Holder) {
	s := r.session
	client, began := s.currentClient(), time.Now()
	found := map[grant.Identity]*grant.Grant{}
	next := ""
	for range maxLookupPages {
		if next != "" && !r.token(ctx) {
			return
		}
		page, err := r.list(ctx, client, auth0.Filter{Holder: holder}, next)
		if err != nil {
			r.postpone(holder)
			r.failed(ctx, err)
			return
		}
		for _, held := range page.Grants {
			identity := held.Identity(s.Config().Host)
			found[identity] = held.Beside(found[identity])
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if next != "" {
		r.failed(ctx, errors.New("the list of one client's grants does not end"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := keySet{}
	s.inventory.merge(s.inventory.holders[holder], found, began, changed)
	s.waiting.serve(s.inventory, changed)
	s.refresh.lookedUp(holder)
	r.succeeded(changed)
}

// postpone puts a holder whose look-up failed behind the others: a failure because of one client must not stop the rest.
func (r *reader) postpone(holder grant.Holder) {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.postpone(holder, time.Now())
	s.refresh.postpone(holder)
}

// list makes the call for which the session has a token.
func (r *reader) list(ctx context.Context, client *auth0.Client, filter auth0.Filter, next string) (auth0.Page, error) {
	s := r.session
	s.budget.StartCall(s.key())
	page, err := client.ListPage(ctx, filter, next)
	s.budget.EndCall(s.key(), budget.OutcomeOf(err))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh.countCall(filter.Holder)
	return page, err
}

// token waits for a token for one more page of a look-up; false when the session ends.
func (r *reader) token(ctx context.Context) bool {
	s := r.session
	for {
		s.mu.Lock()
		class := r.demand(time.Now()).class
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
