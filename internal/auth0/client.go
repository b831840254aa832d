// Package auth0 is a client of the Auth0 Management API for client grants: list, get, create, change, delete, and the
// access tokens for that. Every method makes at most one API call, never sleeps and never tries again: whoever calls it
// owns the only retry loop. What became of a call is told by the type of its error, never by its text, and no error,
// message or printed value holds a secret or a token.
//
// Rules of the remote side that the code relies on are marked "recorded" (seen in recorded exchanges with real tenants),
// "documented" (Auth0's documentation or its official API description) or "reported" (quoted by users).
package auth0

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultTimeout bounds one call where [Options] names no other time.
const DefaultTimeout = 30 * time.Second

// defaultUserAgent is sent where Options names no other.
const defaultUserAgent = "clientgrant-operator"

// Options say which tenant a client talks to, and how.
type Options struct {
	// Domain is the tenant's host[:port]. The client always speaks HTTPS and sends its credentials nowhere else.
	Domain string
	// Audience is the identifier of the tenant's Management API, for example https://acme.eu.auth0.com/api/v2/ with the
	// slash at the end. It names the canonical domain even where Domain is a custom one (documented).
	Audience string
	// Credentials of the application that holds the operator's own grant on the Management API.
	Credentials Credentials
	// RoundTripper carries the requests. Nil is a transport of the client's own: proxies from the environment, the
	// system's roots and those of SSL_CERT_FILE, HTTP/2, and a bound on every step. One given here should report to
	// net/http/httptrace as http.Transport does: without that no failed request counts as surely not sent.
	RoundTripper http.RoundTripper
	// Timeout bounds one call from its start to the last byte of its answer, the wait for a token included. 0 means
	// DefaultTimeout; less is an error.
	Timeout time.Duration
	// UserAgent is sent with every request. Empty means "clientgrant-operator".
	UserAgent string
	// Guard, where set, is asked right before every request but the token request leaves: when the call is handed to the
	// transport, and again when the body of a write is about to follow on a connection that stands. An error refuses the
	// request: it is not sent, and the call returns a [TransportError] that wraps it. It must be safe for concurrent use.
	Guard func(method string) error
	// Fence, where set, is asked before anything leaves on a connection of the client's own transport, whatever the method and
	// however often the transport tries: an error breaks the connection. It must be safe for concurrent use, and quick.
	Fence func() error
	// OnResponse, where set, is told about every Management API call that was handed to the transport, before the call
	// returns. It is not told of token requests and of what Guard refused. It must be safe for concurrent use.
	OnResponse func(Response)
	// OnTokenResponse, where set, is told the HTTP status of every answer of the token endpoint, or 0 if none came. It must
	// be safe for concurrent use.
	OnTokenResponse func(status int)
}

// Response tells how one Management API call went, for metrics and for a budget.
type Response struct {
	// Method of the request.
	Method string
	// Route is the path with {id} in the place of an ID.
	Route string
	// Status is the HTTP status, or 0 if no whole head of an answer came.
	Status int
	// RateLimit as the answer's headers tell it.
	RateLimit RateLimit
	// Duration from handing the request to the transport to the last byte of the answer.
	Duration time.Duration
}

// Client talks to one tenant with one set of credentials. It is safe for concurrent use.
type Client struct {
	base         string // https://host, without a slash at the end
	audience     string
	timeout      time.Duration
	transport    http.RoundTripper
	identity     *identity
	tokens       *tokenCache
	guard        func(method string) error
	observe      func(Response)
	observeToken func(status int)
}

// New makes a client and sends nothing. Its errors name the option that is wrong, and never show its content.
func New(options Options) (*Client, error) {
	host, err := canonicalHost(options.Domain)
	if err != nil {
		return nil, err
	}
	if options.Audience == "" {
		return nil, errors.New("audience: must not be empty")
	}
	if options.Timeout < 0 {
		return nil, errors.New("timeout: must not be negative")
	}
	agent := options.UserAgent
	if agent == "" {
		agent = defaultUserAgent
	}
	if !isVisible(strings.ReplaceAll(agent, " ", "")) {
		return nil, errors.New("user agent: must be printable ASCII")
	}
	identity, err := newIdentity(options.Credentials, "https://"+host+"/")
	if err != nil {
		return nil, err
	}
	client := &Client{
		base: "https://" + host, audience: options.Audience, timeout: options.Timeout, identity: identity,
		guard: options.Guard, observe: options.OnResponse, observeToken: options.OnTokenResponse,
	}
	if client.timeout == 0 {
		client.timeout = DefaultTimeout
	}
	client.transport = newSender(options.RoundTripper, agent, client.timeout, options.Fence)
	client.tokens = &tokenCache{fetch: client.requestToken, timeout: client.timeout}
	return client, nil
}

// Close closes the idle connections of the client's transport. Calls under way go on, and later ones open new
// connections.
func (c *Client) Close() {
	closeIdle(c.transport)
}

// String names the tenant's host.
func (c Client) String() string {
	return "client of " + c.base
}

// Format writes String, whatever the verb and its flags.
func (c Client) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, c.String())
}

// canonicalHost is the host[:port] in lower case, without the default port.
func canonicalHost(domain string) (string, error) {
	parsed, err := url.Parse("https://" + domain)
	if err != nil || parsed.Host != domain || parsed.Hostname() == "" || strings.HasSuffix(domain, ":") {
		return "", errors.New("domain: must be a host name with an optional port, without scheme and path")
	}
	return strings.TrimSuffix(strings.ToLower(domain), ":443"), nil
}
