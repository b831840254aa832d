package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// report collects what was checked and found.
type report struct {
	exceptions []exception
	used       map[int]int

	byRoute  map[string]int
	skipped  map[string]int
	findings map[finding]*places

	faults         int
	wrongOnPurpose int
}

// finding is a contradiction, wherever it was seen.
type finding struct {
	method string
	route  string
	status int
	part   string
	text   string
}

// places say how often a finding was seen, and where first.
type places struct {
	count int
	first string
}

func newReport(exceptions []exception) *report {
	return &report{
		exceptions: exceptions,
		used:       map[int]int{},
		byRoute:    map[string]int{},
		skipped:    map[string]int{},
		findings:   map[finding]*places{},
	}
}

func (r *report) count(method, route string) { r.byRoute[method+" "+route]++ }

func (r *report) skip(what string) { r.skipped[what]++ }

func (r *report) violation(exchange *exchange, route, part, text string) {
	found := finding{exchange.Method, route, exchange.Status, part, text}
	for i, exception := range r.exceptions {
		if exception.excuses(found) {
			r.used[i]++
			return
		}
	}
	if r.findings[found] == nil {
		r.findings[found] = &places{first: exchange.source}
	}
	r.findings[found].count++
}

// ok says whether something was checked and nothing was found.
func (r *report) ok() bool { return len(r.byRoute) > 0 && len(r.findings) == 0 }

func (r *report) print(out io.Writer) {
	text := &strings.Builder{}
	fmt.Fprintln(text, "Exchanges checked:")
	printCounts(text, r.byRoute)
	if len(r.skipped) > 0 {
		fmt.Fprintln(text, "Not in the description, so not checked:")
		printCounts(text, r.skipped)
	}
	fmt.Fprintf(text, "Answers replaced by a fault, so only their requests were checked: %d\n", r.faults)
	fmt.Fprintf(text, "Requests that a test sent wrong on purpose, and that were refused: %d\n", r.wrongOnPurpose)
	for i, exception := range r.exceptions {
		if r.used[i] > 0 {
			fmt.Fprintf(text, "Exception used %d times: %s %s %d: %s\n",
				r.used[i], exception.method, exception.route, exception.status, exception.reason)
		}
	}
	r.printFindings(text)
	// A report that cannot be written changes nothing about the exit code.
	_, _ = io.WriteString(out, text.String())
}

func (r *report) printFindings(text *strings.Builder) {
	byPlace := func(a, b finding) int {
		return cmp.Or(strings.Compare(a.route, b.route), strings.Compare(a.method, b.method), a.status-b.status,
			strings.Compare(a.part, b.part), strings.Compare(a.text, b.text))
	}
	for _, found := range slices.SortedFunc(maps.Keys(r.findings), byPlace) {
		places := r.findings[found]
		fmt.Fprintf(text, "VIOLATION %s %s %d, %s (%d times, first %s): %s\n",
			found.method, found.route, found.status, found.part, places.count, places.first, found.text)
	}
	switch {
	case len(r.byRoute) == 0:
		fmt.Fprintln(text, "FAIL: no exchanges to check")
	case len(r.findings) > 0:
		fmt.Fprintf(text, "FAIL: %d kinds of violation\n", len(r.findings))
	default:
		fmt.Fprintln(text, "ok: everything else is as described")
	}
}

func printCounts(text *strings.Builder, counts map[string]int) {
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(text, "%8d  %s\n", counts[what], what)
	}
}
