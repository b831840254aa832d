package auth0tenant

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// proof says of which tenant an Auth0Tenant is.
type proof struct {
	// host of the tenant; unproven is why it is not what the spec claims.
	host, unproven string
	// again is when a host that could not be asked is asked again; zero where it was.
	again time.Time
}

// proveWithin bounds the question to the claimed host: where it cannot be reached, the Auth0Tenant does not wait for long.
const proveWithin = 5 * time.Second

// isDue says that a host which could not be asked is asked again now.
func (p proof) isDue() bool { return !p.again.IsZero() && !time.Now().Before(p.again) }

// prove finds out of which tenant an Auth0Tenant is. The domain that is dialled proves itself. Where spec.managementAudience
// claims another host, that has to accept the same credentials: it is the one proof that the host of somebody else cannot give,
// whatever its tokens say. What is not proven is of its domain alone. A host that cannot be asked changes nothing.
func (r *Reconciler) prove(ctx context.Context, obj *v1alpha1.Auth0Tenant, credentials tenant.Credentials) proof {
	domain, claimed := obj.DomainHost(), obj.CanonicalHost()
	unproven := func(why string) proof {
		return proof{host: domain, unproven: fmt.Sprintf(" It shares nothing with other Auth0Tenants of %q: %s", claimed, why)}
	}
	switch {
	case domain == claimed:
		return proof{host: domain}
	case !r.Installation.allowsDomain(claimed):
		return unproven("name that host in --allowed-domains, too, to have the credentials proven there.")
	case !credentials.MayGoTo(claimed):
		return unproven("name that host in the key domain of the Secret, too, behind a comma, to have the credentials proven there.")
	}
	asking, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	made, token, s := r.requestToken(asking, obj, claimed, claimed, credentials)
	switch {
	case s == nil && !token.ScopesKnown:
		made.Close()
		return unproven("that host does not say what its token is good for.")
	case s == nil:
		made.Close()
		return proof{host: claimed}
	case s.Stalled:
		return unproven("that host does not accept the credentials for what they are used for.")
	}
	p := unproven("that host could not be asked to prove the credentials. It is asked again.")
	if before := obj.Status.Accepted; before != nil && before.ClientID == credentials.ClientID && obj.ProvenHost() == claimed {
		p = proof{host: claimed}
	}
	p.again = time.Now().Add(lastUnavailable)
	return p
}

// accepted notes the application whose credentials were accepted, and wakes the ClientGrants that may name it.
func (r *Reconciler) accepted(ctx context.Context, obj *v1alpha1.Auth0Tenant, operator tenant.Operator) {
	if r.Sessions.SetOperator(budget.Key(client.ObjectKeyFromObject(obj)), operator) {
		r.grants().wakeHost(ctx, operator.Host)
	}
}

// introduce finds out, by a token request, which application a suspended Auth0Tenant uses: nothing is granted to that. It is
// done once, and returns what it came to where it has to be done again.
func (r *Reconciler) introduce(ctx context.Context, obj *v1alpha1.Auth0Tenant, known *knownTenant, credentials tenant.Credentials,
) *outcome.Outcome {
	operator, accepted := r.Sessions.Operator(budget.Key(client.ObjectKeyFromObject(obj)), string(obj.UID))
	if accepted && operator.ClientID == credentials.ClientID {
		return nil
	}
	tried, s := r.try(ctx, obj, known, credentials, fingerprintOf(obj, credentials, obj.Spec.Mode))
	if s == nil {
		tried.client.Close()
	}
	return s
}
