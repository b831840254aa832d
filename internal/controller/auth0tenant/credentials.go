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
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// credentials reads the Secret from the API server: its content is never cached. Which application it names is noted: until its
// credentials were tried, nothing is granted to that.
func (r *Reconciler) credentials(ctx context.Context, obj *v1alpha1.Auth0Tenant) (tenant.Credentials, *outcome.Outcome) {
	name := obj.Spec.Credentials.SecretRef.Name
	secret, err := r.readSecret(ctx, types.NamespacedName{Namespace: obj.Namespace, Name: name})
	switch {
	case err == nil:
		read, s := fromSecret(obj, secret.Data)
		r.Sessions.SetNamed(budget.Key(client.ObjectKeyFromObject(obj)), string(obj.UID), read.ClientID)
		return read, s
	case !lasting(err):
		ctrl.LoggerFrom(ctx).Error(err, "Reading the Secret of an Auth0Tenant")
		o := outcome.Waiting(v1alpha1.ReasonSecretNotFound, "Secret %q could not be read from the Kubernetes API server.", name)
		o.Retry, o.KeepsReady, o.After = true, true, firstUnavailable
		return tenant.Credentials{}, o
	}
	r.Sessions.SetNamed(budget.Key(client.ObjectKeyFromObject(obj)), string(obj.UID), "")
	return tenant.Credentials{}, unreadable(obj, err)
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

// fromSecret checks the Secret's keys. Its values are never told.
func fromSecret(obj *v1alpha1.Auth0Tenant, data map[string][]byte) (tenant.Credentials, *outcome.Outcome) {
	of := obj.Spec.Credentials
	read, err := tenant.CredentialsOf(of.SecretRef.Name, data, obj.Spec.Domain, string(of.PrivateKeyAlgorithm))
	if err != nil {
		return tenant.Credentials{}, outcome.Stalled(v1alpha1.ReasonInvalidCredentials, "%s", err)
	}
	return read, nil
}

// fingerprintOf tells whether credentials, or what a client is made of, changed. It stays in memory.
func fingerprintOf(obj *v1alpha1.Auth0Tenant, credentials tenant.Credentials, mode v1alpha1.Mode) string {
	sum := sha256.New()
	for _, part := range []string{
		credentials.ClientID, credentials.ClientSecret, string(credentials.PrivateKey), credentials.Algorithm, credentials.Domains,
		obj.Spec.Domain, obj.APIIdentifier(), string(mode),
	} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return hex.EncodeToString(sum.Sum(nil))
}
