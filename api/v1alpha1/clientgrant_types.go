package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Mode says how far the operator goes.
//
// +kubebuilder:validation:Enum=Enforce;Observe;Suspend
type Mode string

const (
	// ModeEnforce makes the tenant match.
	ModeEnforce Mode = "Enforce"
	// ModeObserve reads only and reports what would change.
	ModeObserve Mode = "Observe"
	// ModeSuspend does nothing.
	ModeSuspend Mode = "Suspend"
)

// DeletionPolicy says what happens to the grant when its ClientGrant is
// deleted.
//
// +kubebuilder:validation:Enum=Delete;Orphan
type DeletionPolicy string

const (
	// DeletionPolicyDelete revokes the grant.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyOrphan leaves the grant in the tenant.
	DeletionPolicyOrphan DeletionPolicy = "Orphan"
)

// AdoptionPolicy says what happens to a grant that was in the tenant first.
//
// +kubebuilder:validation:Enum=Adopt;Refuse
type AdoptionPolicy string

const (
	// AdoptionPolicyAdopt takes the grant over.
	AdoptionPolicyAdopt AdoptionPolicy = "Adopt"
	// AdoptionPolicyRefuse leaves the grant alone.
	AdoptionPolicyRefuse AdoptionPolicy = "Refuse"
)

// SubjectType says for whom the application may ask.
//
// +kubebuilder:validation:Enum=client;user
type SubjectType string

const (
	// SubjectTypeClient is access of the application itself (client credentials).
	SubjectTypeClient SubjectType = "client"
	// SubjectTypeUser is access on behalf of a user.
	SubjectTypeUser SubjectType = "user"
)

// OrganizationUsage says how organizations may be used with the grant.
//
// +kubebuilder:validation:Enum=deny;allow;require
type OrganizationUsage string

const (
	// OrganizationUsageDeny refuses organizations.
	OrganizationUsageDeny OrganizationUsage = "deny"
	// OrganizationUsageAllow allows organizations.
	OrganizationUsageAllow OrganizationUsage = "allow"
	// OrganizationUsageRequire demands an organization.
	OrganizationUsageRequire OrganizationUsage = "require"
)

// TenantReference names an Auth0Tenant.
type TenantReference struct {
	// name of the Auth0Tenant.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// namespace of the Auth0Tenant; default: the ClientGrant's own. An access rule
	// of the Auth0Tenant has to admit the ClientGrant's namespace.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`
}

// ConfigMapKeyReference names a key of a ConfigMap in the ClientGrant's own
// namespace.
type ConfigMapKeyReference struct {
	// name of the ConfigMap, in the ClientGrant's own namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// key of the ConfigMap's data whose value is the client ID, and nothing but
	// the client ID: no spaces, no line break.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="key is the name of a key of the ConfigMap: letters, digits, -, _ and . only"
	Key string `json:"key"`
}

// ClientReference says who gets the access: exactly one of its fields is set.
//
// +kubebuilder:validation:XValidation:rule="(has(self.id) ? 1 : 0) + (has(self.configMapKeyRef) ? 1 : 0) + (has(self.defaultFor) ? 1 : 0) == 1",message="clientRef needs exactly one of id, configMapKeyRef and defaultFor: set one and remove the others"
type ClientReference struct {
	// id is the client ID of the application, as the Auth0 dashboard shows it. A
	// client ID is not a secret.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_-]{1,128}$')",message="id is a client ID: letters, digits, _ and - only; look for a space or a line break"
	ID string `json:"id,omitempty"`
	// configMapKeyRef reads the client ID of the application from a ConfigMap in
	// the same namespace. While it cannot be read, the grant that exists is kept;
	// when the value changes, the new client gets the access and the old one loses
	// it.
	// +optional
	ConfigMapKeyRef *ConfigMapKeyReference `json:"configMapKeyRef,omitempty"`
	// defaultFor makes this the default grant of a group of applications instead
	// of one application's: third_party_clients are all third-party applications
	// that have no grant of their own for the API.
	// +optional
	// +kubebuilder:validation:Enum=third_party_clients
	DefaultFor string `json:"defaultFor,omitempty"`
}

// ClientGrantSpec is the access that the tenant should hold. Optional fields
// of the grant that are left out from the start are not managed: they are
// neither sent nor compared.
//
// +kubebuilder:validation:XValidation:rule="has(self.scopes) != (has(self.allowAllScopes) && self.allowAllScopes)",message="set exactly one of scopes and allowAllScopes: true; scopes: [] grants nothing"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.allowAllScopes) || has(self.allowAllScopes)",message="allowAllScopes cannot be removed once set: set it to false, or re-create the object to stop managing it"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.organizationUsage) || has(self.organizationUsage)",message="organizationUsage cannot be removed once set: set it to deny, or re-create the object to stop managing it"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.allowAnyOrganization) || has(self.allowAnyOrganization)",message="allowAnyOrganization cannot be removed once set: set it to false, or re-create the object to stop managing it"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.authorizationDetailsTypes) || has(self.authorizationDetailsTypes)",message="authorizationDetailsTypes cannot be removed once set: set it to [], or re-create the object to stop managing it"
// +kubebuilder:validation:XValidation:rule="!has(self.allowAnyOrganization) || !self.allowAnyOrganization || (has(self.organizationUsage) && self.organizationUsage != 'deny')",message="allowAnyOrganization: true needs organizationUsage allow or require"
type ClientGrantSpec struct {
	// tenantRef names the Auth0Tenant that holds the grant. It cannot be changed;
	// re-create the object to move the grant to another tenant.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="tenantRef is immutable: create another ClientGrant for the other tenant, then delete this one"
	TenantRef TenantReference `json:"tenantRef"`
	// clientRef says which application gets the access: exactly one of id,
	// configMapKeyRef and defaultFor. Naming another one moves the access: the new
	// grant is made, then the old one is revoked.
	// +required
	ClientRef ClientReference `json:"clientRef"`
	// audience is the identifier of the API, as the Auth0 dashboard shows it. It
	// is compared exactly: case and a trailing slash matter. Naming another one
	// moves the access: the new grant is made, then the old one is revoked.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=600
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[[:space:]]|[[:space:]]$')",message="audience begins or ends with a space or a line break, which no API's identifier does: remove it"
	Audience string `json:"audience"`
	// subjectType says for whom the application may ask for tokens: for itself
	// (client) or on behalf of a user (user). An application may hold one grant of
	// each for one API.
	// +optional
	// +kubebuilder:default=client
	SubjectType SubjectType `json:"subjectType,omitempty"`
	// scopes that the application may ask for. Their order and duplicates mean
	// nothing; [] is a valid grant of nothing. Required unless allowAllScopes is
	// true.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=280
	// +kubebuilder:validation:items:XValidation:rule="!self.matches('[[:space:]]')",message="a scope has no spaces: write one item of the list for each scope"
	Scopes []string `json:"scopes,omitzero"`
	// allowAllScopes: true grants every scope of the API, those that are defined
	// later included, instead of scopes. To switch back, set it to false and list
	// scopes. Once set it cannot be removed.
	// +optional
	AllowAllScopes *bool `json:"allowAllScopes,omitempty"`
	// organizationUsage says whether the application may ask for tokens of an
	// organization: deny (never), allow (it may) or require (it must). Left out
	// from the start it is not managed; once set it cannot be removed, only set to
	// deny.
	// +optional
	OrganizationUsage *OrganizationUsage `json:"organizationUsage,omitempty"`
	// allowAnyOrganization: true allows any organization, not only those that are
	// assigned to the grant in Auth0; it needs organizationUsage allow or require.
	// Left out from the start it is not managed; once set it cannot be removed,
	// only set to false.
	// +optional
	AllowAnyOrganization *bool `json:"allowAnyOrganization,omitempty"`
	// authorizationDetailsTypes are the types that the application may use in rich
	// authorization requests; for subjectType user. Left out from the start they
	// are not managed; once set they cannot be removed, only set to [].
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	AuthorizationDetailsTypes []string `json:"authorizationDetailsTypes,omitzero"`
	// deletionPolicy says what happens to the grant when this object is deleted:
	// Delete revokes it, Orphan leaves it in the tenant, where an access rule of
	// the Auth0Tenant gives the right Orphan. It may be changed while the object
	// is being deleted.
	// +optional
	// +kubebuilder:default=Delete
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// adoptionPolicy says what happens to a grant that was in the tenant first:
	// Adopt takes it over and makes it what this spec says, where an access rule
	// of the Auth0Tenant gives the right AdoptExisting; Refuse leaves it alone.
	// +optional
	// +kubebuilder:default=Adopt
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`
	// mode says how far the operator goes: Enforce makes the tenant match, Observe
	// reads only and reports what would change in status.drift, Suspend does
	// nothing. Deleting an object in mode Suspend revokes; one in mode Observe
	// waits.
	// +optional
	// +kubebuilder:default=Enforce
	Mode Mode `json:"mode,omitempty"`
}

// Origin says how a ClientGrant came to own its grant.
type Origin string

const (
	// OriginCreating says that the operator wants to create the grant, and does
	// not know of one yet: the request is planned, was refused or is not answered.
	OriginCreating Origin = "Creating"
	// OriginCreated says that the operator created the grant.
	OriginCreated Origin = "Created"
	// OriginAdopted says that the grant was there first.
	OriginAdopted Origin = "Adopted"
)

// OwnershipRecord says which grant of the tenant a ClientGrant owns. The
// operator alone writes it: whoever can write it can adopt and revoke.
type OwnershipRecord struct {
	// origin says how the grant came to be owned: Created by the operator, or
	// Adopted because it was in the tenant first; Creating while there is none
	// that is known. Absent: no grant is owned.
	// +optional
	Origin Origin `json:"origin,omitempty"`
	// tenant is the host of the Auth0 tenant that holds the grant: that of the
	// Auth0Tenant's managementAudience, else its domain.
	// +optional
	Tenant string `json:"tenant,omitempty"`
	// clientID is the client ID of the application that has the grant.
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// defaultFor is the group of applications whose default grant it is.
	// +optional
	DefaultFor string `json:"defaultFor,omitempty"`
	// audience is the identifier of the API that the grant is for.
	// +optional
	Audience string `json:"audience,omitempty"`
	// subjectType is the subject type of the grant: client or user.
	// +optional
	SubjectType SubjectType `json:"subjectType,omitempty"`
	// grantID is the ID that Auth0 gave the grant, for your information: it
	// changes when the grant is made again.
	// +optional
	GrantID string `json:"grantID,omitempty"`
	// sent is the SHA-256 of the body of a create request that is not answered
	// yet. It lets the operator recognise its own grant when the answer is lost.
	// +optional
	Sent string `json:"sent,omitempty"`
}

// Drift summarises how the tenant differs from the spec.
type Drift struct {
	// summary counts scopes that would be added and removed: "+2 -1"; "unmanaged"
	// where nothing would be changed.
	// +optional
	Summary string `json:"summary,omitempty"`
	// added counts scopes that the spec names and the tenant lacks.
	// +optional
	Added int32 `json:"added,omitempty"`
	// removed counts scopes that the tenant holds and the spec does not name.
	// +optional
	Removed int32 `json:"removed,omitempty"`
	// names of what enforcing would change, 20 at most: fields as the spec calls
	// them, scopes with + where they would be added and - where they would be
	// removed.
	// +optional
	// +listType=atomic
	Names []string `json:"names,omitempty"`
	// unmanaged are the fields that the spec leaves out and that give more access
	// than their closed value: enforcing leaves them as they are.
	// +optional
	// +listType=atomic
	Unmanaged []string `json:"unmanaged,omitempty"`
}

// ClientGrantStatus is what the operator last saw and did.
type ClientGrantStatus struct {
	// observedGeneration is the generation that the conditions speak of; -1 before
	// the first reconcile.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// client is the application that the spec names, for display and selection:
	// its client ID, or the group of defaultFor.
	// +optional
	Client string `json:"client,omitempty"`
	// The grant that this object owns.
	OwnershipRecord `json:",inline"`
	// replaces is the grant that is being replaced after the spec named another
	// one. It stays in force until its successor is there, and is revoked then.
	// +optional
	Replaces *OwnershipRecord `json:"replaces,omitempty"`
	// drift says how the tenant differs from the spec, where the operator does not
	// or cannot remove the difference.
	// +optional
	Drift *Drift `json:"drift,omitempty"`
	// scopeCount is the number of scopes of the grant in the tenant; absent where
	// it gives all scopes of the API.
	// +optional
	ScopeCount *int32 `json:"scopeCount,omitempty"`
	// conditions: Ready, and Reconciling, Stalled and Contested while they are
	// true.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastHandledReconcileAt is the last value of the annotation
	// reconcile.fluxcd.io/requestedAt that was acted on.
	// +optional
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`
}

// ClientGrant says which application may ask for which scopes of which API in
// an Auth0 tenant. Deleting it revokes the access: no new tokens are issued;
// tokens issued before work until they expire.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=cgr,categories=auth0
// +kubebuilder:selectablefield:JSONPath=`.spec.audience`
// +kubebuilder:selectablefield:JSONPath=`.status.client`
// +kubebuilder:selectablefield:JSONPath=`.status.clientID`
// +kubebuilder:selectablefield:JSONPath=`.spec.tenantRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Tenant",type=string,JSONPath=`.spec.tenantRef.name`
// +kubebuilder:printcolumn:name="Client",type=string,JSONPath=`.status.client`
// +kubebuilder:printcolumn:name="Audience",type=string,JSONPath=`.spec.audience`
// +kubebuilder:printcolumn:name="Drift",type=string,JSONPath=`.status.drift.summary`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`,priority=1
// +kubebuilder:printcolumn:name="Scope count",type=integer,JSONPath=`.status.scopeCount`,priority=1
// +kubebuilder:printcolumn:name="Origin",type=string,JSONPath=`.status.origin`,priority=1
// +kubebuilder:printcolumn:name="Grant ID",type=string,JSONPath=`.status.grantID`,priority=1
type ClientGrant struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is the access that the tenant should hold.
	// +required
	Spec ClientGrantSpec `json:"spec"`
	// status is what the operator last saw and did.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status ClientGrantStatus `json:"status,omitzero"`
}

// ClientGrantList is a list of ClientGrants.
//
// +kubebuilder:object:root=true
type ClientGrantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClientGrant `json:"items"`
}
