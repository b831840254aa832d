package grant

// Record says which grant a ClientGrant owns, and how that came. A nil Record owns nothing.
type Record struct {
	Identity
	// Adopted says that the grant was in the tenant first; otherwise the operator created it.
	Adopted bool
	// ID is what the grant had last: a report, never a key. It is empty where the grant was never seen.
	ID string
	// Sent is the Hash of a create request that may have left without an answer; empty where there is none.
	Sent string
}

// Of says whether the record is about the grant.
func (r *Record) Of(identity Identity) bool { return r != nil && r.Identity == identity }
