package sim_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestLog_HasEveryExchangeInOrder(t *testing.T) {
	n := newTenant(t)
	r := n.request(http.MethodPost, "/api/v2/client-grants", newGrant)
	r.Header.Set("Authorization", "Bearer "+n.token)
	r.Header.Set("X-Correlation-ID", "uid-1")
	created := n.send(r)
	n.want(http.MethodGet, "/resource-servers/https:%2F%2Fapi.example.com%2F?include_fields=true", "", http.StatusOK)
	n.want(http.MethodDelete, grantsAt+"/"+field(t, created.body, "id"), "", http.StatusNoContent)
	log := n.Log()
	if len(log) != 3 {
		t.Fatalf("there are %d entries", len(log))
	}
	want := sim.Exchange{
		Time: n.clock.now, Method: http.MethodPost, Path: "/api/v2/client-grants", Route: "/client-grants",
		RequestBody: newGrant, Status: http.StatusCreated, ResponseBody: created.body, RequestContentType: "application/json",
		ResponseContentType: "application/json; charset=utf-8", CorrelationID: "uid-1",
	}
	if log[0] != want {
		t.Errorf("got  %+v\nwant %+v", log[0], want)
	}
	if log[1].Path != "/api/v2/resource-servers/https:%2F%2Fapi.example.com%2F" || log[1].Route != "/resource-servers/{id}" ||
		log[1].Query != "include_fields=true" {
		t.Errorf("got %+v", log[1])
	}
	if log[2].Status != http.StatusNoContent || log[2].ResponseBody != "" {
		t.Errorf("got %+v", log[2])
	}
	if n.Requests(http.MethodPost, "/client-grants") != 1 || n.Requests("", "") != 3 || n.Requests(http.MethodDelete, "") != 1 {
		t.Error("requests are miscounted")
	}
	n.ClearLog()
	if len(n.Log()) != 0 {
		t.Error("the log was not cleared")
	}
}

func TestLog_HoldsNoSecrets(t *testing.T) {
	folder := t.TempDir()
	n := newTenant(t, func(o *sim.Options) {
		o.ClientSecret, o.ExchangeDir, o.ClientPublicKey = "canary-secret", folder, &testKey().PublicKey
	})
	r := n.request(http.MethodPost, "/oauth/token", n.form("client_id", "", "client_secret", ""))
	r.SetBasicAuth(n.ClientID(), n.ClientSecret())
	n.send(r)
	n.tokenRequest(n.assertionForm(n.assert("RS256", nil)))
	n.want(http.MethodPatch, "/clients/"+clientID, `{"client_secret":"canary-secret"}`, http.StatusOK)
	n.want(http.MethodGet, "/clients", "", http.StatusOK)
	n.want(http.MethodPost, "/resource-servers", `{"identifier":"x","signing_secret":"canary-secret-\"16"}`, http.StatusCreated)
	n.Close()
	file := readExchanges(t, folder)
	text, err := json.Marshal(n.Log())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"log": string(text), "file": strings.Join(file, "\n")} {
		for _, secret := range []string{"canary-secret", n.token, "grant_type="} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s holds %q", name, secret)
			}
		}
		if !strings.Contains(text, "redacted") {
			t.Errorf("the %s shows nothing redacted", name)
		}
	}
}

// readExchanges returns the lines of the one file in folder.
func readExchanges(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	file, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var lines []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestExchanges_AreWrittenForTheContractCheck(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("CONTRACT_LOG_DIR", folder)
	n := newTenant(t)
	r := n.request(http.MethodGet, "/api/v2/client-grants?take=1", "")
	r.Header.Set("Authorization", "Bearer "+n.token)
	r.Header.Set("X-Correlation-ID", "uid-2")
	n.send(r)
	n.Inject(sim.Fault{Status: 500})
	n.want(http.MethodPost, grantsAt, newGrant, http.StatusInternalServerError)
	n.Close()
	lines := readExchanges(t, folder)
	if len(lines) != 3 || !strings.Contains(lines[0], `"path":"/oauth/token"`) {
		t.Fatalf("lines are %s", lines)
	}
	for i, want := range []string{
		`{"method":"GET","path":"/api/v2/client-grants","query":"take=1","requestBody":"","status":200,` +
			`"responseBody":"{\"client_grants\":[]}","requestContentType":"application/json",` +
			`"responseContentType":"application/json; charset=utf-8","correlationID":"uid-2"}`,
		`{"method":"POST","path":"/api/v2/client-grants","query":"","requestBody":` + quoted(t, newGrant) + `,"status":500,` +
			`"responseBody":"{\"statusCode\":500,\"error\":\"Internal Server Error\",\"message\":\"An internal server error ` +
			`occurred\"}","requestContentType":"application/json","responseContentType":"application/json; charset=utf-8",` +
			`"fault":true}`,
	} {
		if lines[i+1] != want {
			t.Errorf("got  %s\nwant %s", lines[i+1], want)
		}
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
