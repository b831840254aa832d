package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// grantsLeft counts access that may remain in a tenant although no ClientGrant manages it any more.
var grantsLeft = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "clientgrant_grants_left_total",
	Help: "Grants that may remain in the tenant although no ClientGrant manages them any more.",
}, []string{"tenant_namespace", "tenant"})

// handOvers counts grants that changed from one ClientGrant to another.
var handOvers = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "clientgrant_hand_overs_total",
	Help: "Grants that were handed over from one ClientGrant to another.",
}, []string{"tenant_namespace", "tenant"})

func init() {
	metrics.Registry.MustRegister(grantsLeft, handOvers)
}
