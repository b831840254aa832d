package auth0tenant

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// The Management API scopes that the operator needs, and no more. Reading is enough to observe.
var (
	readScopes  = []string{"read:client_grants"}
	writeScopes = []string{"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants"}
)

// authenticate asks for a token with the credentials and, where they are accepted, puts them to use. Credentials that are not
// accepted leave a session with earlier ones at work.
func (r *Reconciler) authenticate(ctx context.Context, obj *v1alpha1.Auth0Tenant, known *knownTenant,
	credentials tenant.Credentials, fingerprint string,
) *outcome.Outcome {
	key := budget.Key(client.ObjectKeyFromObject(obj))
	open := r.Sessions.Get(key, string(obj.UID))
	tried, s := r.try(ctx, obj, known, credentials, fingerprint)
	if s != nil {
		return s
	}
	known.proof, known.clientID = tried.proof, credentials.ClientID
	known.systemHosts = append(slices.Clone(tried.token.Audiences), tried.token.Issuer)
	known.excess = grant.Without(tried.token.Scopes, writeScopes)
	request := types.NamespacedName(key)
	if open != nil {
		defer r.grants().wake(ctx, request)
	}
	if open != nil && open.Config().Proven == known.proof.host {
		open.Update(r.sessionConfig(obj, known), tried.client)
		r.Sessions.SetLimit(key, limitOf(obj))
		open.Proven()
	} else { // What another session knows may be of another tenant.
		known.request = "" // What was asked of another session is asked of this one.
		//nolint:contextcheck // the session outlives this reconciliation
		open = r.Sessions.Open(key, r.sessionConfig(obj, known), limitOf(obj), tried.client, r.recorded(ctx, request), func() { r.Queue.Add(request) })
	}
	known.fingerprint = fingerprint
	known.backoff.succeed()
	return healthOf(obj, open, known)
}

// awaited says whether a ClientGrant waits for the Auth0Tenant: it is not Ready for its generation, or is being deleted.
func (r *Reconciler) awaited(ctx context.Context, key types.NamespacedName) bool {
	list, err := r.grants().of(ctx, key)
	return err == nil && slices.ContainsFunc(list.Items, func(obj v1alpha1.ClientGrant) bool {
		ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
		return !obj.DeletionTimestamp.IsZero() || ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != obj.Generation
	})
}

// recorded are the grants that the ClientGrants of an Auth0Tenant have acted on: after a start, one look at the tenant
// is to serve all of them, however long it takes until each had its pass.
func (r *Reconciler) recorded(ctx context.Context, key types.NamespacedName) map[budget.Key][]grant.Identity {
	list, err := r.grants().of(ctx, key)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the ClientGrants of an Auth0Tenant")
		return nil
	}
	r.Begin() // What is seen from now on is younger than the process.
	tracked := make(map[budget.Key][]grant.Identity, len(list.Items))
	for i := range list.Items {
		if identities := ownership.Identities(&list.Items[i]); len(identities) > 0 {
			tracked[budget.Key(client.ObjectKeyFromObject(&list.Items[i]))] = identities
		}
	}
	return tracked
}

// tried is what accepted credentials come to.
type tried struct {
	client *auth0.Client
	token  auth0.Token
	proof  proof
}

// try has the credentials proven, or says why they are not; for some time after that without a request.
func (r *Reconciler) try(ctx context.Context, obj *v1alpha1.Auth0Tenant, known *knownTenant, credentials tenant.Credentials, fingerprint string,
) (tried, *outcome.Outcome) {
	attempt := fingerprint + obj.Annotations[v1alpha1.ReconcileRequestAnnotation]
	if known.backoff.of != attempt {
		known.backoff = backoff{of: attempt}
	}
	open := r.Sessions.Get(budget.Key(client.ObjectKeyFromObject(obj)), string(obj.UID))
	if wait := known.backoff.wait(r.awaited(ctx, client.ObjectKeyFromObject(obj))); wait > 0 {
		again := known.backoff.told(open)
		again.After = min(wait, firstRefused)
		return tried{}, &again
	}
	proof := r.prove(ctx, obj, credentials)
	if open != nil && !proof.again.IsZero() && proof.host != open.Config().Proven {
		later := outcome.Waiting(v1alpha1.ReasonAPIUnavailable, "The new credentials could not be proven yet; the earlier ones are used.")
		later.KeepsReady = true
		known.backoff.fail(later)
		return tried{}, later
	}
	made, token, s := r.requestToken(ctx, obj, obj.Spec.Domain, proof.host, credentials)
	if s == nil || open == nil && s.Reason == v1alpha1.ReasonInsufficientScope { // Else the application is still used that the session has.
		r.accepted(ctx, obj, tenant.Operator{UID: string(obj.UID), Host: proof.host, ClientID: credentials.ClientID})
	}
	if s != nil {
		known.backoff.fail(s)
	}
	return tried{made, token, proof}, s
}

// requestToken makes a client for a domain, and makes sure with one token request that it works. What its answers say of the
// rate limit counts for the budget of the host.
func (r *Reconciler) requestToken(ctx context.Context, obj *v1alpha1.Auth0Tenant, domain, host string, credentials tenant.Credentials,
) (*auth0.Client, auth0.Token, *outcome.Outcome) {
	readOnly, key := r.Installation.mode(obj) == v1alpha1.ModeObserve, client.ObjectKeyFromObject(obj)
	metrics.Start(key)
	made, err := auth0.New(auth0.Options{
		Domain: domain, Audience: obj.APIIdentifier(), Credentials: credentials.Credentials, UserAgent: r.UserAgent,
		Timeout: r.Sessions.CallTimeout, Guard: r.guard(readOnly), Fence: r.Guard,
		OnTokenResponse: func(status int) { metrics.TokenRequest(key, status) },
		OnResponse: func(response auth0.Response) {
			r.Sessions.Observed(host, response)
			metrics.APICall(key, response.Method, response.Status)
		},
	})
	if err != nil {
		return nil, auth0.Token{}, outcome.Stalled(v1alpha1.ReasonInvalidCredentials, "Secret %q cannot be used: %s.",
			obj.Spec.Credentials.SecretRef.Name, err)
	}
	r.turns.Leave(key) // The token endpoint may hang.
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
		if method == http.MethodGet {
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
		limited := outcome.Waiting(v1alpha1.ReasonRateLimited, "The token endpoint's rate limit is reached.")
		limited.After = auth0.QuotaWait(err)
		return limited
	case answered && token.Hint == auth0.HintAudience:
		return outcome.Stalled(v1alpha1.ReasonAudienceMismatch, "The tenant %q has no Management API %q: re-create this object with the tenant's own "+
			"identifier in spec.managementAudience, https://TENANT.REGION.auth0.com/api/v2/.", obj.Spec.Domain, obj.APIIdentifier())
	case answered && !token.Unavailable():
		return outcome.Stalled(v1alpha1.ReasonInvalidCredentials, "Auth0 refused the credentials in Secret %q: %s. Correct the Secret or the application in Auth0."+whenTried,
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

func insufficientScope(missing []string) *outcome.Outcome {
	return outcome.Stalled(v1alpha1.ReasonInsufficientScope, "The application lacks the Management API scopes %s: grant them in Auth0."+whenTried,
		status.Names(missing))
}
