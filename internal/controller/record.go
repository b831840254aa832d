package controller

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// recordFor is the ownership record of a grant.
func recordFor(origin v1alpha1.Origin, identity grant.Identity) v1alpha1.OwnershipRecord {
	return v1alpha1.OwnershipRecord{
		Origin: origin, Tenant: identity.Tenant, ClientID: identity.ClientID, DefaultFor: identity.DefaultFor,
		Audience: identity.Audience, SubjectType: v1alpha1.SubjectType(identity.SubjectType),
	}
}

// identityOf is the identity that a record speaks of; false where there is none.
func identityOf(record *v1alpha1.OwnershipRecord) (grant.Identity, bool) {
	if record == nil || record.Origin == "" {
		return grant.Identity{}, false
	}
	return grant.Identity{
		Tenant: record.Tenant, ClientID: record.ClientID, DefaultFor: record.DefaultFor, Audience: record.Audience,
		SubjectType: string(record.SubjectType),
	}, true
}

// recordedBy returns the grants that an object owns, or replaces.
func recordedBy(obj *v1alpha1.ClientGrant) (identities []grant.Identity) {
	for _, record := range []*v1alpha1.OwnershipRecord{&obj.Status.OwnershipRecord, obj.Status.Replaces} {
		if identity, ok := identityOf(record); ok {
			identities = append(identities, identity)
		}
	}
	return identities
}

// elsewhere returns a recorded grant that is in another tenant than the one that the Auth0Tenant is of now: what this one
// holds proves nothing about it.
func (p *pass) elsewhere() (identity grant.Identity, found bool) {
	for _, identity := range recordedBy(p.obj) {
		if identity.Tenant != canonicalHost(p.tenant) {
			return identity, true
		}
	}
	return grant.Identity{}, false
}

// record is the object's ownership record.
func (p *pass) record() *v1alpha1.OwnershipRecord { return &p.obj.Status.OwnershipRecord }

func (p *pass) hasFinalizer() bool {
	return slices.Contains(p.obj.Finalizers, v1alpha1.ClientGrantFinalizer)
}

// mayHaveMade says whether the record's object ever had an effect in the tenant that may still be there.
func mayHaveMade(record *v1alpha1.OwnershipRecord) bool {
	return record.Origin != "" && (record.GrantID != "" || record.Sent != "")
}

// own writes the record, then the finalizer, each over the version that the pass has seen. The order makes a crash
// between any two of them harmless: a record without a finalizer has never been acted on. A record of another grant
// moves to replaces with the same write.
func (p *pass) own(ctx context.Context, record v1alpha1.OwnershipRecord) error {
	was, _ := identityOf(p.record())
	if is, _ := identityOf(&record); was != is && p.hasFinalizer() && mayHaveMade(p.record()) && p.obj.Status.Replaces == nil {
		p.obj.Status.Replaces = p.record().DeepCopy()
	}
	*p.record() = record
	conditions{&p.obj.Status.Conditions, p.obj.Generation}.begin()
	p.obj.Status.ObservedGeneration = p.obj.Generation
	if err := p.writeStatus(ctx); err != nil {
		return err
	}
	if p.hasFinalizer() {
		return nil
	}
	p.obj.Finalizers = append(slices.Clone(p.obj.Finalizers), v1alpha1.ClientGrantFinalizer)
	return p.writeFinalizers(ctx)
}

// takeBack withdraws the record of a grant that is not to be had. What it was to replace stays in force.
func (p *pass) takeBack(ctx context.Context) error {
	if p.obj.Status.Replaces == nil {
		return p.letGo(ctx)
	}
	*p.record(), p.obj.Status.Replaces = *p.obj.Status.Replaces, nil
	if err := p.writeStatus(ctx); err != nil {
		return err
	}
	p.tellLeft()
	return nil
}

// letGo takes finalizer and record back, in this order. What is left in the tenant is not touched.
func (p *pass) letGo(ctx context.Context) error {
	if p.hasFinalizer() {
		p.obj.Finalizers = slices.DeleteFunc(slices.Clone(p.obj.Finalizers), func(finalizer string) bool {
			return finalizer == v1alpha1.ClientGrantFinalizer
		})
		if err := p.writeFinalizers(ctx); err != nil {
			return err
		}
		p.Tenants.Add(tenantKey(p.obj))
	}
	p.tellLeft()
	if !p.obj.DeletionTimestamp.IsZero() && len(p.obj.Finalizers) == 0 {
		return nil // The object is gone, and its record with it.
	}
	p.obj.Status.Replaces = nil
	*p.record() = v1alpha1.OwnershipRecord{}
	p.obj.Status.Drift, p.obj.Status.ScopeCount = nil, nil
	return p.writeStatus(ctx)
}

// begin tells that the operator is at work on a generation of which nothing is verified yet.
func (c conditions) begin() {
	for _, condition := range *c.list {
		if condition.Type == v1alpha1.ConditionReady && condition.Status == metav1.ConditionTrue &&
			condition.ObservedGeneration == c.generation {
			return
		}
	}
	c.set(&state{reason: v1alpha1.ReasonProgressing, message: "The operator is at work.", working: true})
}
