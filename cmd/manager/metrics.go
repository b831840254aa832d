package main

import (
	"crypto/tls"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// metricsOptions serve the metrics by plain HTTP; or by TLS, and only to those who may read them.
func metricsOptions(o *options) metricsserver.Options {
	served := metricsserver.Options{BindAddress: o.metricsAddress}
	if o.metricsSecure {
		served.SecureServing, served.CertDir, served.FilterProvider = true, o.metricsCertDir, newReader
		// HTTP/2 would let one connection open requests without end.
		served.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }}
	}
	return served
}

// registerBuildInfo has the metrics tell what runs.
func registerBuildInfo() error {
	return metrics.Registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "clientgrant_build_info", Help: "Always 1: the version of the operator, and of Go with which it was built.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 }))
}
