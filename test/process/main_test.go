// Package process_test runs the manager as a process with the token of its service account, under the shipped RBAC,
// between a real API server and a simulated Auth0 tenant: it is killed, stopped, continued and replaced at the worst
// moments, and must neither lose nor make access that nobody asked for.
package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// Paths from the root of the repository.
const (
	root   = "../.."
	config = root + "/config"
)

var (
	ctx = context.Background()
	// manager is the program.
	manager string
	// crashes, leaders and unattended are three clusters, so that tests that wait for minutes do not keep the others.
	crashes, leaders, unattended *harness.Cluster
	// busy is held by the test that a cluster has: every operator acts on everything that is in it.
	busy = map[*harness.Cluster]*sync.Mutex{}
)

func TestMain(m *testing.M) {
	gomega.SetDefaultEventuallyTimeout(time.Minute)
	gomega.SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	folder, err := os.MkdirTemp("", "process-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	manager = filepath.Join(folder, "manager")
	if err := build(); err != nil {
		return 0, err
	}
	for _, cluster := range []**harness.Cluster{&crashes, &leaders, &unattended} {
		if *cluster, err = harness.StartCluster(ctx, config, ""); err != nil {
			return 0, err
		}
		busy[*cluster] = &sync.Mutex{}
		defer func() { err = errors.Join(err, (*cluster).Stop()) }()
	}
	go stopWhenInterrupted(folder)
	return m.Run(), nil
}

// stopWhenInterrupted leaves nothing running after Ctrl-C: the programs are in process groups of their own.
func stopWhenInterrupted(folder string) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	<-interrupted
	harness.KillAll()
	fmt.Fprintln(os.Stderr, errors.Join(errors.New("interrupted"), crashes.Stop(), leaders.Stop(), unattended.Stop(), os.RemoveAll(folder)))
	os.Exit(1)
}

// build builds the manager as the suites are built, with or without the race detector: that shares what was compiled.
func build() error {
	args := []string{"build", "-buildvcs=false", "-o", manager}
	if raceDetector {
		args = append(args, "-race")
	}
	command := exec.CommandContext(ctx, "go", append(args, "./cmd/manager")...)
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the manager: %w\n%s", err, output)
	}
	return nil
}
