package process_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// What the tests are about: an application, the API that it gets access to, and another one.
const (
	application   = "billing-application"
	audience      = "https://api.example.com/"
	otherAudience = "https://other.example.com/"
)

// world is a tenant with an Auth0Tenant for it, and the processes of the operator that run in one test.
type world struct {
	*WithT
	t        *testing.T
	cluster  *harness.Cluster
	k8s      client.Client
	remote   *tenant
	tenant   *v1alpha1.Auth0Tenant
	secret   *corev1.Secret
	grant    *v1alpha1.ClientGrant
	foreign  map[string]string
	replicas []*replica
	// account is the service account of the operator.
	account string
	// refusals says that the API server is meant to refuse something.
	refusals bool
	// later are further objects that the test leaves to be removed.
	later []client.Object
}

// replica is one process of the operator, behind a gate of its own to the API server.
type replica struct {
	*harness.Program
	api *gate
}

// newWorld makes a tenant with grants that are none of the operator's business, an Auth0Tenant for it, and a ClientGrant
// that is not stored yet.
func newWorld(t *testing.T, cluster *harness.Cluster) *world {
	t.Helper()
	remote, foreign := newTenant(t), map[string]string{}
	for _, grant := range []sim.Grant{
		{ClientID: application, Audience: "https://unrelated.example.com/", Scope: []string{"read:users"}},
		{ClientID: application, Audience: audience, SubjectType: "user", Scope: []string{"read:users", "foreign"}},
		{ClientID: application, Audience: otherAudience, SubjectType: "user", Scope: []string{}},
		{ClientID: "another-application", Audience: audience, Scope: []string{"read:users"}},
		{DefaultFor: "third_party_clients", Audience: audience, Scope: []string{"read:users"}},
	} {
		added := remote.AddGrant(grant)
		foreign[added.ID] = shown(added)
	}
	return newWorldOf(t, cluster, remote, foreign)
}

// newWorldOf makes an Auth0Tenant for a tenant that is there already.
func newWorldOf(t *testing.T, cluster *harness.Cluster, remote *tenant, foreign map[string]string) *world {
	t.Helper()
	busy[cluster].Lock()
	t.Cleanup(busy[cluster].Unlock)
	w := &world{WithT: NewWithT(t), t: t, cluster: cluster, k8s: cluster.Client, remote: remote, foreign: foreign, account: harness.Account}
	t.Cleanup(w.end)
	named := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: harness.Namespace, Name: name}
	}
	w.secret = &corev1.Secret{
		ObjectMeta: named("auth0-management"),
		StringData: map[string]string{"clientID": w.remote.ClientID(), "clientSecret": w.remote.ClientSecret()},
	}
	w.tenant = &v1alpha1.Auth0Tenant{ObjectMeta: named("main"), Spec: v1alpha1.Auth0TenantSpec{
		Domain:      w.remote.gate.Address(),
		Credentials: v1alpha1.Credentials{SecretRef: v1alpha1.SecretReference{Name: w.secret.Name}},
		RateLimit:   v1alpha1.RateLimit{RequestsPerMinute: 60000, Burst: 1000},
	}}
	w.grant = &v1alpha1.ClientGrant{ObjectMeta: named("billing"), Spec: v1alpha1.ClientGrantSpec{
		TenantRef: v1alpha1.TenantReference{Name: w.tenant.Name}, ClientRef: v1alpha1.ClientReference{ID: application},
		Audience: audience, Scopes: []string{"read:users", "write:users"}, AdoptionPolicy: v1alpha1.AdoptionPolicyRefuse,
	}}
	w.Expect(w.k8s.Create(ctx, w.secret)).To(Succeed())
	w.Expect(w.k8s.Create(ctx, w.tenant)).To(Succeed())
	return w
}

// start starts a process of the operator.
func (w *world) start(flags ...string) *replica {
	w.t.Helper()
	config, err := w.cluster.OperatorConfig(ctx, w.account)
	w.Expect(err).NotTo(HaveOccurred())
	r := &replica{}
	r.api, err = gateToAPIServer(config)
	w.Expect(err).NotTo(HaveOccurred())
	config.Host, config.CAData = r.api.URL, r.api.CAPEM()
	kubeconfig := filepath.Join(w.t.TempDir(), "kubeconfig")
	w.Expect(harness.WriteKubeconfig(kubeconfig, config)).To(Succeed())
	r.Program, err = harness.Start(manager, append([]string{
		"--kubeconfig=" + kubeconfig, "--namespace=" + harness.Namespace, "--allowed-domains=" + w.tenant.Spec.Domain,
		"--metrics-bind-address=0", "--health-probe-bind-address=127.0.0.1:0", "--log-level=debug",
	}, flags...), []string{"SSL_CERT_FILE=" + w.remote.caFile})
	w.Expect(err).NotTo(HaveOccurred())
	w.replicas = append(w.replicas, r)
	return r
}

// end ends every process, looks at what the operator told, and removes what the next test must not find.
func (w *world) end() {
	for _, r := range w.replicas {
		r.Kill()
		r.api.Close()
	}
	told := w.told()
	if w.t.Failed() {
		w.t.Log(told)
	}
	for _, object := range append(w.later, w.grant, w.tenant, w.secret) {
		w.Expect(client.IgnoreNotFound(w.k8s.Patch(ctx, object, client.RawPatch("application/merge-patch+json",
			[]byte(`{"metadata":{"finalizers":null}}`))))).To(Succeed())
		w.Expect(client.IgnoreNotFound(w.k8s.Delete(ctx, object))).To(Succeed())
	}
	w.forgetEvents()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: harness.Namespace, Name: leaseName}}
	w.Expect(client.IgnoreNotFound(w.k8s.Delete(ctx, lease))).To(Succeed())
	w.checkTold(told)
	w.checkForeign()
}

// forgetEvents removes what was told in this test: the next one looks at all events of the cluster.
func (w *world) forgetEvents() {
	list := &eventsv1.EventList{}
	w.Expect(w.k8s.List(ctx, list)).To(Succeed())
	for i := range list.Items {
		w.Expect(client.IgnoreNotFound(w.k8s.Delete(ctx, &list.Items[i]))).To(Succeed())
	}
}

// ready waits until an object's Ready condition is true for its generation.
func (w *world) ready(object client.Object) {
	w.t.Helper()
	w.Eventually(func() string { return w.condition(object) }).Should(Equal("True Available"))
}

// condition reads an object and returns its Ready condition, if that speaks of the object's generation.
func (w *world) condition(object client.Object) string {
	if err := w.k8s.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return err.Error()
	}
	var list []metav1.Condition
	switch o := object.(type) {
	case *v1alpha1.ClientGrant:
		list = o.Status.Conditions
	case *v1alpha1.Auth0Tenant:
		list = o.Status.Conditions
	}
	return conditionOf(list, object.GetGeneration())
}

func conditionOf(list []metav1.Condition, generation int64) string {
	condition := meta.FindStatusCondition(list, v1alpha1.ConditionReady)
	if condition == nil || condition.ObservedGeneration != generation {
		return "none"
	}
	return string(condition.Status) + " " + condition.Reason
}

// edit changes the ClientGrant as kubectl edit does.
func (w *world) edit(change func(*v1alpha1.ClientGrantSpec)) {
	w.t.Helper()
	w.Eventually(func() error {
		if err := w.k8s.Get(ctx, client.ObjectKeyFromObject(w.grant), w.grant); err != nil {
			return err
		}
		change(&w.grant.Spec)
		return w.k8s.Update(ctx, w.grant)
	}).Should(Succeed())
}

// refreshed waits until the operator has looked at everything in the tenant once more, and finds nothing wrong with it.
func (w *world) refreshed() {
	w.t.Helper()
	w.refresh()
	w.ready(w.tenant)
}

// refresh waits until the operator has looked at everything in the tenant once more.
func (w *world) refresh() {
	w.t.Helper()
	request := time.Now().Format(time.RFC3339Nano)
	w.Eventually(func() error {
		if err := w.k8s.Get(ctx, client.ObjectKeyFromObject(w.tenant), w.tenant); err != nil {
			return err
		}
		metav1.SetMetaDataAnnotation(&w.tenant.ObjectMeta, v1alpha1.ReconcileRequestAnnotation, request)
		return w.k8s.Update(ctx, w.tenant)
	}).Should(Succeed())
	w.Eventually(func() string {
		w.Expect(w.k8s.Get(ctx, client.ObjectKeyFromObject(w.tenant), w.tenant)).To(Succeed())
		return w.tenant.Status.LastHandledReconcileAt
	}).Should(Equal(request))
}

// shown is how the tenant shows a grant.
func shown(grant sim.Grant) string {
	content, err := json.Marshal(grant)
	if err != nil {
		panic(err) // Nothing in a grant depends on anything outside.
	}
	return string(content)
}

// checkForeign fails unless every grant that was there before is there still, byte for byte.
func (w *world) checkForeign() {
	w.t.Helper()
	for id, before := range w.foreign {
		held, ok := w.remote.Grant(id)
		w.Expect(ok).To(BeTrue(), "a foreign grant is gone: %s", before)
		w.Expect(shown(held)).To(Equal(before), "a foreign grant was changed")
	}
}

// own are the grants of the tenant that were not there before.
func (w *world) own() []sim.Grant {
	var own []sim.Grant
	for _, grant := range w.remote.Grants() {
		if _, ok := w.foreign[grant.ID]; !ok {
			own = append(own, grant)
		}
	}
	return own
}
