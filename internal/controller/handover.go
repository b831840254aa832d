package controller

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// handingOver is the state of an object that waits for another one to take its grant.
func handingOver() *state {
	s := waiting(v1alpha1.ReasonProgressing, "Another ClientGrant asks for this grant and takes it over: it is not revoked.")
	s.working, s.after = true, time.Second // Its passes wake this object, but not after the cache has caught up.
	return s
}

// handOver gives a recorded grant that this object must let go of to the next ClientGrant that may own it. It returns
// false where there is none, and true once the other one holds the grant and that gives nothing beyond the other's spec:
// until then this object stays, so that at no moment nobody answers for the access.
func (p *pass) handOver(ctx context.Context, record *v1alpha1.OwnershipRecord) (bool, error) {
	identity, ok := identityOf(record)
	if !ok || p.tenant == nil || !p.transfers(p.tenant) {
		return false, nil
	}
	next, err := p.successor(ctx, identity, nil)
	if err != nil || next == nil {
		return false, err
	}
	p.claims.leave(p.key, identity)
	p.track()
	seen, err := p.observe(identity, time.Time{})
	if err != nil || seen.Grant == nil {
		return false, err // What is not there, the other one makes for itself.
	}
	if !p.isOurs(record, *seen.Grant) {
		return false, nil
	}
	if next, err = p.successor(ctx, identity, seen.Grant); err != nil || next == nil {
		return false, err
	}
	if mine, ok := identityOf(&next.Status.OwnershipRecord); !ok || mine != identity {
		return true, p.transfer(ctx, record, seen.Grant.ID, next)
	}
	if !rankWith(next, identity, true).held || !grant.Narrow(desired(&next.Spec), *seen.Grant).Empty() {
		return true, handingOver() // Its passes wake this object.
	}
	return true, nil
}

// handOverUnseen is handOver for a grant that is to stay in the tenant in any case: nothing is asked of the tenant, unless
// it is not known yet whether there is a grant.
func (p *pass) handOverUnseen(ctx context.Context, record *v1alpha1.OwnershipRecord) (bool, error) {
	if record != nil && record.GrantID == "" {
		return p.handOver(ctx, record)
	}
	identity, ok := identityOf(record)
	if !ok || p.tenant == nil || !p.transfers(p.tenant) {
		return false, nil
	}
	next, err := p.successor(ctx, identity, nil)
	if err != nil || next == nil {
		return false, err
	}
	p.claims.leave(p.key, identity)
	if mine, ok := identityOf(&next.Status.OwnershipRecord); !ok || mine != identity {
		return true, p.transfer(ctx, record, record.GrantID, next)
	}
	if !rankWith(next, identity, true).held {
		return true, handingOver()
	}
	return true, nil
}

// transfer writes the record into the status of the ClientGrant that takes the grant over. A record of another grant
// that may be in the tenant moves to its replaces, as with a change of its spec.
func (p *pass) transfer(ctx context.Context, record *v1alpha1.OwnershipRecord, id string, next *v1alpha1.ClientGrant) error {
	identity, _ := identityOf(record)
	if err := p.unchanged(ctx); err != nil {
		return err
	}
	before := next.DeepCopy()
	if other := &next.Status.OwnershipRecord; mayHaveMade(other) {
		if next.Status.Replaces != nil {
			return handingOver() // It is busy with a change of its own.
		}
		next.Status.Replaces = other.DeepCopy()
	}
	next.Status.OwnershipRecord = *record
	next.Status.GrantID = id
	if id != "" {
		next.Status.Sent = ""
	}
	p.audit("Handing a grant over", causeHandOver, identity, id, grant.Difference{}, "successor", next.Namespace+"/"+next.Name)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := p.Status().Patch(ctx, next, patch); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return errStale
		}
		return err
	}
	key := client.ObjectKeyFromObject(next)
	p.claims.pass(identity, key)
	p.Queue.Add(key)
	handOvers.WithLabelValues(tenantKey(p.obj).String()).Inc()
	p.Events.Eventf(next, nil, corev1.EventTypeNormal, v1alpha1.EventHandedOver, v1alpha1.EventHandedOver,
		"Took over grant %s from another ClientGrant.", id)
	p.event(v1alpha1.EventHandedOver, "Grant %s is handed over to another ClientGrant.", id)
	return handingOver()
}

// isOurs says whether the grant that was found is the one that the record speaks of.
func (p *pass) isOurs(record *v1alpha1.OwnershipRecord, held grant.Grant) bool {
	return record.GrantID != "" || held.MadeFrom(record.Sent) || held.ID == p.memory.made
}
