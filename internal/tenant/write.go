package tenant

import (
	"context"
	"errors"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Ready takes the token that the next write of key needs, or returns ErrParked. The caller then checks its decision again and
// makes the write at once; Sessions.EndPass gives back a token that was not used.
func (s *Session) Ready(key budget.Key, class budget.Class) error {
	if !s.budget.Acquire(key, class) {
		return ErrParked
	}
	return nil
}

// Create makes a grant, with a token from Ready.
func (s *Session) Create(ctx context.Context, key budget.Key, identity grant.Identity, body grant.New) (grant.Grant, error) {
	made, sent, err := s.write(key, identity, func(client *auth0.Client) (grant.Grant, error) { return client.Create(ctx, body) })
	if auth0.Unanswered(err) || errors.Is(err, ErrOtherGrant) {
		s.late.add(identity, sent)
	}
	return made, err
}

// Change changes the grant that has the given ID now, with a token from Ready.
func (s *Session) Change(ctx context.Context, key budget.Key, identity grant.Identity, id string, change grant.Fields) (grant.Grant, error) {
	changed, _, err := s.write(key, identity, func(client *auth0.Client) (grant.Grant, error) { return client.Update(ctx, id, change) })
	return changed, err
}

// Delete deletes the grant that has the given ID now, with a token from Ready. Success proves nothing: Auth0 answers
// the same for an ID that does not exist. The answer's time is that after which an observation is proof.
func (s *Session) Delete(ctx context.Context, key budget.Key, identity grant.Identity, id string) (answered time.Time, err error) {
	_, _, err = s.write(key, identity, func(client *auth0.Client) (grant.Grant, error) {
		return grant.Grant{}, client.Delete(ctx, id)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = time.Now()
	s.nudge() // Keys that wait for proof wait a little longer.
	return s.deleted, err
}

// write makes one call and takes over its answer; sent is when the call began. An answer about another identity than the one
// meant is not believed.
func (s *Session) write(key budget.Key, identity grant.Identity,
	call func(*auth0.Client) (grant.Grant, error),
) (held grant.Grant, sent time.Time, err error) {
	if s.Config().ReadOnly {
		s.budget.EndCall(key, budget.Unsent)
		return grant.Grant{}, time.Time{}, ErrReadOnly
	}
	s.budget.StartCall(key)
	sent = time.Now()
	held, err = call(s.currentClient())
	s.budget.EndCall(key, budget.OutcomeOf(err))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(err)
	if untouched(err) {
		return grant.Grant{}, sent, err
	}
	if err == nil && held.ID != "" && held.Identity(s.config.Host) != identity {
		err = ErrOtherGrant
	}
	if err != nil || held.ID == "" {
		s.inventory.wrote(identity, nil, sent, time.Now())
		return grant.Grant{}, sent, err
	}
	s.inventory.wrote(identity, &held, sent, time.Now())
	return held, sent, nil
}

// note stops the host after a 429 of its token endpoint, and reports credentials that were refused. The Management API's own
// answers reach the budget through Sessions.Observed. The caller holds the lock.
func (s *Session) note(err error) {
	if token, ok := errors.AsType[*auth0.TokenError](err); ok && auth0.IsRateLimited(err) {
		s.budget.Refused(token.RateLimit)
	}
	if Refused(err) {
		s.suspect, s.lacking = true, lackingScope(err)
		s.report()
	}
}
