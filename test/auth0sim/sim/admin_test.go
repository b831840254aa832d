package sim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func newAdminTenant(t *testing.T) *tenant {
	t.Helper()
	return newTenant(t, func(o *sim.Options) { o.Admin = true })
}

// admin sends a request to an endpoint under /_sim/ and compares the status.
func (n *tenant) admin(method, path, body string, status int) string {
	n.t.Helper()
	got := n.send(n.request(method, "/_sim/"+path, body))
	if got.status != status {
		n.t.Fatalf("%s %s: %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got.body
}

func TestAdmin_IsThereOnRequestOnly(t *testing.T) {
	n := newTenant(t)
	n.admin(http.MethodGet, "state", "", http.StatusNotFound)
}

func TestAdmin_ShowsTheCertificateToTrust(t *testing.T) {
	n := newAdminTenant(t)
	if got := n.admin(http.MethodGet, "authority", "", http.StatusOK); got != string(sim.AuthorityPEM()) {
		t.Errorf("got %q", got)
	}
}

func TestAdmin_SeedsAndShowsTheState(t *testing.T) {
	n := newAdminTenant(t)
	n.admin(http.MethodPost, "clients", `{"client_id":"c1","name":"One","client_secret":"canary"}`, http.StatusCreated)
	n.admin(http.MethodPost, "apis", `{"identifier":"https://one/","scopes":["a"],"is_system":true}`, http.StatusCreated)
	n.admin(http.MethodPost, "organizations", `{"id":"org_1","name":"acme"}`, http.StatusCreated)
	n.admin(http.MethodPost, "grants", `{"id":"cgr_1","client_id":"c1","audience":"https://one/","scope":["a"],"is_system":true}`,
		http.StatusCreated)
	n.admin(http.MethodPost, "grants", `{"id":"cgr_1","client_id":"c2","audience":"https://one/"}`, http.StatusConflict)
	n.admin(http.MethodPost, "grants", `{"audiance":"https://one/"}`, http.StatusBadRequest)
	state := n.admin(http.MethodGet, "state", "", http.StatusOK)
	for _, want := range []string{
		`"domain":"tenant.example"`, `"management_audience":"https://tenant.example/api/v2/"`, `"client_id":"c1"`,
		`"identifier":"https://one/"`, `"id":"org_1"`,
		`{"id":"cgr_1","client_id":"c1","audience":"https://one/","scope":["a"],"is_system":true,"subject_type":"client"}`,
	} {
		if !strings.Contains(state, want) {
			t.Errorf("the state has no %s:\n%s", want, state)
		}
	}
	if strings.Contains(state, "canary") {
		t.Error("the state shows a secret")
	}
	n.admin(http.MethodPatch, "grants/cgr_1", `{"scope":[]}`, http.StatusOK)
	n.expect(http.MethodGet, grantsAt+"/cgr_1", "", http.StatusOK,
		`{"id":"cgr_1","client_id":"c1","audience":"https://one/","scope":[],"is_system":true,"subject_type":"client"}`)
	n.admin(http.MethodPatch, "grants/cgr_2", `{"scope":[]}`, http.StatusNotFound)
	n.admin(http.MethodDelete, "grants/cgr_1", "", http.StatusNoContent)
	if n.GrantCount() != 0 {
		t.Error("the grant is still there")
	}
	n.admin(http.MethodPost, "unknown", "", http.StatusNotFound)
}

func TestAdmin_ShowsTheLogWithoutBodies(t *testing.T) {
	n := newAdminTenant(t)
	n.want(http.MethodPost, grantsAt, newGrant, http.StatusCreated)
	if log := n.admin(http.MethodGet, "log", "", http.StatusOK); !strings.Contains(log, clientID) {
		t.Errorf("the log lacks the body:\n%s", log)
	}
	log := n.admin(http.MethodGet, "log?bodies=false", "", http.StatusOK)
	if strings.Contains(log, clientID) || !strings.Contains(log, `"method":"POST"`) {
		t.Errorf("the log has bodies, or lacks the request:\n%s", log)
	}
	if log := n.admin(http.MethodGet, "log", "", http.StatusOK); !strings.Contains(log, clientID) {
		t.Error("the bodies are forgotten")
	}
}

func TestAdmin_ChangesTheBehaviour(t *testing.T) {
	n := newAdminTenant(t)
	n.admin(http.MethodPost, "faults",
		`{"method":"GET","route":"/client-grants","times":-1,"status":503,"delay":"1ms","header":{"retry-after":"7"}}`,
		http.StatusNoContent)
	if got := n.call(http.MethodGet, grantsAt, ""); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "7" {
		t.Errorf("got %d %v", got.status, got.header)
	}
	n.admin(http.MethodDelete, "faults", "", http.StatusNoContent)
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)

	n.admin(http.MethodPatch, "settings", `{"rate_limit":{"limit":1},"latency":"1ms","token_lifetime":"90s"}`, http.StatusOK)
	shown := n.admin(http.MethodPatch, "settings", `{"paging":{"cap":2}}`, http.StatusOK) // the rest stays
	if !strings.Contains(shown, `"limit":1`) || !strings.Contains(shown, `"latency":"1ms"`) || !strings.Contains(shown, `"cap":2`) {
		t.Errorf("settings are %s", shown)
	}
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
	n.want(http.MethodGet, grantsAt, "", http.StatusTooManyRequests)
	if fields := decodeToken(t, n.tokenRequest(n.form())); fields.ExpiresIn != 90 {
		t.Errorf("tokens live for %d s", fields.ExpiresIn)
	}
	n.admin(http.MethodPatch, "settings", `{"latency":"soon"}`, http.StatusBadRequest)
	n.admin(http.MethodPatch, "settings", `{"rate_limit":{"limit":0}}`, http.StatusOK)
	n.want(http.MethodGet, grantsAt, "", http.StatusOK)
}

func TestAdmin_EndsTokensAndShowsTheLog(t *testing.T) {
	n := newAdminTenant(t)
	for _, end := range []string{"expire", "revoke"} {
		n.token = n.newToken()
		n.admin(http.MethodPost, "tokens/"+end, "", http.StatusNoContent)
		n.want(http.MethodGet, grantsAt, "", http.StatusUnauthorized)
	}
	if log := n.admin(http.MethodGet, "log", "", http.StatusOK); strings.Count(log, `"method":"GET"`) != 2 ||
		strings.Contains(log, "_sim") {
		t.Errorf("the log is %s", log)
	}
	n.admin(http.MethodDelete, "log", "", http.StatusNoContent)
	if log := n.admin(http.MethodGet, "log", "", http.StatusOK); log != "[]\n" {
		t.Errorf("the log is %s", log)
	}
}
