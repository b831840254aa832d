package sim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// What the tests' tenant holds besides the Management API.
const (
	domain   = "tenant.example"
	clientID = "r2nehQVWws3du9VlSCnuuT6QI8xLdDyR"
	audience = "https://api.example.com/"
	grantsAt = "/client-grants"
)

// tenant is a tenant with a client, an API and a token for all operations.
type tenant struct {
	*sim.Server
	t     *testing.T
	token string
	clock *clock
}

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newTenant(t *testing.T, changes ...func(*sim.Options)) *tenant {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	options := sim.Options{Domain: domain, Clock: func() time.Time { return c.now }}
	for _, change := range changes {
		change(&options)
	}
	n := &tenant{Server: sim.New(options), t: t, clock: c}
	t.Cleanup(n.Close)
	n.AddClient(sim.Client{ID: clientID, Name: "Billing"})
	n.AddAPI(sim.API{Identifier: audience, Scopes: []string{"create:resource", "read:resource"}})
	n.token = n.newToken()
	n.ClearLog()
	return n
}

// undescribed keeps the exchanges of a test out of the check against the API's description, which lacks what the test
// is about.
func undescribed(t *testing.T) {
	t.Helper()
	t.Setenv("CONTRACT_LOG_DIR", "")
}

// in is the same tenant for a subtest.
func (n *tenant) in(t *testing.T) *tenant {
	t.Helper()
	same := *n
	same.t = t
	return &same
}

// settings is a change of options for newTenant.
func settings(change func(*sim.Settings)) func(*sim.Options) {
	return func(o *sim.Options) { change(&o.Settings) }
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

func (n *tenant) send(r *http.Request) answer {
	n.t.Helper()
	recorder := httptest.NewRecorder()
	n.ServeHTTP(recorder, r)
	return answer{recorder.Code, recorder.Body.String(), recorder.Header()}
}

func (n *tenant) request(method, path, body string) *http.Request {
	r := httptest.NewRequestWithContext(n.t.Context(), method, "https://"+domain+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// call sends an authorized request to the Management API; the path is relative to /api/v2.
func (n *tenant) call(method, path, body string) answer {
	n.t.Helper()
	r := n.request(method, "/api/v2"+path, body)
	r.Header.Set("Authorization", "Bearer "+n.token)
	return n.send(r)
}

// expect sends a request and compares status and body; the body is compared to the letter, random IDs apart.
func (n *tenant) expect(method, path, body string, status int, want string) answer {
	n.t.Helper()
	got := n.call(method, path, body)
	if got.status != status || anonymous(got.body) != anonymous(want) {
		n.t.Fatalf("%s %s %s\n got %d %s\nwant %d %s", method, path, body, got.status, got.body, status, want)
	}
	return got
}

var randomID = regexp.MustCompile(`cgr_[A-Za-z0-9]{16}`)

// anonymous replaces grant IDs, so that texts with random ones can be compared.
func anonymous(text string) string { return randomID.ReplaceAllString(text, "cgr_") }

// create makes a grant and returns its ID.
func (n *tenant) create(body string) string {
	n.t.Helper()
	return field(n.t, n.want(http.MethodPost, grantsAt, body, http.StatusCreated), "id")
}

// want sends a request, compares the status and returns the body.
func (n *tenant) want(method, path, body string, status int) string {
	n.t.Helper()
	got := n.call(method, path, body)
	if got.status != status {
		n.t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, got.status, status, got.body)
	}
	return got.body
}

// field returns a text of a JSON object.
func field(t *testing.T, body, name string) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatalf("not a JSON object: %s", body)
	}
	text, _ := object[name].(string)
	return text
}

func (n *tenant) tokenRequest(body string) answer {
	n.t.Helper()
	r := n.request(http.MethodPost, "/oauth/token", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return n.send(r)
}

// form is a token request of the tenant's client, with changes.
func (n *tenant) form(changes ...string) string {
	values := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {n.ClientID()}, "client_secret": {n.ClientSecret()},
		"audience": {n.ManagementAudience()},
	}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			values.Del(changes[i])
		}
	}
	return values.Encode()
}

func (n *tenant) newToken() string {
	n.t.Helper()
	got := n.tokenRequest(n.form())
	if got.status != http.StatusOK {
		n.t.Fatalf("no token: %d %s", got.status, got.body)
	}
	return field(n.t, got.body, "access_token")
}

// failure is the body of an error of the Management API.
func failure(t *testing.T, status int, message, code string) string {
	t.Helper()
	object := struct {
		StatusCode int    `json:"statusCode"`
		Error      string `json:"error"`
		Message    string `json:"message"`
		ErrorCode  string `json:"errorCode,omitempty"`
	}{status, http.StatusText(status), message, code}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text.String())
}
