package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// maintain brings the tenant to what a ClientGrant that is not being deleted says.
func (p *pass) maintain(ctx context.Context) error {
	if p.obj.Spec.Mode == v1alpha1.ModeSuspend {
		p.abandon()
		return waiting(v1alpha1.ReasonSuspended, "Suspended by spec.mode; set it to Enforce to go on.")
	}
	if err := p.entitled(ctx); err != nil {
		p.abandon()
		return err
	}
	if err := p.claim(ctx); err != nil {
		return err
	}
	p.track()
	if p.observing() {
		return p.report()
	}
	if err := p.replace(ctx); err != nil {
		return err
	}
	if err := p.converge(ctx); err != nil {
		return err
	}
	return p.settleReplaced(ctx)
}

// entitled resolves everything that has to be known before the tenant may be asked.
func (p *pass) entitled(ctx context.Context) error {
	if err := p.resolve(ctx); err != nil {
		return err
	}
	return p.usable()
}

// observing says whether nothing may be written.
func (p *pass) observing() bool {
	return p.obj.Spec.Mode == v1alpha1.ModeObserve || p.tenant.Spec.Mode == v1alpha1.ModeObserve || p.session.Config().ReadOnly
}

// track has the session wake this object whenever one of its grants changes in the tenant.
func (p *pass) track() {
	identities := make([]grant.Identity, 0, 3)
	if p.identity.Audience != "" {
		identities = append(identities, p.identity)
	}
	for _, record := range []*v1alpha1.OwnershipRecord{p.record(), p.obj.Status.Replaces} {
		if identity, ok := identityOf(record); ok {
			identities = append(identities, identity)
		}
	}
	p.session.Track(tenant.Key(p.key), identities...)
}

func (p *pass) observe(identity grant.Identity, notBefore time.Time) (tenant.Observation, error) {
	seen, err := p.session.Observe(tenant.Key(p.key), identity, notBefore)
	if err != nil && !errors.Is(err, tenant.ErrPending) {
		err = unobserved(err)
	}
	return seen, err
}

// converge makes the grant of the wanted identity exist, belong to this object, and hold what the spec says.
func (p *pass) converge(ctx context.Context) error {
	seen, err := p.observe(p.identity, time.Time{})
	if err != nil {
		return err
	}
	if seen.Grant == nil {
		return p.create(ctx)
	}
	if err := p.takeOver(ctx, *seen.Grant); err != nil {
		return err
	}
	if seen.Grant.IsSystem {
		return systemGrant()
	}
	return p.update(ctx, seen)
}

// takeOver makes a grant that is in the tenant this object's own, if it is not yet and may be.
func (p *pass) takeOver(ctx context.Context, held grant.Grant) error {
	record := *p.record()
	recorded, ok := identityOf(&record)
	acted := ok && recorded == p.identity && p.hasFinalizer()
	switch {
	case acted && record.GrantID != "":
		p.record().GrantID = held.ID
		return nil
	case acted && (held.MadeFrom(record.Sent) || held.ID == p.memory.made):
		p.record().GrantID, p.record().Sent = held.ID, ""
		p.created = fmt.Sprintf("Created grant %s; the answer to the request had been lost.", held.ID)
		return nil
	case !p.mayAdopt() || held.IsSystem:
		return p.refuseAdoption(ctx, held)
	}
	p.audit("Adopting a grant that was in the tenant first", causeAdoption, p.identity, held.ID,
		grant.Describe(grant.Diff(desired(&p.obj.Spec), held), held))
	adopted := recordFor(v1alpha1.OriginAdopted, p.identity)
	adopted.GrantID = held.ID
	if err := p.own(ctx, adopted); err != nil {
		return err
	}
	p.event(v1alpha1.EventAdopted, "Adopted grant %s, which was in the tenant first.", held.ID)
	return nil
}

// mayAdopt is the adoption gate.
func (p *pass) mayAdopt() bool { return p.obj.Spec.AdoptionPolicy == v1alpha1.AdoptionPolicyAdopt }

// refuseAdoption takes back a record that claimed what is not ours after all.
func (p *pass) refuseAdoption(ctx context.Context, held grant.Grant) error {
	if recorded, ok := identityOf(p.record()); ok && recorded == p.identity {
		if p.record().Sent != "" {
			p.left(p.identity, "a create request was never answered, and the grant that is there now is not to be adopted")
		}
		if err := p.takeBack(ctx); err != nil {
			return err
		}
	}
	if held.IsSystem && p.mayAdopt() {
		return systemGrant()
	}
	return adoptionRefused()
}

func adoptionRefused() *state {
	return stalled(v1alpha1.ReasonAdoptionRefused,
		"The grant exists already and may not be taken over: set spec.adoptionPolicy to Adopt, or remove the grant from the tenant.")
}

func systemGrant() *state {
	return stalled(v1alpha1.ReasonSystemGrant,
		"The grant belongs to Auth0 itself and is never written: delete this ClientGrant.")
}

// create makes the grant. What was planned is recorded before the request leaves, so that its effect is found and known
// as ours whatever happens after.
func (p *pass) create(ctx context.Context) error {
	if err := p.heldBack(p.identity, nil); err != nil {
		return err
	}
	body := grant.NewGrant(p.identity, desired(&p.obj.Spec))
	unanswered, err := p.unansweredBefore(body)
	if err != nil {
		return err
	}
	if err := p.session.Ready(tenant.Key(p.key)); err != nil {
		return err
	}
	record := recordFor(v1alpha1.OriginCreated, p.identity)
	record.Sent = body.Hash()
	if err := p.own(ctx, record); err != nil {
		return err
	}
	if err := p.current(ctx); err != nil {
		if !unanswered {
			p.record().Sent = "" // Nothing has left.
		}
		return err
	}
	p.audit("Creating a grant", p.cause(), p.identity, "", grant.Difference{Added: body.Scope})
	p.memory.sentAt = time.Now()
	held, err := p.session.Create(p.correlated(ctx), p.identity, body)
	if !unanswered && !auth0.Unanswered(err) && !errors.Is(err, tenant.ErrOtherGrant) {
		p.memory.answered, p.memory.answeredFor = time.Now(), p.identity
	}
	if err != nil {
		return p.notCreated(err, unanswered)
	}
	p.memory.made = held.ID
	p.record().GrantID, p.record().Sent = held.ID, ""
	p.memory.refusal = nil
	p.created = fmt.Sprintf("Created grant %s.", held.ID)
	return p.verify(held)
}

// unansweredBefore says whether an earlier create request for this identity may still have its effect. One with the
// same content may be repeated: the tenant keeps one grant of an identity. Before one with other content, the earlier
// one must have had its time.
func (p *pass) unansweredBefore(body grant.New) (bool, error) {
	recorded, ok := identityOf(p.record())
	if !ok || recorded != p.identity || p.record().Sent == "" || !p.hasFinalizer() {
		return false, nil
	}
	if p.record().Sent == body.Hash() {
		return true, nil
	}
	seen, err := p.observe(p.identity, p.lateAnswers(p.identity))
	if err == nil && seen.Grant != nil {
		err = errStale
	}
	return false, err
}

// lateAnswers is when an unanswered create request has had its time: what the server does later than that is beyond us.
func (p *pass) lateAnswers(identity grant.Identity) time.Time {
	if start := p.memories.start; p.memory.sentAt.Equal(start) {
		return start // It left before this process: its connection is gone.
	}
	if p.memory.answeredFor == identity && p.memory.answered.After(p.memory.sentAt) {
		return p.memory.answered
	}
	return p.memory.sentAt.Add(auth0.DefaultTimeout)
}

// notCreated sorts out what a create request that did not succeed leaves behind.
func (p *pass) notCreated(err error, unanswered bool) error {
	if !auth0.Unanswered(err) && !errors.Is(err, tenant.ErrOtherGrant) && !unanswered {
		p.record().Sent = ""
	}
	if auth0.IsConflict(err) && p.memory.refusal == nil {
		// The grant is there after all. What an observation from now on shows goes through the adoption gate, or is
		// what an unanswered request made.
		_ = p.refused(err, nil)
		p.memory.refusal.until = time.Time{}
		_, err := p.observe(p.identity, time.Time{})
		return err
	}
	return p.refused(err, nil)
}

// update brings a grant that is owned to the spec, with one request and only where it differs.
func (p *pass) update(ctx context.Context, seen tenant.Observation) error {
	held := *seen.Grant
	change := grant.Diff(p.kept(held), held)
	if change.Empty() {
		return p.verified(seen)
	}
	if err := p.heldBack(p.identity, &held); err != nil {
		return err
	}
	if err := p.session.Ready(tenant.Key(p.key)); err != nil {
		return err
	}
	if err := p.current(ctx); err != nil {
		return err
	}
	difference := grant.Describe(change, held)
	p.audit("Changing a grant", p.cause(), p.identity, held.ID, difference)
	changed, err := p.session.Change(p.correlated(ctx), p.identity, held.ID, change)
	if auth0.IsNotFound(err) {
		return unavailable(err) // It vanished between looking and writing: look again.
	}
	if err != nil {
		return p.refused(err, &held)
	}
	p.memory.refusal = nil
	p.event(v1alpha1.EventUpdated, "Updated grant %s: scopes %s%s.", held.ID, difference.Summary(), fieldList(difference.Fields))
	return p.verify(changed)
}

// verified ends a pass that found nothing to do: it counts if what was seen is younger than what was asked for.
func (p *pass) verified(seen tenant.Observation) error {
	if fresh := p.memory.fresh(); seen.Began.Before(fresh) {
		again, err := p.observe(p.identity, fresh)
		if err != nil {
			return err
		}
		if again.Grant == nil || !again.Grant.Equal(*seen.Grant) {
			return errStale
		}
	}
	return p.verify(*seen.Grant)
}

// verify compares what the tenant keeps with what was asked of it: some scopes it drops without a word.
func (p *pass) verify(held grant.Grant) error {
	p.tell(held)
	wanted := desired(&p.obj.Spec)
	p.memory.dropped = grant.Missing(wanted, held)
	if len(p.memory.dropped) > 0 {
		return stalled(v1alpha1.ReasonScopesDropped,
			"Auth0 accepted but did not keep %s: define them on the API, or remove them from the spec.", names(p.memory.dropped))
	}
	if change := grant.Diff(wanted, held); !change.Empty() {
		left := grant.Describe(change, held)
		return p.hold(p.identity, stalled(v1alpha1.ReasonRejected, "Auth0 accepted but did not take over: scopes %s%s.",
			left.Summary(), fieldList(left.Fields)), &held)
	}
	return nil
}

// kept is the spec without the scopes that Auth0 dropped at this generation: they are not sent again.
func (p *pass) kept(held grant.Grant) grant.Fields {
	fields := desired(&p.obj.Spec)
	if p.memory.droppedBefore {
		p.memory.dropped, p.memory.droppedBefore = grant.Missing(fields, held), false
	}
	fields.Scope = grant.Without(fields.Scope, grant.Without(p.memory.dropped, held.Scope))
	return fields
}

// current checks, right before a write, that nothing the pass decided on has changed.
func (p *pass) current(ctx context.Context) error {
	if err := p.unchanged(ctx); err != nil {
		return err
	}
	return p.unchangedClient(ctx)
}
