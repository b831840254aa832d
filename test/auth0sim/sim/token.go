package sim

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// tokenRequest is a request for an access token, whatever way it came.
type tokenRequest struct {
	GrantType     string `json:"grant_type"`
	Audience      string `json:"audience"`
	Scope         string `json:"scope"`
	ClientID      string `json:"client_id"`
	ClientSecret  string `json:"client_secret"`
	AssertionType string `json:"client_assertion_type"`
	Assertion     string `json:"client_assertion"`
	basic         bool   // the client came by HTTP Basic, where its parts are escaped, or should be
}

// tokenAnswer is the answer with a token.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	Scope       string `json:"scope,omitempty"`
	ExpiresIn   int    `json:"expires_in"`
	TokenType   string `json:"token_type"`
}

// tokenError is the shape of the token endpoint's errors.
type tokenError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// refuseToken answers with an error of the token endpoint.
func refuseToken(status int, code, description string) response {
	return reply(status, tokenError{code, description})
}

var errAccessDenied = refuseToken(http.StatusUnauthorized, "access_denied", "Unauthorized")

// issueToken is POST /oauth/token for the client credentials grant.
func (s *Server) issueToken(q *request) response {
	asked, ok := q.tokenRequest()
	if q.tooLong || !ok {
		return errBadJSON
	}
	if asked.GrantType == "" {
		return refuseToken(http.StatusForbidden, "invalid_request", "Missing required parameter: grant_type")
	}
	if asked.GrantType != "client_credentials" {
		return refuseToken(http.StatusForbidden, "unsupported_grant_type", "Unsupported grant type: "+asked.GrantType)
	}
	c, refusal := s.authenticateClient(q, asked)
	if refusal != nil {
		return *refusal
	}
	if !c.allows(asked.GrantType) {
		return refuseToken(http.StatusForbidden, "unauthorized_client",
			"Grant type 'client_credentials' not allowed for the client.")
	}
	scopes, refusal := s.grantedScopes(c, asked.Audience)
	if refusal != nil {
		return *refusal
	}
	for scope := range strings.FieldsSeq(asked.Scope) {
		if !slices.Contains(scopes, scope) {
			return refuseToken(http.StatusForbidden, "access_denied", "Client has not been granted scopes: "+scope)
		}
	}
	if asked.Scope != "" {
		scopes = strings.Fields(asked.Scope)
	}
	return s.accessToken(q, c, asked.Audience, strings.Join(scopes, " "))
}

// tokenRequest reads the parameters from a form or a JSON body, and the client from HTTP Basic if it is there.
func (q *request) tokenRequest() (tokenRequest, bool) {
	var asked tokenRequest
	media, _, _ := mime.ParseMediaType(q.http.Header.Get("Content-Type"))
	if media == "application/json" {
		if err := json.Unmarshal(q.raw, &asked); err != nil {
			return asked, false
		}
	} else {
		form, err := url.ParseQuery(string(q.raw))
		if err != nil {
			return asked, false
		}
		asked = tokenRequest{
			GrantType: form.Get("grant_type"), Audience: form.Get("audience"), Scope: form.Get("scope"),
			ClientID: form.Get("client_id"), ClientSecret: form.Get("client_secret"),
			AssertionType: form.Get("client_assertion_type"), Assertion: form.Get("client_assertion"),
		}
	}
	if id, secret, ok := q.http.BasicAuth(); ok {
		asked.ClientID, asked.ClientSecret, asked.basic = unescape(id), secret, true
	}
	return asked, true
}

// authenticateClient finds the client that asks and checks that it is that client.
func (s *Server) authenticateClient(q *request, asked tokenRequest) (*client, *response) {
	if asked.Assertion != "" {
		return s.checkAssertion(q, asked)
	}
	c := s.client(asked.ClientID)
	if c == nil || asked.ClientSecret == "" {
		return nil, &errAccessDenied
	}
	if c.secret != asked.ClientSecret && (!asked.basic || c.secret != unescape(asked.ClientSecret)) {
		return nil, &errAccessDenied
	}
	return c, nil
}

// grantedScopes are the scopes that the client may have of the API with that audience.
func (s *Server) grantedScopes(c *client, audience string) ([]string, *response) {
	if audience == "" {
		refusal := refuseToken(http.StatusForbidden, "access_denied",
			"No audience parameter was provided, and no default audience has been configured")
		return nil, &refusal
	}
	a := s.apiByIdentifier(audience)
	if a == nil {
		refusal := refuseToken(http.StatusForbidden, "access_denied", "Service not enabled within domain: "+audience)
		return nil, &refusal
	}
	if c.id == s.management && a.management {
		if s.settings.GrantedScopes != nil {
			return s.settings.GrantedScopes, nil
		}
		return managementScopes, nil
	}
	g := s.effectiveGrant(c, audience)
	if g == nil || a.policy("client") == "deny_all" {
		refusal := refuseToken(http.StatusForbidden, "access_denied", `Client is not authorized to access "`+audience+`". `+
			`You might probably want to create a "client-grant" associated to this API. `+
			"See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants")
		return nil, &refusal
	}
	if g.allScopes() {
		return s.apiScopes(a), nil
	}
	return g.Scope, nil
}

// effectiveGrant is the client's own grant, or for third parties the default one.
func (s *Server) effectiveGrant(c *client, audience string) *storedGrant {
	own := s.grants.byIdentity[identity{clientID: c.id, audience: audience, subjectType: "client"}]
	if own != nil || !c.isThirdParty() {
		return own
	}
	return s.grants.byIdentity[identity{
		defaultFor: "third_party_clients", audience: audience, subjectType: "client",
	}]
}

// accessToken issues a token that looks and lives like the real ones.
func (s *Server) accessToken(q *request, c *client, audience, scope string) response {
	lifetime := 24 * time.Hour
	if a := s.apiByIdentifier(audience); a.management && s.settings.TokenLifetime > 0 {
		lifetime = s.settings.TokenLifetime
	} else if !a.management {
		lifetime = time.Duration(a.doc.number("token_lifetime", 86400)) * time.Second
	}
	id := randomText(22)
	s.tokens[id] = &issuedToken{expires: q.now.Add(lifetime), host: q.http.Host}
	text := signToken(objectValue(
		"iss", "https://"+q.http.Host+"/", "sub", c.id+"@clients", "aud", audience, "iat", int(q.now.Unix()),
		"exp", int(q.now.Add(lifetime).Unix()), "scope", scope, "gty", "client-credentials", "azp", c.id, "jti", id,
	))
	answer := tokenAnswer{text, scope, int(lifetime.Seconds()), "Bearer"}
	if s.settings.OmitTokenScope {
		answer.Scope = ""
	}
	resp := reply(http.StatusOK, answer)
	resp.header.Set("Cache-Control", "no-store")
	return resp
}
