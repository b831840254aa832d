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

// create makes the grant. What was planned is recorded before the request leaves, so that its effect is found and known
// as ours whatever happens after.
func (p *pass) create(ctx context.Context) error {
	p.drifted()
	if err := p.heldBack(p.identity, nil); err != nil {
		return err
	}
	if s := p.contested(); s != nil {
		return s
	}
	body := grant.NewGrant(p.identity, desired(&p.obj.Spec))
	unanswered, err := p.unansweredBefore(body)
	if err != nil {
		return err
	}
	if err := p.session.Ready(tenant.Key(p.key), p.writeClass(p.cause())); err != nil {
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
	why := p.cause()
	p.auditWrite("Creating a grant", why, p.identity, "", grant.Difference{Added: body.Scope})
	p.memory.requested(p.identity, false, recordedBy(p.obj))
	held, err := p.session.Create(p.correlated(ctx), tenant.Key(p.key), p.identity, body)
	if !unanswered && !auth0.Unanswered(err) && !errors.Is(err, tenant.ErrOtherGrant) {
		p.memory.requested(p.identity, true, recordedBy(p.obj))
	}
	if err != nil {
		return p.notCreated(err, unanswered)
	}
	p.memory.made = held.ID
	p.record().GrantID, p.record().Sent = held.ID, ""
	p.memory.refusal = nil
	if why == causeDrift {
		p.corrected()
	}
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
	request, sent := p.memory.createRequest(identity)
	switch {
	case !sent:
		return p.memories.start // It left before this process, whose connection is gone, or not at all.
	case request.answered:
		return request.at
	}
	return request.at.Add(auth0.DefaultTimeout)
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
