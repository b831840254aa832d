package clientgrant

import (
	"context"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// errReleased ends a pass after which the object is no longer held by the operator.
var errReleased = &outcome.Outcome{Silent: true}

// take takes a step. It returns nil where the next one follows at once, else what the pass came to.
func (p *pass) take(ctx context.Context, s lifecycle.Step) error {
	p.carry(&s)
	switch do := s.Do.(type) {
	case lifecycle.Wait:
		p.past.memory = lifecycle.Learn(p.world, s, lifecycle.Answer{})
		return waiting(&s)
	case lifecycle.Look:
		return p.look(&s, do)
	}
	err := p.act(ctx, &s)
	if o := outcome.Of(err); err == nil || s.Tell == nil || s.Tell.Reason == v1alpha1.ReasonProgressing || o.Silent && o.Retry {
		return err
	}
	return p.paced(&s, err)
}

// carry takes over what a step tells beside its state. Records are only reports here: what they stand for is stored by record.
func (p *pass) carry(s *lifecycle.Step) {
	switch s.Do.(type) {
	case lifecycle.Write, lifecycle.Hold, lifecycle.Release:
	default:
		p.setRecords(s)
	}
	if s.Lost && p.past.created == "" && p.stored.Status.GrantID == "" {
		p.past.created = "Created grant " + s.Record.ID + "; the answer to the request had been lost."
	}
	if s.Held != nil {
		p.tellHeld(s)
	}
	if s.Tell != nil && p.fence() == nil {
		p.tellOwner(s.Tell)
	}
	if s.Track && p.around.Session != nil {
		p.around.Session.Track(budget.Key(p.key), p.tracked(s)...)
	}
}

// tracked are the grants whose changes in the tenant wake the object.
func (p *pass) tracked(s *lifecycle.Step) []grant.Identity {
	about := p.about(s)
	if p.world.Unresolved != nil {
		about = about[1:] // Nothing is wanted that could be told.
	}
	return about
}

// waiting is what a step tells, and when to look again.
func waiting(s *lifecycle.Step) *outcome.Outcome {
	if s.Tell == nil || s.Tell.Reason == "" {
		return &outcome.Outcome{Silent: true, After: s.Again}
	}
	return &outcome.Outcome{State: *s.Tell, After: s.Again}
}

// paced tells what a step tells, at the pace of what it came to.
func (p *pass) paced(s *lifecycle.Step, err error) error {
	if err == errReleased { //nolint:errorlint // a sentinel that is never wrapped
		return err
	}
	told := outcome.PacedBy(s.Tell, outcome.Of(err))
	if told.After == 0 {
		told.After = s.Again
	}
	return told
}

// look asks the session for an observation; where it is not there yet, the object is woken when it is.
func (p *pass) look(s *lifecycle.Step, do lifecycle.Look) error {
	if p.around.Session == nil {
		return &outcome.Outcome{Silent: true, After: lookAgain}
	}
	_, err := p.around.Session.Observe(budget.Key(p.key), do.Identity, do.NotBefore, p.readClass())
	if err == nil {
		return nil
	}
	if o := outcome.Of(err); !o.Silent {
		err = outcome.Unobserved(err)
	}
	if s.Tell != nil {
		return p.paced(s, err)
	}
	return err
}

// readClass is how urgent it is to know what the tenant holds.
func (p *pass) readClass() budget.Class {
	switch {
	case p.world.Object.Deleting || p.gone:
		return budget.ClassRevocation
	case p.world.Memory.InPlace == p.world.Wanted:
		return budget.ClassResync
	}
	return budget.ClassChange
}

// about are the grants that a step is about.
func (p *pass) about(s *lifecycle.Step) []grant.Identity {
	about := world.About(&p.world)
	for _, record := range []*grant.Record{s.Record, s.Replaces} {
		if record != nil && !slices.Contains(about, record.Identity) {
			about = append(about, record.Identity)
		}
	}
	return about
}

// act takes a step that writes: to the object, or to the tenant with a token of its budget.
func (p *pass) act(ctx context.Context, s *lifecycle.Step) error {
	if err := p.fence(); err != nil {
		return err
	}
	write := p.store
	if writesToTenant(s.Do) {
		if p.around.Session == nil {
			return &outcome.Outcome{Silent: true, After: lookAgain}
		}
		if err := p.around.Session.Ready(budget.Key(p.key), p.writeClass(s.Do)); err != nil {
			return err
		}
		write = p.call
	}
	about := p.about(s)
	if !p.locks.take(p.key, about...) {
		return &outcome.Outcome{Silent: true}
	}
	defer func() {
		for _, waiting := range p.locks.free(about...) {
			p.Queue.Add(waiting)
		}
	}()
	return write(ctx, s)
}

func writesToTenant(do lifecycle.Action) bool {
	switch do.(type) {
	case lifecycle.Create, lifecycle.Change, lifecycle.Delete:
		return true
	}
	return false
}

// writeClass is how urgent a write to the tenant is. What Auth0 has refused goes behind what it may accept: many objects that
// it refuses must not delay the others.
func (p *pass) writeClass(do lifecycle.Action) budget.Class {
	why := lifecycle.CauseDeletion
	switch do := do.(type) {
	case lifecycle.Create:
		why = do.Cause
	case lifecycle.Change:
		if seen := p.world.Seen[do.Identity].Grant; seen == nil || !grant.Reduces(do.Fields, *seen) {
			why = do.Cause
		}
	}
	switch {
	case why == lifecycle.CauseDeletion:
		return budget.ClassRevocation
	case why == lifecycle.CauseDrift || len(p.world.Memory.Refused) > 0:
		return budget.ClassResync
	}
	return budget.ClassChange
}

// gate lets a step through that follows, too, from what the API server has now: nothing is written on old knowledge.
func (p *pass) gate(ctx context.Context, s *lifecycle.Step) error {
	live := &v1alpha1.ClientGrant{}
	err := p.Live.Get(ctx, client.ObjectKeyFromObject(p.stored), live)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return err
	case p.gone && err == nil && live.UID == p.stored.UID:
		return outcome.ErrStale
	case p.gone:
		live = p.stored
	case err != nil || live.UID != p.stored.UID || live.Generation != p.stored.Generation:
		return outcome.ErrStale
	}
	now, around, err := p.worlds.FromServer(ctx, live, p.past.memory, p.gone)
	if err != nil {
		return err
	}
	if before := p.around.Tenant; (before == nil) != (around.Tenant == nil) || before != nil && before.UID != around.Tenant.UID {
		return outcome.ErrStale
	}
	again := lifecycle.Next(now)
	if !reflect.DeepEqual(again.Do, s.Do) || !reflect.DeepEqual(again.Record, s.Record) || !reflect.DeepEqual(again.Replaces, s.Replaces) {
		return outcome.ErrStale
	}
	p.world, p.around = now, around
	return nil
}

// store takes a step that writes to the object alone. The object's version is its gate; where others are about the grant, they
// are read from the API server, too.
func (p *pass) store(ctx context.Context, s *lifecycle.Step) error {
	do, writes := s.Do.(lifecycle.Write)
	if len(p.world.Rivals) > 0 && (!writes || do.Owns || do.Yields) {
		if err := p.gate(ctx, s); err != nil {
			return err
		}
	}
	switch s.Do.(type) {
	case lifecycle.Hold:
		return p.hold(ctx)
	case lifecycle.Release:
		return p.release(ctx, s)
	}
	return p.record(ctx, s, do)
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
		p.eventTookOver(s.Record.ID)
	case s.Cause == lifecycle.CauseHandOver:
		p.eventHandedOver()
	}
	return nil
}

// hold sets the finalizer.
func (p *pass) hold(ctx context.Context) error {
	p.obj.Finalizers = append(slices.Clone(p.obj.Finalizers), v1alpha1.ClientGrantFinalizer)
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

// release takes finalizer and records back, in this order. What is left in the tenant is not touched, and never again taken
// for this object's own.
func (p *pass) release(ctx context.Context, s *lifecycle.Step) error {
	p.noteLeft(s)
	if s.Cause == lifecycle.CauseHandOver {
		p.auditHandOver()
	}
	if p.gone {
		return errReleased
	}
	p.obj.Finalizers = slices.DeleteFunc(slices.Clone(p.obj.Finalizers), func(finalizer string) bool {
		return finalizer == v1alpha1.ClientGrantFinalizer
	})
	if err := p.writeFinalizers(ctx); err != nil {
		return p.refusedByServer(err)
	}
	p.past.held = false
	p.Tenants.Add(p.obj.TenantKey())
	if s.Cause == lifecycle.CauseHandOver {
		p.eventHandedOver()
	}
	p.tellLeft()
	if p.obj.DeletionTimestamp.IsZero() || len(p.obj.Finalizers) > 0 {
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
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		return err
	}
	s := status.Working(v1alpha1.ReasonProgressing, "The Kubernetes API server refuses the operator's change of this object: %s", err)
	if p.world.Object.Deleting {
		s.Reason = v1alpha1.ReasonDeletionBlocked
	}
	return &outcome.Outcome{State: *s, Retry: true, Cause: err}
}
