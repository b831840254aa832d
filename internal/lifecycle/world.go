// Package lifecycle decides what a ClientGrant does next. It is pure: nothing here reads a clock, a network or a cluster.
// The reconciler gathers a World, takes the one Step that follows from it, and asks again.
package lifecycle

import (
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// World is everything that the next step of one ClientGrant depends on. Two equal Worlds give equal Steps.
type World struct {
	Now time.Time
	// Start is when this process began to act: requests of an earlier process are older.
	Start time.Time
	// CallTimeout bounds how long after it was sent a request may still have its effect.
	CallTimeout time.Duration
	Object      Object
	Tenant      Tenant
	// Wanted is the grant that the spec names; Unresolved is why that cannot be told.
	Wanted     grant.Identity
	Unresolved *status.State
	// Rivals are the other ClientGrants that record or ask for a grant of this one. One that cannot be read is none.
	Rivals []Rival
	// Seen is what is known of the tenant's grants, Late until when a create request without an answer may have its effect.
	Seen   map[grant.Identity]Observation
	Late   map[grant.Identity]time.Time
	Memory Memory
}

// Object is the ClientGrant as it is stored.
type Object struct {
	Namespace, Name string
	Deleting        bool
	// Held says that it has the operator's finalizer, Gone that it is not there any more although it had.
	Held, Gone bool
	Mode       v1alpha1.Mode
	// Orphan and Adopt are its policies.
	Orphan, Adopt bool
	// Fields are those that the spec manages.
	Fields grant.Fields
	// Record is the grant that it owns, Replaces the one that it owned before; nil: none.
	Record, Replaces *grant.Record
	Rank             Rank
}

// Rank decides between ClientGrants that are alike otherwise: the oldest, then the smallest UID.
type Rank struct {
	Created time.Time
	UID     string
}

// Rival is another ClientGrant that records or asks for a grant of this one.
type Rival struct {
	Namespace, Name string
	// Near says that it is in the same namespace: of others nothing is told.
	Near bool
	Rank Rank
	// Record and Replaces are what it owns, with Held where it has the finalizer.
	Record, Replaces *grant.Record
	Held, Deleting   bool
	// Asks is what it asks for, unless that is Unresolved; Enforces says that it may write.
	Asks                 grant.Identity
	Unresolved, Enforces bool
	// Same says that it uses the same Auth0Tenant; Known that the credentials of its own were accepted, Usable that grants may
	// be written through it now: its mode is Enforce, it is not being deleted, and its Access is Open. Untried that nobody
	// knows yet.
	Same, Known, Usable, Untried bool
	Fields                       grant.Fields
	// Decide asks the rules of its Auth0Tenant.
	Decide Decide
}

// Decide asks access rules about a grant as it will be, and about further rights. The operator's own applications are
// allowed nothing.
type Decide func(grant.Identity, grant.Fields, ...v1alpha1.Right) policy.Decision

// Tenant is what the Auth0Tenant is to this object.
type Tenant struct {
	Name, Namespace string
	// Near says that it is in the object's namespace: of others it is told whether they are ready, never why.
	Near bool
	// Exists says that there is one, Admits that a rule speaks of the object's namespace.
	Exists, Admits bool
	// Host is the tenant's one name, whatever names reach it.
	Host string
	Mode v1alpha1.Mode
	// Deleting says that it goes, Ending that it or its namespace does; Orphans and Revokes are its policies.
	Deleting, Ending, Orphans, Revokes bool
	Access                             Access
	// Failing says that the last look at the tenant failed, and none has succeeded since.
	Failing bool
	Decide  Decide
	// Since is when this process saw what the Auth0Tenant permits change last.
	Since time.Time
	// OperatorsKnown says that Decide knows the operator's own applications: before, nothing is decided.
	OperatorsKnown bool
	// DeletionsFrom is when the next deletion is allowed under DeletionLimit; zero: now.
	DeletionsFrom time.Time
	DeletionLimit int32
	// Refreshes counts complete looks at the tenant, Interval is the time between them.
	Refreshes int
	Interval  time.Duration
}

// Access is how the tenant can be reached.
type Access int

const (
	// Untried says that nobody knows yet.
	Untried Access = iota
	// Broken says that the credentials or the tenant are in trouble.
	Broken
	// Dormant says that the credentials were taken away, and serve only to end access.
	Dormant
	// ReadOnly says that nothing may be written.
	ReadOnly
	// Open says that all is well.
	Open
)

// Observation is what the tenant held for one identity in a look that began then.
type Observation struct {
	// Grant is nil where there was none.
	Grant *grant.Grant
	Began time.Time
}
