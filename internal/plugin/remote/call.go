package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

// key is the one caller of the budget.
var key = budget.Key{Name: "kubectl-clientgrants"}

// mostRefused is how often a read that met a rate limit is made again: others use the tenant, too.
const mostRefused = 5

// call makes one read when the budget has a token for it. Of what the tenant refuses because of its rate limit it is made again
// when that is over.
func (t *Tenant) call(ctx context.Context, scope string, read func() error) error {
	for refused := 0; ; refused++ {
		if err := t.turn(ctx); err != nil {
			return err
		}
		t.budget.StartCall(key)
		err := read()
		t.budget.EndCall(key, budget.OutcomeOf(err))
		if token, ok := errors.AsType[*auth0.TokenError](err); ok && token.RateLimited() {
			t.budget.Refused(token.RateLimit)
		}
		if auth0.IsRateLimited(err) && refused < mostRefused {
			continue
		}
		return t.told(err, scope)
	}
}

func (t *Tenant) turn(ctx context.Context) error {
	for !t.share.Acquire(key, budget.ClassResync) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.granted:
		}
	}
	return nil
}

func (t *Tenant) observe(response auth0.Response) { t.budget.Told(response) }

// told says what to do about a read that failed.
func (t *Tenant) told(err error, scope string) error {
	switch {
	case err == nil:
		return nil
	case auth0.IsForbidden(err):
		return fmt.Errorf("client %q may not read from %s: give it %s for the Management API in Auth0 (%w)", t.ClientID, t.Host, scope, err)
	case auth0.IsRateLimited(err):
		return fmt.Errorf("the rate limit of %s stays used up: try again later, or with a smaller --requests-per-minute (%w)", t.Host, err)
	}
	return fmt.Errorf("%s cannot be read: %w", t.Host, err)
}

// refusedToken says what to do where no token was issued.
func refusedToken(o Options, err error) error {
	refused, answered := errors.AsType[*auth0.TokenError](err)
	switch {
	case auth0.IsRateLimited(err):
		return fmt.Errorf("the rate limit of the token endpoint of %s is reached: try again later (%w)", o.Of.Spec.Domain, err)
	case answered && refused.Hint == auth0.HintAudience:
		return fmt.Errorf("%s has no Management API %q: name the tenant's own in AUTH0_AUDIENCE, or in managementAudience (%w)",
			o.Of.Spec.Domain, o.Of.APIIdentifier(), err)
	case answered && !refused.Unavailable():
		return fmt.Errorf("%s refused the credentials of %s: correct them, or the application in Auth0 (%w)", o.Of.Spec.Domain, o.Source, err)
	}
	return fmt.Errorf("no token could be had from %s: check the domain and the network (%w)", o.Of.Spec.Domain, err)
}
