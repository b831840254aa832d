package budget

// Key names a caller: the namespace and name of a Kubernetes object. A caller that is no object of a namespace uses an
// empty Namespace; all such callers together are treated as one namespace.
type Key struct {
	Namespace string
	Name      string
}

// String is the key as Kubernetes writes it.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Class is how urgent a call is.
type Class int

const (
	// ClassRevocation is for calls that take access away: deletions, reductions, and the reads that prove them.
	ClassRevocation Class = iota
	// ClassChange is for calls that bring the tenant to a changed spec.
	ClassChange
	// ClassResync is for all other calls.
	ClassResync

	classes = 3
)

// String is the class as a metric names it.
func (c Class) String() string {
	switch c {
	case ClassRevocation:
		return "revocation"
	case ClassChange:
		return "change"
	case ClassResync:
	}
	return "resync"
}
