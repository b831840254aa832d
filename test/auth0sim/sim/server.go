package sim

import (
	"context"
	"crypto/rsa"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// maxPayload is the documented limit of a request body.
const maxPayload = 1 << 20

// Server is an Auth0 tenant in memory. It is an http.Handler for one host; every method can be called at any time,
// while requests are being served too.
type Server struct {
	admin *http.ServeMux // nil: no endpoints under /_sim/
	clock func() time.Time

	mu            sync.Mutex
	settings      Settings
	domain        string
	audience      string // of the Management API; empty: from the domain
	management    string // client ID of Options
	onRequest     func(*http.Request)
	clients       []*client
	clientByID    map[string]*client
	apis          []*api
	organizations []*organization
	grants        grantStore
	tokens        map[string]*issuedToken // by jti
	assertions    map[string]time.Time    // used jti of assertions, with their end
	buckets       [3]bucket               // by bucketKind
	faults        []*Injection
	journal       journal

	closing   chan struct{}
	closeOnce sync.Once
}

// New makes a tenant with the client of options and the Management API, and nothing else.
func New(options Options) *Server {
	s := &Server{
		clock:      options.Clock,
		settings:   options.Settings,
		domain:     strings.ToLower(options.Domain),
		audience:   options.ManagementAudience,
		clientByID: map[string]*client{},
		grants:     newGrantStore(),
		tokens:     map[string]*issuedToken{},
		assertions: map[string]time.Time{},
		closing:    make(chan struct{}),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if options.Admin {
		s.admin = s.adminMux()
	}
	s.journal.dir = options.ExchangeDir
	if s.journal.dir == "" {
		s.journal.dir = os.Getenv("CONTRACT_LOG_DIR")
	}
	for i, limit := range s.settings.limits() {
		s.buckets[i].fill(limit, s.clock())
	}
	s.addManagement(options)
	return s
}

// addManagement makes the client of options and the Management API.
func (s *Server) addManagement(options Options) {
	doc := clientDefaults("non_interactive")
	doc.set("name", stringValue("Management client"))
	doc.set("app_type", stringValue("non_interactive"))
	c := &client{id: options.ClientID, secret: options.ClientSecret, doc: doc}
	if options.ClientPublicKey != nil {
		c.keys = []*rsa.PublicKey{options.ClientPublicKey}
	}
	s.registerClient(c)
	s.management = c.id
	s.apis = append(s.apis, newManagementAPI())
}

// Close lets requests that hang go on and closes the file of exchanges. The state can still be read.
func (s *Server) Close() {
	s.closeOnce.Do(func() { close(s.closing) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal.close()
}

// Domain is the tenant's canonical host[:port]; empty before the first request, if Options did not give it.
func (s *Server) Domain() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.domain
}

// ClientID is the client of Options.
func (s *Server) ClientID() string { return s.management }

// ClientSecret is the secret of the client of Options, as it is now.
func (s *Server) ClientSecret() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.client(s.management); c != nil {
		return c.secret
	}
	return ""
}

// ManagementAudience is the identifier of the Management API.
func (s *Server) ManagementAudience() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.managementAudience()
}

func (s *Server) managementAudience() string {
	if s.audience != "" {
		return s.audience
	}
	return "https://" + s.domain + "/api/v2/"
}

// request is a request as the handlers see it.
type request struct {
	http    *http.Request
	path    string   // escaped, as it was sent
	route   *route   // nil: there is none
	params  []string // the parts of the path that the route leaves open, unescaped
	raw     []byte
	body    value  // the parsed body, where the route takes one
	query   value  // the parsed query, where the route has a schema for it
	scopes  string // of the token, separated by spaces
	id      string // of the request, for the log of the tenant
	now     time.Time
	tooLong bool
}

// ServeHTTP answers one request: the faults that come before its effect, its effect, the faults that come after it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.admin != nil && strings.HasPrefix(r.URL.Path, adminPrefix) {
		s.serveAdmin(w, r)
		return
	}
	q := s.read(w, r)
	s.mu.Lock()
	hook, latency := s.onRequest, s.settings.Latency
	s.mu.Unlock()
	if hook != nil {
		hook(r)
	}
	s.pause(r.Context(), latency)
	resp, lost := s.respond(q)
	s.mu.Lock()
	s.journal.add(q, resp, lost)
	s.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler) // closes the connection, or resets the stream of HTTP/2, without an answer
	}
	resp.write(w, standardHeader(q.id))
}

// read takes the body in and finds the route.
func (s *Server) read(w http.ResponseWriter, r *http.Request) *request {
	q := &request{http: r, path: r.URL.EscapedPath(), id: randomHex(16), now: s.clock()}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	q.raw, q.tooLong = body, err != nil
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	q.route, q.params = findRoute(r.Method, q.path)
	for i, p := range q.params {
		if unescaped, err := url.PathUnescape(p); err == nil {
			q.params[i] = unescaped
		}
	}
	return q
}

// pause waits, at most until the client is gone or the tenant is closed.
func (s *Server) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.closing:
	}
}

// respond finds the answer; true means that it must not be sent.
func (s *Server) respond(q *request) (response, bool) {
	if instead := s.suffer(q, false); instead != nil {
		return instead.response, instead.lost
	}
	resp := s.answer(q)
	if instead := s.suffer(q, true); instead != nil {
		return instead.response, instead.lost
	}
	return resp, false
}

// answer does what the request asks for.
func (s *Server) answer(q *request) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.now = s.clock()
	if s.domain == "" {
		s.domain = strings.ToLower(q.http.Host)
	}
	switch {
	case q.route == nil:
		return errUnknownRoute
	case q.route.pattern == tokenPath:
		return s.issueToken(q)
	default:
		return s.limited(q, s.manage)
	}
}

// manage answers a request to the Management API: who is asking, may they, is it well formed, what comes of it.
func (s *Server) manage(q *request) response {
	if refusal := s.authenticate(q); refusal != nil {
		return *refusal
	}
	if refusal := q.authorize(); refusal != nil {
		return *refusal
	}
	if s.settings.NoOrganizations && strings.Contains(q.route.pattern, "organizations") {
		return errNoOrganizations
	}
	if refusal := s.parse(q); refusal != nil {
		return *refusal
	}
	return q.route.handle(s, q)
}
