package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// converge makes the wanted grant exist, belong to this object, and hold what the spec says.
func (d *decision) converge() *Step {
	held, s := d.see(d.Wanted, time.Time{})
	if s != nil {
		return s
	}
	if held == nil {
		return d.create()
	}
	if s := d.takeOver(*held); s != nil {
		return s
	}
	if held.IsSystem {
		return d.waitFor(systemGrant(), 0)
	}
	if refusal := d.notPermitted(grant.Over(d.Object.Fields, *held)); refusal != nil {
		return telling(refusal, held, orElse(d.narrow(), func() Step { return d.wait(refusal) }))
	}
	s = d.update(*held)
	if s != nil && !waits(s) {
		return s
	}
	if other := d.single(*held, s != nil, d.cause()); other != nil && (s == nil || !waits(other)) {
		return other
	}
	return s
}

// update brings a grant that is owned to the spec, with one request and only where it differs.
func (d *decision) update(held grant.Grant) *Step {
	change := grant.Diff(d.Object.kept(d.Memory, held), held)
	if change.Empty() {
		return nil
	}
	if s := d.contested(); s != nil {
		if _, look := d.see(d.Wanted, d.current()); look != nil {
			return look // What is told must not be older than what it answers.
		}
		return telling(s, &held, orElse(d.narrow(), func() Step { return *d.waitFor(s, d.Tenant.Interval) }))
	}
	s := d.send(held, change, d.cause())
	if !waits(s) {
		return s
	}
	// A refused change never keeps what takes access away: that goes alone.
	if less := grant.Narrow(d.Object.Fields, held); !less.Empty() && !grant.Reduces(change, held) {
		if alone := d.send(held, less, d.cause()); !waits(alone) {
			return alone
		}
	}
	s.Held, s.Plan = &held, &change
	return s
}

// send asks for a change of a grant that is owned. Once changed, the grant is not known by its create request any more: the ID
// is stored first.
func (d *decision) send(held grant.Grant, change grant.Fields, why Cause) *Step {
	request := requestChange
	if grant.Reduces(change, held) {
		request = requestReduce
	}
	if s := d.heldBack(request, d.Wanted, &held); s != nil {
		return s
	}
	if stored := d.Object.Record; stored.Of(d.Wanted) && stored.ID == "" && d.record.ID != "" {
		return d.do(Write{}, nil)
	}
	return d.do(Change{Identity: d.Wanted, ID: held.ID, Fields: change, Cause: why}, nil)
}

// available ends with what the tenant holds, seen since this generation was asked for.
func (d *decision) available() Step {
	held, s := d.see(d.Wanted, d.Memory.fresh())
	if s != nil || held == nil {
		return orElse(s, func() Step { return d.wait(nil) })
	}
	tell := &status.State{Reason: v1alpha1.ReasonAvailable, Message: "The tenant holds the grant as specified.", Ready: true}
	if dropped := grant.Missing(d.Object.Fields, *held); len(dropped) > 0 {
		tell = status.Stalled(v1alpha1.ReasonScopesDropped,
			"Auth0 accepted but did not keep %s: define them on the API, or remove them from the spec.", status.Names(dropped))
	}
	return *telling(tell, held, d.wait(tell))
}

// narrow takes away from a grant that is owned what the spec does not ask for. That needs no permission, but a look that is no
// older than the spec and the rules: what was taken away since must not come back.
func (d *decision) narrow() *Step {
	r := d.record
	if !r.Of(d.Wanted) {
		r = d.replaces
	}
	if !r.Of(d.Wanted) || !d.Object.Held {
		return nil
	}
	held, s := d.see(d.Wanted, d.current())
	if s != nil || held == nil || held.IsSystem || !d.isOurs(r, *held) {
		return s
	}
	change := grant.Narrow(d.Object.Fields, *held)
	if before := d.Memory.Before; change.Empty() && before != nil && before.ID == held.ID && d.notPermitted(grant.Over(d.Object.Fields, *held)) != nil {
		change = grant.Narrow(before.Fields, *held)
	}
	switch {
	case change.Empty():
		return d.single(*held, true, CauseViolation)
	case r == d.record:
		d.learnID(*held)
	case r.ID == "":
		return d.tellID(r, held.ID)
	}
	return d.send(*held, change, CauseViolation)
}
