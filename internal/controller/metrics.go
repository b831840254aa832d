package controller

import (
	"net/http"
	"strconv"

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

// What happens is counted here; how things stand is told by stateCollector.
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

// startCounting has the series of an Auth0Tenant begin.
func startCounting(of types.NamespacedName) {
	for method, status := range usual {
		apiCalls.WithLabelValues(of.String(), method, codeOf(status))
	}
	tokenRequests.WithLabelValues(of.String(), codeOf(http.StatusOK))
	for _, c := range []*prometheus.CounterVec{driftFound, driftCorrected, handOvers, grantsLeft} {
		c.WithLabelValues(of.String())
	}
}

// stopCounting ends the series of an Auth0Tenant that is gone.
func stopCounting(of types.NamespacedName) {
	for _, c := range counters {
		c.DeletePartialMatch(prometheus.Labels{labelTenant: of.String()})
	}
}

// count adds to a counter of an Auth0Tenant, unless that is gone: a call may end later, and its series are not to return.
func (r *TenantReconciler) count(of types.NamespacedName, what *prometheus.CounterVec, labels ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[of] != nil {
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

// drifted counts a grant that was found changed: once, however many passes it takes to correct it.
func (p *pass) drifted() {
	if p.cause() == causeDrift && !p.memory.drifted {
		p.memory.drifted = true
		driftFound.WithLabelValues(tenantKey(p.obj).String()).Inc()
	}
}

// corrected notes and counts a write that brought a grant back to its spec.
func (p *pass) corrected() {
	p.memory.drifted = false
	p.memory.corrected(p.session.Health().Completed)
	driftCorrected.WithLabelValues(tenantKey(p.obj).String()).Inc()
}
