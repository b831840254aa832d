package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// build builds the program once per test.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "auth0sim")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// start starts the program and returns what it prints.
func start(t *testing.T, program string, args ...string) (*exec.Cmd, map[string]string) {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() }) // it may have ended already
	printed := map[string]string{}
	lines := bufio.NewScanner(out)
	for len(printed) < 8 && lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), "=")
		printed[name] = text
	}
	return command, printed
}

func client(t *testing.T, caFile string) *http.Client {
	t.Helper()
	certificate, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// call sends a request and reads the answer into x.
func call(t *testing.T, c *http.Client, method, address, token, body string, x any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	data, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, x); err != nil {
		t.Fatalf("%d %s", got.StatusCode, data)
	}
	return got.StatusCode
}

func TestProgram_ServesATenantUntilItIsInterrupted(t *testing.T) {
	program := build(t)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		command, printed := start(t, program, "-seed", "3", "-client-id", "operator", "-rate", "100", "-burst", "50")
		c := client(t, printed["ca_file"])
		base := "https://" + printed["domain"]
		if printed["client_id"] != "operator" || printed["audience"] != base+"/api/v2/" {
			t.Fatalf("printed %v", printed)
		}
		var token struct {
			AccessToken string `json:"access_token"`
		}
		form := url.Values{
			"grant_type": {"client_credentials"}, "client_id": {printed["client_id"]},
			"client_secret": {printed["client_secret"]}, "audience": {printed["audience"]},
		}
		call(t, c, http.MethodPost, base+"/oauth/token", "", form.Encode(), &token)
		var list struct {
			Total int `json:"total"`
		}
		call(t, c, http.MethodGet, base+"/api/v2/client-grants?include_totals=true", token.AccessToken, "", &list)
		if list.Total != 3 {
			t.Errorf("there are %d grants", list.Total)
		}
		var grant struct {
			ID string `json:"id"`
		}
		body := `{"client_id":"` + printed["app_client_id"] + `","audience":"` + printed["api_audience"] + `","scope":[]}`
		if status := call(t, c, http.MethodPost, base+"/api/v2/client-grants", token.AccessToken, body, &grant); status != http.StatusCreated {
			t.Errorf("a grant for the sample application: %d", status)
		}
		var state struct {
			Grants []any `json:"grants"`
		}
		call(t, c, http.MethodGet, base+"/_sim/state", "none", "", &state)
		if len(state.Grants) != 4 {
			t.Errorf("the state shows %d grants", len(state.Grants))
		}
		stop(t, command, signal)
		if _, err := os.Stat(filepath.Dir(printed["ca_file"])); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the temporary folder is left: %v", err)
		}
	}
}

func stop(t *testing.T, command *exec.Cmd, signal os.Signal) {
	t.Helper()
	if err := command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("after %s: %v", signal, err)
	}
}

func TestProgram_WritesTheCertificateWhereItIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	command, printed := start(t, build(t), "-ca-file", path, "-host", "acme.example", "-host", "10.0.0.1")
	if printed["ca_file"] != path {
		t.Errorf("printed %v", printed)
	}
	client(t, path)
	stop(t, command, os.Interrupt)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a file that the user named is gone: %v", err)
	}
}

func TestRun_RefusesWrongFlags(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"-nonsense"}, "flag provided but not defined: -nonsense"},
		{[]string{"start"}, `unexpected argument "start": there are only flags`},
		{[]string{"-rate", "-1"}, "-rate must not be negative"},
		{[]string{"-burst", "0"}, "-burst must be at least 1"},
		{[]string{"-latency", "-1s"}, "-latency must not be negative"},
		{[]string{"-latency", "soon"}, "invalid value"},
		{[]string{"-seed", "-1"}, "-seed must not be negative"},
		{[]string{"-listen", "nowhere"}, "-listen: "},
		{[]string{"-ca-file", "/nonexistent/ca.pem"}, "-ca-file: "},
		{[]string{"-private-key-file", "/nonexistent/key.pem"}, "-private-key-file: "},
		{[]string{"-private-key-file", empty}, "-private-key-file: no PEM block found"},
	} {
		t.Run(strings.Join(row.args, " "), func(t *testing.T) {
			err := run(t.Context(), row.args, io.Discard)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}
