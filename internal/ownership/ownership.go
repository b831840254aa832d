// Package ownership says which grants a ClientGrant records in its status, and which one its spec asks for.
package ownership

import (
	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// FromStatus reads a record; nil where there is none.
func FromStatus(record *v1alpha1.OwnershipRecord) *grant.Record {
	if record == nil || record.Origin == "" {
		return nil
	}
	return &grant.Record{
		Identity: grant.Identity{
			Tenant: record.Tenant, ClientID: record.ClientID, DefaultFor: record.DefaultFor, Audience: record.Audience,
			SubjectType: string(record.SubjectType),
		},
		Adopted: record.Origin == v1alpha1.OriginAdopted, ID: record.GrantID, Sent: record.Sent,
	}
}

// Set writes the records to a status: of the grant that the object owns, and of the one that it replaces.
func Set(status *v1alpha1.ClientGrantStatus, record, replaces *grant.Record) {
	status.OwnershipRecord, status.Replaces = toStatus(record), nil
	if replaces != nil {
		status.Replaces = new(toStatus(replaces))
	}
}

func toStatus(record *grant.Record) v1alpha1.OwnershipRecord {
	if record == nil {
		return v1alpha1.OwnershipRecord{}
	}
	origin := v1alpha1.OriginCreated
	switch {
	case record.Adopted:
		origin = v1alpha1.OriginAdopted
	case record.ID == "":
		origin = v1alpha1.OriginCreating
	}
	return v1alpha1.OwnershipRecord{
		Origin: origin, Tenant: record.Tenant, ClientID: record.ClientID, DefaultFor: record.DefaultFor, Audience: record.Audience,
		SubjectType: v1alpha1.SubjectType(record.SubjectType), GrantID: record.ID, Sent: record.Sent,
	}
}

// Identities are the grants that a ClientGrant owns or replaces.
func Identities(obj *v1alpha1.ClientGrant) (identities []grant.Identity) {
	for _, record := range []*v1alpha1.OwnershipRecord{&obj.Status.OwnershipRecord, obj.Status.Replaces} {
		if read := FromStatus(record); read != nil {
			identities = append(identities, read.Identity)
		}
	}
	return identities
}

// Asked is the grant that a spec asks for: without the tenant, and without whose it is where a reference names the client.
func Asked(obj *v1alpha1.ClientGrant) grant.Identity {
	return grant.Identity{
		ClientID: obj.Spec.ClientRef.ID, DefaultFor: obj.Spec.ClientRef.DefaultFor, Audience: obj.Spec.Audience,
		SubjectType: string(obj.Spec.SubjectType),
	}
}
