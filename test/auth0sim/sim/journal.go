package sim

import (
	"os"
	"regexp"
	"time"
)

// Exchange is a request and its answer. It holds no secret: bodies of the token endpoint's requests, access tokens
// and client secrets are replaced by "redacted", and headers other than the two named are not kept at all.
type Exchange struct {
	Time                time.Time `json:"time"`
	Method              string    `json:"method"`
	Path                string    `json:"path"`  // as it was sent, escaped
	Route               string    `json:"route"` // the pattern, relative to /api/v2; empty: there is no such operation
	Query               string    `json:"query"`
	RequestBody         string    `json:"requestBody"`
	Status              int       `json:"status"` // 0: the answer was not sent
	ResponseBody        string    `json:"responseBody"`
	RequestContentType  string    `json:"requestContentType"`
	ResponseContentType string    `json:"responseContentType"`
	CorrelationID       string    `json:"correlationID"`
	Fault               bool      `json:"fault"` // the answer is that of an injected fault, not the API's
}

func (e Exchange) size() int { return len(e.RequestBody) + len(e.ResponseBody) }

// recorded is an exchange as the file for checking it against the API's description has it.
type recorded struct {
	Method              string `json:"method"`
	Path                string `json:"path"`
	Query               string `json:"query"`
	RequestBody         string `json:"requestBody"`
	Status              int    `json:"status"`
	ResponseBody        string `json:"responseBody"`
	RequestContentType  string `json:"requestContentType"`
	ResponseContentType string `json:"responseContentType"`
	CorrelationID       string `json:"correlationID,omitempty"`
	Fault               bool   `json:"fault,omitempty"`
}

// secretMember finds members of JSON objects whose value is a secret.
var secretMember = regexp.MustCompile(
	`("(?:access_token|client_secret|client_assertion|signing_secret)"\s*:\s*)"(?:[^"\\]|\\.)*"`)

func redact(body string) string { return secretMember.ReplaceAllString(body, `$1"redacted"`) }

// maxJournal is how many bytes of bodies the log keeps; then the oldest exchanges are forgotten.
const maxJournal = 512 << 20

// journal is the log of all exchanges, in the order of their answers.
type journal struct {
	entries []Exchange
	size    int // bytes of bodies
	dir     string
	file    *os.File
}

func (j *journal) add(q *request, resp response, lost bool) {
	e := Exchange{
		Time: q.now, Method: q.http.Method, Path: q.path, Query: q.http.URL.RawQuery,
		RequestBody: redact(string(q.raw)), Status: resp.status, ResponseBody: redact(string(resp.body)),
		RequestContentType: q.http.Header.Get("Content-Type"), CorrelationID: q.http.Header.Get("X-Correlation-ID"),
		Fault: resp.fault || lost,
	}
	if q.route != nil {
		e.Route = q.route.pattern
	}
	if q.path == tokenPath {
		e.RequestBody = "redacted"
	}
	if !lost {
		e.ResponseContentType = standardHeader("").Get("Content-Type")
		if own := resp.header.Get("Content-Type"); own != "" {
			e.ResponseContentType = own
		}
	}
	j.entries = append(j.entries, e)
	for j.size += e.size(); j.size > maxJournal; j.entries = j.entries[1:] {
		j.size -= j.entries[0].size()
	}
	j.write(e)
}

// write appends the exchange to the file, which is made at the first one. A folder that cannot be written to is a
// mistake that must not go unnoticed: the check that reads it would pass.
func (j *journal) write(e Exchange) {
	if j.dir == "" {
		return
	}
	if j.file == nil {
		file, err := os.CreateTemp(j.dir, "auth0sim-*.jsonl")
		if err != nil {
			panic("sim: " + err.Error())
		}
		j.file = file
	}
	line := encode(recorded{
		e.Method, e.Path, e.Query, e.RequestBody, e.Status, e.ResponseBody, e.RequestContentType,
		e.ResponseContentType, e.CorrelationID, e.Fault,
	})
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		panic("sim: " + err.Error())
	}
}

// close ends the file. Exchanges after that begin a new one.
func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close() // every line was written at once: nothing is buffered
		j.file = nil
	}
}

// Log returns every exchange since the start or the last ClearLog; a tenant that runs for long forgets the oldest.
func (s *Server) Log() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Exchange{}, s.journal.entries...)
}

// ClearLog forgets every exchange so far.
func (s *Server) ClearLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal.entries, s.journal.size = nil, 0
}

// Requests counts the logged requests with that method and route pattern; an empty one counts all.
func (s *Server) Requests(method, route string) int {
	count := 0
	for _, e := range s.Log() {
		if (method == "" || e.Method == method) && (route == "" || e.Route == route) {
			count++
		}
	}
	return count
}
