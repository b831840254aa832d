package controller_test

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// Places in an order of deletion.
const (
	theSecret = iota
	theTenant
	theGrant
	theConfigMap
)

// household is a ClientGrant with all that it needs, and the order in which these are deleted: so many of them while the
// operator runs.
type household struct {
	order     []int
	running   int
	secret    *corev1.Secret
	tenant    *v1alpha1.Auth0Tenant
	obj       *v1alpha1.ClientGrant
	configMap *corev1.ConfigMap
	held      sim.Grant
}

func (h *household) String() string {
	var names []string
	for _, place := range h.order {
		names = append(names, []string{"Secret", "Auth0Tenant", "ClientGrant", "ConfigMap"}[place])
	}
	return fmt.Sprintf("%s, %d of them while the operator runs", strings.Join(names, ", "), h.running)
}

func (h *household) object(place int) client.Object {
	return []client.Object{h.secret, h.tenant, h.obj, h.configMap}[place]
}

// revokesWithin says whether the first n deletions are enough to revoke: the operator has credentials, or had them and
// the Auth0Tenant is going.
func (h *household) revokesWithin(n int) bool {
	first := h.order[:n]
	grant, secret := slices.Index(first, theGrant), slices.Index(first, theSecret)
	return grant >= 0 && (secret < 0 || grant < secret || slices.Contains(first, theTenant))
}

// orders are all orders of four things.
func orders() (all [][]int) {
	for i := range 4 * 4 * 4 * 4 {
		order := []int{i / 64, i / 16 % 4, i / 4 % 4, i % 4}
		if len(slices.Compact(slices.Sorted(slices.Values(order)))) == 4 {
			all = append(all, order)
		}
	}
	return all
}

// newHousehold makes all of it, in one Auth0 tenant with others.
func newHousehold(remote *sim.Running, order []int, running int) *household {
	GinkgoHelper()
	h := &household{order: order, running: running, secret: create(secretFor(remote))}
	h.tenant = create(tenantFor(remote, h.secret.Name))
	h.obj = grantFor(remote, h.tenant, "read:users")
	h.configMap = create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: unique("clients"), Namespace: namespace}, Data: map[string]string{"id": h.obj.Spec.ClientRef.ID},
	})
	h.obj.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: h.configMap.Name, Key: "id"}}
	create(h.obj)
	return h
}

func (h *household) awaitGone() {
	GinkgoHelper()
	for _, obj := range []client.Object{h.obj, h.tenant} {
		Eventually(gone(obj)).Should(BeTrue(), "%s: %T", h, obj)
	}
}

// noticed waits until the operator has drawn its conclusions from the first n deletions.
func (h *household) noticed(n int) {
	GinkgoHelper()
	first := h.order[:n]
	if h.revokesWithin(n) {
		Eventually(gone(h.obj)).Should(BeTrue(), h.String())
	} else if slices.Contains(first, theGrant) {
		Eventually(conditionOf(h.obj)).Should(Equal("False DeletionBlocked"), h.String())
	}
	switch owned := !h.revokesWithin(n); {
	case slices.Contains(first, theTenant) && owned:
		Eventually(conditionOf(h.tenant)).Should(Equal("False InUse"), h.String())
	case slices.Contains(first, theTenant):
		Eventually(gone(h.tenant)).Should(BeTrue(), h.String())
	case slices.Contains(first, theSecret):
		Eventually(conditionOf(h.tenant)).Should(Equal("False SecretNotFound"), h.String())
	}
}

var _ = Describe("Secret, Auth0Tenant, ClientGrant and ConfigMap, deleted in any order", func() {
	var (
		remote     *sim.Running
		households []*household
	)
	BeforeEach(func() { remote, households = startTenant(), nil })
	settle := func() {
		GinkgoHelper()
		for _, h := range households {
			awaitReady(h.obj)
			h.held, _ = remote.Grant(h.obj.Status.GrantID)
		}
		Expect(remote.GrantCount()).To(Equal(len(households)))
	}

	It("leave nothing behind while the operator runs", func() {
		for _, order := range orders() {
			households = append(households, newHousehold(remote, order, 4))
		}
		settle()
		for _, h := range households {
			for _, place := range h.order {
				remove(h.object(place))
			}
		}
		for _, h := range households {
			h.awaitGone()
		}
		Expect(remote.GrantCount()).To(BeZero())
	})

	It("leave nothing that is not told of, each waited for, where the operator stops in the middle and starts again", func() {
		known := map[string]bool{}
		for _, order := range orders() {
			for running := range 5 {
				// What is deleted without the operator has no order for it.
				if first := fmt.Sprint(order[:running]); !known[first] {
					known[first] = true
					households = append(households, newHousehold(remote, order, running))
				}
			}
		}
		settle()
		deleteInTurns(households)
		stop()
		for _, h := range households {
			for _, place := range h.order[h.running:] {
				remove(h.object(place))
			}
		}
		startOperator()
		var left []sim.Grant
		for i, h := range households {
			if !h.revokesWithin(h.running) {
				Eventually(conditionOf(h.obj)).Should(Equal("False DeletionBlocked"), h.String())
				Eventually(conditionOf(h.tenant)).Should(Equal("False InUse"), h.String())
				Expect(remote.Grants()).To(ContainElement(h.held), h.String())
				if i%2 == 0 {
					again := secretFor(remote)
					again.Name = h.secret.Name
					create(again)
				} else {
					followAdvice(h.obj)
					left = append(left, h.held)
				}
			}
			h.awaitGone()
		}
		Expect(left).NotTo(BeEmpty())
		Expect(remote.Grants()).To(ConsistOf(left))
	})
})

// deleteInTurns deletes what is to be deleted while the operator runs, and waits for its conclusions each time.
func deleteInTurns(households []*household) {
	GinkgoHelper()
	for i := range 4 {
		for _, h := range households {
			if i < h.running {
				remove(h.object(h.order[i]))
			}
		}
		for _, h := range households {
			if i < h.running {
				h.noticed(i + 1)
			}
		}
	}
}
