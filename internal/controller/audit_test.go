package controller_test

import (
	"bufio"
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// audited is a line of the audit log.
type audited struct {
	Audit         bool     `json:"audit"`
	Name          string   `json:"name"`
	Message       string   `json:"msg"`
	Cause         string   `json:"cause"`
	Tenant        string   `json:"tenant"`
	ClientID      string   `json:"clientID"`
	Audience      string   `json:"audience"`
	GrantID       string   `json:"grantID"`
	Successor     string   `json:"successor"`
	ScopesAdded   []string `json:"scopesAdded"`
	ScopesRemoved []string `json:"scopesRemoved"`
}

// auditOf lists what the audit log says of an object.
func auditOf(obj *v1alpha1.ClientGrant) []audited {
	GinkgoHelper()
	seen.mu.Lock()
	defer seen.mu.Unlock()
	lines := []audited{}
	scanner := bufio.NewScanner(strings.NewReader(seen.text.String()))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var line audited
		if strings.Contains(scanner.Text(), `"audit":true`) {
			Expect(json.Unmarshal(scanner.Bytes(), &line)).To(Succeed())
		}
		if line.Audit && line.Name == obj.Name {
			lines = append(lines, line)
		}
	}
	Expect(scanner.Err()).NotTo(HaveOccurred())
	return lines
}

var _ = Describe("The audit log", func() {
	It("says of every write to the tenant who caused it and what it changes", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users", "write:users")
		held := foreign(remote, obj, "write:users", "by:hand")
		available(obj)
		remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope = []string{"read:users"} })
		resync(tenant)
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(HaveLen(2))
		remote.DeleteGrant(held.ID)
		resync(tenant)
		Eventually(func() string { return reload(obj).Status.GrantID }).ShouldNot(Or(BeEmpty(), Equal(held.ID)))
		made := obj.Status.GrantID
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"read:users"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())

		line := func(message, cause, id string, added, removed []string) audited {
			return audited{
				Audit: true, Name: obj.Name, Message: message, Cause: cause, Tenant: remote.Domain(), GrantID: id,
				ClientID: obj.Spec.ClientRef.ID, Audience: obj.Spec.Audience, ScopesAdded: added, ScopesRemoved: removed,
			}
		}
		Expect(auditOf(obj)).To(Equal([]audited{
			line("Adopting a grant that was in the tenant first", "adoption", held.ID, []string{"read:users"}, []string{"by:hand"}),
			line("Changing a grant", "spec", held.ID, []string{"read:users"}, []string{"by:hand"}),
			line("Changing a grant", "drift", held.ID, []string{"write:users"}, []string{}),
			line("Creating a grant", "drift", "", []string{"read:users", "write:users"}, nil),
			line("Changing a grant", "spec", made, []string{}, []string{"write:users"}),
			line("Deleting a grant", "deletion", made, nil, []string{"read:users"}),
		}))
	})
})
