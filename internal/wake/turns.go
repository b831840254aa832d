package wake

// mostAway bounds how many passes of one controller wait for an answer of a tenant at once.
const mostAway = 250

// Turns bound how many passes of a controller work at once, and take those that wait for an answer of a tenant for none of
// them: however many tenants hang, the others are served.
type Turns struct {
	working, away chan struct{}
}

// NewTurns lets so many passes work at once.
func NewTurns(workers int) *Turns {
	return &Turns{working: make(chan struct{}, workers), away: make(chan struct{}, mostAway)}
}

// Begin waits until one more pass may work; End must follow.
func (t *Turns) Begin() { t.working <- struct{}{} }

// End ends what Begin began.
func (t *Turns) End() { <-t.working }

// Reserve says whether one more pass may wait for an answer; if so, Return must follow.
func (t *Turns) Reserve() bool {
	select {
	case t.away <- struct{}{}:
		return true
	default:
		return false
	}
}

// Return ends what Reserve began.
func (t *Turns) Return() { <-t.away }

// Away makes a call that may last, from a pass between Begin and End: others work meanwhile.
func (t *Turns) Away(call func()) {
	t.End()
	defer t.Begin()
	call()
}
