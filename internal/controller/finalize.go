package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// errReleased ends a pass after which the object is no longer held by the operator.
var errReleased = &state{silent: true}

// finalize ends the access that a ClientGrant owns, or says why it cannot, and then lets the object go. Only what is
// recorded is revoked, never what stands in the spec alone.
func (p *pass) finalize(ctx context.Context) error {
	if !p.hasFinalizer() {
		p.abandon()
		return errReleased
	}
	if _, owned := identityOf(p.record()); !owned && p.obj.Status.Replaces == nil {
		return p.finalizeUnrecorded(ctx)
	}
	return p.finalizeOwned(ctx)
}

// finalizeOwned revokes what is recorded, or releases it under deletionPolicy Orphan.
func (p *pass) finalizeOwned(ctx context.Context) error {
	exists, err := p.findTenant(ctx)
	if err != nil {
		return err
	}
	if p.orphans() {
		return p.release(ctx)
	}
	if !exists {
		return p.blocked("Auth0Tenant %q does not exist: create it again so that the grant can be revoked.", p.obj.Spec.TenantRef.Name)
	}
	if err := p.mayRevoke(ctx); err != nil {
		return err
	}
	if identity, ok := identityOf(p.record()); ok {
		p.claims.ask(p.key, identity)
	}
	p.track()
	for _, record := range []*v1alpha1.OwnershipRecord{p.record(), p.obj.Status.Replaces} {
		if err := p.revoke(ctx, record, p.memory.deletionSeen, causeDeletion); err != nil {
			return err
		}
	}
	return p.letGo(ctx)
}

// findTenant looks for the Auth0Tenant; one that the cache lacks is looked for on the API server.
func (p *pass) findTenant(ctx context.Context) (bool, error) {
	key, found := tenantKey(p.obj), &v1alpha1.Auth0Tenant{}
	err := p.Get(ctx, key, found)
	if apierrors.IsNotFound(err) {
		err = p.Live.Get(ctx, key, found)
	}
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.tenant = found
	p.session = p.Sessions.Get(tenant.Key(key), string(found.UID))
	return true, nil
}

// orphans says whether the grant is left in the tenant.
func (p *pass) orphans() bool {
	return p.obj.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan ||
		p.tenant != nil && p.tenant.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan
}

// release lets the object go and the grant stay, and says so where it is seen.
func (p *pass) release(ctx context.Context) error {
	for _, record := range []*v1alpha1.OwnershipRecord{p.record(), p.obj.Status.Replaces} {
		if identity, ok := identityOf(record); ok {
			p.left(identity, "its deletionPolicy is Orphan")
		}
	}
	return p.letGo(ctx)
}

// mayRevoke says whether the tenant may be asked and told for this deletion.
func (p *pass) mayRevoke(ctx context.Context) error {
	name := p.tenant.Name
	for _, record := range []*v1alpha1.OwnershipRecord{p.record(), p.obj.Status.Replaces} {
		if identity, ok := identityOf(record); ok && identity.Tenant != canonicalHost(p.tenant) {
			return p.blocked("The grant is in the tenant %q, but Auth0Tenant %q is of %q.", identity.Tenant, name, canonicalHost(p.tenant))
		}
	}
	switch {
	case p.obj.Spec.Mode == v1alpha1.ModeObserve:
		return p.blocked("spec.mode is Observe: set it to Enforce to revoke the grant.")
	case p.tenant.Spec.Mode != v1alpha1.ModeEnforce:
		return p.blocked("Auth0Tenant %q is in mode %s: deletion goes on when it is Enforce.", name, p.tenant.Spec.Mode)
	case p.session == nil && !p.tried():
		return tenant.ErrPending
	case p.session == nil || p.session.Health().Suspect && !p.session.Config().Dormant:
		return p.blocked("Auth0Tenant %q is not ready, so that the grant cannot be revoked; its Ready condition says why.", name)
	case p.session.Config().ReadOnly:
		return p.blocked("The operator only reads from Auth0Tenant %q.", name)
	case !p.session.Config().Dormant:
		return nil
	}
	terminating, err := p.terminating(ctx)
	if err != nil || terminating {
		return err
	}
	return p.blocked("Auth0Tenant %q has no credentials any more; its Ready condition says why.", name)
}

// terminating says whether the Auth0Tenant or its namespace is being deleted: then credentials that were taken away
// still serve to revoke.
func (p *pass) terminating(ctx context.Context) (bool, error) {
	if !p.tenant.DeletionTimestamp.IsZero() {
		return true, nil
	}
	namespace := &corev1.Namespace{}
	if err := p.Live.Get(ctx, types.NamespacedName{Name: p.tenant.Namespace}, namespace); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return !namespace.DeletionTimestamp.IsZero(), nil
}

// blocked is a deletion that waits, with the command that ends the wait without revoking.
func (p *pass) blocked(format string, args ...any) *state {
	return waiting(v1alpha1.ReasonDeletionBlocked,
		"%s To delete this object and leave the access in place: kubectl -n %s patch clientgrants.auth0.clientgrants.dev %s --type=merge -p '{\"spec\":{\"deletionPolicy\":\"Orphan\"}}'",
		fmt.Sprintf(format, args...), p.obj.Namespace, p.obj.Name)
}

// revoke deletes the recorded grant and returns nil once it is proven absent: Auth0 answers a DELETE of a grant that is
// not there like any other, so that only a look that began afterwards counts.
func (p *pass) revoke(ctx context.Context, record *v1alpha1.OwnershipRecord, since time.Time, why cause) error {
	identity, ok := identityOf(record)
	if !ok {
		return nil
	}
	since = p.proofFrom(record, identity, since)
	seen, err := p.observe(identity, since)
	if err != nil || seen.Grant == nil {
		return err
	}
	if record.GrantID == "" && !seen.Grant.MadeFrom(record.Sent) && seen.Grant.ID != p.memory.made && !p.mayAdopt() {
		return p.notOurs(identity, record) // What is there is somebody else's.
	}
	if seen.Grant.IsSystem {
		return p.blocked("The grant belongs to Auth0 itself and is never written.")
	}
	if err := p.heldBack(identity, seen.Grant); err != nil {
		return err
	}
	if err := p.session.Ready(tenant.Key(p.key)); err != nil {
		return err
	}
	if err := p.stillUnwanted(ctx, why); err != nil {
		return err
	}
	p.audit("Deleting a grant", why, identity, seen.Grant.ID, grant.Difference{Removed: seen.Grant.Scope})
	if _, err := p.session.Delete(p.correlated(ctx), identity, seen.Grant.ID); err != nil && !auth0.IsNotFound(err) {
		return p.notRevoked(identity, seen.Grant, err)
	}
	p.event(v1alpha1.EventRevoked, "Revoked grant %s.", seen.Grant.ID)
	_, err = p.observe(identity, since)
	return err
}

// proofFrom is when a look must begin to prove the recorded grant absent: an unanswered create request has its time first.
func (p *pass) proofFrom(record *v1alpha1.OwnershipRecord, identity grant.Identity, since time.Time) time.Time {
	if late := p.lateAnswers(identity); record.Sent != "" && late.After(since) {
		return late
	}
	return since
}

// stillUnwanted checks, right before a deletion, that nothing it was decided on has changed. Of a replaced grant that is
// also who the spec names.
func (p *pass) stillUnwanted(ctx context.Context, why cause) error {
	if why == causeReplacement {
		return p.current(ctx)
	}
	return p.unchanged(ctx)
}

// undo revokes what this pass has made for an object that is gone. A deletion that the API server began before the
// finalizer was there does not wait for it, and nobody else would know of the grant.
func (p *pass) undo(ctx context.Context) {
	if p.created == "" {
		return
	}
	live := &v1alpha1.ClientGrant{}
	err := p.Live.Get(ctx, p.key, live)
	if err == nil && live.UID == p.stored.UID || client.IgnoreNotFound(err) != nil {
		return // Its record tells of the request.
	}
	id := p.record().GrantID
	p.audit("Deleting a grant", causeDeletion, p.identity, id, grant.Difference{})
	if _, err := p.session.Delete(p.correlated(ctx), p.identity, id); err != nil {
		p.left(p.identity, "the ClientGrant was gone before its finalizer held it, and the grant could not be deleted")
		p.tellLeft()
	}
}

// notOurs settles a record whose create request had no effect that can be told from somebody else's grant.
func (p *pass) notOurs(identity grant.Identity, record *v1alpha1.OwnershipRecord) error {
	if record.Sent != "" {
		p.left(identity, "a create request was never answered, and the grant that is there now is not to be adopted")
	}
	return nil
}

// notRevoked tells of a refused DELETE; what passes by itself is tried again.
func (p *pass) notRevoked(identity grant.Identity, seen *grant.Grant, err error) error {
	s := stateOf(err)
	if s.retry || s.silent || s.after > 0 {
		return err
	}
	blocked := p.blocked("%s", s.message)
	blocked.cause = err
	return p.hold(identity, blocked, seen)
}

// held adds to what keeps a deletion from being made how to do without it.
func (p *pass) held(err error) error {
	s := stateOf(err)
	if s.silent || s.reason != v1alpha1.ReasonTenantNotReady && s.reason != v1alpha1.ReasonAPIUnavailable {
		return err
	}
	told := *s
	told.message = p.blocked("%s.", strings.TrimSuffix(s.message, ".")).message
	if s.reason == v1alpha1.ReasonTenantNotReady {
		told.reason, told.keepsReady = v1alpha1.ReasonDeletionBlocked, false
	}
	return &told
}

// finalizeUnrecorded deals with a finalizer that has no record: a restore without status, or written by hand. A grant
// that nobody else tracks and that might be adopted today is revoked, as it was before the restore; any other stays.
func (p *pass) finalizeUnrecorded(ctx context.Context) error {
	if tenantKey(p.obj).Namespace != p.obj.Namespace {
		return p.letGo(ctx)
	}
	exists, err := p.findTenant(ctx)
	if err != nil {
		return err
	}
	holder, err := p.resolveClient(ctx, p.obj)
	if known := (*state)(nil); err != nil && !asState(err, &known) {
		return err
	} else if err != nil {
		return p.leave(ctx, "its client cannot be resolved any more")
	}
	p.identity = grant.Identity{
		ClientID: holder.ClientID, DefaultFor: holder.DefaultFor, Audience: p.obj.Spec.Audience,
		SubjectType: string(p.obj.Spec.SubjectType),
	}
	if exists {
		p.identity.Tenant = canonicalHost(p.tenant)
	}
	if tracked, err := p.trackedByOther(ctx); err != nil || tracked {
		return firstError(err, func() error { return p.letGo(ctx) })
	}
	if !p.mayAdopt() || p.orphans() || p.permitted() != nil {
		return p.leave(ctx, "it was never recorded as this object's own, and is not to be adopted")
	}
	if !exists {
		return p.blocked("Auth0Tenant %q does not exist: create it, so that a grant this object may have made can be revoked.",
			p.obj.Spec.TenantRef.Name)
	}
	if err := p.mayRevoke(ctx); err != nil {
		return err
	}
	return p.adoptToRevoke(ctx)
}

// adoptToRevoke records the grant as owned, if it is there, so that it is revoked like any other.
func (p *pass) adoptToRevoke(ctx context.Context) error {
	p.track()
	seen, err := p.observe(p.identity, p.memory.deletionSeen)
	if err != nil {
		return err
	}
	switch {
	case seen.Grant == nil:
		return p.letGo(ctx)
	case seen.Grant.IsSystem:
		return p.leave(ctx, "it belongs to Auth0 itself")
	}
	record := recordFor(v1alpha1.OriginAdopted, p.identity)
	record.GrantID = seen.Grant.ID
	if err := p.own(ctx, record); err != nil {
		return err
	}
	return p.finalizeOwned(ctx)
}

// leave lets the object go, and tells of access that may remain.
func (p *pass) leave(ctx context.Context, why string) error {
	if p.tenant != nil {
		p.left(p.identity, why)
	}
	return p.letGo(ctx)
}

// trackedByOther says whether another ClientGrant records, replaces or asks for the identity.
func (p *pass) trackedByOther(ctx context.Context) (bool, error) {
	for _, match := range []client.MatchingFields{{indexRecord: p.identity.String()}, {indexAsks: asksFor(p.obj)}} {
		others := &v1alpha1.ClientGrantList{}
		if err := p.List(ctx, others, match); err != nil {
			return false, err
		}
		for i := range others.Items {
			if others.Items[i].UID != p.obj.UID && p.tracks(ctx, &others.Items[i]) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (p *pass) tracks(ctx context.Context, other *v1alpha1.ClientGrant) bool {
	for _, record := range []*v1alpha1.OwnershipRecord{&other.Status.OwnershipRecord, other.Status.Replaces} {
		if identity, ok := identityOf(record); ok && identity == p.identity {
			return true
		}
	}
	if !other.DeletionTimestamp.IsZero() {
		return false
	}
	holder, err := p.resolveClient(ctx, other)
	return err == nil && asksFor(other) == asksFor(p.obj) && holder == p.identity.Holder()
}
