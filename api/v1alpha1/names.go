package v1alpha1

// Finalizers. They are never renamed: an object of an older version must stay deletable.
const (
	// ClientGrantFinalizer holds a ClientGrant until the access it owns is revoked or released.
	ClientGrantFinalizer = "auth0.clientgrants.dev/client-grant"
	// TenantFinalizer holds an Auth0Tenant while ClientGrants own grants in it.
	TenantFinalizer = "auth0.clientgrants.dev/tenant"
)

// ReconcileRequestAnnotation asks for a reconciliation now, on both kinds. Any new value is a new request; it is
// answered in status.lastHandledReconcileAt. On an Auth0Tenant it starts a refresh of everything that is managed there.
const ReconcileRequestAnnotation = "reconcile.fluxcd.io/requestedAt"

// Condition types.
const (
	// ConditionReady on a ClientGrant: at the last look the tenant held what this generation asks for. On an
	// Auth0Tenant: its credentials work and what it holds can be verified.
	ConditionReady = "Ready"
	// ConditionReconciling is present only while the operator is working towards Ready.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present only while nothing will get better until somebody changes something.
	ConditionStalled = "Stalled"
	// ConditionContested is present only while somebody else keeps changing the grant back.
	ConditionContested = "Contested"
)

// Reasons of a ClientGrant's Ready condition, named by what to do.
const (
	// ReasonAvailable: the tenant holds what the spec says. Nothing to do. Also on an Auth0Tenant.
	ReasonAvailable = "Available"
	// ReasonObserved: mode Observe, and enforcing would change nothing. Also on an Auth0Tenant in mode Observe.
	ReasonObserved = "Observed"
	// ReasonWouldChange: mode Observe, and enforcing would change what status.drift says.
	ReasonWouldChange = "WouldChange"
	// ReasonSuspended: mode Suspend; set the mode to Enforce to go on. Also on an Auth0Tenant.
	ReasonSuspended = "Suspended"
	// ReasonProgressing: the operator is at work on this generation.
	ReasonProgressing = "Progressing"
	// ReasonDeletionHeld: the Auth0Tenant's deletionLimit is used up; the deletion goes on when the hour is over.
	ReasonDeletionHeld = "DeletionHeld"
	// ReasonDeletionBlocked: the message says what keeps the access from being revoked, and how to release the object.
	ReasonDeletionBlocked = "DeletionBlocked"
	// ReasonTenantNotReady: see the Auth0Tenant; it does not exist, does not admit this namespace, or is not ready.
	ReasonTenantNotReady = "TenantNotReady"
	// ReasonClientNotResolved: spec.clientRef names an object, key or value that cannot be used.
	ReasonClientNotResolved = "ClientNotResolved"
	// ReasonRateLimited: waiting for the tenant's rate limit. Also on an Auth0Tenant.
	ReasonRateLimited = "RateLimited"
	// ReasonAPIUnavailable: the Management API answered with a server error or not at all. Also on an Auth0Tenant.
	ReasonAPIUnavailable = "APIUnavailable"
	// ReasonRejected: Auth0 refused the request; the message says what it answered.
	ReasonRejected = "Rejected"
	// ReasonNotPermitted: the Auth0Tenant's access rules, or the operator's own protection, do not allow this grant.
	ReasonNotPermitted = "NotPermitted"
	// ReasonConflict: another ClientGrant owns the grant.
	ReasonConflict = "Conflict"
	// ReasonAdoptionRefused: the grant exists already and may not be taken over.
	ReasonAdoptionRefused = "AdoptionRefused"
	// ReasonSystemGrant: the grant belongs to Auth0 itself and cannot be managed.
	ReasonSystemGrant = "SystemGrant"
	// ReasonScopesDropped: Auth0 accepted the request but did not keep every scope.
	ReasonScopesDropped = "ScopesDropped"
)

// Reasons of an Auth0Tenant's Ready condition, beside those it shares with a ClientGrant.
const (
	// ReasonSecretNotFound: spec.credentials.secretRef names no Secret in the Auth0Tenant's namespace.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretForbidden: the operator may not read Secrets there; a Role is missing.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonInvalidCredentials: the Secret's content cannot be used, or Auth0 refused it.
	ReasonInvalidCredentials = "InvalidCredentials"
	// ReasonInsufficientScope: the application lacks a Management API scope, which the message names.
	ReasonInsufficientScope = "InsufficientScope"
	// ReasonAudienceMismatch: the token is for another tenant than spec.managementAudience says.
	ReasonAudienceMismatch = "AudienceMismatch"
	// ReasonRulesUnsupported: an access rule needs something that this installation cannot read.
	ReasonRulesUnsupported = "RulesUnsupported"
	// ReasonDomainNotAllowed: the operator's --allowed-domains does not name spec.domain.
	ReasonDomainNotAllowed = "DomainNotAllowed"
	// ReasonNamespaceNotAllowed: the operator's --tenant-namespaces does not name this namespace.
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	// ReasonInUse: the Auth0Tenant is being deleted while ClientGrants still own grants in it.
	ReasonInUse = "InUse"
)

// Reasons of events.
const (
	// EventCreated, EventAdopted, EventUpdated and EventRevoked tell of a change made in the tenant.
	EventCreated = "Created"
	EventAdopted = "Adopted"
	EventUpdated = "Updated"
	EventRevoked = "Revoked"
	// EventHandedOver, on both ClientGrants, tells that a grant has another owner now.
	EventHandedOver = "HandedOver"
	// EventNotWritten tells that the Kubernetes API server refuses what the operator would tell in the object's status.
	EventNotWritten = "NotWritten"
	// EventNotPermitted, on an Auth0Tenant, says which access rule fails a ClientGrant in what.
	EventNotPermitted = "NotPermitted"
	// EventDriftCorrected tells of a grant that somebody changed or deleted in the tenant, and that is as specified again.
	EventDriftCorrected = "DriftCorrected"
	// EventRefreshFailed and EventRefreshed, on an Auth0Tenant, tell when reading from the tenant begins to fail, and when it
	// works again.
	EventRefreshFailed = "RefreshFailed"
	EventRefreshed     = "Refreshed"
	// EventGrantLeft, on an Auth0Tenant, names access that may remain although no ClientGrant manages it any more.
	EventGrantLeft = "GrantLeft"
)
