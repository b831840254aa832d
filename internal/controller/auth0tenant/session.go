package auth0tenant

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// verifyWithin is the number of intervals after which an Auth0Tenant of which nothing could be verified is not ready.
const verifyWithin = 3

// session brings the session in line with the Auth0Tenant and says how it is.
func (r *Reconciler) session(ctx context.Context, obj *v1alpha1.Auth0Tenant, known *knownTenant) *outcome.Outcome {
	key := budget.Key(client.ObjectKeyFromObject(obj))
	if s := r.Installation.check(obj); s != nil {
		r.Sessions.Close(key)
		return s
	}
	credentials, s := r.credentials(ctx, obj)
	if obj.Spec.Mode == v1alpha1.ModeSuspend {
		r.Sessions.Close(key)
		suspended := outcome.Waiting(v1alpha1.ReasonSuspended, "Suspended by spec.mode; set it to Enforce to go on.")
		if s == nil {
			s = r.introduce(ctx, obj, known, credentials)
		}
		if s != nil && !s.Stalled {
			suspended.After = s.After // Whose application it uses is not known yet.
		}
		return suspended
	}
	open := r.Sessions.Get(key, string(obj.UID))
	if s != nil {
		withoutCredentials(open, s)
		return s
	}
	fingerprint := fingerprintOf(obj, credentials, r.Installation.mode(obj))
	works := open != nil && fingerprint == known.fingerprint && !open.Health().Suspect
	if works && known.proof.isDue() {
		again := r.prove(ctx, obj, credentials)
		if works = again.host == known.proof.host; works {
			known.proof = again
		}
	}
	if works {
		open.Update(r.sessionConfig(obj, known), nil)
		r.Sessions.SetLimit(key, limitOf(obj))
		return healthOf(obj, open, known)
	}
	return r.authenticate(ctx, obj, known, credentials, fingerprint)
}

// withoutCredentials takes the session out of use when the Secret went away. The credentials that are kept in memory serve to
// revoke grants while the Auth0Tenant or its namespace is being deleted, and for nothing else.
func withoutCredentials(open *tenant.Session, s *outcome.Outcome) {
	if open == nil || s.Silent || s.Retry {
		return
	}
	config := open.Config()
	config.Dormant = true
	open.Update(config, nil)
}

// healthOf is what is told of an Auth0Tenant whose credentials were accepted.
func healthOf(obj *v1alpha1.Auth0Tenant, open *tenant.Session, known *knownTenant) *outcome.Outcome {
	health := open.Health()
	deadline := verifyWithin*obj.ResyncInterval() - time.Since(health.Verified)
	if health.Err != nil && deadline <= 0 {
		s := outcome.Of(health.Err)
		return &outcome.Outcome{State: *status.Working(reasonOr(s.Reason, v1alpha1.ReasonAPIUnavailable), "%s", s.Message)}
	}
	s := &outcome.Outcome{State: status.State{Reason: v1alpha1.ReasonAvailable, Message: accepted(open.Config(), known.excess, health.Took), Ready: true}}
	if failure := refreshFailure(open); failure != nil {
		s.Message += " But reading from the tenant fails, and is tried again: " + failure.Error()
	}
	if health.Err != nil {
		s.After = deadline
	}
	if open.Config().ReadOnly {
		s.Reason = v1alpha1.ReasonObserved
	}
	s.Message += known.proof.unproven
	if wait := time.Until(known.proof.again); wait > 0 && (s.After == 0 || wait < s.After) {
		s.After = wait
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

func (r *Reconciler) sessionConfig(obj *v1alpha1.Auth0Tenant, known *knownTenant) tenant.Config {
	return tenant.Config{
		Name: string(obj.UID), Host: obj.CanonicalHost(), Proven: known.proof.host, Interval: obj.ResyncInterval(), ReadOnly: r.Installation.mode(obj) == v1alpha1.ModeObserve,
		ClientID: known.clientID, SystemHosts: known.systemHosts,
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
