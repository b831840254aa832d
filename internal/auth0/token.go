package auth0

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// refreshMargin and a tenth of a token's life, whichever is smaller, are how long before its end it is no longer
	// used: even the shortest token serves more than one call.
	refreshMargin = time.Minute
	refreshShare  = 10
	// longestQuota bounds how long no token is asked for after the quota of tokens was used up: the documented Retry-After of that
	// refusal may lie hours ahead, and somebody may raise the quota before.
	longestQuota = 30 * time.Minute
)

// Token tells what is known about an access token. The token itself is not in it.
type Token struct {
	// Scopes that the token endpoint named.
	Scopes []string
	// ScopesKnown says whether it named any: an answer without a scope member says nothing about scopes (recorded).
	ScopesKnown bool
	// Audiences and Issuer are read from the token, unverified: they serve to compare, never to trust. They are empty
	// where the token cannot be read.
	Audiences []string
	Issuer    string
	// Expiry is when the token ends, by this machine's clock.
	Expiry time.Time
}

// bearer is an access token with its facts. It is never handed out.
type bearer struct {
	access    string
	assertion string // that was sent for it; empty with a client secret
	facts     Token
	refreshAt time.Time
}

// Authenticate makes one token request now, whatever is cached, and caches the token if it gets one. Its errors are
// [TokenError] and [TransportError].
func (c *Client) Authenticate(ctx context.Context) (Token, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	fresh, err := c.requestToken(ctx)
	if err != nil {
		return Token{}, err
	}
	c.tokens.keep(fresh)
	return fresh.told(), nil
}

// Token tells about the cached token, without a request; false if there is none, or none that is still valid.
func (c *Client) Token() (Token, bool) {
	cached := c.tokens.cached()
	if cached == nil || !time.Now().Before(cached.facts.Expiry) {
		return Token{}, false
	}
	return cached.told(), true
}

func (b *bearer) told() Token {
	facts := b.facts
	facts.Scopes, facts.Audiences = slices.Clone(facts.Scopes), slices.Clone(facts.Audiences)
	return facts
}

// tokenCache keeps one token. Callers who find none wait for the same request, each as long as its own context lasts.
type tokenCache struct {
	fetch   func(context.Context) (*bearer, error)
	timeout time.Duration

	mu      sync.Mutex
	current *bearer
	flight  *flight
	// exhausted is the refusal that the quota of tokens is used up, quotaFrom when to ask again.
	exhausted error
	quotaFrom time.Time
}

// flight is a token request under way. It ends early when nobody waits for it any more.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	token   *bearer
	err     error
}

// get returns the cached token, or that of one request shared by all who ask meanwhile. No failure is kept but that of a quota.
func (t *tokenCache) get(ctx context.Context) (*bearer, error) {
	t.mu.Lock()
	if t.current != nil && time.Now().Before(t.current.refreshAt) {
		defer t.mu.Unlock()
		return t.current, nil
	}
	if time.Now().Before(t.quotaFrom) {
		defer t.mu.Unlock()
		return nil, t.exhausted
	}
	if t.flight == nil {
		t.flight = t.start(ctx)
	}
	joined := t.flight
	joined.waiting++
	t.mu.Unlock()

	select {
	case <-joined.done:
		return joined.token, joined.err
	case <-ctx.Done():
		t.abandon(joined)
		return nil, tokenTransportError(ctx.Err())
	}
}

func (t *tokenCache) start(ctx context.Context) *flight {
	// The first caller may leave; the others must not lose their token with it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.timeout)
	started := &flight{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer cancel()
		started.token, started.err = t.fetch(ctx)
		t.land(started)
	}()
	return started
}

func (t *tokenCache) land(ended *flight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ended.err == nil {
		t.current = ended.token
	}
	if wait := QuotaWait(ended.err); wait > 0 {
		t.exhausted, t.quotaFrom = ended.err, time.Now().Add(wait)
	}
	if t.flight == ended {
		t.flight = nil
	}
	close(ended.done)
}

func (t *tokenCache) abandon(left *flight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left.waiting--
	if left.waiting > 0 {
		return
	}
	left.cancel()
	if t.flight == left {
		t.flight = nil
	}
}

func (t *tokenCache) keep(token *bearer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current, t.quotaFrom = token, time.Time{}
}

// drop forgets the token if it is still the cached one: a newer one may be good.
func (t *tokenCache) drop(refused *bearer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == refused {
		t.current = nil
	}
}

func (t *tokenCache) cached() *bearer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}
