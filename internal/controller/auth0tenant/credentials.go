package auth0tenant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// Keys of the Secret.
const (
	keyClientID     = "clientID"
	keyClientSecret = "clientSecret"
	keyPrivateKey   = "privateKey"
	keyDomain       = "domain"
)

// credentials reads the Secret from the API server: its content is never cached. An Auth0Tenant whose Secret cannot be read
// until somebody acts uses no application that is known; before that is noted, no ClientGrant of the host goes on.
func (r *Reconciler) credentials(ctx context.Context, obj *v1alpha1.Auth0Tenant) (auth0.Credentials, *outcome.Outcome) {
	name := obj.Spec.Credentials.SecretRef.Name
	secret, err := r.readSecret(ctx, types.NamespacedName{Namespace: obj.Namespace, Name: name})
	switch {
	case err == nil:
		r.operatorIs(ctx, obj, string(secret.Data[keyClientID]))
		return fromSecret(obj, secret.Data)
	case !lasting(err):
		ctrl.LoggerFrom(ctx).Error(err, "Reading the Secret of an Auth0Tenant")
		o := outcome.Waiting(v1alpha1.ReasonSecretNotFound, "Secret %q could not be read from the Kubernetes API server.", name)
		o.Retry, o.KeepsReady, o.After = true, true, firstUnavailable
		return auth0.Credentials{}, o
	}
	r.operatorIs(ctx, obj, "")
	return auth0.Credentials{}, unreadable(obj, err)
}

// readSecret reads a Secret. A name that no Secret can have is refused as the API server would.
func (r *Reconciler) readSecret(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	if wrong := content.IsPathSegmentName(key.Name); len(wrong) > 0 {
		return nil, apierrors.NewBadRequest("the name of a Secret " + strings.Join(wrong, ", "))
	}
	secret := &corev1.Secret{}
	return secret, r.Live.Get(ctx, key, secret)
}

// lasting says that the Kubernetes API server refused a request and will do so again, until somebody changes something.
func lasting(err error) bool {
	var refused apierrors.APIStatus
	if !errors.As(err, &refused) {
		return false
	}
	switch code := refused.Status().Code; code {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return false
	default:
		return code >= http.StatusBadRequest && code < http.StatusInternalServerError
	}
}

// unreadable says why the API server does not give the Secret.
func unreadable(obj *v1alpha1.Auth0Tenant, err error) *outcome.Outcome {
	name := obj.Spec.Credentials.SecretRef.Name
	switch {
	case apierrors.IsNotFound(err):
		return outcome.Waiting(v1alpha1.ReasonSecretNotFound,
			"Secret %q does not exist in namespace %q: create it with the keys clientID and clientSecret or privateKey.", name, obj.Namespace)
	case apierrors.IsForbidden(err):
		o := outcome.Stalled(v1alpha1.ReasonSecretForbidden,
			"The operator may not read Secrets in namespace %q: give it the Role for tenant namespaces there.", obj.Namespace)
		o.After = lastUnavailable
		return o
	}
	o := outcome.Waiting(v1alpha1.ReasonSecretNotFound,
		"Secret %q cannot be read, correct spec.credentials.secretRef.name: %s.", name, strings.TrimSuffix(err.Error(), "."))
	o.After = lastUnavailable
	return o
}

// operatorIs notes which application an Auth0Tenant uses, and wakes the ClientGrants that wait to know or are refused because
// of it: those of every Auth0Tenant of that host. For one that is not used because of its namespace nobody waits.
func (r *Reconciler) operatorIs(ctx context.Context, obj *v1alpha1.Auth0Tenant, clientID string) {
	if !r.Installation.uses(obj.Namespace) {
		return
	}
	operator := tenant.Operator{UID: string(obj.UID), Host: obj.CanonicalHost(), ClientID: clientID}
	if r.Sessions.SetOperator(budget.Key(client.ObjectKeyFromObject(obj)), operator) {
		r.grants().wakeHost(ctx, operator.Host)
	}
}

// fromSecret checks the Secret's keys. Its values are never told.
func fromSecret(obj *v1alpha1.Auth0Tenant, data map[string][]byte) (auth0.Credentials, *outcome.Outcome) {
	name := obj.Spec.Credentials.SecretRef.Name
	invalid := func(format string, args ...any) (auth0.Credentials, *outcome.Outcome) {
		return auth0.Credentials{}, outcome.Stalled(v1alpha1.ReasonInvalidCredentials, "Secret %q "+format, append([]any{name}, args...)...)
	}
	clientID, secret, privateKey := string(data[keyClientID]), string(data[keyClientSecret]), data[keyPrivateKey]
	switch {
	case clientID == "":
		return invalid("has no key %q: add the client ID of the operator's application.", keyClientID)
	case !grant.IsClientID(clientID):
		return invalid("has a value of key %q that is not a client ID: look for spaces or a line break.", keyClientID)
	case secret == "" && len(privateKey) == 0:
		return invalid("has neither key %q nor %q: add one of them.", keyClientSecret, keyPrivateKey)
	case secret != "" && len(privateKey) > 0:
		return invalid("has both keys %q and %q: remove one of them.", keyClientSecret, keyPrivateKey)
	case strings.TrimSpace(secret) != secret:
		return invalid("has a value of key %q that begins or ends with a space or a line break: remove it.", keyClientSecret)
	case len(data[keyDomain]) > 0 && !strings.EqualFold(string(data[keyDomain]), obj.Spec.Domain):
		return invalid("is for another domain than spec.domain (its key %q): it is not sent there.", keyDomain)
	}
	return auth0.Credentials{
		ClientID: clientID, ClientSecret: secret, PrivateKey: privateKey,
		Algorithm: string(obj.Spec.Credentials.PrivateKeyAlgorithm),
	}, nil
}

// fingerprintOf tells whether credentials, or what a client is made of, changed. It stays in memory.
func fingerprintOf(obj *v1alpha1.Auth0Tenant, credentials auth0.Credentials, mode v1alpha1.Mode) string {
	sum := sha256.New()
	for _, part := range []string{
		credentials.ClientID, credentials.ClientSecret, string(credentials.PrivateKey), credentials.Algorithm,
		obj.Spec.Domain, obj.APIIdentifier(), string(mode),
	} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return hex.EncodeToString(sum.Sum(nil))
}
