package tenant

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// ErrOtherGrant says that an answer to a write spoke of another grant than the one that was meant.
var ErrOtherGrant = errors.New("the tenant answered about another grant")

// ErrParked says that the host's budget lets somebody else call first: the key is woken when it is its turn.
var ErrParked = errors.New("waiting for the rate limit of the tenant")

// Ready takes the token that the next write of key needs, or returns ErrParked. What was decided before is checked again
// after it, and the write made at once; Sessions.EndPass gives back a token that was not used.
func (s *Session) Ready(key Key, class Class) error {
	if !s.budget.Acquire(key, class) {
		return ErrParked
	}
	return nil
}

// Create makes a grant, with a token from Ready.
func (s *Session) Create(ctx context.Context, key Key, identity grant.Identity, body grant.New) (grant.Grant, error) {
	return s.write(key, identity, func(client *auth0.Client) (grant.Grant, error) { return client.Create(ctx, body) })
}

// Change changes the grant that has the given ID now, with a token from Ready.
func (s *Session) Change(ctx context.Context, key Key, identity grant.Identity, id string, change grant.Fields) (grant.Grant, error) {
	return s.write(key, identity, func(client *auth0.Client) (grant.Grant, error) { return client.Update(ctx, id, change) })
}

// Delete deletes the grant that has the given ID now, with a token from Ready. Success proves nothing: Auth0 answers
// the same for an ID that does not exist. The answer's time is that after which an observation is proof.
func (s *Session) Delete(ctx context.Context, key Key, identity grant.Identity, id string) (answered time.Time, err error) {
	_, err = s.write(key, identity, func(client *auth0.Client) (grant.Grant, error) {
		return grant.Grant{}, client.Delete(ctx, id)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = time.Now()
	s.nudge() // Whoever waits for proof waits a little longer.
	return s.deleted, err
}

// write makes one call and folds its answer in. An answer about another identity than the one meant is not believed.
func (s *Session) write(key Key, identity grant.Identity,
	call func(*auth0.Client) (grant.Grant, error),
) (grant.Grant, error) {
	if s.Config().ReadOnly {
		s.budget.EndCall(key, Unsent)
		return grant.Grant{}, ErrReadOnly
	}
	s.budget.StartCall(key)
	sent := time.Now()
	held, err := call(s.currentClient())
	s.budget.EndCall(key, OutcomeOf(err))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(err)
	if untouched(err) {
		return grant.Grant{}, err
	}
	if err == nil && held.ID != "" && held.Identity(s.config.Host) != identity {
		err = ErrOtherGrant
	}
	if err != nil || held.ID == "" {
		s.picture.wrote(identity, nil, sent, time.Now())
		return grant.Grant{}, err
	}
	s.picture.wrote(identity, &held, sent, time.Now())
	return held, nil
}

// note stops the host after a 429 of its token endpoint, and has the credentials looked at after they were refused. Of
// the Management API's own answers the budget is told by Sessions.Observed.
func (s *Session) note(err error) {
	if token, ok := errors.AsType[*auth0.TokenError](err); ok && auth0.IsRateLimited(err) {
		s.budget.Refused(token.RateLimit)
	}
	if Refused(err) {
		s.suspect, s.lacking = true, lackingScope(err)
		s.report()
	}
}

// lackingScope is the Management API scope for want of which a call was refused; empty where that was not the cause.
func lackingScope(err error) string {
	var call *auth0.Error
	if !errors.As(err, &call) || call.Code != codeInsufficientScope {
		return ""
	}
	switch call.Method {
	case http.MethodPost:
		return "create:client_grants"
	case http.MethodPatch:
		return "update:client_grants"
	case http.MethodDelete:
		return "delete:client_grants"
	}
	return "read:client_grants"
}

// untouched says that a request surely changed nothing and told nothing about the grant: what is known of it stays known.
func untouched(err error) bool {
	if failed, ok := errors.AsType[*auth0.TransportError](err); ok {
		return !failed.Sent
	}
	if call, ok := errors.AsType[*auth0.Error](err); ok && plainRefusal(call) {
		return true
	}
	_, unissued := errors.AsType[*auth0.TokenError](err)
	return unissued || auth0.IsRateLimited(err) || Refused(err)
}

// plainRefusal says that a call was refused for what it asks for, or for whom: an object that Auth0 refuses again and again
// costs one call each time, and no look. A change or deletion of a grant that is not found has learned something.
func plainRefusal(call *auth0.Error) bool {
	switch call.Status {
	case http.StatusBadRequest, http.StatusForbidden:
		return true
	case http.StatusNotFound:
		return call.Method == http.MethodPost
	}
	return false
}

// codeInsufficientScope is the recorded errorCode of a call for which the token lacks a scope. Other 403 answers, such
// as a limit of the plan, are about the call.
const codeInsufficientScope = "insufficient_scope"

// Refused says that the tenant did not accept the credentials, or not for this call.
func Refused(err error) bool {
	if token, ok := errors.AsType[*auth0.TokenError](err); ok {
		return !token.RateLimited() && !token.Unavailable()
	}
	call, ok := errors.AsType[*auth0.Error](err)
	return ok && (auth0.IsUnauthorized(err) || call.Code == codeInsufficientScope)
}
