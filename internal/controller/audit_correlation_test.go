package controller_test

import (
	"encoding/json"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A line of the audit log", func() {
	It("has the correlation ID under which the tenant's own log has the write", func() {
		remote := startTenant()
		obj := available(grantFor(remote, readyTenant(remote), "a"))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		written := []string{}
		for _, exchange := range remote.Log() {
			if exchange.Route != routeToken && exchange.Method != http.MethodGet {
				written = append(written, exchange.CorrelationID)
			}
		}
		Expect(written).To(HaveLen(2))
		Expect(written).To(HaveEach(HavePrefix(string(obj.UID) + "-")))
		seen.mu.Lock()
		defer seen.mu.Unlock()
		audited := []string{}
		for text := range strings.Lines(seen.text.String()) {
			var line struct{ Name, CorrelationID string }
			if strings.Contains(text, `"audit":true`) && json.Unmarshal([]byte(text), &line) == nil && line.Name == obj.Name {
				audited = append(audited, line.CorrelationID)
			}
		}
		Expect(audited).To(Equal([]string{written[0], written[0], written[1], written[1]}), "before each request and after it")
	})
})
