package clientgrant

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
)

// pass is one reconciliation of one ClientGrant.
type pass struct{ teller }

func (r *Reconciler) newPass(ctx context.Context, key types.NamespacedName, stored *v1alpha1.ClientGrant, past *past) *pass {
	of := object{Reconciler: r, key: key, stored: stored, obj: stored.DeepCopy(), past: past, gone: isTombstone(key)}
	return &pass{teller{object: of, log: ctrl.LoggerFrom(ctx), muted: r.isMuted(ctx, stored)}}
}

// errReleased ends a pass after which the object is no longer held by the operator.
var errReleased = &outcome.Outcome{Silent: true}

// mostSteps bounds one pass.
const mostSteps = 40

// run takes one step after the other until there is something to wait for, which it returns.
func (p *pass) run(ctx context.Context) error {
	for range mostSteps {
		if err := p.gather(ctx); err != nil {
			return err
		}
		if err := p.take(ctx, lifecycle.Next(p.world)); err != nil {
			return err
		}
	}
	return outcome.ErrStale
}

// gather brings the World up to date, from the cache.
func (p *pass) gather(ctx context.Context) (err error) {
	p.world, p.around, err = p.worlds.FromCache(ctx, p.stored, p.past.memory, p.gone)
	return err
}

// take takes a step. It returns nil where the next one follows at once, else what the pass came to.
func (p *pass) take(ctx context.Context, s lifecycle.Step) error {
	p.carry(&s)
	switch do := s.Do.(type) {
	case lifecycle.Wait:
		p.past.memory = lifecycle.Learn(p.world, s, lifecycle.Answer{})
		if !p.world.Tenant.OperatorsKnown && s.Again == 0 {
			s.Again = lookAgain
		}
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
	if s.Lost && p.past.made == nil && p.stored.Status.GrantID == "" {
		p.past.made = &made{v1alpha1.EventCreated, "Created grant " + s.Record.ID + "; the answer to the request had been lost."}
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

// act takes a step that writes: to the object, or to the tenant with a token of its budget.
func (p *pass) act(ctx context.Context, s *lifecycle.Step) error {
	if err := p.fence(); err != nil {
		return err
	}
	write := p.store
	if _, writes := lifecycle.RequestOf(s.Do); writes {
		if p.around.Session == nil || !p.turns.Reserve() {
			return &outcome.Outcome{Silent: true, After: lookAgain}
		}
		defer p.turns.Return()
		if err := p.around.Session.Ready(budget.Key(p.key), p.writeClass(s.Do)); err != nil {
			return err
		}
		write = p.call
	}
	about := p.about(s)
	if p.ownsNothing(s) {
		about = nil
	}
	for i := range about {
		about[i].Tenant = p.host() // Of those that claim to be of one tenant none holds up another.
	}
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

// host of the tenant that the object's Auth0Tenant is proven to be of.
func (p *pass) host() string {
	if p.around.Tenant == nil {
		return ""
	}
	return p.worlds.ProvenHost(p.around.Tenant)
}

// writeClass is how urgent a write to the tenant is. Requests that Auth0 has refused go behind those that it may accept: many
// objects that it refuses must not delay the others.
func (p *pass) writeClass(do lifecycle.Action) budget.Class {
	why, _ := lifecycle.RequestOf(do)
	switch {
	case p.world.TakesAway(do):
		return budget.ClassRevocation
	case why == lifecycle.CauseDrift || len(p.world.Memory.Refused) > 0:
		return budget.ClassResync
	}
	return budget.ClassChange
}
