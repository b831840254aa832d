package controller_test

import (
	"net/http"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// advice is the patch in the command that a message gives.
var advice = regexp.MustCompile(`kubectl -n (\S+) patch clientgrants\.auth0\.clientgrants\.dev (\S+) --type=merge -p '([^']+)'`)

// followAdvice does what the message of an object says to release it.
func followAdvice(obj *v1alpha1.ClientGrant) {
	GinkgoHelper()
	command := advice.FindStringSubmatch(messageOf(obj))
	Expect(command).To(HaveLen(4), "no command in %q", messageOf(obj))
	Expect(command[1:3]).To(Equal([]string{obj.Namespace, obj.Name}))
	Expect(k8s.Patch(ctx, obj, client.RawPatch("application/merge-patch+json", []byte(command[3])))).To(Succeed())
}

// countLeft is the metric of grants that an Auth0Tenant's ClientGrants have left behind.
func countLeft(tenant *v1alpha1.Auth0Tenant) (count float64) {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == "clientgrant_grants_left_total" && label.GetName() == "tenant" && label.GetValue() == client.ObjectKeyFromObject(tenant).String() {
					count += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return count
}

var _ = Describe("What becomes of the grant of a deleted ClientGrant", func() {
	var (
		remote *sim.Running
		tenant *v1alpha1.Auth0Tenant
		obj    *v1alpha1.ClientGrant
		held   sim.Grant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant = readyTenant(remote)
		obj = available(grantFor(remote, tenant, "read:users"))
		held = *remoteOf(remote, obj)
		remote.ClearLog()
	})
	setMode := func(mode v1alpha1.Mode) {
		GinkgoHelper()
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Mode = mode })
	}
	setTenantMode := func(mode v1alpha1.Mode) {
		GinkgoHelper()
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.Mode = mode })
		Eventually(func() int64 { return reload(tenant).Status.ObservedGeneration }).Should(Equal(tenant.Generation))
	}
	expectLeft := func() {
		GinkgoHelper()
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(sent(remote, "")).To(BeEmpty())
		Eventually(timesLeft(tenant)).Should(Equal(1))
		Expect(countLeft(tenant)).To(BeEquivalentTo(1))
	}
	expectRevoked := func() {
		GinkgoHelper()
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
		Expect(timesLeft(tenant)()).To(BeZero())
		Expect(countLeft(tenant)).To(BeZero())
	}
	expectBlocked := func() {
		GinkgoHelper()
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		Expect(is(obj, v1alpha1.ConditionStalled)).To(BeFalse())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(remote.Requests(http.MethodDelete, "")).To(BeZero())
	}

	It("stays under its deletionPolicy Orphan, without a call", func() {
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		remote.ClearLog()
		remote.Inject(sim.Fault{Times: -1, Status: http.StatusServiceUnavailable})
		remove(obj)
		expectLeft()
	})

	It("stays under the Auth0Tenant's deletionPolicy Orphan", func() {
		edit(tenant, func(t *v1alpha1.Auth0Tenant) { t.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		remove(obj)
		expectLeft()
	})

	It("stays where the grant that it replaces stays too", func() {
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Audience = "https://unknown/" })
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = v1alpha1.DeletionPolicyOrphan })
		remote.ClearLog()
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))
		Expect(remote.Requests(http.MethodDelete, "")).To(BeZero())
		Eventually(eventsOf(tenant)).Should(ContainElement(v1alpha1.EventGrantLeft))
	})

	It("is revoked where its deletionPolicy was Orphan and is Delete again", func() {
		for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.DeletionPolicyOrphan, v1alpha1.DeletionPolicyDelete} {
			edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.DeletionPolicy = policy })
			Eventually(conditionOf(obj)).Should(Equal("True Available"))
		}
		remove(obj)
		expectRevoked()
	})

	It("is revoked in mode Suspend", func() {
		setMode(v1alpha1.ModeSuspend)
		remove(obj)
		expectRevoked()
	})

	It("waits in mode Observe until that ends", func() {
		setMode(v1alpha1.ModeObserve)
		remove(obj)
		expectBlocked()
		Expect(messageOf(obj)).To(ContainSubstring("Enforce"))
		setMode(v1alpha1.ModeEnforce)
		expectRevoked()
	})

	It("waits in mode Observe until it is released", func() {
		setMode(v1alpha1.ModeObserve)
		remove(obj)
		expectBlocked()
		followAdvice(obj)
		expectLeft()
	})

	for _, mode := range []v1alpha1.Mode{v1alpha1.ModeObserve, v1alpha1.ModeSuspend} {
		It("waits while the Auth0Tenant is in mode "+string(mode), func() {
			setTenantMode(mode)
			remove(obj)
			expectBlocked()
			Expect(messageOf(obj)).To(And(ContainSubstring(tenant.Name), ContainSubstring(string(mode))))
			setTenantMode(v1alpha1.ModeEnforce)
			expectRevoked()
		})

		It("waits until it is released while the Auth0Tenant is in mode "+string(mode), func() {
			setTenantMode(mode)
			remove(obj)
			expectBlocked()
			followAdvice(obj)
			expectLeft()
		})
	}

	// loseTenant takes the Auth0Tenant away, as force does.
	loseTenant := func() {
		GinkgoHelper()
		remove(tenant)
		Expect(k8s.Patch(ctx, tenant, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
	}

	It("waits while the Auth0Tenant is gone until it is released", func() {
		loseTenant()
		remove(obj)
		expectBlocked()
		followAdvice(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.Grants()).To(ConsistOf(held))
	})

	It("waits while the Auth0Tenant is gone, and goes on when it is made again", func() {
		loseTenant()
		remove(obj)
		expectBlocked()
		made := tenantFor(remote, tenant.Spec.Credentials.SecretRef.Name)
		made.Name = tenant.Name
		create(made)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("is not looked for in another tenant of the same name", func() {
		stop()
		loseTenant()
		other := startTenant()
		twin := other.AddGrant(sim.Grant{ClientID: held.ClientID, Audience: held.Audience, Scope: held.Scope})
		made := tenantFor(other, create(secretFor(other)).Name)
		made.Name = tenant.Name
		create(made)
		startOperator()
		Eventually(conditionOf(made)).Should(Equal("True Available"))
		lookAgain(obj)
		Eventually(func() string { return messageOf(reload(obj)) }).Should(ContainSubstring(remote.Domain()))
		remove(obj)
		Eventually(conditionOf(obj)).Should(Equal("False DeletionBlocked"))
		Expect(messageOf(obj)).To(And(ContainSubstring(remote.Domain()), ContainSubstring(other.Domain())))
		followAdvice(obj)
		Eventually(gone(obj)).Should(BeTrue())
		Expect(other.Grants()).To(ConsistOf(twin))
		Expect(sent(other, "")).To(BeEmpty())
	})

	It("is not taken for revoked because another tenant of the same name, whose rules refuse it, does not hold it", func() {
		stop()
		loseTenant()
		record := reload(obj).Status.OwnershipRecord
		other := startTenant()
		made := tenantFor(other, create(secretFor(other)).Name)
		made.Name, made.Spec.OnViolation = tenant.Name, v1alpha1.OnViolationRevoke
		ruled(rule("none", []string{"https://none.example.com/"}, []string{"none"}, []string{"none"}))(made)
		create(made)
		startOperator()
		Eventually(conditionOf(made)).Should(Equal("True Available"))
		Eventually(conditionOf(obj)).Should(Equal("False NotPermitted"))
		lookAgain(obj)
		Consistently(func() v1alpha1.OwnershipRecord { return reload(obj).Status.OwnershipRecord }).Should(Equal(record))
		Expect(obj.Finalizers).To(ConsistOf(v1alpha1.ClientGrantFinalizer))
		Expect(remote.GrantCount()).To(Equal(1))
	})
})
