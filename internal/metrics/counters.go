// Package metrics counts what happens, and tells how things stand when it is asked.
package metrics

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The labels of all metrics. Namespace is that of a ClientGrant; tenant is namespace/name of an Auth0Tenant. None of them
// ever holds a client ID, an audience, a scope or the name of a ClientGrant.
const (
	labelTenant    = "tenant"
	labelNamespace = "namespace"
	labelReason    = "reason"
	labelClass     = "class"
	labelMethod    = "method"
	labelCode      = "code"
)

// The counters of what happens; how things stand is told by States.
var (
	apiCalls = counter("clientgrant_api_calls_total",
		"Calls to the Management API, by method and status code; code is none where no answer came.", labelMethod, labelCode)
	tokenRequests = counter("clientgrant_token_requests_total",
		"Requests to the token endpoint, by status code; code is none where no answer came.", labelCode)
	driftFound = counter("clientgrant_drift_found_total",
		"Grants that were as specified and then were found changed or gone.")
	driftCorrected = counter("clientgrant_drift_corrected_total",
		"Writes that brought a grant back to its spec after it was found changed or gone.")
	handOvers = counter("clientgrant_hand_overs_total",
		"Grants that were handed over from one ClientGrant to another.")
	grantsLeft = counter("clientgrant_grants_left_total",
		"Grants that may remain in the tenant although no ClientGrant manages them any more.")
)

// counters are all of them.
var counters = []*prometheus.CounterVec{apiCalls, tokenRequests, driftFound, driftCorrected, handOvers, grantsLeft}

func init() {
	for _, c := range counters {
		metrics.Registry.MustRegister(c)
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{labelTenant}, labels...))
}

// usual are the answers that are counted from zero on: of a counter that begins with its first event, no query sees that
// event.
var usual = map[string]int{
	http.MethodGet: http.StatusOK, http.MethodPost: http.StatusCreated, http.MethodPatch: http.StatusOK,
	http.MethodDelete: http.StatusNoContent,
}

// Start has the series of an Auth0Tenant begin.
func Start(of types.NamespacedName) {
	known.mu.Lock()
	defer known.mu.Unlock()
	known.set[of] = struct{}{}
	for method, status := range usual {
		apiCalls.WithLabelValues(of.String(), method, codeOf(status))
	}
	tokenRequests.WithLabelValues(of.String(), codeOf(http.StatusOK))
	for _, c := range []*prometheus.CounterVec{driftFound, driftCorrected, handOvers, grantsLeft} {
		c.WithLabelValues(of.String())
	}
}

// Stop ends the series of an Auth0Tenant that is gone.
func Stop(of types.NamespacedName) {
	known.mu.Lock()
	defer known.mu.Unlock()
	delete(known.set, of)
	for _, c := range counters {
		c.DeletePartialMatch(prometheus.Labels{labelTenant: of.String()})
	}
}

// APICall counts a call to the Management API; a status of 0 stands for no answer.
func APICall(of types.NamespacedName, method string, status int) {
	increment(of, apiCalls, method, codeOf(status))
}

// TokenRequest counts a request to the token endpoint; a status of 0 stands for no answer.
func TokenRequest(of types.NamespacedName, status int) { increment(of, tokenRequests, codeOf(status)) }

// DriftFound counts a grant that was found changed.
func DriftFound(of types.NamespacedName) { increment(of, driftFound) }

// DriftCorrected counts a write that brought a grant back to its spec.
func DriftCorrected(of types.NamespacedName) { increment(of, driftCorrected) }

// HandedOver counts a grant that changed hands.
func HandedOver(of types.NamespacedName) { increment(of, handOvers) }

// GrantLeft counts a grant that may remain in the tenant with no ClientGrant that manages it.
func GrantLeft(of types.NamespacedName) { increment(of, grantsLeft) }

// known are the Auth0Tenants that have series: a call may end after its Auth0Tenant is gone, and its series are not to return.
var known = struct {
	mu  sync.Mutex
	set map[types.NamespacedName]struct{}
}{set: map[types.NamespacedName]struct{}{}}

func increment(of types.NamespacedName, what *prometheus.CounterVec, labels ...string) {
	known.mu.Lock()
	defer known.mu.Unlock()
	if _, ok := known.set[of]; ok {
		what.WithLabelValues(append([]string{of.String()}, labels...)...).Inc()
	}
}

// codeOf is a status as a label tells it.
func codeOf(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status)
}
