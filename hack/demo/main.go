// Command demo shows the operator at work without a cluster and without an Auth0 tenant: it starts an API server, a
// simulated tenant and the operator as real processes, and tells a short story that one can follow on a terminal. It
// ends with 0 only if every step came true, and leaves nothing running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	keep := flag.Bool("keep", false, "keep everything running after the story, to try things out, until Ctrl-C")
	manager := flag.String("manager", "bin/manager", "`program` of the operator, see make build")
	flag.Parse()
	// SIGPIPE comes when whoever reads the output has gone: make demo | head.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(ctx)
	go cancelWhenOrphaned(ctx, cancel)
	err := run(ctx, *manager, *keep)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, tells the story, and ends everything.
func run(ctx context.Context, manager string, keep bool) (err error) {
	s, err := newStage(manager)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	err = s.open(ctx)
	if err == nil {
		err = s.tell(ctx)
	}
	if err == nil && keep {
		err = s.stay(ctx)
		fmt.Println("\nEnding the operator, the simulated tenant and the API server.")
		return err
	}
	if ctx.Err() != nil {
		return errors.New("interrupted before the end of the story")
	}
	return err
}

// cancelWhenOrphaned ends the demo when the process that started it is gone: go run does not pass a signal on.
func cancelWhenOrphaned(ctx context.Context, cancel func()) {
	parent := os.Getppid()
	for ctx.Err() == nil && os.Getppid() == parent {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	cancel()
}

// during shows what takes a while, with a dot for every second of it.
func during(what string, work func() error) error {
	fmt.Print(what, " ")
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- work() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				fmt.Println(" failed")
				return err
			}
			fmt.Printf(" %d s\n", int(time.Since(began).Round(time.Second).Seconds()))
			return nil
		case <-time.After(time.Second):
			fmt.Print(".")
		}
	}
}
