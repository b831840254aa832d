package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// endsWithin is how long a process may take to end by itself.
const endsWithin = 10 * time.Second

// stage is everything that the story needs: a folder for what is written, and three kinds of processes.
type stage struct {
	manager   string
	folder    string
	cluster   *harness.Cluster
	simulator *harness.Program
	remote    *remote
	operator  *harness.Program
	log       *os.File
	// metrics is the host and port where the operator serves them.
	metrics string
}

// newStage checks what has to be there before anything is started.
func newStage(manager string) (*stage, error) {
	if _, err := os.Stat(manager); err != nil {
		return nil, fmt.Errorf("there is no operator at %s; make demo builds it first: %w", manager, err)
	}
	if _, err := os.Stat(filepath.Join("config", "crd")); err != nil {
		return nil, fmt.Errorf("start the demo in the root of the repository: %w", err)
	}
	for _, program := range []string{"etcd", "kube-apiserver"} {
		if _, err := exec.LookPath(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), program)); err != nil {
			return nil, fmt.Errorf("KUBEBUILDER_ASSETS must name the folder with etcd and kube-apiserver; make demo does that: %w", err)
		}
	}
	folder, err := os.MkdirTemp("", "clientgrants-")
	if err != nil {
		return nil, err
	}
	return &stage{manager: manager, folder: folder}, nil
}

// open starts everything.
func (s *stage) open(ctx context.Context) error {
	for _, part := range []struct {
		what string
		work func(context.Context) error
	}{
		{"Starting a Kubernetes API server with the CRDs and the RBAC of config", s.startCluster},
		{"Building the simulated Auth0 tenant", s.buildSimulator},
		{"Starting the simulated Auth0 tenant", s.startSimulator},
		{"Starting the operator", s.startOperator},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := during(part.what, func() error { return part.work(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// close ends everything, the operator first, and removes what was written.
func (s *stage) close() error {
	for _, program := range []*harness.Program{s.operator, s.simulator} {
		if program != nil {
			program.Stop(endsWithin)
		}
	}
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.folder))...)
}

func (s *stage) file(name string) string { return filepath.Join(s.folder, name) }

func (s *stage) startCluster(ctx context.Context) (err error) {
	if s.cluster, err = harness.StartCluster(ctx, "config", harness.NamePrefix); err != nil {
		return err
	}
	return harness.WriteKubeconfig(s.file("kubeconfig"), s.cluster.Config)
}

func (s *stage) buildSimulator(ctx context.Context) error {
	return harness.BuildSimulator(ctx, s.file("auth0sim"))
}

func (s *stage) startSimulator(ctx context.Context) error {
	simulator, err := harness.StartSimulator(ctx, s.file("auth0sim"), s.file("ca.pem"))
	if err != nil {
		return err
	}
	s.simulator, s.remote = simulator.Program, &remote{simulator}
	return s.remote.limit(ctx)
}

// startOperator starts the operator with the token of its service account, as a pod has it.
func (s *stage) startOperator(ctx context.Context) error {
	config, err := s.cluster.OperatorConfig(ctx, harness.NamePrefix+harness.Account)
	if err != nil {
		return err
	}
	kubeconfig := s.file("operator-kubeconfig")
	if err := harness.WriteKubeconfig(kubeconfig, config); err != nil {
		return err
	}
	if s.log, err = os.Create(s.file("operator.log")); err != nil {
		return err
	}
	if s.metrics, err = harness.FreeAddress(ctx); err != nil {
		return err
	}
	s.operator, err = harness.Start(s.manager, []string{
		"--kubeconfig=" + kubeconfig, "--namespace=" + harness.Namespace, "--allowed-domains=" + s.remote.Domain,
		"--metrics-bind-address=" + s.metrics, "--health-probe-bind-address=0",
	}, []string{"SSL_CERT_FILE=" + s.remote.CAFile}, s.log)
	return err
}

// until waits for a condition, at most a minute and only while everything runs.
func (s *stage) until(ctx context.Context, condition wait.ConditionWithContextFunc) error {
	running := func(ctx context.Context) (bool, error) {
		if err := s.running(); err != nil {
			return false, err
		}
		return condition(ctx)
	}
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, running)
	if wait.Interrupted(err) {
		return errors.New("not within a minute")
	}
	return err
}

// running says which process has ended that should not.
func (s *stage) running() error {
	for name, program := range map[string]*harness.Program{"operator": s.operator, "simulator": s.simulator} {
		if program == nil {
			continue
		}
		select {
		case <-program.Done():
			return fmt.Errorf("the %s has ended with exit code %d", name, program.ExitCode())
		default:
		}
	}
	return nil
}
