package controller

import (
	"errors"
	"net/http"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// How long a refused write is held back: a client or API that Auth0 does not know may appear any minute, other refusals
// need somebody to act.
const (
	firstUnknown = time.Minute
	firstRefused = 10 * time.Minute
	lastRefused  = 24 * time.Hour
	// unknownStalls is how long a client or API may be unknown before that is told as a standstill.
	unknownStalls = time.Hour
)

// refused notes a write that Auth0 refused because of the object, and returns what is told. Other errors pass.
func (p *pass) refused(err error, seen *grant.Grant) error {
	status := auth0.StatusOf(err)
	s := stateOf(err)
	if s.retry || s.silent || s.after > 0 || errors.Is(err, tenant.ErrParked) {
		return err
	}
	_ = p.hold(p.identity, s, seen)
	if status == http.StatusNotFound && time.Since(p.memory.refusal.since) >= unknownStalls {
		s.stalled = true
	}
	return s
}

// hold keeps the write from being sent again until its time comes, the spec changes, or the grant does.
func (p *pass) hold(identity grant.Identity, s *state, seen *grant.Grant) error {
	r := p.memory.refusal
	if r == nil || r.identity != identity {
		r = &refusal{identity: identity, since: time.Now()}
		p.memory.refusal = r
	}
	first := firstRefused
	if auth0.IsNotFound(s.cause) {
		first = firstUnknown
	}
	wait := min(first<<min(r.count, 20), lastRefused)
	r.state, r.seen, r.until = s, seen, time.Now().Add(wait)
	r.count++
	s.after = wait
	return s
}

// heldBack returns the last refusal while it stands for the grant as it is now.
func (p *pass) heldBack(identity grant.Identity, seen *grant.Grant) error {
	r := p.memory.refusal
	if r == nil || r.identity != identity {
		return nil
	}
	same := r.seen == nil && seen == nil || r.seen != nil && seen != nil && r.seen.Equal(*seen)
	wait := time.Until(r.until)
	if !same || wait <= 0 {
		return nil
	}
	again := *r.state
	again.after = wait
	return &again
}
