package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("A tenant that holds several grants of one client, API and subject type", func() {
	It("is left with the one that the ClientGrant specifies, and with none once that is deleted", func() {
		remote := startTenant()
		obj := grantFor(remote, readyTenant(remote), "read:users")
		seed := sim.Grant{ClientID: obj.Spec.ClientRef.ID, Audience: obj.Spec.Audience, Scope: []string{"admin"}}
		remote.AddGrant(seed)
		for range 2 {
			remote.AddTwin(seed)
		}
		available(obj)
		Expect(remote.Grants()).To(ConsistOf(HaveField("Scope", ConsistOf("read:users"))))

		remote.AddTwin(seed)
		remove(obj)
		awaitEnd(obj)
		Expect(remote.GrantCount()).To(BeZero())
	})
})
