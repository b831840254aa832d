package controller

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// askers are those who want one identity: nearly always one, so that a list takes far less memory than a map.
type askers []asker

// asker wants an identity; eligible says whether it could own it.
type asker struct {
	key      types.NamespacedName
	eligible bool
}

func (a askers) index(key types.NamespacedName) int {
	return slices.IndexFunc(a, func(one asker) bool { return one.key == key })
}

// has says whether key asks, and just so.
func (a askers) has(key types.NamespacedName, eligible bool) bool {
	return slices.Contains(a, asker{key, eligible})
}

func (a askers) with(key types.NamespacedName, eligible bool) askers {
	if i := a.index(key); i >= 0 {
		a[i].eligible = eligible
		return a
	}
	return append(a, asker{key, eligible})
}

func (a askers) without(key types.NamespacedName) askers {
	return slices.DeleteFunc(a, func(one asker) bool { return one.key == key })
}

func (a askers) keys() []types.NamespacedName {
	keys := make([]types.NamespacedName, 0, len(a))
	for _, one := range a {
		keys = append(keys, one.key)
	}
	return keys
}
