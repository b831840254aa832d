package auth0tenant

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// proof is the last try to prove credentials.
type proof struct {
	// of is the fingerprint of what was tried, with generation and request of the Auth0Tenant.
	of    string
	state *outcome.Outcome
	count int
	until time.Time
	// at is when credentials were last accepted.
	at time.Time
}

// prove asks for a token with the credentials and, where they are accepted, puts them to use. Credentials that are not
// accepted leave a session with earlier ones at work.
func (r *Reconciler) prove(ctx context.Context, obj *v1alpha1.Auth0Tenant, known *knownTenant,
	credentials auth0.Credentials, fingerprint string,
) *outcome.Outcome {
	attempt := fingerprint + obj.Annotations[v1alpha1.ReconcileRequestAnnotation]
	if known.proof.of != attempt {
		known.proof = proof{of: attempt}
	}
	key := budget.Key(client.ObjectKeyFromObject(obj))
	open := r.Sessions.Get(key, string(obj.UID))
	if wait := time.Until(known.proof.until); wait > 0 {
		again := known.proof.told(open)
		again.After = wait
		return &again
	}
	proven, token, s := r.authenticate(ctx, obj, credentials)
	if s != nil {
		known.proof.hold(s)
		return s
	}
	known.systemHosts = append(slices.Clone(token.Audiences), token.Issuer)
	known.excess = grant.Without(token.Scopes, writeScopes)
	if open != nil {
		open.Update(r.sessionConfig(obj, known), proven)
		r.Sessions.SetLimit(key, limitOf(obj))
		open.Proven()
		r.grants().wake(ctx, types.NamespacedName(key))
	} else {
		request := types.NamespacedName(key)
		//nolint:contextcheck // the session outlives this reconciliation
		open = r.Sessions.Open(key, r.sessionConfig(obj, known), limitOf(obj), proven, r.recorded(ctx, request), func() { r.Queue.Add(request) })
	}
	known.fingerprint = fingerprint
	known.proof.accepted()
	return r.health(obj, open, known)
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

// accepted notes that a token was issued. Should the Management API refuse it, one new token is asked for at once; should
// it refuse that too, the next proof waits.
func (p *proof) accepted() {
	now := time.Now()
	if now.Sub(p.at) > 2*lastRefusedProof { // Longer than any wait between two proofs.
		p.count = 0
	}
	p.at, p.until = now, now
	if p.count > 0 {
		p.until = now.Add(min(firstRefusedProof<<min(p.count-1, 20), lastRefusedProof))
	}
	p.count++
	p.state = nil
}

// told is what the last proof showed. A token that was issued and then refused lacks a scope, where the tenant said so.
func (p *proof) told(open *tenant.Session) outcome.Outcome {
	switch {
	case p.state != nil:
		return *p.state
	case open != nil && open.Health().Lacking != "":
		return *insufficientScope([]string{open.Health().Lacking})
	}
	return *outcome.Stalled(v1alpha1.ReasonInvalidCredentials,
		"Auth0 issues tokens for these credentials, but its Management API refuses them: see the tenant's log.")
}

func insufficientScope(missing []string) *outcome.Outcome {
	return outcome.Stalled(v1alpha1.ReasonInsufficientScope, "The application lacks the Management API scopes %s: grant them in Auth0.",
		status.Names(missing))
}

// hold keeps a failed proof from being repeated too soon.
func (p *proof) hold(s *outcome.Outcome) {
	first, last := firstUnavailableProof, lastUnavailableProof
	if s.Stalled {
		first, last = firstRefusedProof, lastRefusedProof
	}
	wait := min(first<<min(p.count, 20), last)
	p.count++
	p.state, p.until = s, time.Now().Add(wait)
	s.After = wait
}
