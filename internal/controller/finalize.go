package controller

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
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

// finalizeOwned gives what is recorded to another ClientGrant that asks for it, else revokes it, or releases it under
// deletionPolicy Orphan.
func (p *pass) finalizeOwned(ctx context.Context) error {
	p.listen()
	exists, err := p.findTenant(ctx)
	if err != nil {
		return err
	}
	orphans := p.orphans()
	var left []*v1alpha1.OwnershipRecord
	for _, record := range []*v1alpha1.OwnershipRecord{p.record(), p.obj.Status.Replaces} {
		if _, owned := identityOf(record); !owned {
			continue
		}
		done, err := p.succeeded(ctx, record, orphans)
		if err != nil {
			return err
		}
		if !done {
			left = append(left, record)
		}
	}
	switch {
	case len(left) == 0:
		return p.letGo(ctx)
	case orphans:
		return p.release(ctx, left)
	case !exists:
		return p.blocked("Auth0Tenant %q does not exist: create it again so that the grant can be revoked.", p.obj.Spec.TenantRef.Name)
	}
	return p.revokeAll(ctx, left)
}

// succeeded says whether another ClientGrant has the recorded grant now.
func (p *pass) succeeded(ctx context.Context, record *v1alpha1.OwnershipRecord, orphans bool) (bool, error) {
	give := p.handOver
	if orphans {
		give = p.handOverUnseen
	}
	done, err := give(ctx, record)
	if done || err != nil {
		return done, err
	}
	return p.heldByAnother(ctx, record)
}

// heldByAnother says whether another ClientGrant answers for the recorded grant: one to which it was handed over, and
// which rests since then, or is not allowed it any more. It lives, or this object never had its finalizer.
func (p *pass) heldByAnother(ctx context.Context, record *v1alpha1.OwnershipRecord) (bool, error) {
	identity, ok := identityOf(record)
	if !ok {
		return false, nil
	}
	others, err := p.others(ctx, identity)
	if err != nil {
		return false, err
	}
	for _, obj := range others {
		live := &v1alpha1.ClientGrant{}
		if err := p.Live.Get(ctx, client.ObjectKeyFromObject(obj), live); client.IgnoreNotFound(err) != nil {
			return false, err
		}
		if rankWith(live, identity, false).held && (live.DeletionTimestamp.IsZero() || !p.hasFinalizer()) {
			return true, nil
		}
	}
	return false, nil
}

func (p *pass) revokeAll(ctx context.Context, records []*v1alpha1.OwnershipRecord) error {
	if err := p.mayRevoke(ctx); err != nil {
		return err
	}
	p.track()
	for _, record := range records {
		if err := p.revoke(ctx, record, p.memory.deletionSeen, causeDeletion); err != nil {
			return err
		}
	}
	return p.letGo(ctx)
}

// findTenant looks for the Auth0Tenant; one that the cache lacks is looked for on the API server.
func (p *pass) findTenant(ctx context.Context) (bool, error) {
	key, found := tenantKey(p.obj), &v1alpha1.Auth0Tenant{}
	err := p.readTenant(ctx, p.Client, key, found)
	if apierrors.IsNotFound(err) {
		err = p.readTenant(ctx, p.Live, key, found)
	}
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.tenant, p.session = found, p.sessionOf(found)
	p.permission, err = p.permissionFor(ctx, p.Live, found, p.obj.Namespace)
	return true, err
}

// orphans says whether the grant is left in the tenant.
func (p *pass) orphans() bool {
	return p.obj.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan ||
		p.tenant != nil && p.tenant.Spec.DeletionPolicy == v1alpha1.DeletionPolicyOrphan
}

// release lets the object go and the grant stay, and says so where it is seen.
func (p *pass) release(ctx context.Context, records []*v1alpha1.OwnershipRecord) error {
	if may, err := p.mayOrphan(); err != nil {
		return err
	} else if !may {
		return waiting(v1alpha1.ReasonDeletionBlocked,
			"No access rule of Auth0Tenant %q that allows this grant gives the right Orphan: set spec.deletionPolicy to Delete to revoke it. %s",
			p.tenant.Name, p.howToRelease())
	}
	for _, record := range records {
		if identity, ok := identityOf(record); ok {
			p.left(identity, "its deletionPolicy is Orphan")
		}
	}
	return p.letGo(ctx)
}

// mayRevoke says whether the tenant may be asked and told for this deletion.
func (p *pass) mayRevoke(ctx context.Context) error {
	name := p.tenant.Name
	if identity, found := p.elsewhere(); found {
		return p.blocked("The grant is in the tenant %q, but Auth0Tenant %q is of %q.", identity.Tenant, name, canonicalHost(p.tenant))
	}
	switch {
	case p.obj.Spec.Mode == v1alpha1.ModeObserve:
		return p.blocked("spec.mode is Observe: set it to Enforce to revoke the grant.")
	case p.tenant.Spec.Mode != v1alpha1.ModeEnforce:
		return p.blocked("Auth0Tenant %q is in mode %s: deletion goes on when it is Enforce.", name, p.tenant.Spec.Mode)
	case p.session == nil && !p.tried():
		return tenant.ErrPending
	case p.session == nil || p.session.Health().Suspect && !p.session.Config().Dormant:
		return p.blockedForNow("Auth0Tenant %q is not ready, so that the grant cannot be revoked; its Ready condition says why.", name)
	case p.session.Config().ReadOnly:
		return p.blocked("The operator only reads from Auth0Tenant %q.", name)
	case !p.session.Config().Dormant:
		return nil
	}
	terminating, err := p.terminating(ctx)
	if err != nil || terminating {
		return err
	}
	return p.blockedForNow("Auth0Tenant %q has no credentials any more; its Ready condition says why.", name)
}

// terminating says whether the Auth0Tenant or its namespace is being deleted: then credentials that were taken away
// still serve to revoke.
func (p *pass) terminating(ctx context.Context) (bool, error) {
	if !p.tenant.DeletionTimestamp.IsZero() {
		return true, nil
	}
	if p.Namespaced {
		return false, nil // With its namespace the Auth0Tenant is deleted, too.
	}
	namespace := &corev1.Namespace{}
	if err := p.Live.Get(ctx, types.NamespacedName{Name: p.tenant.Namespace}, namespace); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return !namespace.DeletionTimestamp.IsZero(), nil
}

// blocked is a deletion that waits, with what ends the wait without revoking.
func (p *pass) blocked(format string, args ...any) *state {
	reason := fmt.Sprintf(format, args...)
	if p.abroad() && p.tenant != nil {
		reason = fmt.Sprintf("Auth0Tenant %q in namespace %q does not let the grant be revoked now.", p.tenant.Name, p.tenant.Namespace)
	}
	return waiting(v1alpha1.ReasonDeletionBlocked, "%s %s", reason, p.howToRelease())
}

// blockedForNow is blocked by what may end by itself while the Auth0Tenant stays: its credentials or the tenant are in trouble.
func (p *pass) blockedForNow(format string, args ...any) *state {
	s := p.blocked(format, args...)
	s.passing = true
	return s
}

// howToRelease says how to delete the object with the access left in place.
func (p *pass) howToRelease() string {
	if !p.mayOrphanSpec() {
		return fmt.Sprintf("To delete this object and leave the access in place: the owner of Auth0Tenant %q sets its spec.deletionPolicy to Orphan, "+
			"or gives this namespace the right Orphan.", p.tenant.Name)
	}
	return fmt.Sprintf("To delete this object and leave the access in place: "+
		"kubectl -n %s patch clientgrants.auth0.clientgrants.dev %s --type=merge -p '{\"spec\":{\"deletionPolicy\":\"Orphan\"}}'",
		p.obj.Namespace, p.obj.Name)
}

// held adds to what keeps a deletion from being made how to do without it.
func (p *pass) held(err error) error {
	s := stateOf(err)
	if s.silent || s.reason != v1alpha1.ReasonTenantNotReady && s.reason != v1alpha1.ReasonAPIUnavailable {
		return err
	}
	told := *s
	told.message = p.blocked("%s.", strings.TrimSuffix(s.message, ".")).message
	if s.reason == v1alpha1.ReasonTenantNotReady || p.abroad() {
		told.reason, told.keepsReady, told.working = v1alpha1.ReasonDeletionBlocked, false, false
	}
	return &told
}
