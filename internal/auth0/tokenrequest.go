package auth0

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// assumedLife is how long a token is used whose answer names no life. Recorded answers always do.
const assumedLife = 10 * time.Minute

var (
	errTokenAnswer = errors.New("the answer of the token endpoint is no token answer")
	errTokenLife   = errors.New("the token endpoint gave a token that has expired already")
	errSigning     = errors.New("the private key cannot sign an assertion")
)

// requestToken asks the token endpoint once. All parameters go in the form body (recorded), and no redirect is followed.
func (c *Client) requestToken(ctx context.Context) (*bearer, error) {
	config := clientcredentials.Config{
		ClientID:       c.identity.clientID,
		ClientSecret:   c.identity.secret(),
		TokenURL:       c.base + oauthRoute,
		AuthStyle:      oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"audience": {c.audience}},
	}
	var assertion string
	if c.identity.signer != nil {
		var err error
		if assertion, err = c.identity.signer.assertion(time.Now()); err != nil {
			return nil, tokenTransportError(errSigning)
		}
		config.EndpointParams.Set("client_assertion_type", assertionType)
		config.EndpointParams.Set("client_assertion", assertion)
	}
	answer, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport:     observed{c.transport, c.observeToken},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))
	if err != nil {
		return nil, tokenFailure(ctx, err, c.identity.secret(), assertion)
	}
	fresh, err := newBearer(answer, time.Now())
	if err != nil {
		return nil, tokenTransportError(err)
	}
	fresh.assertion = assertion
	return fresh, nil
}

// observed tells how the requests that it passes on were answered.
type observed struct {
	next    http.RoundTripper
	observe func(status int)
}

// RoundTrip sends the request once.
func (o observed) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := o.next.RoundTrip(request)
	if o.observe == nil {
		return response, err
	}
	status := 0
	if err == nil {
		status = response.StatusCode
	}
	o.observe(status)
	return response, err
}

// tokenFailure turns an error of the OAuth library into one of this package. The library's own quote the answer's body.
func tokenFailure(ctx context.Context, err error, secrets ...string) error {
	if ctx.Err() != nil {
		return tokenTransportError(ctx.Err())
	}
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return newTokenError(refused, time.Now())
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return tokenTransportError(failed.Err, secrets...)
	}
	return tokenTransportError(errTokenAnswer)
}

func tokenTransportError(err error, secrets ...string) *TransportError {
	return &TransportError{Method: http.MethodPost, Route: oauthRoute, err: newCause(err, secrets...)}
}

// newBearer reads an answer of the token endpoint.
func newBearer(answer *oauth2.Token, now time.Time) (*bearer, error) {
	if !isVisible(answer.AccessToken) || (answer.TokenType != "" && !strings.EqualFold(answer.TokenType, "Bearer")) {
		return nil, errTokenAnswer
	}
	life := assumedLife
	if !answer.Expiry.IsZero() {
		life = answer.Expiry.Sub(now)
	}
	if life <= 0 {
		return nil, errTokenLife
	}
	fresh := &bearer{access: answer.AccessToken, facts: Token{Expiry: now.Add(life)}}
	fresh.refreshAt = fresh.facts.Expiry.Add(-min(refreshMargin, life/refreshShare))
	if scope, ok := answer.Extra("scope").(string); ok {
		fresh.facts.Scopes, fresh.facts.ScopesKnown = strings.Fields(scope), true
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(answer.AccessToken, &claims); err == nil {
		fresh.facts.Audiences, fresh.facts.Issuer = claims.Audience, claims.Issuer
	}
	return fresh, nil
}
