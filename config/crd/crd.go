// Package crd embeds the CustomResourceDefinitions, for programs that validate manifests without a cluster.
package crd

import "embed"

// Bases holds the CustomResourceDefinitions below bases.
//
//go:embed bases/*.yaml
var Bases embed.FS
