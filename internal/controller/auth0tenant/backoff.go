package auth0tenant

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// The waits after credentials that were tried: minutes where they were refused, seconds where the host was not reached. A
// changed Secret or spec, or a request by annotation, is tried at once.
const (
	firstRefused     = time.Minute
	lastRefused      = 30 * time.Minute
	firstUnavailable = time.Second
	lastUnavailable  = 5 * time.Minute
)

// backoff is the last attempt to authenticate, and when the next one is due.
type backoff struct {
	// of is the fingerprint of what was tried, with the request of the Auth0Tenant.
	of string
	// failure is what the attempt came to; nil where a token was issued.
	failure *outcome.Outcome
	count   int
	// tried is when that was, until when the next one is due where nobody waits for it.
	tried, until time.Time
	// accepted is when credentials were last accepted.
	accepted time.Time
}

// succeed notes that a token was issued. Should the Management API refuse it, one new token is asked for at once; should it
// refuse that too, the next attempt waits.
func (b *backoff) succeed() {
	now := time.Now()
	if now.Sub(b.accepted) > 2*lastRefused { // Longer than any wait between two attempts.
		b.count = 0
	}
	b.accepted, b.tried, b.until = now, now, now
	if b.count > 0 {
		b.until = now.Add(min(firstRefused<<min(b.count-1, 20), lastRefused))
	}
	b.count++
	b.failure = nil
}

// fail keeps a failed attempt from being repeated too soon.
func (b *backoff) fail(o *outcome.Outcome) {
	first, last := firstUnavailable, lastUnavailable
	if o.Stalled {
		first, last = firstRefused, lastRefused
	}
	wait := max(min(first<<min(b.count, 20), last), o.After)
	b.count++
	b.tried = time.Now()
	b.failure, b.until = o, b.tried.Add(wait)
	if o.After = wait; o.Stalled {
		o.After = min(wait, firstRefused) // By then somebody may wait.
	}
}

// wait is the time until the next attempt. While somebody waits for credentials that were refused, it is not put off longer than
// after the first refusal.
func (b *backoff) wait(awaited bool) time.Duration {
	until, refused := b.until, b.failure == nil || b.failure.Stalled
	if soon := b.tried.Add(firstRefused); awaited && refused && soon.Before(until) {
		until = soon
	}
	return time.Until(until)
}

// whenTried is told beside credentials that Auth0 refuses, as nothing tells the operator that they were corrected there.
const whenTried = " They are tried again within a minute while a ClientGrant waits, else within 30 minutes; at once when the Secret " +
	"changes, or on request: set the annotation " + v1alpha1.ReconcileRequestAnnotation + " to a new value."

// told is what the last attempt showed. A token that was issued and then refused lacks a scope, where the tenant said so.
func (b *backoff) told(open *tenant.Session) outcome.Outcome {
	switch {
	case b.failure != nil:
		return *b.failure
	case open != nil && open.Health().Lacking != "":
		return *insufficientScope([]string{open.Health().Lacking})
	}
	return *outcome.Stalled(v1alpha1.ReasonInvalidCredentials,
		"Auth0 issues tokens for these credentials, but its Management API refuses them: see the tenant's log."+whenTried)
}
