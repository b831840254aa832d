package controller_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("The limit of deletions", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		owners []*v1alpha1.ClientGrant
	)
	setUp := func(count int, limit int32) {
		remote = startTenant()
		tenant = readyTenant(remote, ruled(anything(allRights()...)), func(t *v1alpha1.Auth0Tenant) { t.Spec.DeletionLimit = &limit })
		owners = nil
		for range count {
			owners = append(owners, create(register(remote, fromElsewhere(tenant))))
		}
		for _, obj := range owners {
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
		}
	}
	deletions := func() int { return remote.Requests(http.MethodDelete, routeGrant) }
	counted := func() int32 {
		if d := reload(tenant).Status.Deletions; d != nil {
			return d.Count
		}
		return 0
	}
	setLimit := func(limit *int32) {
		GinkgoHelper()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.DeletionLimit = limit })
	}
	// waiting are those of the owners that are held, once so many others are gone.
	waiting := func(others int) (held []*v1alpha1.ClientGrant) {
		GinkgoHelper()
		Eventually(func() []int {
			ended := 0
			held = nil
			for _, obj := range owners {
				if gone(obj)() {
					ended++
				} else if conditionOf(obj)() == "False DeletionHeld" {
					held = append(held, obj)
				}
			}
			return []int{ended, len(held)}
		}).Should(Equal([]int{others, len(owners) - others}))
		return held
	}
	removeAll := func() {
		GinkgoHelper()
		for _, obj := range owners {
			remove(obj)
		}
	}

	It("holds those that are too many, counts every call, and survives a restart", func() {
		setUp(5, 2)
		removeAll()
		held := waiting(2)
		Expect(deletions()).To(Equal(2))
		Expect(remote.GrantCount()).To(Equal(3))
		Expect(counted()).To(BeEquivalentTo(2))
		Expect(tenant.Status.Deletions.Since.IsZero()).To(BeFalse())
		for _, obj := range held {
			Expect(messageOf(obj)).To(ContainSubstring("limit of deletions is used up"))
			Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
			lookAgain(obj)
		}
		since := tenant.Status.Deletions.Since

		stop()
		startOperator()
		Eventually(conditionOf(tenant)).Should(Equal("True Available"))
		for _, obj := range held {
			lookAgain(obj)
			Eventually(conditionOf(obj)).Should(Equal("False DeletionHeld"))
		}
		Consistently(deletions).Should(Equal(2))
		Expect(counted()).To(BeEquivalentTo(2))
		Expect(tenant.Status.Deletions.Since).To(Equal(since))

		setLimit(new(int32(3)))
		held = waiting(3)
		Expect(deletions()).To(Equal(3))
		setLimit(nil)
		for _, obj := range held {
			Eventually(gone(obj)).Should(BeTrue())
		}
		Expect(deletions()).To(Equal(5))
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("begins anew after an hour", func() {
		setUp(2, 1)
		removeAll()
		held := waiting(1)
		earlier := tenant.DeepCopy()
		Eventually(func() error {
			reload(earlier)
			earlier.Status.Deletions.Since.Time = earlier.Status.Deletions.Since.Add(-time.Hour)
			return k8s.Status().Update(ctx, earlier)
		}).Should(Succeed())
		requestNow(held[0])
		Eventually(gone(held[0])).Should(BeTrue())
		Expect(counted()).To(BeEquivalentTo(1))
	})

	It("lets go by its message what may be left", func() {
		setUp(2, 1)
		removeAll()
		held := waiting(1)
		followAdvice(held[0])
		Eventually(gone(held[0])).Should(BeTrue())
		Expect(deletions()).To(Equal(1))
		Expect(remote.GrantCount()).To(Equal(1))
	})

	It("counts what is revoked because another grant takes its place", func() {
		setUp(2, 1)
		obj := owners[0]
		edit(obj, audience("https://second.example.com/"))
		register(remote, obj)
		Eventually(counted).Should(BeEquivalentTo(1))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		edit(obj, audience("https://third.example.com/"))
		register(remote, obj)
		Eventually(conditionOf(obj)).Should(Equal("False DeletionHeld"))
		Expect(remote.GrantsOf(obj.Spec.ClientRef.ID)).To(HaveLen(2))
		Expect(obj.Status.Replaces.Audience).To(Equal("https://second.example.com/"))
		Expect(deletions()).To(Equal(1))
		setLimit(new(int32(2)))
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		Expect(remote.GrantsOf(obj.Spec.ClientRef.ID)).To(HaveLen(1))
		Expect(counted()).To(BeEquivalentTo(2))
	})

	It("counts what is revoked because of the rules", func() {
		setUp(5, 2)
		edit(tenant, func(t *v1alpha1.Auth0Tenant) {
			t.Spec.OnViolation = v1alpha1.OnViolationRevoke
			t.Spec.AccessRules[0].Scopes = []string{"write:*"}
		})
		for _, obj := range owners {
			Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		}
		Eventually(deletions).Should(Equal(2))
		Consistently(deletions).Should(Equal(2))
		Expect(remote.GrantCount()).To(Equal(3))
		Expect(counted()).To(BeEquivalentTo(2))
		setLimit(nil)
		Eventually(remote.GrantCount).Should(BeZero())
		for _, obj := range owners {
			Eventually(func() []string { return reload(obj).Finalizers }).Should(BeEmpty())
		}
		Expect(deletions()).To(Equal(5))
	})

	It("counts a call whose answer is lost, and no call that is not made", func() {
		setUp(3, 2)
		remote.DeleteGrant(owners[0].Status.GrantID)
		remove(owners[0])
		Eventually(gone(owners[0])).Should(BeTrue())
		Expect(counted()).To(BeEquivalentTo(deletions()))
		away := remote.Inject(sim.Fault{Method: http.MethodDelete, Route: routeGrant, After: true, Drop: true, Times: 1})
		remove(owners[1])
		Eventually(gone(owners[1])).Should(BeTrue())
		Expect(away.Hits()).To(Equal(1))
		Expect(counted()).To(BeEquivalentTo(deletions()))
	})

	It("lets the grant of an object that is gone go as soon as it is raised", func() {
		setUp(2, 1)
		remove(owners[0])
		Eventually(gone(owners[0])).Should(BeTrue())
		lose(owners[1])
		Consistently(remote.GrantCount).Should(Equal(1))
		setLimit(new(int32(2)))
		Eventually(remote.GrantCount).Should(BeZero())
	})
})
