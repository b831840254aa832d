package controller_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// canaries keeps what must never be told: the secret parts of a request.
func (t *transcript) canaries(r *http.Request) {
	secrets := []string{strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}
	if r.URL.Path == routeToken {
		body, err := io.ReadAll(r.Body)
		Expect(err).NotTo(HaveOccurred())
		form, err := url.ParseQuery(string(body))
		Expect(err).NotTo(HaveOccurred())
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

// told lists what the transcript tells of the secrets: whole, encoded, or the part of a token that proves something.
func (t *transcript) told() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var forms []string
	for secret := range t.secrets {
		if parts := strings.Split(secret, "."); len(parts) == 3 {
			forms = append(forms, parts[1:]...) // The first one is the same in all tokens, and no secret.
			continue
		}
		forms = append(forms, secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)))
	}
	return contained(t.text.Bytes(), forms)
}

// contained lists those of many forms that a long text contains, in one go over it: by the bytes that a form begins with.
func contained(text []byte, forms []string) (found []string) {
	const size = 8
	byStart := map[[size]byte][]string{}
	for _, form := range forms {
		Expect(len(form)).To(BeNumerically(">=", size), "a secret that is this short is no canary: %q", form)
		start := [size]byte([]byte(form)[:size])
		byStart[start] = append(byStart[start], form)
	}
	for i := 0; i+size <= len(text); i++ {
		for _, form := range byStart[[size]byte(text[i:i+size])] {
			if bytes.HasPrefix(text[i:], []byte(form)) {
				found = append(found, form)
			}
		}
	}
	return found
}

var _ = Describe("An answer that repeats secrets", func() {
	It("is not passed on", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		bearer := make(chan string, 100)
		onRequest(remote, func(r *http.Request) {
			bearer <- strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		})
		obj := available(grantFor(remote, tenant, "a"))
		token := <-bearer
		Expect(token).NotTo(BeEmpty())
		onRequest(remote, nil)
		body := `{"statusCode":400,"error":"Bad Request","message":"You sent ` + remote.ClientSecret() + ` and ` + token + `"}`
		fault := remote.Inject(sim.Fault{Method: http.MethodPost, Route: routeGrants, Status: http.StatusBadRequest, Body: body})
		refused := create(grantFor(remote, tenant, "a"))
		Eventually(conditionOf(refused)).Should(Equal("False Rejected"))
		Expect(fault.Hits()).To(Equal(1))
		remote.Inject(sim.Fault{Method: http.MethodDelete, Status: http.StatusBadRequest, Body: body})
		remove(obj)
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		remote.Inject(sim.Fault{
			Route: routeToken, Times: -1, Status: http.StatusForbidden,
			Body: `{"error":"access_denied","error_description":"` + remote.ClientSecret() + `"}`,
		})
		remote.RevokeTokens()
		requestNow(tenant)
		Eventually(conditionOf(tenant)).Should(Equal("False InvalidCredentials"))
	})
})

var _ = ReportAfterSuite("No secret, token or assertion is in any log line, event or status", func(report Report) {
	Expect(seen.told()).To(BeEmpty())
	if report.PreRunStats.SpecsThatWillRun < report.PreRunStats.TotalSpecs {
		return
	}
	// An empty transcript, or one without secrets to look for, would pass.
	Expect(len(seen.secrets)).To(BeNumerically(">", 100))
	for _, part := range []string{`"audit":true`, `"level":"DEBUG"`, `"secretRef"`, `"grantID"`, `"reportingController"`} {
		Expect(strings.Contains(seen.text.String(), part)).To(BeTrue(), "the transcript lacks %s", part)
	}
})
