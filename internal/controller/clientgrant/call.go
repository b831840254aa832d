package clientgrant

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// call takes a step that writes to the tenant, through the gate, with a token of the budget.
func (p *pass) call(ctx context.Context, s *lifecycle.Step) error {
	if err := p.gate(ctx, s); err != nil {
		return err
	}
	p.turns.Leave(p.key) // The tenant may hang.
	drifted := p.world.Memory.Drifted
	var answer lifecycle.Answer
	var err error
	switch do := s.Do.(type) {
	case lifecycle.Create:
		answer, err = p.create(ctx, do)
	case lifecycle.Change:
		answer, err = p.change(ctx, do)
	case lifecycle.Delete:
		answer, err = p.delete(ctx, do)
	}
	_, creates := s.Do.(lifecycle.Create)
	if errors.Is(err, outcome.ErrStale) || err != nil && !creates && !answer.Unanswered {
		return err // Nothing was learned about the grant.
	}
	p.past.memory = lifecycle.Learn(p.world, *s, answer)
	p.countDrift(drifted, s.Do, answer)
	return err
}

// create makes a grant. The plan is recorded already, so that its effect is found and known as the object's own
// whatever happens after.
func (p *pass) create(ctx context.Context, do lifecycle.Create) (lifecycle.Answer, error) {
	p.auditWrite("Creating a grant", do.Cause, do.Identity, "", grant.Difference{Added: do.Body.Scope})
	held, err := p.around.Session.Create(p.traced(ctx), budget.Key(p.key), do.Identity, do.Body)
	p.auditAnswer(held.ID, err)
	if err != nil {
		return answered(err)
	}
	p.past.made = madeBy(do, held.ID)
	return lifecycle.Answer{At: time.Now(), Held: &held}, nil
}

// change changes a grant, and tells which scopes come and go.
func (p *pass) change(ctx context.Context, do lifecycle.Change) (lifecycle.Answer, error) {
	difference := grant.Describe(do.Fields, *p.world.Seen[do.Identity].Grant)
	p.auditWrite("Changing a grant", do.Cause, do.Identity, do.ID, difference)
	held, err := p.around.Session.Change(p.traced(ctx), budget.Key(p.key), do.Identity, do.ID, do.Fields)
	p.auditAnswer(do.ID, err)
	if auth0.IsNotFound(err) {
		return lifecycle.Answer{At: time.Now()}, outcome.Unavailable(err) // It vanished between looking and writing: look again.
	}
	if err != nil {
		return answered(err)
	}
	p.eventUpdated(do, difference)
	return lifecycle.Answer{At: time.Now(), Held: &held}, nil
}

// delete deletes a grant. Its success proves nothing: the next step looks.
func (p *pass) delete(ctx context.Context, do lifecycle.Delete) (lifecycle.Answer, error) {
	if err := p.countDeletion(ctx); err != nil {
		return lifecycle.Answer{}, err
	}
	all := p.world.Seen[do.Identity].Grant.All()
	held := all[slices.IndexFunc(all, func(g grant.Grant) bool { return g.ID == do.ID })]
	p.auditWrite("Deleting a grant", do.Cause, do.Identity, do.ID, grant.Difference{Removed: held.Scope})
	_, err := p.around.Session.Delete(p.traced(ctx), budget.Key(p.key), do.Identity, do.ID)
	p.auditAnswer(do.ID, err)
	if err == nil || auth0.IsNotFound(err) {
		p.eventRevoked(do.Identity, do.ID)
		return lifecycle.Answer{At: time.Now()}, nil
	}
	answer, err := answered(err)
	if answer.Refused != nil {
		answer.Refused = lifecycle.NotRevoked(p.world, *answer.Refused)
	}
	return answer, err
}

// answered sorts a failed request: what Auth0 refused because of the object is remembered and not sent again; what fails for
// another reason is returned.
func answered(err error) (lifecycle.Answer, error) {
	o := outcome.Of(err)
	answer := lifecycle.Answer{
		At: time.Now(), Unknown: auth0.IsNotFound(err), Conflict: auth0.IsConflict(err),
		Unanswered: auth0.Unanswered(err) || errors.Is(err, tenant.ErrOtherGrant),
	}
	if o.Retry || o.Silent || o.After > 0 || errors.Is(err, tenant.ErrParked) {
		return answer, err
	}
	answer.Refused = &o.State
	return answer, nil
}

// countDrift counts a grant that was found changed, once however many passes it takes to correct it, and each correction.
func (p *pass) countDrift(drifted bool, do lifecycle.Action, answer lifecycle.Answer) {
	if why, _ := lifecycle.RequestOf(do); why != lifecycle.CauseDrift {
		return
	}
	of := p.obj.TenantKey()
	if !drifted {
		metrics.DriftFound(of)
	}
	if answer.Held != nil {
		metrics.DriftCorrected(of)
	}
}
