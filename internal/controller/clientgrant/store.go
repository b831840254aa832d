package clientgrant

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// store takes a step that writes to the object alone. The object's version is its gate; where others are about the grant, they
// are read from the API server, too, and where a grant is adopted or left in the tenant the rules are.
func (p *pass) store(ctx context.Context, s *lifecycle.Step) error {
	do, writes := s.Do.(lifecycle.Write)
	adopts := do.Owns && s.Cause == lifecycle.CauseAdoption
	contested := len(p.world.Rivals) > 0 && (!writes || do.Owns || do.Yields)
	if !p.ownsNothing(s) && (adopts || contested || len(s.Left) > 0) {
		if err := p.gate(ctx, s); err != nil {
			return err
		}
	}
	switch s.Do.(type) {
	case lifecycle.Hold:
		return p.hold(ctx)
	case lifecycle.Release:
		return p.release(ctx, s)
	case lifecycle.Write:
		return p.record(ctx, s, do)
	}
	return fmt.Errorf("nothing is known to be done with a step of type %T", s.Do)
}

// ownsNothing says that a step lets an object go that owns nothing: no other one is concerned.
func (p *pass) ownsNothing(s *lifecycle.Step) bool {
	_, lets := s.Do.(lifecycle.Release)
	return lets && p.world.Object.Record == nil && p.world.Object.Replaces == nil && len(s.Left) == 0
}

// record stores the ownership records, before anything is done for which they stand.
func (p *pass) record(ctx context.Context, s *lifecycle.Step, do lifecycle.Write) error {
	p.auditOwning(s, do)
	if do.Owns {
		p.conditions().Begin()
		p.obj.Status.ObservedGeneration = p.obj.Generation
	}
	p.setRecords(s)
	p.noteLeft(s)
	if err := p.writeStatus(ctx); err != nil {
		return p.refusedByServer(err)
	}
	p.past.memory = lifecycle.Learn(p.world, *s, lifecycle.Answer{})
	p.tellLeft()
	switch {
	case do.Owns && s.Cause == lifecycle.CauseAdoption && p.past.held:
		p.eventAdopted(s.Record.ID)
	case do.Owns && s.Cause == lifecycle.CauseAdoption:
		p.adopted = s.Record.ID // It is told once the finalizer is there.
	case do.Owns && s.Cause == lifecycle.CauseHandOver:
		p.eventTookOver(s.Record)
	case s.Cause == lifecycle.CauseHandOver:
		p.eventHandedOver(s)
	}
	return nil
}

// hold sets the finalizer.
func (p *pass) hold(ctx context.Context) error {
	controllerutil.AddFinalizer(p.obj, v1alpha1.ClientGrantFinalizer)
	if err := p.writeFinalizers(ctx); err != nil {
		return p.refusedByServer(err)
	}
	p.past.held = true
	if p.adopted != "" {
		p.eventAdopted(p.adopted)
		p.adopted = ""
	}
	return nil
}

// release takes finalizer and records back, in this order. A grant that is left in the tenant is not touched, and never again
// taken for this object's own.
func (p *pass) release(ctx context.Context, s *lifecycle.Step) error {
	p.noteLeft(s)
	if s.Cause == lifecycle.CauseHandOver {
		p.auditHandOver()
	}
	if p.gone {
		return errReleased
	}
	controllerutil.RemoveFinalizer(p.obj, v1alpha1.ClientGrantFinalizer)
	if err := p.writeFinalizers(ctx); err != nil {
		return p.refusedByServer(err)
	}
	p.past.held = false
	p.Tenants.Add(p.obj.TenantKey())
	if s.Cause == lifecycle.CauseHandOver {
		p.eventHandedOver(s)
	}
	p.tellLeft()
	if !p.isGone() {
		if err := p.clearRecords(ctx); err != nil {
			return err
		}
	}
	if !p.obj.DeletionTimestamp.IsZero() {
		return errReleased
	}
	return nil
}

// refusedByServer is what is told where the API server, or an admission policy of the cluster, refuses a write to the object:
// nothing is done in the tenant meanwhile.
func (p *pass) refusedByServer(err error) error {
	p.obj = p.stored.DeepCopy()
	if !isRefusal(err) {
		return err
	}
	s := status.Working(v1alpha1.ReasonProgressing, "The Kubernetes API server refuses the operator's change of this object: %s", err)
	if p.world.Object.Deleting {
		s.Reason = v1alpha1.ReasonDeletionBlocked
	}
	return &outcome.Outcome{State: *s, Retry: true, Cause: err}
}

// isRefusal says whether the API server refused a write. Where a webhook that has to allow it does not answer, that is an internal error.
func isRefusal(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsInternalError(err)
}
