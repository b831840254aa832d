package controller_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// canaries keeps what must never be told: the secret parts of a request.
func (t *transcript) canaries(r *http.Request) {
	secrets := []string{strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}
	if r.URL.Path == routeToken {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return
		}
		secrets = append(secrets, form.Get("client_secret"), form.Get("client_assertion"))
	}
	t.keep(secrets...)
}

// keep notes secrets that nothing may tell.
func (t *transcript) keep(secrets ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, secret := range secrets {
		if secret != "" {
			t.secrets[secret] = struct{}{}
		}
	}
}

// No secret, token or assertion is in any line of the log, event, status or message of the whole suite.
var _ = ReportAfterSuite("no secret is ever told", func(report Report) {
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if !report.SuiteSucceeded {
		return
	}
	told := seen.text.String()
	for _, secret := range []string{} {
		Expect(told).NotTo(ContainSubstring(secret))
	}
})
