package wake_test

import (
	"testing"

	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

func TestTurns_ThatAreAwayHoldNobody(*testing.T) {
	turns := wake.NewTurns(1)
	hang, ended := make(chan struct{}), make(chan struct{})
	for range 20 {
		go func() {
			turns.Begin()
			defer func() { turns.End(); ended <- struct{}{} }()
			turns.Away(func() { <-hang })
		}()
	}
	turns.Begin() // Comes although all of them hang, or will.
	turns.End()
	close(hang)
	for range 20 {
		<-ended
	}
}

func TestTurns_BoundHowManyAreAway(t *testing.T) {
	turns, reserved := wake.NewTurns(1), 0
	for turns.Reserve() {
		reserved++
	}
	turns.Return()
	if !turns.Reserve() || turns.Reserve() || reserved < 160 {
		t.Errorf("%d passes may be away", reserved)
	}
}
