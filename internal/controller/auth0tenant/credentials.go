package auth0tenant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

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
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// How long a failed proof of credentials is not repeated: refused ones for minutes, an unreachable host for seconds. A
// changed Secret or spec, or a request by annotation, is tried at once.
const (
	firstRefusedProof     = time.Minute
	lastRefusedProof      = 30 * time.Minute
	firstUnavailableProof = time.Second
	lastUnavailableProof  = 5 * time.Minute
)

// verifyWithin is the number of intervals after which an Auth0Tenant of which nothing could be verified is not ready.
const verifyWithin = 3

// Keys of the Secret.
const (
	keyClientID     = "clientID"
	keyClientSecret = "clientSecret"
	keyPrivateKey   = "privateKey"
	keyDomain       = "domain"
)

// The Management API scopes that the operator needs, and no more. Reading is enough to observe.
var (
	readScopes  = []string{"read:client_grants"}
	writeScopes = []string{"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants"}
)

// session brings the session in line with the Auth0Tenant and says how it is.
func (r *Reconciler) session(ctx context.Context, obj *v1alpha1.Auth0Tenant, known *knownTenant) *outcome.Outcome {
	key := budget.Key(client.ObjectKeyFromObject(obj))
	if s := r.Installation.check(obj); s != nil {
		r.operatorIs(ctx, obj, "")
		r.Sessions.Close(key)
		return s
	}
	credentials, s := r.credentials(ctx, obj)
	if obj.Spec.Mode == v1alpha1.ModeSuspend {
		r.Sessions.Close(key)
		suspended := outcome.Waiting(v1alpha1.ReasonSuspended, "Suspended by spec.mode; set it to Enforce to go on.")
		if s != nil && s.Retry {
			suspended.After = s.After // Whose application it uses is not known yet.
		}
		return suspended
	}
	open := r.Sessions.Get(key, string(obj.UID))
	if s != nil {
		r.withoutCredentials(open, s)
		return s
	}
	fingerprint := fingerprintOf(obj, credentials, r.Installation.mode(obj))
	if open != nil && fingerprint == known.fingerprint && !open.Health().Suspect {
		open.Update(r.sessionConfig(obj, known), nil)
		r.Sessions.SetLimit(key, limitOf(obj))
		return r.health(obj, open, known)
	}
	return r.prove(ctx, obj, known, credentials, fingerprint)
}

// withoutCredentials takes the session out of use when the Secret went away. What is kept in memory serves to revoke
// grants while the Auth0Tenant or its namespace is being deleted, and for nothing else.
func (r *Reconciler) withoutCredentials(open *tenant.Session, s *outcome.Outcome) {
	if open == nil || s.Silent || s.Retry {
		return
	}
	config := open.Config()
	config.Dormant = true
	open.Update(config, nil)
}

// authenticate makes a client and proves it with one token request.
func (r *Reconciler) authenticate(ctx context.Context, obj *v1alpha1.Auth0Tenant, credentials auth0.Credentials,
) (*auth0.Client, auth0.Token, *outcome.Outcome) {
	readOnly, host, key := r.Installation.mode(obj) == v1alpha1.ModeObserve, obj.CanonicalHost(), client.ObjectKeyFromObject(obj)
	metrics.Start(key)
	made, err := auth0.New(auth0.Options{
		Domain: obj.Spec.Domain, Audience: obj.APIIdentifier(), Credentials: credentials, UserAgent: r.UserAgent,
		Guard: r.guard(readOnly), OnTokenResponse: func(status int) { metrics.TokenRequest(key, status) },
		OnResponse: func(response auth0.Response) {
			r.Sessions.Observed(host, response)
			metrics.APICall(key, response.Method, response.Status)
		},
	})
	if err != nil {
		return nil, auth0.Token{}, outcome.Stalled(v1alpha1.ReasonInvalidCredentials, "Secret %q cannot be used: %s.",
			obj.Spec.Credentials.SecretRef.Name, err)
	}
	token, err := made.Authenticate(ctx)
	s := judge(obj, token, readOnly)
	if err != nil {
		s = refusedToken(obj, err)
	}
	if s != nil {
		made.Close()
		return nil, token, s
	}
	return made, token, nil
}

// guard refuses writes in mode Observe, and while the operator is not surely the leader. It works in the transport, so
// that no mistake elsewhere gets past it.
func (r *Reconciler) guard(readOnly bool) func(method string) error {
	return func(method string) error {
		if method == "GET" {
			return nil
		}
		if readOnly {
			return tenant.ErrReadOnly
		}
		if r.Guard == nil {
			return nil
		}
		return r.Guard()
	}
}

// refusedToken says why no token was issued.
func refusedToken(obj *v1alpha1.Auth0Tenant, err error) *outcome.Outcome {
	token, answered := errors.AsType[*auth0.TokenError](err)
	switch {
	case auth0.IsRateLimited(err):
		return outcome.Waiting(v1alpha1.ReasonRateLimited, "The token endpoint's rate limit is reached.")
	case answered && token.Hint == auth0.HintAudience:
		return outcome.Stalled(v1alpha1.ReasonAudienceMismatch, "The tenant %q has no Management API %q: re-create this object with the tenant's own "+
			"identifier in spec.managementAudience, https://TENANT.REGION.auth0.com/api/v2/.", obj.Spec.Domain, obj.APIIdentifier())
	case answered && !token.Unavailable():
		return outcome.Stalled(v1alpha1.ReasonInvalidCredentials, "Auth0 refused the credentials in Secret %q: %s. Correct the Secret or the application in Auth0.",
			obj.Spec.Credentials.SecretRef.Name, err)
	}
	return outcome.Waiting(v1alpha1.ReasonAPIUnavailable, "No token could be had from %q: %s. Check spec.domain, which can only be changed by re-creating this object.",
		obj.Spec.Domain, err)
}

// judge says whether a token is good for what the operator has to do.
func judge(obj *v1alpha1.Auth0Tenant, token auth0.Token, readOnly bool) *outcome.Outcome {
	named := func(audience string) bool { return sameIdentifier(audience, obj.APIIdentifier()) }
	if len(token.Audiences) > 0 && !slices.ContainsFunc(token.Audiences, named) {
		return outcome.Stalled(v1alpha1.ReasonAudienceMismatch, "The token is for %s, not for %q: set spec.managementAudience on a new Auth0Tenant.",
			status.Names(token.Audiences), obj.APIIdentifier())
	}
	if !token.ScopesKnown {
		return nil
	}
	if missing := missingScopes(token.Scopes, readOnly); len(missing) > 0 {
		return insufficientScope(missing)
	}
	return nil
}

// sameIdentifier compares two identifiers of Management APIs: their hosts without case, the rest exactly.
func sameIdentifier(a, b string) bool {
	split := func(identifier string) (host, rest string) {
		scheme, after, _ := strings.Cut(identifier, "://")
		host, rest, _ = strings.Cut(after, "/")
		return strings.ToLower(scheme + "://" + host), rest
	}
	hostA, restA := split(a)
	hostB, restB := split(b)
	return hostA == hostB && restA == restB
}

func missingScopes(granted []string, readOnly bool) []string {
	needed := writeScopes
	if readOnly {
		needed = readScopes
	}
	return grant.Without(needed, granted)
}

// health is what is told of an Auth0Tenant whose credentials were accepted.
func (r *Reconciler) health(obj *v1alpha1.Auth0Tenant, open *tenant.Session, known *knownTenant) *outcome.Outcome {
	health := open.Health()
	deadline := verifyWithin*obj.ResyncInterval() - time.Since(health.Verified)
	if health.Err != nil && deadline <= 0 {
		s := outcome.Of(health.Err)
		return &outcome.Outcome{State: *status.Working(reasonOr(s.Reason, v1alpha1.ReasonAPIUnavailable), "%s", s.Message)}
	}
	s := &outcome.Outcome{State: status.State{Reason: v1alpha1.ReasonAvailable, Message: accepted(open.Config(), known.excess, health.Took), Ready: true}}
	if health.Err != nil {
		s.After = deadline
	}
	if open.Config().ReadOnly {
		s.Reason = v1alpha1.ReasonObserved
	}
	return s
}

// accepted is what is told of an Auth0Tenant that works. A look at everything took so long.
func accepted(config tenant.Config, excess []string, took time.Duration) string {
	text := "The credentials are accepted."
	if config.ReadOnly {
		text = "The credentials are accepted; nothing is written."
	}
	if len(excess) > 0 {
		text += " The application has Management API scopes that the operator does not need, remove them in Auth0: " + status.Names(excess) + "."
	}
	if took > config.Interval {
		text += " With this rate limit a look at the whole tenant takes longer than spec.resyncInterval: drift is found later."
	}
	return text
}

func reasonOr(reason, otherwise string) string {
	switch reason {
	case v1alpha1.ReasonRateLimited, v1alpha1.ReasonAPIUnavailable:
		return reason
	}
	return otherwise
}

// credentials reads the Secret from the API server: its content is never cached.
func (r *Reconciler) credentials(ctx context.Context, obj *v1alpha1.Auth0Tenant) (auth0.Credentials, *outcome.Outcome) {
	name := obj.Spec.Credentials.SecretRef.Name
	secret := &corev1.Secret{}
	invalid := content.IsPathSegmentName(name)
	var err error
	if len(invalid) == 0 {
		err = r.Live.Get(ctx, types.NamespacedName{Namespace: obj.Namespace, Name: name}, secret)
	}
	switch {
	case len(invalid) > 0: // The API server would refuse to look: that is the trouble of this Auth0Tenant alone.
		r.operatorIs(ctx, obj, "")
		return auth0.Credentials{}, outcome.Stalled(v1alpha1.ReasonSecretNotFound,
			"spec.credentials.secretRef.name %q cannot be the name of a Secret: it %s.", name, strings.Join(invalid, ", "))
	case apierrors.IsNotFound(err):
		r.operatorIs(ctx, obj, "")
		return auth0.Credentials{}, outcome.Waiting(v1alpha1.ReasonSecretNotFound,
			"Secret %q does not exist in namespace %q: create it with the keys clientID and clientSecret or privateKey.", name, obj.Namespace)
	case apierrors.IsForbidden(err):
		r.operatorIs(ctx, obj, "")
		s := outcome.Stalled(v1alpha1.ReasonSecretForbidden,
			"The operator may not read Secrets in namespace %q: give it the Role for tenant namespaces there.", obj.Namespace)
		s.After = lastUnavailableProof
		return auth0.Credentials{}, s
	case err != nil:
		ctrl.LoggerFrom(ctx).Error(err, "Reading the Secret of an Auth0Tenant")
		s := outcome.Waiting(v1alpha1.ReasonSecretNotFound, "Secret %q could not be read from the Kubernetes API server.", name)
		s.Retry, s.KeepsReady, s.After = true, true, firstUnavailableProof
		return auth0.Credentials{}, s
	}
	r.operatorIs(ctx, obj, string(secret.Data[keyClientID]))
	return fromSecret(obj, secret.Data)
}

// operatorIs notes which application an Auth0Tenant uses. Whoever waits to know, or is refused because of it, is woken:
// the ClientGrants of every Auth0Tenant of that host.
func (r *Reconciler) operatorIs(ctx context.Context, obj *v1alpha1.Auth0Tenant, clientID string) {
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
	case len(data[keyDomain]) > 0 && string(data[keyDomain]) != obj.Spec.Domain:
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

func (r *Reconciler) sessionConfig(obj *v1alpha1.Auth0Tenant, known *knownTenant) tenant.Config {
	return tenant.Config{
		Name: string(obj.UID), Host: obj.CanonicalHost(), Interval: obj.ResyncInterval(), ReadOnly: r.Installation.mode(obj) == v1alpha1.ModeObserve,
		SystemHosts: known.systemHosts,
	}
}

func limitOf(obj *v1alpha1.Auth0Tenant) budget.Limit {
	limit := budget.Limit{PerMinute: int(obj.Spec.RateLimit.RequestsPerMinute), Burst: int(obj.Spec.RateLimit.Burst)}
	if limit.PerMinute == 0 {
		limit.PerMinute = defaultPerMinute
	}
	if limit.Burst == 0 {
		limit.Burst = defaultBurst
	}
	return limit
}

const (
	defaultPerMinute = 50
	defaultBurst     = 5
)
