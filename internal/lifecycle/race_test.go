//go:build race

package lifecycle

// quickStates bounds the states of each scenario under the race detector, which slows them down.
const quickStates = 1_500
