package sim

import (
	"crypto/rsa"
	"net/http"
	"slices"
	"strings"
	"time"
)

// assertionType is the one kind of client assertion there is.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Limits of a client assertion, as documented.
const (
	maxAssertion         = 2048
	maxAssertionLifetime = 5 * time.Minute
	assertionSkew        = 10 * time.Second
)

// checkAssertion authenticates a client by a token that it signed itself (private key JWT). That a bad one is refused
// is documented; the words are not.
func (s *Server) checkAssertion(q *request, asked tokenRequest) (*client, *response) {
	refuse := func(description string) (*client, *response) {
		refusal := refuseToken(http.StatusUnauthorized, "invalid_client", description)
		return nil, &refusal
	}
	t, err := parseToken(asked.Assertion)
	if asked.AssertionType != assertionType || err != nil || len(asked.Assertion) > maxAssertion {
		return refuse("Invalid client assertion")
	}
	subject := t.claims.textOf("sub")
	if subject == "" || t.claims.textOf("iss") != subject || asked.ClientID != "" && asked.ClientID != subject {
		return refuse("'iss' and 'sub' claims must be the client ID")
	}
	c := s.client(subject)
	if c == nil || !slices.ContainsFunc(c.keys, func(key *rsa.PublicKey) bool { return t.verify(key) == nil }) {
		return refuse("Signature verification failed")
	}
	if !s.acceptsAudience(q, t) {
		return refuse("'aud' claim must be https://" + s.domain + "/")
	}
	if description := s.checkTimes(q, t); description != "" {
		return refuse(description)
	}
	id := t.claims.textOf("jti")
	if id == "" || s.assertions[subject+"\n"+id].After(q.now) {
		return refuse("'jti' claim must be unique")
	}
	s.assertions[subject+"\n"+id] = q.now.Add(maxAssertionLifetime + assertionSkew)
	return c, nil
}

// acceptsAudience says whether the assertion is for this tenant, under its own name or the one that was called.
func (s *Server) acceptsAudience(q *request, t token) bool {
	for _, audience := range t.audiences() {
		if audience == "https://"+s.domain+"/" || audience == "https://"+strings.ToLower(q.http.Host)+"/" {
			return true
		}
	}
	return false
}

// checkTimes returns what is wrong with the times of an assertion.
func (s *Server) checkTimes(q *request, t token) string {
	issued, hasIssued := t.time("iat")
	expires, hasExpires := t.time("exp")
	switch {
	case !hasExpires:
		return "'exp' claim is missing"
	case !expires.After(q.now):
		return "'exp' claim timestamp check failed"
	case hasIssued && issued.After(q.now.Add(assertionSkew)):
		return "'iat' claim timestamp check failed"
	case !hasIssued:
		issued = q.now
	}
	if expires.Sub(issued) > maxAssertionLifetime+assertionSkew {
		return "'exp' claim must specify a time that is no more than 5 minutes after 'iat'"
	}
	return ""
}
