package sim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// issuedToken is what the tenant remembers of an access token.
type issuedToken struct {
	expires time.Time
	revoked bool
	host    string // that it was obtained from
}

// authenticate checks the bearer token of a request to the Management API. The answers are the recorded and reported
// ones: a missing header is a 401, a header that cannot hold a token a 400, a token that does not count a 401.
func (s *Server) authenticate(q *request) *response {
	header := q.http.Header.Get("Authorization")
	parts := strings.Fields(header)
	switch {
	case header == "":
		return missingAuthentication()
	case len(parts) != 2:
		return malformedAuthentication()
	case !strings.EqualFold(parts[0], "Bearer"):
		return missingAuthentication()
	case strings.Count(parts[1], ".") != 2:
		return malformedAuthentication()
	}
	t, err := parseToken(parts[1])
	if err != nil {
		return unauthorized("Invalid token")
	}
	if t.verify(&signingKey().PublicKey) != nil {
		return unauthorized("Invalid signature received for JSON Web Token validation")
	}
	if audience := s.managementAudience(); !slices.Contains(t.audiences(), audience) {
		return unauthorized("Bad audience: " + strings.Join(t.audiences(), ","))
	}
	return s.checkIssued(q, t)
}

// checkIssued looks the token up: it must be this tenant's and still count.
func (s *Server) checkIssued(q *request, t token) *response {
	issued := s.tokens[t.claims.textOf("jti")]
	switch {
	case issued == nil || issued.revoked:
		return unauthorized("Invalid token")
	case !q.now.Before(issued.expires):
		return unauthorized("Expired token received for JSON Web Token validation")
	case s.settings.BindTokenToHost && issued.host != q.http.Host:
		return unauthorized("Invalid token")
	}
	q.scopes = t.claims.textOf("scope")
	return nil
}

func missingAuthentication() *response {
	refusal := fail(http.StatusUnauthorized, "Missing authentication", "")
	refusal.header.Set("Www-Authenticate", "Bearer")
	return &refusal
}

func malformedAuthentication() *response {
	refusal := fail(http.StatusBadRequest, "Bad HTTP authentication header format", "Bearer")
	return &refusal
}

// unauthorized is the 401 for a token that does not count: the message twice, and no errorCode.
func unauthorized(message string) *response {
	refusal := reply(http.StatusUnauthorized, errorBody{
		StatusCode: http.StatusUnauthorized, Error: http.StatusText(http.StatusUnauthorized), Message: message,
		Attributes: map[string]string{"error": message},
	})
	refusal.header.Set("Www-Authenticate", `Bearer error="`+message+`"`)
	return &refusal
}

// ExpireTokens makes every token that was issued so far expired. Its exp claim stays as it is.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for _, issued := range s.tokens {
		if issued.expires.After(now) {
			issued.expires = now
		}
	}
}

// RevokeTokens makes every token that was issued so far invalid.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, issued := range s.tokens {
		issued.revoked = true
	}
}
