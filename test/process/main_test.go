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
	"path/filepath"
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
	// crashes and leaders are two clusters, so that tests that wait for a lease to run out do not keep the others. A
	// cluster has one test at a time: every operator acts on everything that is in it.
	crashes, leaders *harness.Cluster
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
	for _, cluster := range []**harness.Cluster{&crashes, &leaders} {
		if *cluster, err = harness.StartCluster(ctx, config); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, (*cluster).Stop()) }()
	}
	return m.Run(), nil
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
