// Package remote reads an Auth0 tenant for the verbs of kubectl clientgrants. It never writes: the transport lets only GET and
// the token request leave, whatever the code asks.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// MostAPIs is how many APIs a tenant shows at most.
const MostAPIs = 1000

// ErrReadOnly is the answer to every request that would write.
var ErrReadOnly = errors.New("kubectl clientgrants only reads from Auth0")

// Options say which tenant is read, and how.
type Options struct {
	// Of says where the tenant is.
	Of *v1alpha1.Auth0Tenant
	// Credentials of an application that may read, and Source, where they come from, for messages.
	Credentials auth0.Credentials
	Source      string
	// Limit is the share of the tenant's rate limit.
	Limit     budget.Limit
	UserAgent string
	// Transport is nil but for tests.
	Transport http.RoundTripper
	// Progress, where set, is told how many members of a list were read.
	Progress func(what string, read int)
}

// Tenant is an Auth0 tenant that is read.
type Tenant struct {
	// Host is the canonical host. SystemHosts are all that name the tenant itself: see policy.New.
	Host        string
	SystemHosts []string
	// ClientID is the application whose credentials are used.
	ClientID string

	client   *auth0.Client
	scopes   []string
	known    bool
	budget   *budget.Budget
	share    *budget.Share
	granted  chan struct{}
	progress func(what string, read int)
}

// Open makes one token request, so that wrong credentials are told as such before anything else.
func Open(ctx context.Context, o Options) (*Tenant, error) {
	t := &Tenant{
		Host: o.Of.CanonicalHost(), ClientID: o.Credentials.ClientID, granted: make(chan struct{}, 1), progress: o.Progress,
	}
	t.budget = budget.New(o.Limit, 1, func(budget.Key) {
		select {
		case t.granted <- struct{}{}:
		default:
		}
	})
	t.share = t.budget.Share(o.Limit)
	client, err := auth0.New(auth0.Options{
		Domain: o.Of.Spec.Domain, Audience: o.Of.APIIdentifier(), Credentials: o.Credentials, UserAgent: o.UserAgent,
		RoundTripper: o.Transport, Guard: readOnly, OnResponse: t.observe,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Source, err)
	}
	t.client = client
	token, err := client.Authenticate(ctx)
	if err != nil {
		client.Close()
		return nil, refusedToken(o, err)
	}
	t.scopes, t.known = token.Scopes, token.ScopesKnown
	t.SystemHosts = append([]string{o.Of.Spec.Domain, o.Of.APIIdentifier(), token.Issuer}, token.Audiences...)
	return t, nil
}

// readOnly is asked by the transport: the token request does not pass here.
func readOnly(method string) error {
	if method == http.MethodGet {
		return nil
	}
	return ErrReadOnly
}

// Close ends the connections.
func (t *Tenant) Close() { t.client.Close() }

// Grants reads every grant of the tenant, in an order that depends on nothing but the grants.
func (t *Tenant) Grants(ctx context.Context) ([]grant.Grant, error) {
	var found []grant.Grant
	for next := ""; ; {
		err := t.call(ctx, "read:client_grants", func() error {
			page, err := t.client.ListPage(ctx, auth0.Filter{}, next)
			found, next = append(found, page.Grants...), page.Next
			return err
		})
		if err != nil {
			return nil, err
		}
		t.tell("grants", len(found))
		if next == "" {
			return sorted(found), nil
		}
	}
}

// sorted drops what a list shows twice because it changed while it was read.
func sorted(found []grant.Grant) []grant.Grant {
	slices.SortFunc(found, func(a, b grant.Grant) int { return Compare(a.Identity(""), b.Identity("")) })
	return slices.CompactFunc(found, func(a, b grant.Grant) bool { return a.Identity("") == b.Identity("") })
}

func (t *Tenant) tell(what string, read int) {
	if t.progress != nil {
		t.progress(what, read)
	}
}
