package world

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// clientID finds out which client a reference names, or why that cannot be told: from the API server, or from what is remembered
// of the ConfigMap as the cache knows it.
func (g *gathering) clientID(ctx context.Context, at clientAt) (string, *status.State, error) {
	if !validName(at.configMap) {
		return "", at.missing(), nil
	}
	var read clientRead
	var err error
	if g.reader == g.Live {
		read, err = g.readClient(ctx, at)
	} else {
		read, err = g.rememberedClient(ctx, at)
	}
	return read.clientID, read.unusable, err
}

// clientAt is where a client ID stands.
type clientAt struct {
	configMap types.NamespacedName
	key       string
}

func clientAtOf(obj *v1alpha1.ClientGrant) (at clientAt, isReference bool) {
	ref := obj.Spec.ClientRef.ConfigMapKeyRef
	if ref == nil {
		return clientAt{}, false
	}
	return clientAt{types.NamespacedName{Namespace: obj.Namespace, Name: ref.Name}, ref.Key}, true
}

func (at clientAt) missing() *status.State {
	return status.Waiting(v1alpha1.ReasonClientNotResolved,
		"ConfigMap %q does not exist in this namespace: create it, or correct spec.clientRef.configMapKeyRef.", at.configMap.Name)
}

// clientRead is what was read from one version of a ConfigMap: a client ID, or why there is none.
type clientRead struct {
	version, clientID string
	unusable          *status.State
}

// readClient reads a client ID from the API server. A value that is no client ID is named by its object and key and never
// shown.
func (g *gathering) readClient(ctx context.Context, at clientAt) (clientRead, error) {
	configMap := &corev1.ConfigMap{}
	err := g.Live.Get(ctx, at.configMap, configMap)
	if apierrors.IsNotFound(err) {
		return clientRead{unusable: at.missing()}, nil
	}
	if err != nil {
		return clientRead{}, err
	}
	read := clientRead{version: configMap.ResourceVersion}
	switch value, ok := configMap.Data[at.key]; {
	case !ok:
		read.unusable = status.Waiting(v1alpha1.ReasonClientNotResolved,
			"ConfigMap %q has no key %q: add it, or correct spec.clientRef.configMapKeyRef.", at.configMap.Name, at.key)
	case !grant.IsClientID(value):
		read.unusable = status.Waiting(v1alpha1.ReasonClientNotResolved,
			"The value of key %q in ConfigMap %q is not a client ID: 1 to 128 of A-Z a-z 0-9 _ - and nothing else, no line break.",
			at.key, at.configMap.Name)
	default:
		read.clientID = value
	}
	return read, nil
}

// clients remembers what was read from ConfigMaps, for as long as these have the same version: the cache knows that, and does
// not keep their content.
type clients struct{ read *cache.LRUExpireCache }

const (
	rememberedClients    = 20000
	clientsRememberedFor = 24 * time.Hour
)

func newClients() clients { return clients{cache.NewLRUExpireCache(rememberedClients)} }

// peek returns what was read last, whatever has become of the ConfigMap since.
func (c clients) peek(at clientAt) (read clientRead, ok bool) {
	value, _ := c.read.Get(at)
	read, ok = value.(clientRead)
	return read, ok
}

func (g *gathering) rememberedClient(ctx context.Context, at clientAt) (clientRead, error) {
	known := cached.MetadataOf("ConfigMap")
	if err := g.Cache.Get(ctx, at.configMap, known); apierrors.IsNotFound(err) {
		return clientRead{unusable: at.missing()}, nil
	} else if err != nil {
		return clientRead{}, err
	}
	if read, ok := g.clients.peek(at); ok && read.version == known.ResourceVersion {
		return read, nil
	}
	read, err := g.readClient(ctx, at)
	if err == nil && read.version != "" {
		g.clients.read.Add(at, read, clientsRememberedFor)
	}
	return read, err
}

// Asked is the grant that an object asks for, as far as it is remembered where a reference names the client, and without the
// tenant, which not every spec tells.
func (g *Gatherer) Asked(obj *v1alpha1.ClientGrant) grant.Identity {
	asked := ownership.Asked(obj)
	if at, isReference := clientAtOf(obj); isReference {
		read, _ := g.clients.peek(at)
		asked.ClientID = read.clientID
	}
	return asked
}
