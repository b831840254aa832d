package auth0tenant

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

var secretsResource = schema.GroupResource{Resource: "secrets"}

// An Auth0Tenant whose Secret will not be read until somebody acts keeps nobody waiting to know which application it uses.
func TestCredentials_WhatCannotBeReadIsTheTroubleOfOneAuth0TenantAlone(t *testing.T) {
	tests := map[string]struct {
		name           string
		err            error
		known, stalled bool
		reason         string
	}{
		"a name with a slash":               {"a/b", nil, true, false, v1alpha1.ReasonSecretNotFound},
		"a name of two dots":                {"..", nil, true, false, v1alpha1.ReasonSecretNotFound},
		"a name with a percent sign":        {"a%2fb", nil, true, false, v1alpha1.ReasonSecretNotFound},
		"no such Secret":                    {"auth0", apierrors.NewNotFound(secretsResource, "auth0"), true, false, v1alpha1.ReasonSecretNotFound},
		"no Role":                           {"auth0", apierrors.NewForbidden(secretsResource, "auth0", errors.New("no role")), true, true, v1alpha1.ReasonSecretForbidden},
		"a request that is bad":             {"auth0", apierrors.NewBadRequest("bad"), true, false, v1alpha1.ReasonSecretNotFound},
		"a request that is not valid":       {"auth0", apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "auth0", nil), true, false, v1alpha1.ReasonSecretNotFound},
		"an API server that is starting":    {"auth0", apierrors.NewServiceUnavailable("starting"), false, false, v1alpha1.ReasonSecretNotFound},
		"an API server in trouble":          {"auth0", apierrors.NewInternalError(errors.New("etcd")), false, false, v1alpha1.ReasonSecretNotFound},
		"an API server that is busy":        {"auth0", apierrors.NewTooManyRequestsError("later"), false, false, v1alpha1.ReasonSecretNotFound},
		"a token of the operator's own":     {"auth0", apierrors.NewUnauthorized("expired"), false, false, v1alpha1.ReasonSecretNotFound},
		"an API server that is not there":   {"auth0", errors.New("connection refused"), false, false, v1alpha1.ReasonSecretNotFound},
		"an API server that takes too long": {"auth0", context.DeadlineExceeded, false, false, v1alpha1.ReasonSecretNotFound},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			obj := tenantNamed("other")
			obj.Spec.Credentials.SecretRef.Name = test.name
			r := reconcilerOf(t, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
					if _, secret := into.(*corev1.Secret); secret {
						return test.err
					}
					return c.Get(ctx, key, into, opts...)
				},
			}, obj)
			_, told := r.credentials(t.Context(), obj)
			if told == nil || told.Reason != test.reason || told.Stalled != test.stalled || told.Retry == test.known {
				t.Errorf("told %+v", told)
			}
			if got := r.Sessions.MayUse(keyOf(obj), string(obj.UID), "app"); got == test.known {
				t.Errorf("may use any application: %v", got)
			}
		})
	}
}

func TestFromSecret_ComparesDomainsWithoutCase(t *testing.T) {
	obj := tenantNamed("main")
	obj.Spec.Domain = "Acme.EU.auth0.com"
	data := map[string][]byte{tenant.KeyClientID: []byte("operator"), tenant.KeyClientSecret: []byte("secret"), tenant.KeyDomain: []byte("acme.eu.auth0.com")}
	if _, told := fromSecret(obj, data); told != nil {
		t.Errorf("told %s", told.Message)
	}
	data[tenant.KeyDomain] = []byte("acme.us.auth0.com")
	if _, told := fromSecret(obj, data); told == nil || told.Reason != v1alpha1.ReasonInvalidCredentials || !strings.Contains(told.Message, "domain") {
		t.Errorf("another domain: told %v", told)
	}
}

func TestFromSecret_MayNameFurtherDomains(t *testing.T) {
	obj := tenantNamed("main")
	obj.Spec.Domain = "login.example.com"
	data := map[string][]byte{tenant.KeyClientID: []byte("operator"), tenant.KeyClientSecret: []byte("secret")}
	for domains, want := range map[string][2]bool{ // Whether it may go to spec.domain, and to the tenant's own.
		"":                                     {true, true},
		"login.example.com":                    {true, false},
		"login.example.com, Acme.EU.auth0.com": {true, true},
		"acme.eu.auth0.com,login.example.com":  {true, true},
		"acme.eu.auth0.com":                    {false, true},
		" ":                                    {false, false},
		",":                                    {false, false},
		"login.example.com acme.eu.auth0.com":  {false, false},
	} {
		data[tenant.KeyDomain] = []byte(domains)
		read, told := fromSecret(obj, data)
		if told == nil != want[0] || told == nil && read.MayGoTo("acme.eu.auth0.com") != want[1] {
			t.Errorf("%q: told %v, may go to the tenant's own: %v", domains, told, read.MayGoTo("acme.eu.auth0.com"))
		}
	}
}

// tenantNamed is an Auth0Tenant of acme.eu.auth0.com with a Secret auth0.
func tenantNamed(name string) *v1alpha1.Auth0Tenant {
	obj := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "auth0", Name: name, UID: types.UID("uid of " + name)}}
	obj.Spec.Domain, obj.Spec.Mode = "acme.eu.auth0.com", v1alpha1.ModeEnforce
	obj.Spec.Credentials.SecretRef.Name = "auth0"
	return obj
}
