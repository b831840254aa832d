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
	if err := p.resolve(ctx); err != nil {
		return p.notEntitled(ctx, err)
	}
	if err := p.usable(); err != nil {
		p.abandon()
		return err
	}
	if p.observing() {
		return firstError(p.claim(ctx), func() error { p.track(); return p.report() })
	}
	// What the spec does not name any more is given away at once, also where another object owns what it names.
	if err := p.replace(ctx); err != nil {
		return err
	}
	if err := p.enforce(ctx); err != nil {
		return p.giveReplaced(ctx, err)
	}
	return p.settleReplaced(ctx)
}

// enforce makes the grant that the spec names this object's own, and what the spec says.
func (p *pass) enforce(ctx context.Context) error {
	if err := p.claim(ctx); err != nil {
		return err
	}
	p.track()
	return p.converge(ctx)
}

// notEntitled deals with an object that may ask nothing of the tenant now.
func (p *pass) notEntitled(ctx context.Context, err error) error {
	refusal := (*state)(nil)
	if !asState(err, &refusal) || refusal.reason != v1alpha1.ReasonNotPermitted {
		p.abandon()
		return err
	}
	if len(recordedBy(p.obj)) > 0 {
		return p.frozen(ctx, refusal)
	}
	p.abandon()
	p.tellOwner(refusal)
	return refusal
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
	seen, err := p.session.Observe(tenant.Key(p.key), identity, notBefore, p.readClass())
	if err != nil && !errors.Is(err, tenant.ErrPending) {
		err = unobserved(err)
	}
	return seen, err
}

// readClass is how urgent it is to know what the tenant holds.
func (p *pass) readClass() tenant.Class {
	switch {
	case !p.obj.DeletionTimestamp.IsZero() || p.gone:
		return tenant.ClassRevocation
	case p.memory.inPlace:
		return tenant.ClassResync
	}
	return tenant.ClassChange
}

// writeClass is how urgent a write is that takes no access away. What Auth0 has refused goes behind what it may accept: many
// objects that it refuses must not delay the others.
func (p *pass) writeClass(why cause) tenant.Class {
	if why == causeDrift || p.memory.refusal != nil {
		return tenant.ClassResync
	}
	return tenant.ClassChange
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
	if err := p.allowed(grant.Over(desired(&p.obj.Spec), *seen.Grant)); err != nil {
		return p.wider(ctx, *seen.Grant, err)
	}
	return p.update(ctx, seen)
}

// wider deals with a grant that gives more than the rules allow, in fields that the spec leaves alone: nothing is written
// but what takes access away.
func (p *pass) wider(ctx context.Context, held grant.Grant, err error) error {
	p.tell(held)
	refusal := (*state)(nil)
	if asState(err, &refusal) {
		p.tellOwner(refusal)
	}
	return firstError(p.narrow(ctx), func() error { return err })
}

// takeOver makes a grant that is in the tenant this object's own, if it is not yet and may be.
func (p *pass) takeOver(ctx context.Context, held grant.Grant) error {
	record := *p.record()
	recorded, ok := identityOf(&record)
	same := ok && recorded == p.identity
	switch {
	case same && record.GrantID != "":
		record.GrantID = held.ID
		if p.hasFinalizer() {
			*p.record() = record
			return nil
		}
		return p.own(ctx, record) // Another ClientGrant handed it over.
	case same && p.hasFinalizer() && p.isOurs(&record, held):
		p.record().GrantID, p.record().Sent = held.ID, ""
		p.created = fmt.Sprintf("Created grant %s; the answer to the request had been lost.", held.ID)
		return nil
	}
	return p.adopt(ctx, held)
}

// adopt makes a grant that was in the tenant first this object's own, or says that it may not be.
func (p *pass) adopt(ctx context.Context, held grant.Grant) error {
	if !p.mayAdopt(held) || held.IsSystem {
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
	if held.IsSystem && p.mayAdopt(held) {
		return systemGrant()
	}
	return adoptionRefused()
}

func adoptionRefused() *state {
	return stalled(v1alpha1.ReasonAdoptionRefused,
		"The grant exists already and may not be taken over: that takes spec.adoptionPolicy Adopt and an access rule of the Auth0Tenant "+
			"that allows the grant as it will be and lists AdoptExisting.")
}

func systemGrant() *state {
	return stalled(v1alpha1.ReasonSystemGrant,
		"The grant belongs to Auth0 itself and is never written: delete this ClientGrant.")
}

// update brings a grant that is owned to the spec, with one request and only where it differs.
func (p *pass) update(ctx context.Context, seen tenant.Observation) error {
	held := *seen.Grant
	change := grant.Diff(p.kept(held), held)
	if change.Empty() {
		return p.verified(seen)
	}
	p.drifted()
	if s := p.contested(); s != nil {
		return firstError(p.recent(seen), func() error {
			return firstError(p.narrow(ctx), func() error { return s })
		})
	}
	changed, err := p.patch(ctx, held, change, p.cause())
	if err != nil {
		return err
	}
	return p.verify(changed)
}

// patch sends one change of a grant that is owned, and returns what the tenant made of it.
func (p *pass) patch(ctx context.Context, held grant.Grant, change grant.Fields, why cause) (grant.Grant, error) {
	if err := p.heldBack(p.identity, &held); err != nil {
		return held, err
	}
	class := p.writeClass(why)
	if grant.Reduces(change, held) {
		class = tenant.ClassRevocation
	}
	if err := p.session.Ready(tenant.Key(p.key), class); err != nil {
		return held, err
	}
	if err := p.current(ctx); err != nil {
		return held, err
	}
	difference := grant.Describe(change, held)
	p.auditWrite("Changing a grant", why, p.identity, held.ID, difference)
	changed, err := p.session.Change(p.correlated(ctx), tenant.Key(p.key), p.identity, held.ID, change)
	if auth0.IsNotFound(err) {
		return held, unavailable(err) // It vanished between looking and writing: look again.
	}
	if err != nil {
		return held, p.refused(err, &held)
	}
	p.memory.refusal = nil
	if why == causeDrift {
		p.corrected()
	}
	p.event(v1alpha1.EventUpdated, "Updated grant %s: scopes %s%s.", held.ID, difference.Summary(), fieldList(difference.Fields))
	p.wakeConcerned(p.identity)
	return changed, nil
}

// verified ends a pass that found nothing to do: it counts if what was seen is younger than what was asked for.
func (p *pass) verified(seen tenant.Observation) error {
	return firstError(p.recent(seen), func() error { return p.verify(*seen.Grant) })
}

// recent makes sure that what a pass without a write tells is not older than what it answers.
func (p *pass) recent(seen tenant.Observation) error {
	fresh := p.memory.fresh()
	if !seen.Began.Before(fresh) {
		return nil
	}
	again, err := p.observe(p.identity, fresh)
	if err == nil && (again.Grant == nil || !again.Grant.Equal(*seen.Grant)) {
		err = errStale
	}
	return err
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
	p.memory.inPlace, p.memory.drifted = true, false
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
