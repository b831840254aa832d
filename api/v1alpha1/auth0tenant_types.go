package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretReference names a Secret in the Auth0Tenant's own namespace.
type SecretReference struct {
	// name of the Secret, in the Auth0Tenant's own namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// PrivateKeyAlgorithm signs the assertion that proves a private key.
//
// +kubebuilder:validation:Enum=RS256;RS384;PS256
type PrivateKeyAlgorithm string

// Credentials say how the operator proves to Auth0 who it is.
type Credentials struct {
	// secretRef names a Secret in the same namespace with the keys clientID and
	// exactly one of clientSecret and privateKey (PEM). If it has the key domain,
	// which holds one domain, or several with commas between them, the credentials
	// are sent there only.
	// +required
	SecretRef SecretReference `json:"secretRef"`
	// privateKeyAlgorithm is what the operator signs with where the Secret holds a
	// privateKey: RS256, RS384 or PS256, as it was chosen for the public key in
	// Auth0.
	// +optional
	// +kubebuilder:default=RS256
	PrivateKeyAlgorithm PrivateKeyAlgorithm `json:"privateKeyAlgorithm,omitempty"`
}

// NamespacesFrom says which namespaces an access rule speaks of.
//
// +kubebuilder:validation:Enum=Same;Names;Selector;All
type NamespacesFrom string

const (
	// NamespacesFromSame is the Auth0Tenant's own namespace.
	NamespacesFromSame NamespacesFrom = "Same"
	// NamespacesFromNames are the namespaces listed in names.
	NamespacesFromNames NamespacesFrom = "Names"
	// NamespacesFromSelector are the namespaces whose labels the selector matches.
	NamespacesFromSelector NamespacesFrom = "Selector"
	// NamespacesFromAll is every namespace.
	NamespacesFromAll NamespacesFrom = "All"
)

// RuleNamespaces says whose ClientGrants an access rule speaks of.
//
// +kubebuilder:validation:XValidation:rule="(self.from == 'Names') == has(self.names)",message="names goes with from: Names, and from: Names needs names"
// +kubebuilder:validation:XValidation:rule="(self.from == 'Selector') == has(self.selector)",message="selector goes with from: Selector, and from: Selector needs a selector"
// +kubebuilder:validation:XValidation:rule="!has(self.selector) || (has(self.selector.matchLabels) && size(self.selector.matchLabels) > 0) || (has(self.selector.matchExpressions) && size(self.selector.matchExpressions) > 0)",message="an empty selector would match every namespace: name a label, or write from: All to mean it"
type RuleNamespaces struct {
	// from says which namespaces are meant: Same is the Auth0Tenant's own, Names
	// those listed in names, Selector those whose labels selector matches, All
	// every one.
	// +required
	From NamespacesFrom `json:"from"`
	// names of the namespaces that are meant; required with from: Names, and
	// refused otherwise.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Names []string `json:"names,omitempty"`
	// selector matches the labels of the namespaces that are meant; required with
	// from: Selector, and refused otherwise. It is never empty. Whoever may label
	// a namespace decides whether it is meant.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// Right is something that no pattern of an access rule gives.
//
// +kubebuilder:validation:Enum=AllScopes;AnyOrganization;UserSubject;AuthorizationDetails;DefaultFor;AdoptExisting;Orphan;SystemAPI
type Right string

// The rights of an access rule.
const (
	// RightAllScopes allows allowAllScopes.
	RightAllScopes Right = "AllScopes"
	// RightAnyOrganization allows allowAnyOrganization, and organizationUsage
	// other than deny.
	RightAnyOrganization Right = "AnyOrganization"
	// RightUserSubject allows any subject type but client.
	RightUserSubject Right = "UserSubject"
	// RightAuthorizationDetails allows authorizationDetailsTypes.
	RightAuthorizationDetails Right = "AuthorizationDetails"
	// RightDefaultFor allows default grants.
	RightDefaultFor Right = "DefaultFor"
	// RightAdoptExisting allows taking over grants that were in the tenant first.
	RightAdoptExisting Right = "AdoptExisting"
	// RightOrphan allows leaving grants in the tenant.
	RightOrphan Right = "Orphan"
	// RightSystemAPI allows grants for Auth0's own APIs.
	RightSystemAPI Right = "SystemAPI"
)

// AccessRule allows grants. A grant is allowed if one rule allows all of it;
// rules do not add up, and what no rule allows is refused. In patterns, which
// are compared byte by byte from end to end, * stands for any run of
// characters.
//
// +kubebuilder:validation:XValidation:rule="self.namespaces.from == 'Same' || (has(self.audiences) && has(self.scopes) && has(self.clientIDs))",message="audiences, scopes and clientIDs are required unless namespaces.from is Same: write [\"*\"] to mean all"
type AccessRule struct {
	// name of the rule, unique in this Auth0Tenant. Events for the tenant's owner
	// call the rule by it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="the name of a rule has lower-case letters, digits and - only, and begins and ends with a letter or digit"
	Name string `json:"name"`
	// namespaces says whose ClientGrants the rule speaks of.
	// +required
	Namespaces RuleNamespaces `json:"namespaces"`
	// audiences are patterns of the identifiers of the APIs that may be granted. A
	// pattern is compared byte by byte from end to end; * stands for any run of
	// characters, three times at most. Required unless namespaces.from is Same;
	// absent: all.
	// Auth0's own APIs have to be named in full, and need the right SystemAPI.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=600
	// +kubebuilder:validation:items:Pattern=`^[^*]*([*][^*]*){0,3}$`
	Audiences []string `json:"audiences,omitempty"`
	// scopes are patterns of the scopes that may be granted, compared as audiences
	// are. Required unless namespaces.from is Same; absent: all that are listed in
	// a ClientGrant. allowAllScopes needs the right AllScopes instead.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=280
	// +kubebuilder:validation:items:Pattern=`^[^*]*([*][^*]*){0,3}$`
	Scopes []string `json:"scopes,omitempty"`
	// clientIDs are patterns of the client IDs of the applications that may get
	// the access, compared as audiences are. Required unless namespaces.from is
	// Same; absent: all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:Pattern=`^[^*]*([*][^*]*){0,3}$`
	ClientIDs []string `json:"clientIDs,omitempty"`
	// allow lists rights that no pattern gives. AllScopes: allowAllScopes.
	// AnyOrganization: allowAnyOrganization, and organizationUsage other than
	// deny. UserSubject: any subjectType but client. AuthorizationDetails:
	// authorizationDetailsTypes. DefaultFor: clientRef.defaultFor. AdoptExisting:
	// taking over grants that were in the tenant first. Orphan: leaving grants in
	// the tenant when their ClientGrant is deleted. SystemAPI: Auth0's own APIs.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Allow []Right `json:"allow,omitempty"`
}

// OnViolation says what happens to an owned grant that no access rule allows
// any more.
//
// +kubebuilder:validation:Enum=Freeze;Revoke
type OnViolation string

const (
	// OnViolationFreeze keeps the grant and only ever narrows it.
	OnViolationFreeze OnViolation = "Freeze"
	// OnViolationRevoke revokes the grant.
	OnViolationRevoke OnViolation = "Revoke"
)

// RateLimit is this operator's share of the tenant's rate limit.
type RateLimit struct {
	// requestsPerMinute is the number of requests that the operator sends to the
	// tenant at most, on average. Several Auth0Tenants of one tenant are each held
	// to their own, and all together to the largest.
	// +optional
	// +kubebuilder:default=50
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	RequestsPerMinute int32 `json:"requestsPerMinute,omitempty"`
	// burst is the number of requests that may be sent at once after a quiet time.
	// Several Auth0Tenants of one tenant are held to it as to requestsPerMinute.
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Burst int32 `json:"burst,omitempty"`
}

// Auth0TenantSpec says how an Auth0 tenant is reached and who may grant what
// in it.
//
// +kubebuilder:validation:XValidation:rule="has(self.managementAudience) == has(oldSelf.managementAudience) && (!has(self.managementAudience) || self.managementAudience == oldSelf.managementAudience)",message="managementAudience is immutable, and cannot be added or removed later: create another Auth0Tenant"
type Auth0TenantSpec struct {
	// domain is the host, or host:port, at which the Management API is reached,
	// always by https: the tenant's own or a custom domain.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[1-9][0-9]{0,4})?$')",message="domain is a host alone, without https:// and without a slash, such as acme.eu.auth0.com; a port may follow: host:8443"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="domain is immutable: create another Auth0Tenant for the other domain, or delete this one and create it again, which is safe while no ClientGrant owns a grant"
	Domain string `json:"domain"`
	// managementAudience is the identifier of the tenant's Management API:
	// https://HOST/api/v2/ with the tenant's own host, the slash at the end
	// included. Defaults to that of domain; required where domain is a custom
	// domain. That host has to accept the credentials, too, before this
	// Auth0Tenant shares anything with others of it.
	// +optional
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule="self.matches('^https://[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[1-9][0-9]{0,4})?/api/v2/$')",message="managementAudience is https://HOST/api/v2/, the slash at the end included, such as https://acme.eu.auth0.com/api/v2/"
	ManagementAudience string `json:"managementAudience,omitempty"`
	// credentials of the Auth0 application that the operator uses. Whoever can
	// read them can grant themselves everything in the tenant.
	// +required
	Credentials Credentials `json:"credentials"`
	// accessRules say which namespaces may grant which scopes of which APIs to
	// which applications. A grant is allowed if one rule allows all of it; rules
	// do not add up, and what no rule allows is refused. Absent: the Auth0Tenant's
	// own namespace may grant what needs none of the rights AllScopes,
	// AnyOrganization, UserSubject, AuthorizationDetails, DefaultFor and
	// SystemAPI; other namespaces nothing.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	AccessRules []AccessRule `json:"accessRules,omitempty"`
	// onViolation says what happens to a grant that a ClientGrant owns and no
	// access rule allows any more: Freeze keeps it and only ever narrows it,
	// Revoke revokes it.
	// +optional
	// +kubebuilder:default=Freeze
	OnViolation OnViolation `json:"onViolation,omitempty"`
	// deletionPolicy says what happens to a grant when its ClientGrant is deleted:
	// Delete leaves that to the ClientGrant's own deletionPolicy, Orphan leaves
	// every grant in the tenant.
	// +optional
	// +kubebuilder:default=Delete
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// deletionLimit is how many requests to delete a grant are sent to the tenant
	// within an hour; the rest wait (reason DeletionHeld). Where several
	// namespaces own grants, one gets at most half of the limit. Absent: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	DeletionLimit *int32 `json:"deletionLimit,omitempty"`
	// rateLimit is the operator's share of the rate limit that Auth0 sets for the
	// tenant's Management API. Every program that uses the API shares that.
	// +optional
	// +kubebuilder:default={requestsPerMinute: 50, burst: 5}
	RateLimit RateLimit `json:"rateLimit,omitzero"`
	// resyncInterval is the time from one refresh to the next, in which the
	// operator looks for changes that others made in the tenant: such as 10m or
	// 1h30m, from 30s to 24h.
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,9}(h|m|s))+$') && duration(self) >= duration('30s') && duration(self) <= duration('24h')",message="resyncInterval is a duration of whole hours, minutes and seconds from 30s to 24h, such as 10m"
	ResyncInterval *metav1.Duration `json:"resyncInterval,omitempty"`
	// mode says how far the operator goes for all ClientGrants of this
	// Auth0Tenant: Enforce makes the tenant match, Observe reads only and reports
	// what would change, Suspend calls no API. Unless it is Enforce, ClientGrants
	// that are deleted wait to be revoked.
	// +optional
	// +kubebuilder:default=Enforce
	Mode Mode `json:"mode,omitempty"`
}

// DeletionCount counts deletions against the deletionLimit.
type DeletionCount struct {
	// since is when the current hour began, with its first request to delete a
	// grant.
	// +optional
	Since metav1.Time `json:"since,omitzero"`
	// count of requests to delete a grant in the current hour.
	// +optional
	Count int32 `json:"count,omitempty"`
}

// AcceptedCredentials are credentials that an Auth0 tenant issued a token for.
type AcceptedCredentials struct {
	// clientID is the application's: it is never granted anything in the tenant.
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// host of the tenant that is proven to have accepted them: that of
	// spec.managementAudience, or spec.domain alone.
	// +optional
	Host string `json:"host,omitempty"`
}

// UnmanagedGrants are grants that no ClientGrant of the Auth0Tenant names,
// without those of Auth0 itself and of the operator's own application.
type UnmanagedGrants struct {
	// count of them.
	// +optional
	Count int32 `json:"count,omitempty"`
	// names of them, 20 at most.
	// +optional
	// +listType=atomic
	Names []string `json:"names,omitempty"`
}

// Auth0TenantStatus is what the operator last saw.
type Auth0TenantStatus struct {
	// observedGeneration is the generation that the conditions speak of; -1 before
	// the first reconcile.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, and Reconciling and Stalled while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// deletions are the requests to delete a grant of the current hour, where
	// spec.deletionLimit is set. Whoever resets them lifts the limit.
	// +optional
	Deletions *DeletionCount `json:"deletions,omitempty"`
	// accepted are the credentials that were accepted last. Auth0Tenants of one
	// host share a budget, and their ClientGrants who owns a grant.
	// +optional
	Accepted *AcceptedCredentials `json:"accepted,omitempty"`
	// unmanaged are the grants of the tenant that no ClientGrant names, as the
	// last refresh that the annotation asked for found them. Absent where that did
	// not read the whole list, because looking up the clients took fewer calls.
	// +optional
	Unmanaged *UnmanagedGrants `json:"unmanaged,omitempty"`
	// lastHandledReconcileAt is the last value of the annotation
	// reconcile.fluxcd.io/requestedAt that was acted on.
	// +optional
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`
}

// Auth0Tenant is an Auth0 tenant with the credentials to manage its client
// grants, and the rules that say who may grant what. Whoever can edit it, or
// read its Secret, can grant themselves everything in the tenant.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=auth0tenants,shortName=a0t,categories=auth0
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Domain",type=string,JSONPath=`.spec.domain`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Auth0Tenant struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec says how the tenant is reached and who may grant what in it.
	// +required
	Spec Auth0TenantSpec `json:"spec"`
	// status is what the operator last saw.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status Auth0TenantStatus `json:"status,omitzero"`
}

// Auth0TenantList is a list of Auth0Tenants.
//
// +kubebuilder:object:root=true
type Auth0TenantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Auth0Tenant `json:"items"`
}
