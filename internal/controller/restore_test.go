package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

var _ = Describe("A ClientGrant that a backup brings back with its finalizer", func() {
	var (
		remote *sim.Running
		obj    *v1alpha1.ClientGrant
		backup v1alpha1.ClientGrantStatus
		held   sim.Grant
	)
	BeforeEach(func() {
		remote = startTenant()
		tenant := readyTenant(remote)
		original := available(grantFor(remote, tenant, "read:users"))
		backup, held = original.Status, *remoteOf(remote, original)
		// The cluster is lost; what is in the tenant is not.
		stop()
		obj = twin(original)
		obj.Finalizers = []string{v1alpha1.ClientGrantFinalizer}
		takeOffFinalizers(original)
		remove(original)
		remote.ClearLog()
		startOperator()
	})
	withStatus := func(id string) {
		GinkgoHelper()
		Eventually(func() error {
			reload(obj).Status = *backup.DeepCopy()
			obj.Status.GrantID = id
			return k8s.Status().Update(ctx, obj)
		}).Should(Succeed())
	}
	expectOne := func(id string) {
		GinkgoHelper()
		lookAgain(obj)
		Eventually(func() string { return reload(obj).Status.GrantID }).Should(Equal(id))
		Expect(conditionOf(obj)()).To(Equal("True Available"))
		Expect(remote.Grants()).To(ConsistOf(HaveField("ID", id)))
		Expect(sent(remote, "")).To(BeEmpty())
		remove(obj)
		awaitEnd(obj)
		Expect(sent(remote, "")).To(Equal([]string{"DELETE /client-grants/" + id}))
		Expect(remote.GrantCount()).To(BeZero())
	}

	It("has its grant, and one only, where the status comes later", func() {
		available(obj)
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginAdopted))
		withStatus(held.ID)
		expectOne(held.ID)
	})

	It("has its grant, and one only, where the status comes later with an ID that is no longer the grant's", func() {
		made := again(remote, held)
		available(obj)
		withStatus(held.ID)
		expectOne(made.ID)
	})

	It("has its grant, and one only, where the status comes before the operator", func() {
		made := again(remote, held)
		stop()
		create(obj)
		withStatus(held.ID)
		startOperator()
		awaitReady(obj)
		expectOne(made.ID)
	})
})
