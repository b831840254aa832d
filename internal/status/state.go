// Package status is what an object's status tells: a State, and the conditions that it becomes. It is pure: nothing here
// reads a clock of its own, a network or a cluster.
package status

import (
	"fmt"
	"strings"
)

// State is what is told of an object.
type State struct {
	// Reason and Message of the Ready condition; a State without a reason leaves the status as it is.
	Reason  string
	Message string
	// Ready is set where the state is a good one.
	Ready bool
	// Stalled is set where nothing gets better until somebody changes something.
	Stalled bool
	// Working is set where the operator goes on by itself.
	Working bool
	// KeepsReady is set where the trouble says nothing about a grant that was verified for this generation.
	KeepsReady bool
	// Passing says that what blocks a deletion may end by itself while the Auth0Tenant stays.
	Passing bool
	// ForOwner is what the owner of the tenant is told, and nobody else.
	ForOwner string
}

// Stalled is a state in which nothing gets better until somebody changes something.
func Stalled(reason, format string, args ...any) *State {
	return &State{Reason: reason, Message: fmt.Sprintf(format, args...), Stalled: true}
}

// Waiting is a state that an event ends.
func Waiting(reason, format string, args ...any) *State {
	return &State{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Working is a state that the operator ends by itself.
func Working(reason, format string, args ...any) *State {
	return &State{Reason: reason, Message: fmt.Sprintf(format, args...), Working: true}
}

// MaxMessage bounds the message of a condition and of an event, in bytes.
const MaxMessage = 1024

// Bounded cuts a message to what a condition or an event may hold.
func Bounded(message string) string {
	if len(message) <= MaxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:MaxMessage-3], "") + "..."
}

// MaxNames bounds the names that a status or a message lists.
const MaxNames = 20

// Names quotes a bounded list of names.
func Names(list []string) string {
	quoted := make([]string, 0, min(len(list), MaxNames)+1)
	for _, name := range list[:min(len(list), MaxNames)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if len(list) > MaxNames {
		quoted = append(quoted, fmt.Sprintf("and %d more", len(list)-MaxNames))
	}
	return strings.Join(quoted, ", ")
}
