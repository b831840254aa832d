package controller_test

import (
	"net/http"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// setTenant edits an Auth0Tenant and waits until the operator has seen it.
func setTenant(tenant *v1alpha1.Auth0Tenant, how func(*v1alpha1.Auth0TenantSpec)) {
	GinkgoHelper()
	edit(tenant, func(t *v1alpha1.Auth0Tenant) { how(&t.Spec) })
	Eventually(func() int64 { return reload(tenant).Status.ObservedGeneration }).Should(Equal(tenant.Generation))
}

// writeRecord gives the object the record of another one, and its finalizer, as a restore does.
func writeRecord(of, to *v1alpha1.ClientGrant) {
	GinkgoHelper()
	edit(to, func(o *v1alpha1.ClientGrant) { o.Finalizers = []string{v1alpha1.ClientGrantFinalizer} })
	Eventually(func() error {
		reload(to).Status.OwnershipRecord = reload(of).Status.OwnershipRecord
		return k8s.Status().Update(ctx, to)
	}).Should(Succeed())
}

var _ = Describe("An owner that lets go of a grant", func() {
	var (
		remote      *sim.Running
		tenant      *v1alpha1.Auth0Tenant
		owner, next *v1alpha1.ClientGrant
		held        sim.Grant
		missing     *atomic.Int64
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote, admitting())
		owner = available(grantFor(remote, tenant, "read:users"))
		held = *remoteOf(remote, owner)
		next = twin(owner, refusing)
		remote.ClearLog()
		missing = watchOver(remote, held.ID)
	})
	expectTaken := func(by *v1alpha1.ClientGrant) {
		GinkgoHelper()
		awaitReady(by)
		Expect(by.Status.GrantID).To(Equal(held.ID))
		Expect(by.Status.Replaces).To(BeNil())
		Expect(remoteOf(remote, by)).To(HaveValue(HaveField("ID", held.ID)))
		Expect(remote.Requests(http.MethodDelete, routeGrant)).To(BeZero())
		Expect(missing.Load()).To(BeZero())
	}
	waits := func(changes ...change) {
		GinkgoHelper()
		for _, change := range changes {
			change(next)
		}
		awaitLost(create(next))
	}

	DescribeTable("gives it to the one that asks for it when it is deleted", func(how func()) {
		waits()
		how()
		remove(owner)
		awaitEnd(owner)
		expectTaken(next)
		Expect(sent(remote, "")).To(BeEmpty())
		Expect(timesLeft(tenant)()).To(BeZero())
	},
		Entry("in mode Enforce", func() {}),
		Entry("in mode Suspend", func() { edit(owner, inMode(v1alpha1.ModeSuspend)) }),
		Entry("in mode Observe", func() { edit(owner, inMode(v1alpha1.ModeObserve)) }),
		Entry("under its deletionPolicy Orphan", func() {
			edit(owner, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		}),
		Entry("under deletionPolicy Orphan without the right to it", func() {
			setTenant(tenant, func(s *v1alpha1.Auth0TenantSpec) { s.AccessRules[0].Allow = nil })
			edit(owner, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		}),
		Entry("under the Auth0Tenant's deletionPolicy Orphan", func() {
			setTenant(tenant, func(s *v1alpha1.Auth0TenantSpec) { s.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		}),
		Entry("with no deletion left in the hour", func() {
			setTenant(tenant, func(s *v1alpha1.Auth0TenantSpec) { s.DeletionLimit = new(int32(1)) })
			spent := available(grantFor(remote, tenant))
			remove(spent)
			awaitEnd(spent)
			remote.ClearLog()
		}),
	)

	DescribeTable("keeps nothing for one that could not own it", func(changes ...change) {
		for _, change := range changes {
			change(next)
		}
		create(next)
		Eventually(conditionOf(next)).Should(HavePrefix("False "))
		remove(owner)
		awaitEnd(owner)
		Expect(sent(remote, http.MethodDelete)).To(Equal([]string{"DELETE /client-grants/" + held.ID}))
		Expect(remote.GrantCount()).To(BeZero())
		Expect(reload(next).Status.GrantID).To(BeEmpty())
		Expect(next.Finalizers).To(BeEmpty())
	},
		Entry("because it is in mode Observe", inMode(v1alpha1.ModeObserve)),
		Entry("because it is in mode Suspend", inMode(v1alpha1.ModeSuspend)),
		Entry("because no rule allows it", abroad, func(o *v1alpha1.ClientGrant) { o.Spec.OrganizationUsage = new(v1alpha1.OrganizationUsageAllow) }),
		Entry("because its client cannot be resolved", func(o *v1alpha1.ClientGrant) {
			o.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "none", Key: "id"}}
		}),
	)

	It("keeps it while it only rests", func() {
		for _, mode := range []v1alpha1.Mode{v1alpha1.ModeSuspend, v1alpha1.ModeObserve} {
			edit(owner, inMode(mode))
			if mode == v1alpha1.ModeSuspend {
				waits(scoped("write:users"))
			}
			lookAgain(next)
			Consistently(func() string { return reload(next).Status.GrantID }).Should(BeEmpty())
			Expect(reload(owner).Status.GrantID).To(Equal(held.ID))
		}
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(sent(remote, "")).To(BeEmpty())
	})

	DescribeTable("is revoked with the one that asks for it where both are deleted", func(running bool) {
		waits()
		if !running {
			stop()
		}
		remove(owner)
		remove(next)
		if !running {
			startOperator()
		}
		awaitEnd(owner)
		awaitEnd(next)
		Expect(sent(remote, "")).To(Equal([]string{"DELETE /client-grants/" + held.ID}))
		Expect(timesLeft(tenant)()).To(BeZero())
	},
		Entry("while the operator runs", true),
		Entry("while it does not", false),
	)

	It("gives it away before it has the new one that its spec names", func() {
		waits(scoped("write:users"))
		edit(owner, about("https://unknown/"))
		Eventually(conditionOf(owner)).Should(Equal("False Rejected"))
		expectTaken(next)
		Expect(sent(remote, "")[0]).To(HavePrefix("PATCH /client-grants/" + held.ID))
		Expect(owner.Status.Replaces).To(BeNil())
	})

	It("gives it to one that comes while the new one is refused", func() {
		edit(owner, about("https://unknown/"))
		Eventually(conditionOf(owner)).Should(Equal("False Rejected"))
		Expect(owner.Status.Replaces).To(HaveValue(HaveField("GrantID", held.ID)))
		create(next)
		expectTaken(next)
		Eventually(func() *v1alpha1.OwnershipRecord { return reload(owner).Status.Replaces }).Should(BeNil())
		Expect(conditionOf(owner)()).To(Equal("False Rejected"))
		remove(owner)
		awaitEnd(owner)
		expectTaken(next)
	})

	It("gives it to one that comes after a restart while it is frozen", func() {
		setTenant(tenant, func(s *v1alpha1.Auth0TenantSpec) { s.AccessRules = s.AccessRules[1:] })
		Eventually(conditionOf(owner)).Should(Equal("False NotPermitted"))
		stop()
		startOperator()
		lookAgain(owner)
		abroad(next)
		create(next)
		expectTaken(next)
		Eventually(func() v1alpha1.Origin { return reload(owner).Status.Origin }).Should(BeEmpty())
		expectNothingOwned(owner)
	})

	It("goes on when the tenant answers again", func() {
		waits()
		stop()
		out := remote.Inject(sim.Fault{Route: routeGrants, Times: -1, Status: http.StatusServiceUnavailable})
		remove(owner)
		startOperator()
		Eventually(conditionOf(owner)).Should(Equal("False APIUnavailable"))
		Expect(conditionOf(next)()).To(Equal("False Conflict"))
		out.Remove()
		awaitEnd(owner)
		expectTaken(next)
		Expect(sent(remote, "")).To(BeEmpty())
	})

	for _, mode := range []v1alpha1.Mode{v1alpha1.ModeObserve, v1alpha1.ModeSuspend} {
		It("gives nothing away while the Auth0Tenant is in mode "+string(mode), func() {
			waits()
			setTenant(tenant, func(s *v1alpha1.Auth0TenantSpec) { s.Mode = mode })
			remove(owner)
			Eventually(conditionOf(owner)).Should(Equal("False DeletionBlocked"))
			Consistently(func() string { return reload(next).Status.GrantID }).Should(BeEmpty())
			setTenant(tenant, func(s *v1alpha1.Auth0TenantSpec) { s.Mode = v1alpha1.ModeEnforce })
			awaitEnd(owner)
			expectTaken(next)
			Expect(sent(remote, "")).To(BeEmpty())
		})
	}

	It("gives it away although the API server did not wait for it, under Orphan too", func() {
		waits()
		edit(owner, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		lookAgain(owner)
		lose(owner)
		expectTaken(next)
		Expect(timesLeft(tenant)()).To(BeZero())
	})

	It("gives it to one that uses another Auth0Tenant of the same Auth0 tenant, also when that comes up later", func() {
		other := tenantFor(remote, tenant.Spec.Credentials.SecretRef.Name)
		create(other)
		Eventually(conditionOf(other)).Should(Equal("True Available"))
		waits(func(o *v1alpha1.ClientGrant) { o.Spec.TenantRef.Name = other.Name })
		stop()
		remove(owner)
		startOperator()
		awaitEnd(owner)
		expectTaken(next)
		remove(next)
		awaitEnd(next)
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, other))).To(Succeed())
		awaitEnd(other)
	})
})
