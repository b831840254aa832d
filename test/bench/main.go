// Command bench measures what the operator costs: its calls to Auth0, its writes to Kubernetes, its time, memory and CPU.
// It runs the real program against a real API server and simulated tenants with given latency and rate limit, each a
// process of its own, compares every figure with its bound, and ends with 1 if one misses it. docs/performance.md
// explains the rows.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	manager string
	row     string
	scale   float64
	json    string
	log     string
	memory  string
}

func main() {
	var o options
	flag.StringVar(&o.manager, "manager", "bin/manager", "`program` of the operator, see make build")
	flag.StringVar(&o.row, "row", "", "run these `rows` alone, separated by commas; default: all")
	flag.Float64Var(&o.scale, "scale", 1, "how many objects, as a share of the full number")
	flag.StringVar(&o.json, "json", "", "`file` for the results")
	flag.StringVar(&o.log, "log", "", "`file` for the operator's log; default: none is kept")
	flag.StringVar(&o.memory, "memory", "100MiB", "`GOMEMLIMIT` of the operator")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run starts everything, runs the rows, tells the results and ends everything.
func run(ctx context.Context, o options) (err error) {
	chosen, err := choose(o.row)
	if err != nil {
		return err
	}
	if o.scale <= 0 || o.scale > 1 {
		return fmt.Errorf("-scale %g: use a number above 0, at most 1", o.scale)
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx); err != nil {
		return err
	}
	var results []*result
	for _, row := range chosen {
		results = append(results, b.run(ctx, row))
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err := store(o.json, results); err != nil {
			return err
		}
	}
	return tell(results)
}

// run runs one row.
func (b *bench) run(ctx context.Context, row row) *result {
	fmt.Fprintf(os.Stderr, "%s %s …\n", time.Now().Format(time.TimeOnly), row.name)
	r := &result{Row: row.name, What: row.what, Settings: row.settings, Calls: map[string]int{}, Writes: map[string]int{}}
	if err := row.run(ctx, b, r); err != nil {
		r.Error = err.Error()
	}
	fmt.Fprintln(os.Stderr, r.brief())
	return r
}

// store writes the results so far to a file, if one is wanted.
func store(file string, results []*result) error {
	if file == "" {
		return nil
	}
	content, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o600)
}

// tell prints the table, and returns an error where a bound was missed.
func tell(results []*result) error {
	fmt.Print(table(results))
	missed := 0
	for _, r := range results {
		if !r.held() {
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d rows missed a bound", missed, len(results))
	}
	return nil
}
