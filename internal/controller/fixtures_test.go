package controller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	retrywatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// Routes of the simulated tenant.
const (
	routeToken  = "/oauth/token"
	routeGrants = "/client-grants"
	routeGrant  = "/client-grants/{id}"
)

// remoteOf is the tenant's grant of a ClientGrant, nil where there is none.
func remoteOf(remote *sim.Running, obj *v1alpha1.ClientGrant) *sim.Grant {
	subject := string(obj.Spec.SubjectType)
	if subject == "" {
		subject = "client"
	}
	holder := obj.Spec.ClientRef.ID + obj.Spec.ClientRef.DefaultFor
	if found, ok := remote.FindGrant(holder, obj.Spec.Audience, subject); ok {
		return &found
	}
	return nil
}

// foreign is a grant that somebody else made, of the identity that a ClientGrant names.
func foreign(remote *sim.Running, obj *v1alpha1.ClientGrant, scopes ...string) sim.Grant {
	return remote.AddGrant(sim.Grant{
		ClientID: obj.Spec.ClientRef.ID, Audience: obj.Spec.Audience, SubjectType: string(obj.Spec.SubjectType), Scope: scopes,
	})
}

// sent lists the requests with that method, as "METHOD path body"; an empty method means every one that can change
// the tenant.
func sent(remote *sim.Running, method string) []string {
	requests := []string{}
	for _, e := range remote.Log() {
		if e.Route != routeToken && (e.Method == method || method == "" && e.Method != http.MethodGet) {
			requests = append(requests, strings.TrimSpace(e.Method+" "+strings.TrimPrefix(e.Path, "/api/v2")+" "+e.RequestBody))
		}
	}
	return requests
}

// bodies lists the bodies of the requests with that method.
func bodies(remote *sim.Running, method string) []string {
	list := []string{}
	for _, e := range remote.Log() {
		if e.Route != routeToken && e.Method == method {
			list = append(list, e.RequestBody)
		}
	}
	return list
}

// onRequest calls hook before every request of the tenant, and keeps the secrets that are in them.
func onRequest(remote *sim.Running, hook func(*http.Request)) {
	remote.OnRequest(func(r *http.Request) {
		seen.canaries(r)
		if hook != nil {
			hook(r)
		}
	})
}

func conditionsOf(obj client.Object) []metav1.Condition {
	switch o := obj.(type) {
	case *v1alpha1.ClientGrant:
		return o.Status.Conditions
	case *v1alpha1.Auth0Tenant:
		return o.Status.Conditions
	}
	return nil
}

// messageOf is the message of the Ready condition.
func messageOf(obj client.Object) string {
	if ready := meta.FindStatusCondition(conditionsOf(obj), v1alpha1.ConditionReady); ready != nil {
		return ready.Message
	}
	return ""
}

// is says whether a condition that is present only while it holds is there.
func is(obj client.Object, condition string) bool {
	return meta.IsStatusConditionTrue(conditionsOf(obj), condition)
}

// eventsOf lists the reasons of the events about an object, each as often as it was told.
func eventsOf(obj client.Object) func() []string {
	return func() []string {
		list := &eventsv1.EventList{}
		Expect(k8s.List(ctx, list)).To(Succeed())
		reasons := []string{}
		for _, e := range list.Items {
			if e.Regarding.UID != obj.GetUID() {
				continue
			}
			reasons = append(reasons, e.Reason)
			if e.Series != nil {
				reasons = append(reasons, slices.Repeat([]string{e.Reason}, int(e.Series.Count)-1)...)
			}
		}
		return reasons
	}
}

// transcript is all that the operator ever told: its log, and every version of its objects and events.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	states  map[types.UID][]string
	secrets map[string]struct{}
}

func newTranscript() *transcript {
	return &transcript{states: map[types.UID][]string{}, secrets: map[string]struct{}{}}
}

// Write takes a line of the log.
func (t *transcript) Write(line []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(line)
}

// follow takes in every version of every object that the operator writes, until the suite ends. A watch that is too slow
// for a busy API server is ended by it, and goes on where it was.
func (t *transcript) follow() {
	for _, list := range []client.ObjectList{&v1alpha1.ClientGrantList{}, &v1alpha1.Auth0TenantList{}, &eventsv1.EventList{}} {
		Expect(k8s.List(ctx, list)).To(Succeed())
		watching, err := retrywatch.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), watcher{list})
		Expect(err).NotTo(HaveOccurred())
		done := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(done)
			for change := range watching.ResultChan() {
				Expect(change.Type).NotTo(Equal(watch.Error), "%v", change.Object)
				if obj, ok := change.Object.(client.Object); ok {
					t.take(obj)
				}
			}
		}()
		DeferCleanup(func() { watching.Stop(); <-done })
	}
}

// watcher watches the objects of a list.
type watcher struct{ list client.ObjectList }

// WatchWithContext begins after the resource version that the options name.
func (w watcher) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return k8s.Watch(ctx, w.list, &client.ListOptions{Raw: &options})
}

func (t *transcript) take(obj client.Object) {
	text, err := json.Marshal(obj)
	Expect(err).NotTo(HaveOccurred())
	t.mu.Lock()
	defer t.mu.Unlock()
	recordState(obj)
	t.text.Write(append(text, '\n'))
	state, states := readyOf(obj), t.states[obj.GetUID()]
	if len(states) == 0 || states[len(states)-1] != state {
		t.states[obj.GetUID()] = append(states, state)
	}
}

// statesOf lists the states that an object went through, up to the one that it is in now.
func statesOf(obj client.Object) []string {
	GinkgoHelper()
	now := readyOf(obj)
	var states []string
	Eventually(func() string {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if states = slices.Clone(seen.states[obj.GetUID()]); len(states) == 0 {
			return ""
		}
		return states[len(states)-1]
	}).Should(Equal(now))
	return states
}

// A failed test shows the objects as it left them.
var _ = JustAfterEach(func() {
	if !CurrentSpecReport().Failed() {
		return
	}
	for _, list := range []client.ObjectList{&v1alpha1.ClientGrantList{}, &v1alpha1.Auth0TenantList{}} {
		Expect(k8s.List(ctx, list)).To(Succeed())
		Expect(meta.EachListItem(list, func(obj runtime.Object) error {
			obj.(client.Object).SetManagedFields(nil)
			return json.NewEncoder(GinkgoWriter).Encode(obj)
		})).To(Succeed())
	}
})
