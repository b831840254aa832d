package auth0tenant

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/status"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// tellChange tells of a Ready condition that has another reason than before: in the log, and as an event.
func (r *Reconciler) tellChange(ctx context.Context, obj, stored *v1alpha1.Auth0Tenant) {
	c := status.ChangeOf(status.ReasonOf(stored.Status.Conditions), obj.Status.Conditions)
	if c == nil {
		return
	}
	ctrl.LoggerFrom(ctx).Info("Ready changed", "from", c.From, "to", c.To, "ready", c.Ready, "message", c.Message,
		"generation", obj.Generation)
	switch {
	case !c.Ready:
		r.event(obj, corev1.EventTypeWarning, c.To, c.Message)
	case status.IsTrouble(stored.Status.Conditions):
		r.event(obj, corev1.EventTypeNormal, c.To, c.Message)
	}
}

// tellRefresh tells when refreshes begin to fail, and when they succeed again. Refused credentials are told by the Ready
// condition, and the tenant's rate limit is no failure: the refresh goes on when it allows.
func (r *Reconciler) tellRefresh(ctx context.Context, obj *v1alpha1.Auth0Tenant, known *knownTenant) {
	failure := refreshFailure(r.Sessions.Get(budget.Key(client.ObjectKeyFromObject(obj)), string(obj.UID)))
	if (failure != nil) == known.failing {
		return
	}
	known.failing = failure != nil
	if failure == nil {
		ctrl.LoggerFrom(ctx).Info("Reading from the tenant works again")
		r.event(obj, corev1.EventTypeNormal, v1alpha1.EventRefreshed, "Reading from the tenant works again.")
		return
	}
	ctrl.LoggerFrom(ctx).Info("Reading from the tenant fails; it is tried again", "err", failure)
	r.event(obj, corev1.EventTypeWarning, v1alpha1.EventRefreshFailed, "Reading from the tenant fails; it is tried again: "+failure.Error())
}

// refreshFailure is why the last look at the tenant failed, where nothing else tells.
func refreshFailure(open *tenant.Session) error {
	if open == nil {
		return nil
	}
	if err := open.Health().Err; err != nil && !tenant.Refused(err) && !auth0.IsRateLimited(err) {
		return err
	}
	return nil
}

func (r *Reconciler) event(obj *v1alpha1.Auth0Tenant, kind, reason, note string) {
	r.Events.Eventf(obj, nil, kind, reason, reason, "%s", status.Bounded(note))
}
