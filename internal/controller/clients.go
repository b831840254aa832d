package controller

import (
	"context"
	"regexp"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// clientIDPattern is what a client ID looks like. Auth0 asks not to expect a certain length.
var clientIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// resolveClient finds out who gets the access: live, or what is remembered of the ConfigMap as the cache knows it.
func (r *ClientGrantReconciler) resolveClient(ctx context.Context, reader client.Reader, obj *v1alpha1.ClientGrant) (grant.Holder, error) {
	ref := obj.Spec.ClientRef
	if ref.ConfigMapKeyRef == nil {
		return grant.Holder{ClientID: ref.ID, DefaultFor: ref.DefaultFor}, nil
	}
	at := clientAt{types.NamespacedName{Namespace: obj.Namespace, Name: ref.ConfigMapKeyRef.Name}, ref.ConfigMapKeyRef.Key}
	if reader == r.Live {
		clientID, _, err := r.readClient(ctx, at)
		return grant.Holder{ClientID: clientID}, err
	}
	clientID, err := r.clients.resolve(ctx, r, at)
	return grant.Holder{ClientID: clientID}, err
}

// readClient reads a client ID from the API server, with the version of the ConfigMap. A value that is no client ID is
// named by its object and key and never shown.
func (r *ClientGrantReconciler) readClient(ctx context.Context, at clientAt) (clientID, version string, err error) {
	configMap := &corev1.ConfigMap{}
	err = r.Live.Get(ctx, at.configMap, configMap)
	if apierrors.IsNotFound(err) {
		return "", "", at.missing()
	}
	if err != nil {
		return "", "", err
	}
	value, ok := configMap.Data[at.key]
	switch {
	case !ok:
		err = waiting(v1alpha1.ReasonClientNotResolved,
			"ConfigMap %q has no key %q: add it, or correct spec.clientRef.configMapKeyRef.", at.configMap.Name, at.key)
	case !clientIDPattern.MatchString(value):
		value, err = "", waiting(v1alpha1.ReasonClientNotResolved,
			"The value of key %q in ConfigMap %q is not a client ID: 1 to 128 of A-Z a-z 0-9 _ - and nothing else, no line break.",
			at.key, at.configMap.Name)
	}
	return value, configMap.ResourceVersion, err
}

// clientAt is where a client ID stands.
type clientAt struct {
	configMap types.NamespacedName
	key       string
}

func (at clientAt) missing() error {
	return waiting(v1alpha1.ReasonClientNotResolved,
		"ConfigMap %q does not exist in this namespace: create it, or correct spec.clientRef.configMapKeyRef.", at.configMap.Name)
}

// clients remembers the client IDs that were read from ConfigMaps, for as long as these have the same version: the cache
// knows that, and does not keep their content.
type clients struct{ read *cache.LRUExpireCache }

// clientRead is what was read from one version of a ConfigMap.
type clientRead struct {
	version, clientID string
	unusable          *state
}

func (c clientRead) outcome() (string, error) {
	if c.unusable == nil {
		return c.clientID, nil
	}
	again := *c.unusable
	return "", &again
}

// rememberedClients bounds how many are remembered, rememberedFor how long.
const (
	rememberedClients = 20000
	rememberedFor     = 24 * time.Hour
)

func newClients() clients { return clients{cache.NewLRUExpireCache(rememberedClients)} }

func (c clients) resolve(ctx context.Context, r *ClientGrantReconciler, at clientAt) (string, error) {
	cached := metadataOf("ConfigMap")
	if err := r.Get(ctx, at.configMap, cached); apierrors.IsNotFound(err) {
		return "", at.missing()
	} else if err != nil {
		return "", err
	}
	if value, ok := c.read.Get(at); ok {
		if known, ok := value.(clientRead); ok && known.version == cached.ResourceVersion {
			return known.outcome()
		}
	}
	clientID, version, err := r.readClient(ctx, at)
	if unusable := (*state)(nil); version != "" && (err == nil || asState(err, &unusable)) {
		c.read.Add(at, clientRead{version, clientID, unusable}, rememberedFor)
	}
	return clientID, err
}
