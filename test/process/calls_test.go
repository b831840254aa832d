package process_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// call is a request of the operator that changes something: what, whether in the tenant, and how often it had asked for
// that before. A crash before or after a request that changes nothing is one after the call before it.
type call struct {
	request  string
	toTenant bool
	before   int
}

func (c call) String() string { return fmt.Sprintf("%s #%d", c.request, c.before+1) }

// match is for a trap that this call springs, and tells when that begins.
func (c call) match(reached *atomic.Bool) func(*http.Request, string) bool {
	before := c.before
	return func(r *http.Request, _ string) bool {
		if requested(r) != c.request {
			return false
		}
		before--
		reached.Store(before < 0)
		return before < 0
	}
}

// noStep are requests that are no step of anything: tokens, and events, which may be lost.
var noStep = regexp.MustCompile(`^/oauth/token$|/events(/|$)`)

// grantInPath is the ID of a grant, which is another one in every run.
var grantInPath = regexp.MustCompile(`cgr_\w+$`)

// requested is what a request is to change; empty where that is no step.
func requested(r *http.Request) string {
	if r.Method == http.MethodGet || noStep.MatchString(r.URL.Path) {
		return ""
	}
	path := strings.TrimPrefix(r.URL.Path, "/apis/"+v1alpha1.GroupVersion.String()+"/namespaces/"+harness.Namespace)
	return r.Method + " " + grantInPath.ReplaceAllString(path, "{id}")
}

// takeover is a change that moves access from one grant, or from one ClientGrant, to another.
type takeover struct {
	name  string
	given func(w *world)
	when  func(w *world)
	// there says whether somebody has the access, at any time from now on.
	there func(w *world) func() bool
	done  func(w *world) bool
	then  func(w *world)
}

var takeovers = []takeover{
	{
		name:  "replacing",
		given: (*world).createReady,
		when:  func(w *world) { w.edit(func(spec *v1alpha1.ClientGrantSpec) { spec.Audience = otherAudience }) },
		there: func(w *world) func() bool { return func() bool { return len(w.own()) > 0 } },
		done: func(w *world) bool {
			return w.condition(w.grant) == "True Available" && w.grant.Status.Replaces == nil
		},
		then: func(w *world) {
			w.holds(otherAudience, "read:users", "write:users")
			w.Expect(w.grant.Status.Replaces).To(BeNil())
			w.Expect(w.grant.Status.Origin).To(Equal(v1alpha1.OriginCreated))
			w.Expect(w.remote.writes(http.MethodPost, http.StatusCreated)).To(Equal(2))
		},
	},
	{
		name: "handing over",
		given: func(w *world) {
			w.createReady()
			next := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: w.grant.Namespace, Name: "invoicing"}, Spec: w.grant.Spec}
			next.Spec.Scopes = []string{"write:users", "admin"}
			w.Expect(w.k8s.Create(ctx, next)).To(Succeed())
			w.later = append(w.later, next)
			w.Eventually(func() string { return w.condition(next) }).Should(Equal("False Conflict"))
		},
		when: (*world).delete,
		there: func(w *world) func() bool {
			held := w.grant.Status.GrantID
			return func() bool { _, ok := w.remote.Grant(held); return ok }
		},
		done: func(w *world) bool { return w.gone() && w.condition(w.later[0]) == "True Available" },
		then: func(w *world) {
			w.Eventually(w.gone).Should(BeTrue())
			w.grant = w.later[0].(*v1alpha1.ClientGrant)
			w.holds(audience, "write:users", "admin")
			w.Expect(w.remote.writes(http.MethodPost, 0)).To(Equal(1))
			w.Expect(w.remote.writes(http.MethodDelete, 0)).To(BeZero())
		},
	},
}

func TestOperatorKilledAtAnyCallOfATakeover(t *testing.T) {
	t.Parallel()
	for _, takeover := range takeovers {
		t.Run(takeover.name, func(t *testing.T) {
			for _, call := range callsOf(t, takeover) {
				t.Run(fmt.Sprintf("killed before %s arrives", call), func(t *testing.T) {
					checkKilledAt(t, takeover, call, false)
				})
				t.Run(fmt.Sprintf("killed before the answer to %s arrives", call), func(t *testing.T) {
					checkKilledAt(t, takeover, call, true)
				})
			}
		})
	}
}

// callsOf lets an operator come to the end undisturbed, and returns what it asked for on the way.
func callsOf(t *testing.T, takeover takeover) (calls []call) {
	t.Run("undisturbed", func(t *testing.T) {
		w := newWorld(t, leaders)
		operator := w.start()
		takeover.begin(w)
		list := &callList{}
		operator.api.arm(&trap{match: list.note(false)})
		w.remote.gate.arm(&trap{match: list.note(true)})
		takeover.when(w)
		w.Eventually(func() bool { return takeover.done(w) }).Should(BeTrue())
		calls = list.all()
		takeover.then(w)
		w.Expect(w.remote.lapses()).To(BeEmpty())
	})
	return calls
}

// callList are calls in the order in which they came.
type callList struct {
	mu    sync.Mutex
	calls []call
}

// note is for a trap that is never sprung.
func (l *callList) note(toTenant bool) func(*http.Request, string) bool {
	return func(r *http.Request, _ string) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if request := requested(r); request != "" {
			before := 0
			for _, earlier := range l.calls {
				if earlier.request == request {
					before++
				}
			}
			l.calls = append(l.calls, call{request, toTenant, before})
		}
		return false
	}
}

func (l *callList) all() []call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// begin makes what the takeover starts from, and watches over the access from then on.
func (s takeover) begin(w *world) {
	w.ready(w.tenant)
	s.given(w)
	w.remote.watchOver(s.there(w))
}

// checkKilledAt kills the operator at a call and lets another process go on. What the first one writes once more or
// together with something else is not the same in every run: only the first call of each kind must be come to.
func checkKilledAt(t *testing.T, takeover takeover, call call, answered bool) {
	t.Helper()
	w := newWorld(t, leaders)
	victim := w.start()
	takeover.begin(w)
	place := victim.api
	if call.toTenant {
		place = w.remote.gate
	}
	var reached atomic.Bool
	kill := &trap{match: call.match(&reached), answered: answered, spring: victim.Kill}
	place.arm(kill)
	takeover.when(w)
	w.Eventually(func() bool { return reached.Load() || takeover.done(w) }).Should(BeTrue())
	if reached.Load() {
		w.Eventually(kill.hit).Should(BeClosed())
	} else {
		w.Expect(call.before).NotTo(BeZero(), "the operator never came to the kill point")
		victim.Kill()
	}

	w.start()
	w.refreshed()
	takeover.then(w)
	w.Expect(w.remote.lapses()).To(BeEmpty())
	w.checkForeign()
}
