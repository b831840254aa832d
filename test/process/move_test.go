package process_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// fleet is how many ClientGrants move, and lost how many of them are revoked after the backup.
const (
	fleet = 200
	lost  = 5
	// fleetPatience is how long all of them may take on a busy machine.
	fleetPatience = 5 * time.Minute
)

// TestMoveToAnotherCluster moves a tenant from one cluster to another as the documentation says, and then goes back to a
// backup.
func TestMoveToAnotherCluster(t *testing.T) {
	from := newWorld(t, crashes)
	for _, obj := range from.fleet() {
		from.remote.AddClient(sim.Client{ID: obj.Spec.ClientRef.ID})
	}
	to := newWorldOf(t, leaders, from.remote, from.foreign)
	from.apply(from.fleet())
	from.start()
	from.states(map[string]int{"True Available": fleet})
	from.Expect(from.own()).To(HaveLen(fleet))
	untouched := from.remote.holdStill()

	to.apply(to.fleet())
	comparing := to.start("--read-only")
	to.states(map[string]int{"True Observed": fleet})
	untouched(from)
	from.Expect(from.k8s.Patch(ctx, from.tenant, client.RawPatch("application/merge-patch+json",
		[]byte(`{"spec":{"deletionPolicy":"Orphan"}}`)))).To(Succeed())
	comparing.Kill()
	enforcing := to.start()
	to.states(map[string]int{"True Available": fleet})
	for _, obj := range to.stored() {
		to.Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginAdopted))
		to.Expect(obj.Finalizers).To(ConsistOf(v1alpha1.ClientGrantFinalizer))
	}
	from.deleteAll()
	untouched(from)
	to.refreshed()
	to.states(map[string]int{"True Available": fleet})
	untouched(from)
	from.remote.watchOver(nil)

	backup := to.stored()[:lost]
	revoked := names(backup)
	for i := range backup {
		to.Expect(to.k8s.Delete(ctx, backup[i].DeepCopy())).To(Succeed())
	}
	to.Eventually(to.stored).Should(HaveLen(fleet - lost))
	to.Expect(to.own()).To(HaveLen(fleet - lost))
	enforcing.Kill()
	for i := range backup {
		to.restore(&backup[i], i%2 == 0)
	}
	untouched = to.remote.holdStill()
	to.start("--read-only")
	to.states(map[string]int{"True Observed": fleet - lost, "False WouldChange": lost})
	to.Expect(names(slices.DeleteFunc(to.stored(), func(obj v1alpha1.ClientGrant) bool {
		return conditionOf(obj.Status.Conditions, obj.Generation) != "False WouldChange"
	}))).To(Equal(revoked))
	to.refresh()
	to.states(map[string]int{"True Observed": fleet - lost, "False WouldChange": lost})
	untouched(to)
}

// fleet are ClientGrants of many applications, as they lie in Git.
func (w *world) fleet() (all []*v1alpha1.ClientGrant) {
	for i := range fleet {
		obj := &v1alpha1.ClientGrant{
			ObjectMeta: metav1.ObjectMeta{Namespace: harness.Namespace, Name: fmt.Sprintf("grant-%03d", i)}, Spec: *w.grant.Spec.DeepCopy(),
		}
		obj.Spec.AdoptionPolicy, obj.Spec.ClientRef.ID = "", fmt.Sprintf("application-%03d", i)
		all = append(all, obj)
	}
	return all
}

func (w *world) apply(all []*v1alpha1.ClientGrant) {
	for _, obj := range all {
		w.later = append(w.later, obj)
		w.Expect(w.k8s.Create(ctx, obj)).To(Succeed())
	}
}

// restore makes an object again as it was, with its status or without.
func (w *world) restore(backup *v1alpha1.ClientGrant, withStatus bool) {
	obj := backup.DeepCopy()
	obj.UID, obj.ResourceVersion = "", ""
	w.Expect(w.k8s.Create(ctx, obj)).To(Succeed())
	if withStatus {
		obj.Status = backup.Status
		w.Expect(w.k8s.Status().Update(ctx, obj)).To(Succeed())
	}
}

// stored are the ClientGrants of the cluster, in the order of their names.
func (w *world) stored() []v1alpha1.ClientGrant {
	list := &v1alpha1.ClientGrantList{}
	w.Expect(w.k8s.List(ctx, list)).To(Succeed())
	return list.Items
}

func names(list []v1alpha1.ClientGrant) (names []string) {
	for i := range list {
		names = append(names, list[i].Name)
	}
	return names
}

// states waits until so many ClientGrants are in these states.
func (w *world) states(wanted map[string]int) {
	w.t.Helper()
	w.Eventually(func() map[string]int {
		count := map[string]int{}
		for _, obj := range w.stored() {
			count[conditionOf(obj.Status.Conditions, obj.Generation)]++
		}
		return count
	}).WithTimeout(fleetPatience).Should(Equal(wanted))
}

// deleteAll deletes what is in the namespace, what the operator needs first.
func (w *world) deleteAll() {
	w.t.Helper()
	w.Expect(w.k8s.Delete(ctx, w.secret)).To(Succeed())
	w.Expect(w.k8s.Delete(ctx, w.tenant)).To(Succeed())
	w.Expect(w.k8s.DeleteAllOf(ctx, &v1alpha1.ClientGrant{}, client.InNamespace(harness.Namespace))).To(Succeed())
	w.Eventually(w.stored).WithTimeout(fleetPatience).Should(BeEmpty())
	w.Eventually(func() error { return w.k8s.Get(ctx, client.ObjectKeyFromObject(w.tenant), w.tenant) }).ShouldNot(Succeed())
	w.Expect(w.k8s.Get(ctx, client.ObjectKeyFromObject(w.secret), &corev1.Secret{})).NotTo(Succeed())
}

// holdStill notes what the tenant holds. What it returns fails unless nothing was written since, and every grant was there
// as it was after every request.
func (r *tenant) holdStill() func(*world) {
	before := r.Grants()
	r.ClearLog()
	r.watchOver(func() bool { return reflect.DeepEqual(r.Grants(), before) })
	return func(w *world) {
		w.t.Helper()
		w.Expect(r.lapses()).To(BeEmpty())
		w.Expect(r.Grants()).To(Equal(before))
		for _, exchange := range r.Log() {
			w.Expect(exchange.Method == http.MethodGet || exchange.Path == "/oauth/token").To(BeTrue(), "%s %s was sent", exchange.Method, exchange.Path)
		}
	}
}
