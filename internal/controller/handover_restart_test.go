package controller_test

import (
	"net/http"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// restartAt ends the operator when the n-th request after this reaches the tenant, and starts it again. The request has
// its effect when nobody waits for its answer any more. It returns false where what happens takes fewer requests.
func restartAt(remote *sim.Running, n int64, happen func(), settled func() bool) bool {
	GinkgoHelper()
	var count atomic.Int64
	reached, dead := make(chan struct{}), make(chan struct{})
	onRequest(remote, func(*http.Request) {
		if count.Add(1) == n {
			close(reached)
			<-dead
		}
	})
	happen()
	Eventually(func() bool {
		select {
		case <-reached:
			return true
		default:
			return settled()
		}
	}).Should(BeTrue())
	select {
	case <-reached:
	default:
		onRequest(remote, nil)
		return false
	}
	stop()
	close(dead)
	startOperator()
	onRequest(remote, nil)
	return true
}

var _ = Describe("A restart in the middle", func() {
	for _, policy := range []v1alpha1.AdoptionPolicy{v1alpha1.AdoptionPolicyAdopt, v1alpha1.AdoptionPolicyRefuse} {
		It("of a replacement leaves one grant, the new one, under adoptionPolicy "+string(policy), func() {
			remote := startTenant()
			tenant := readyTenant(remote)
			interrupted, ending := int64(0), []*v1alpha1.ClientGrant{}
			for ; ; interrupted++ {
				obj := grantFor(remote, tenant, "read:users")
				obj.Spec.AdoptionPolicy = policy
				available(obj)
				done := func() bool { return conditionOf(obj)() == "True Available" && obj.Status.Replaces == nil }
				api := anotherAPI(remote)
				hit := restartAt(remote, interrupted+1, func() { edit(obj, about(api)) }, done)
				Eventually(done).Should(BeTrue())
				Expect(remote.Grants()).To(ConsistOf(And(HaveField("Audience", api), HaveField("ID", obj.Status.GrantID))))
				Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated))
				remove(obj)
				Eventually(remote.GrantCount).Should(BeZero())
				ending = append(ending, obj)
				if !hit {
					break
				}
			}
			for _, obj := range ending {
				Eventually(gone(obj)).Should(BeTrue())
			}
			Expect(remote.GrantCount()).To(BeZero())
			Expect(interrupted).To(BeNumerically(">=", 3))
			Expect(timesLeft(tenant)()).To(BeZero())
		})
	}

	It("of a hand-over leaves the same grant, with the successor's scopes", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		interrupted := int64(0)
		for ; ; interrupted++ {
			old := available(grantFor(remote, tenant, "read:users"))
			held := *remoteOf(remote, old)
			next := twin(old, scoped("write:users"), refusing)
			done := func() bool { return gone(old)() && conditionOf(next)() == "True Available" }
			hit := restartAt(remote, interrupted+1, func() { create(next); remove(old) }, done)
			Eventually(done).Should(BeTrue())
			Expect(remote.Grants()).To(ConsistOf(And(HaveField("ID", held.ID), HaveField("Scope", []string{"write:users"}))))
			remove(next)
			awaitEnd(next)
			Expect(remote.GrantCount()).To(BeZero())
			if !hit {
				break
			}
		}
		Expect(interrupted).To(BeNumerically(">=", 1))
		Expect(remote.Log()).NotTo(ContainElement(HaveField("Status", http.StatusConflict)))
	})

	It("of a swap leaves both grants", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		interrupted := int64(0)
		for ; ; interrupted++ {
			a := available(grantFor(remote, tenant, "read:users"))
			b := available(twin(a, scoped("write:users"), about(anotherAPI(remote))))
			ofA, ofB := remoteOf(remote, a).ID, remoteOf(remote, b).ID
			first, second := a.Spec.Audience, b.Spec.Audience
			done := func() bool {
				return conditionOf(a)() == "True Available" && conditionOf(b)() == "True Available" && a.Status.Replaces == nil && b.Status.Replaces == nil
			}
			hit := restartAt(remote, interrupted+1, func() { edit(a, about(second)); edit(b, about(first)) }, done)
			Eventually(done).Should(BeTrue())
			Expect(remote.Grants()).To(ConsistOf(
				And(HaveField("ID", ofA), HaveField("Scope", b.Spec.Scopes)), And(HaveField("ID", ofB), HaveField("Scope", a.Spec.Scopes))))
			for _, obj := range []*v1alpha1.ClientGrant{a, b} {
				remove(obj)
				awaitEnd(obj)
			}
			if !hit {
				break
			}
		}
		Expect(interrupted).To(BeNumerically(">=", 2))
	})
})
