//go:build binaries

// Package controlplane pins the kube-apiserver and etcd that the tests and the demo run against, for machines where
// setup-envtest finds and fetches nothing.
package controlplane

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
