package remote

import (
	"cmp"
	"context"
	"slices"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Names are what a tenant calls its applications and APIs, and what it tells of them. A nil map says that the credentials do not
// give the right to read them.
type Names struct {
	Applications map[string]auth0.Application
	APIs         map[string]auth0.API
}

// Names reads as much of them as the credentials allow.
func (t *Tenant) Names(ctx context.Context) (names Names, err error) {
	if t.may("read:clients") {
		names.Applications, err = t.applications(ctx)
	}
	if err == nil && t.may("read:resource_servers") {
		names.APIs, err = t.apis(ctx)
	}
	return names, err
}

// may says whether the token has a scope. One whose scopes nobody told is not tried.
func (t *Tenant) may(scope string) bool { return t.known && slices.Contains(t.scopes, scope) }

func (t *Tenant) applications(ctx context.Context) (map[string]auth0.Application, error) {
	known := map[string]auth0.Application{}
	for next := ""; ; {
		var found []auth0.Application
		err := t.call(ctx, "read:clients", func() (err error) {
			found, next, err = t.client.ListApplications(ctx, next)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			known[one.ClientID] = one
		}
		t.tell("applications", len(known))
		if next == "" {
			return known, nil
		}
	}
}

func (t *Tenant) apis(ctx context.Context) (map[string]auth0.API, error) {
	known := map[string]auth0.API{}
	for number, more := 0, true; more; number++ {
		var found []auth0.API
		err := t.call(ctx, "read:resource_servers", func() (err error) {
			found, more, err = t.client.ListAPIs(ctx, number)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			known[one.Identifier] = one
		}
		t.tell("APIs", len(known))
	}
	return known, nil
}

// Compare orders grants for people: by holder, API and subject type.
func Compare(a, b grant.Identity) int {
	return cmp.Or(
		cmp.Compare(a.DefaultFor, b.DefaultFor), cmp.Compare(a.ClientID, b.ClientID),
		cmp.Compare(a.Audience, b.Audience), cmp.Compare(a.SubjectType, b.SubjectType),
	)
}
