package sim

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong with requests, instead of (Status, Drop) or in addition to (Delay, Hang) the
// right answer.
type Fault struct {
	// Method and Route choose the requests; empty chooses all. Route is a pattern such as "/client-grants",
	// "/client-grants/{id}" or "/oauth/token", or the path of one object such as "/client-grants/cgr_…".
	Method string
	Route  string
	// Times is how many requests suffer; 0 means one, and a negative number all until the fault is removed.
	Times int
	// Skip lets so many of the chosen requests pass first.
	Skip int
	// After lets the request have its effect first.
	After bool
	// Delay waits.
	Delay time.Duration
	// Hang waits until the client gives up, the fault is removed or the server is closed.
	Hang bool
	// Drop closes the connection without an answer.
	Drop bool
	// Status answers with that status instead. Without a Body it is the one that the API has for this status.
	Status int
	// Body and Header replace those of the answer with Status.
	Body   string
	Header http.Header
}

// Injection is a fault that is in force.
type Injection struct {
	fault   Fault
	removed chan struct{}
	once    sync.Once

	mu   sync.Mutex
	seen int
	hits int
}

// Hits is how many requests have suffered so far.
func (i *Injection) Hits() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hits
}

// Remove ends the fault; requests that hang because of it go on.
func (i *Injection) Remove() { i.once.Do(func() { close(i.removed) }) }

// Inject brings a fault into force. Of several that a request matches, the oldest counts.
func (s *Server) Inject(fault Fault) *Injection {
	injection := &Injection{fault: fault, removed: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, injection)
	return injection
}

// ClearFaults removes every fault.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.faults {
		i.Remove()
	}
	s.faults = nil
}

// claim counts the request and says whether it suffers.
func (i *Injection) claim(q *request, after bool) bool {
	select {
	case <-i.removed:
		return false
	default:
	}
	if i.fault.After != after || !i.fault.chooses(q) {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen++
	if i.seen <= i.fault.Skip || i.fault.Times >= 0 && i.hits >= max(i.fault.Times, 1) {
		return false
	}
	i.hits++
	return true
}

func (f *Fault) chooses(q *request) bool {
	if f.Method != "" && f.Method != q.http.Method {
		return false
	}
	switch f.Route {
	case "":
		return true
	case strings.TrimPrefix(q.path, apiPath):
		return true
	default:
		return q.route != nil && q.route.pattern == f.Route
	}
}

// replacement is what is sent, or not sent, instead of the right answer.
type replacement struct {
	response response
	lost     bool
}

// suffer applies the fault that hits the request before or after its effect; nil means that the request goes on.
func (s *Server) suffer(q *request, after bool) *replacement {
	s.mu.Lock()
	n := slices.IndexFunc(s.faults, func(i *Injection) bool { return i.claim(q, after) })
	if n < 0 {
		s.mu.Unlock()
		return nil
	}
	injection := s.faults[n]
	s.mu.Unlock()
	fault := injection.fault
	s.pause(q.http.Context(), fault.Delay)
	if fault.Hang {
		select {
		case <-q.http.Context().Done():
		case <-injection.removed:
		case <-s.closing:
		}
	}
	switch {
	case fault.Drop:
		return &replacement{lost: true}
	case fault.Status != 0:
		return &replacement{response: s.artificial(q, fault)}
	default:
		return nil
	}
}

// artificial makes the answer of a fault.
func (s *Server) artificial(q *request, fault Fault) response {
	resp := s.usual(q, fault.Status)
	resp.header = resp.header.Clone()
	if fault.Body != "" {
		resp.body = []byte(fault.Body)
	}
	for name, values := range fault.Header {
		resp.header[http.CanonicalHeaderKey(name)] = values
	}
	resp.fault = true
	return resp
}

// usual is what the API answers with that status when it cannot be helped.
func (s *Server) usual(q *request, status int) response {
	switch {
	case q.route == tokenRoute && status == http.StatusTooManyRequests:
		return refuseToken(status, "too_many_requests", "Client quota exceeded")
	case q.route == tokenRoute && status == http.StatusUnauthorized:
		return errAccessDenied
	case q.route == tokenRoute:
		return refuseToken(status, "access_denied", http.StatusText(status))
	case status == http.StatusTooManyRequests:
		now := s.clock()
		limit := RateLimit{Limit: 50, PerSecond: 50}
		resp := fail(status, "Global limit has been reached", "too_many_requests")
		resp.header.Set("X-Ratelimit-Limit", "50")
		resp.header.Set("X-Ratelimit-Remaining", "0")
		resp.header.Set("X-Ratelimit-Reset", numberValue(int((&bucket{}).reset(limit, now).Unix())).text)
		return resp
	case status == http.StatusUnauthorized:
		return *unauthorized("Expired token received for JSON Web Token validation")
	case status == http.StatusInternalServerError:
		return errServer
	default:
		return fail(status, http.StatusText(status), "")
	}
}
