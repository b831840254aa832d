package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// result is what a row measured.
type result struct {
	Row      string `json:"row"`
	What     string `json:"what"`
	Settings string `json:"settings"`
	// Calls of the Management API by method and route; Limited are those that were answered with 429.
	Calls   map[string]int `json:"calls"`
	Limited int            `json:"limited"`
	// Seconds from the first to the last call, and the least that it takes.
	Seconds float64 `json:"seconds"`
	Floor   float64 `json:"floorSeconds,omitempty"`
	// Latencies of single objects, and of the bare client.
	Latency      *latency `json:"latency,omitempty"`
	FloorLatency *latency `json:"floorLatency,omitempty"`
	// RSS and Heap in MiB at the end, CPU in seconds.
	RSS  float64 `json:"rssMiB"`
	Heap float64 `json:"liveHeapMiB"`
	CPU  float64 `json:"cpuSeconds"`
	// Writes to Kubernetes by what was written.
	Writes map[string]int `json:"writes"`
	Checks []check        `json:"checks"`
	Error  string         `json:"error,omitempty"`
}

// latency sums up many times, in milliseconds.
type latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// check compares a figure with its bound.
type check struct {
	What  string  `json:"what"`
	Got   float64 `json:"got"`
	Sign  string  `json:"sign"`
	Bound float64 `json:"bound"`
	Held  bool    `json:"held"`
}

func (c check) String() string {
	mark := "ok"
	if !c.Held {
		mark = "MISSED"
	}
	return fmt.Sprintf("%s %s %s %s %s", c.What, figure(c.Got), c.Sign, figure(c.Bound), mark)
}

func figure(x float64) string {
	text := fmt.Sprintf("%.2f", x)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func (r *result) is(what string, got, want int) {
	r.Checks = append(r.Checks, check{what, float64(got), "=", float64(want), got == want})
}

func (r *result) atMost(what string, got, bound float64) {
	r.Checks = append(r.Checks, check{what, got, "≤", bound, got <= bound})
}

func (r *result) atLeast(what string, got, bound float64) {
	r.Checks = append(r.Checks, check{what, got, "≥", bound, got >= bound})
}

// calls checks how many calls there were of each kind; of a kind that is not named there must be none.
func (r *result) callsAre(want map[string]int) {
	for _, kind := range slices.Sorted(maps.Keys(want)) {
		r.is(kind, r.Calls[kind], want[kind])
	}
	others := 0
	for kind, count := range r.Calls {
		if _, named := want[kind]; !named {
			others += count
		}
	}
	r.is("other calls", others, 0)
}

func (r *result) reads() int { return r.Calls[kindList] + r.Calls[kindLookup] }

// total counts the calls that take from the rate limit.
func (r *result) total() int {
	total := 0
	for kind, count := range r.Calls {
		if kind != kindToken {
			total += count
		}
	}
	return total
}

func (r *result) written() int {
	total := 0
	for _, count := range r.Writes {
		total += count
	}
	return total
}

func (r *result) held() bool {
	return r.Error == "" && !slices.ContainsFunc(r.Checks, func(c check) bool { return !c.Held })
}

func latencyOf(times []time.Duration) *latency {
	if len(times) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(share float64) float64 {
		return float64(sorted[min(int(share*float64(len(sorted))), len(sorted)-1)].Microseconds()) / 1000
	}
	return &latency{Count: len(sorted), P50: at(0.5), P99: at(0.99), Max: at(1)}
}

func (l *latency) String() string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%.0f / %.0f / %.0f", l.P50, l.P99, l.Max)
}

// brief is one line for people who wait.
func (r *result) brief() string {
	parts := []string{"  " + counts(r.Calls), fmt.Sprintf("429: %d", r.Limited), fmt.Sprintf("%.1f s, floor %.1f s", r.Seconds, r.Floor)}
	parts = append(parts, fmt.Sprintf("RSS %.0f MiB, heap %.0f MiB, CPU %.1f s", r.RSS, r.Heap, r.CPU), "writes: "+counts(r.Writes))
	if r.Latency != nil {
		parts = append(parts, fmt.Sprintf("ms: %s, floor %s", r.Latency, r.FloorLatency))
	}
	for _, c := range r.Checks {
		parts = append(parts, c.String())
	}
	if r.Error != "" {
		parts = append(parts, "FAILED: "+r.Error)
	}
	return strings.Join(parts, "\n  ")
}

func counts(of map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if of[name] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of[name], name))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

// table is the results in Markdown.
func table(results []*result) string {
	var text strings.Builder
	text.WriteString("| row | settings | calls | 429 | s | floor s | ratio | ms p50 / p99 / max | RSS MiB | heap MiB | CPU s | writes to Kubernetes | bounds |\n")
	text.WriteString("|" + strings.Repeat(" --- |", 13) + "\n")
	for _, r := range results {
		floor, ratio := "", ""
		if r.Floor > 0 {
			floor, ratio = fmt.Sprintf("%.1f", r.Floor), fmt.Sprintf("%.2f", r.Seconds/r.Floor)
		}
		latencies := r.Latency.String()
		if r.FloorLatency != nil {
			latencies += " (bare client " + r.FloorLatency.String() + ")"
		}
		var checks []string
		for _, c := range r.Checks {
			checks = append(checks, c.String())
		}
		if r.Error != "" {
			checks = append(checks, "FAILED: "+strings.ReplaceAll(r.Error, "\n", " "))
		}
		fmt.Fprintf(&text, "| %s: %s | %s | %s | %d | %.1f | %s | %s | %s | %.0f | %.0f | %.1f | %s | %s |\n", r.Row, r.What, r.Settings,
			counts(r.Calls), r.Limited, r.Seconds, floor, ratio, latencies, r.RSS, r.Heap, r.CPU, counts(r.Writes), strings.Join(checks, "; "))
	}
	return text.String()
}
