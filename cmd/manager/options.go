package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/clientgrants/clientgrant-operator/internal/controller/auth0tenant"
)

// namespaceFile is where a pod finds the namespace of its service account.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// options are what the flags say.
type options struct {
	kubeconfig       string
	namespace        string
	tenantNamespaces []string
	watchNamespaces  []string
	allowedDomains   []string
	readOnly         bool
	leaderElect      bool
	metricsAddress   string
	metricsSecure    bool
	metricsCertDir   string
	probeAddress     string
	logLevel         slog.Level
	workers          int
}

// parse reads the flags and refuses what cannot work, naming flag and value. It returns nil where nothing is left to do.
func parse(args []string) (*options, error) {
	o := &options{}
	var tenantNamespaces, watchNamespaces, allowedDomains, logLevel string
	set := flag.NewFlagSet("manager", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.kubeconfig, "kubeconfig", "", "path of a kubeconfig `file`; in a pod the service account is used")
	set.StringVar(&o.namespace, "namespace", "", "the operator's own `namespace`, where its lease lives; default: the service account's")
	set.StringVar(&tenantNamespaces, "tenant-namespaces", "",
		"comma-separated `namespaces` whose Auth0Tenants are used and whose Secrets are read; default: the operator's own")
	set.StringVar(&watchNamespaces, "watch-namespaces", "",
		"comma-separated `namespaces` whose ClientGrants and ConfigMaps are read, so that no ClusterRole is needed; default: all")
	set.StringVar(&allowedDomains, "allowed-domains", "*.auth0.com",
		"comma-separated `domains` that credentials are sent to; \"*.\" at the start stands for whole labels, a port is allowed only where it is named")
	set.BoolVar(&o.readOnly, "read-only", false, "treat every Auth0Tenant as if its mode were Observe: nothing is written to any tenant")
	set.BoolVar(&o.leaderElect, "leader-elect", false, "let only one of several replicas work, by a Lease in the operator's namespace")
	set.StringVar(&o.metricsAddress, "metrics-bind-address", "127.0.0.1:8080", "`address` of the metrics, by plain HTTP unless --metrics-secure; 0 turns them off")
	set.BoolVar(&o.metricsSecure, "metrics-secure", false,
		"serve the metrics by TLS, only to those whose token the API server knows and whom it allows to get the path /metrics")
	set.StringVar(&o.metricsCertDir, "metrics-cert-dir", "",
		"`folder` with tls.crt and tls.key for --metrics-secure; default: a certificate that the process makes for itself")
	set.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "`address` of /healthz and /readyz; 0 turns them off")
	set.StringVar(&logLevel, "log-level", "info", "lowest `level` that is logged: debug, info, warn or error")
	showVersion := set.Bool("version", false, "print the version and end")
	set.IntVar(&o.workers, "workers", 16, "`number` of ClientGrants that are reconciled at once")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		usage(set, os.Stdout)
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; --help names every flag", err)
	}
	if *showVersion {
		_, err := fmt.Printf("manager %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: everything is set by flags, see --help", set.Arg(0))
	}
	if err := o.logLevel.UnmarshalText([]byte(logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", logLevel)
	}
	o.tenantNamespaces, o.watchNamespaces, o.allowedDomains = list(tenantNamespaces), list(watchNamespaces), list(allowedDomains)
	return o, o.check()
}

func usage(set *flag.FlagSet, out io.Writer) {
	_, _ = fmt.Fprintln(out, "manager makes Auth0 tenants hold the client grants that ClientGrant objects describe.\n\nFlags:")
	set.VisitAll(func(f *flag.Flag) {
		name, text := flag.UnquoteUsage(f)
		if name != "" {
			name = " " + name
		}
		if f.DefValue != "" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		_, _ = fmt.Fprintf(out, "  --%s%s\n        %s\n", f.Name, name, text)
	})
}

// list splits at commas.
func list(text string) []string {
	var values []string
	for value := range strings.SplitSeq(text, ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

func (o *options) check() error {
	if err := o.checkNamespaces(); err != nil {
		return err
	}
	if len(o.allowedDomains) == 0 {
		return errors.New("--allowed-domains is empty: name at least one domain that credentials may be sent to")
	}
	for _, domain := range o.allowedDomains {
		if err := auth0tenant.CheckDomainPattern(domain); err != nil {
			return fmt.Errorf("--allowed-domains: %w", err)
		}
	}
	if o.workers < 1 || o.workers > 1000 {
		return fmt.Errorf("--workers %d: use a number from 1 to 1000", o.workers)
	}
	if err := checkAddress("metrics-bind-address", o.metricsAddress); err != nil {
		return err
	}
	if err := checkAddress("health-probe-bind-address", o.probeAddress); err != nil {
		return err
	}
	return o.checkCertificate()
}

// checkCertificate refuses a certificate that cannot be used: without one that is there another one would be made.
func (o *options) checkCertificate() error {
	if o.metricsCertDir == "" {
		return nil
	}
	if !o.metricsSecure {
		return fmt.Errorf("--metrics-cert-dir %q: set --metrics-secure too, or leave it out", o.metricsCertDir)
	}
	certificate, key := filepath.Join(o.metricsCertDir, "tls.crt"), filepath.Join(o.metricsCertDir, "tls.key")
	if _, err := tls.LoadX509KeyPair(certificate, key); err != nil {
		return fmt.Errorf("--metrics-cert-dir %q: it must hold a certificate tls.crt and its key tls.key: %w", o.metricsCertDir, err)
	}
	return nil
}

func checkAddress(name, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil && address != "0" {
		return fmt.Errorf("--%s %q: use host:port, :port or 0", name, address)
	}
	return nil
}

func (o *options) checkNamespaces() error {
	if o.namespace == "" {
		content, err := os.ReadFile(namespaceFile)
		if err != nil {
			return errors.New("--namespace is needed outside of a pod: name the operator's own namespace")
		}
		o.namespace = strings.TrimSpace(string(content))
	}
	if len(o.tenantNamespaces) == 0 {
		o.tenantNamespaces = []string{o.namespace}
	}
	for _, namespace := range slices.Concat([]string{o.namespace}, o.tenantNamespaces, o.watchNamespaces) {
		if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
			return fmt.Errorf("namespace %q in --namespace, --tenant-namespaces or --watch-namespaces: %s", namespace, problems[0])
		}
	}
	return nil
}

// setLogger has everything log as JSON lines. Client libraries log at their lowest verbosity, whatever the level: above
// it they would print what they send.
func (o *options) setLogger() {
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel})
	logger := logr.FromSlogHandler(handler)
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	slog.SetDefault(slog.New(handler)) // It takes what the standard library's own logger says, too.
}

// logStart says what starts, and what it may do.
func (o *options) logStart() {
	slog.Info("Starting clientgrant-operator", "version", version, "goVersion", runtime.Version(), "namespace", o.namespace,
		"tenantNamespaces", o.tenantNamespaces, "watchNamespaces", o.watchNamespaces, "allowedDomains", o.allowedDomains,
		"readOnly", o.readOnly, "leaderElect", o.leaderElect, "workers", o.workers)
}
