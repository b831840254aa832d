//go:build !race

package lifecycle

// quickStates bounds the states of each scenario in the ordinary suite.
const quickStates = 10_000
