package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// endsWithin is how long a process may take to end by itself.
const endsWithin = 20 * time.Second

// The namespaces of the ClientGrants. That of the bare client's objects is none of the operator's business, as is their kind.
const (
	teamA     = "team-a"    // the objects of most rows
	crowd     = "crowd"     // those who queue
	revoked   = "revoked"   // those that are deleted meanwhile
	single    = "single"    // those that are made one at a time meanwhile
	flapping  = "flapping"  // one that is edited all the time
	elsewhere = "elsewhere" // those for the other two tenants
	bareOnes  = "bare-ones" // those of the bare client
	stranger  = "stranger"  // those of somebody whom no rule admits
)

// admitted are the namespaces that may have grants.
func admitted() []string { return []string{teamA, crowd, revoked, single, flapping, elsewhere} }

// bench is everything that runs, and what is known of it.
type bench struct {
	options
	folder  string
	cluster *harness.Cluster
	// main is the tenant of most rows, other one that has nothing to do, large one that holds many grants of others.
	main, other, large *site
	// hanging are tenants that answer nothing in some row.
	hanging  []*site
	operator *operator
	board    *board
	bare     *bare
	// expected is how many ClientGrants each namespace has, and made how many names were given out.
	mu       sync.Mutex
	expected map[string]int
	made     int
}

// site is a simulated tenant, with the Auth0Tenant for it.
type site struct {
	*harness.Simulator
	name string
	// perMinute and burst are the operator's limit there.
	perMinute, burst int
}

func newBench(o options) (*bench, error) {
	if _, err := os.Stat(o.manager); err != nil {
		return nil, fmt.Errorf("there is no operator at %s; make bench builds it first: %w", o.manager, err)
	}
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	if o.log == "" {
		o.log = filepath.Join(folder, "operator.log")
	}
	return &bench{options: o, folder: folder, expected: map[string]int{}}, nil
}

// sized is a number of objects at this scale.
func (b *bench) sized(full int) int { return max(int(float64(full)*b.scale), 10) }

func (b *bench) file(name string) string { return filepath.Join(b.folder, name) }

// open starts everything but the operator.
func (b *bench) open(ctx context.Context) error {
	var err error
	if b.cluster, err = harness.StartCluster(ctx, "config", ""); err != nil {
		return err
	}
	if err := harness.BuildSimulator(ctx, b.file("auth0sim")); err != nil {
		return err
	}
	for _, s := range []struct {
		site **site
		name string
		seed int
	}{{&b.main, "main", 0}, {&b.other, "other", 0}, {&b.large, "large", b.sized(50000)}} {
		if *s.site, err = b.openSite(ctx, s.name, s.seed); err != nil {
			return err
		}
	}
	if err := b.trust(); err != nil {
		return err
	}
	for _, name := range append(admitted(), bareOnes, stranger) {
		if err := b.cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	if b.board, err = newBoard(ctx, b.cluster.Config, b.cluster.Client.Scheme()); err != nil {
		return err
	}
	b.bare, err = newBare(ctx, b)
	return err
}

// latencyOfCalls is how long every answer of a tenant takes.
const latencyOfCalls = 20 * time.Millisecond

// The operator's largest limit: in the rows that are not about the limit there is none to speak of.
const (
	mostPerMinute = 60000
	mostBurst     = 1000
)

func (b *bench) openSite(ctx context.Context, name string, seed int) (*site, error) {
	simulator, err := harness.StartSimulator(ctx, b.file("auth0sim"), b.file(name+".pem"), "-latency="+latencyOfCalls.String(),
		fmt.Sprintf("-rate=%d", mostPerMinute/60), fmt.Sprintf("-burst=%d", mostBurst+2), fmt.Sprintf("-seed=%d", seed))
	if err != nil {
		return nil, err
	}
	api := map[string]any{"identifier": audience, "scopes": scopes()}
	return &site{Simulator: simulator, name: name, perMinute: mostPerMinute, burst: mostBurst}, simulator.Call(ctx, http.MethodPost, "apis", api, nil)
}

// sites are all tenants.
func (b *bench) sites() []*site { return append([]*site{b.main, b.other, b.large}, b.hanging...) }

// trust writes one file with the certificates of all tenants.
func (b *bench) trust() error {
	var all bytes.Buffer
	for _, s := range b.sites() {
		content, err := os.ReadFile(s.CAFile)
		if err != nil {
			return err
		}
		all.Write(content)
	}
	return os.WriteFile(b.file("roots.pem"), all.Bytes(), 0o600)
}

// close ends everything, the operator first, and removes what was written.
func (b *bench) close() error {
	b.stopOperator()
	if b.board != nil {
		b.board.close()
	}
	for _, s := range b.sites() {
		if s != nil {
			s.Stop(endsWithin)
		}
	}
	var err error
	if b.cluster != nil {
		err = b.cluster.Stop()
	}
	return errors.Join(err, os.RemoveAll(b.folder))
}

// operator is the running program.
type operator struct {
	*harness.Program
	metrics string
	began   time.Time
	log     *os.File
}

// startOperator starts the operator as a pod has it: with the token of its service account, electing a leader.
func (b *bench) startOperator(ctx context.Context) error {
	config, err := b.cluster.OperatorConfig(ctx, harness.Account)
	if err != nil {
		return err
	}
	kubeconfig := b.file("operator-kubeconfig")
	if err := harness.WriteKubeconfig(kubeconfig, config); err != nil {
		return err
	}
	address, err := harness.FreeAddress(ctx)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var domains []string
	for _, s := range b.sites() {
		domains = append(domains, s.Domain)
	}
	began := time.Now()
	program, err := harness.Start(b.manager, []string{
		"--kubeconfig=" + kubeconfig, "--namespace=" + harness.Namespace, "--allowed-domains=" + strings.Join(domains, ","),
		"--leader-elect", "--metrics-bind-address=" + address, "--health-probe-bind-address=0",
	}, []string{"SSL_CERT_FILE=" + b.file("roots.pem"), "GOMEMLIMIT=" + b.memory}, log)
	if err != nil {
		return errors.Join(err, log.Close())
	}
	b.operator = &operator{Program: program, metrics: "http://" + address + "/metrics", began: began, log: log}
	return b.operator.answers(ctx)
}

// stopOperator ends the operator, if it runs.
func (b *bench) stopOperator() {
	if b.operator == nil {
		return
	}
	b.operator.Stop(endsWithin)
	_ = b.operator.log.Close()
	b.operator = nil
}
