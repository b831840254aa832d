package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/controller"
	"github.com/clientgrants/clientgrant-operator/internal/controller/auth0tenant"
)

// version of the build, set by the linker.
var version = "dev"

// The leader election: a leader that could not renew for renewDeadline stops, another one starts leaseDuration after
// the last renewal.
const (
	leaseName     = "clientgrant-operator"
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// noLimit leaves it to the API server to say who goes first (API Priority and Fairness): the workers make few requests at
// once anyway, and the lease must not queue behind them.
const noLimit = -1

// newManager wires everything together.
func newManager(o *options) (ctrl.Manager, error) {
	config, err := restConfig(o)
	if err != nil {
		return nil, err
	}
	settings := managerOptions(o)
	var guard func() error
	if o.leaderElect {
		lease, err := newLease(o, config)
		if err != nil {
			return nil, err
		}
		settings.LeaderElectionResourceLockInterface = lease
		guard = lease.Guard
		config.Wrap(lease.Fence) // All but the lease itself.
	}
	if err := registerBuildInfo(); err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, settings)
	if err != nil {
		return nil, err
	}
	err = controller.SetUp(mgr, controller.Settings{
		Installation: auth0tenant.Installation{
			TenantNamespaces: o.tenantNamespaces, AllowedDomains: o.allowedDomains, ReadOnly: o.readOnly,
		},
		Namespaces: o.watchNamespaces, Guard: guard, UserAgent: "clientgrant-operator/" + version, Workers: o.workers,
		CallTimeout: auth0.DefaultTimeout,
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("caches", func(probe *http.Request) error {
		if !filled(probe.Context(), mgr.GetCache()) {
			return errors.New("not everything is read from Kubernetes yet: the log says what cannot be")
		}
		return nil
	})
}

// probeWait is less than the kubelet waits for an answer.
const probeWait = 500 * time.Millisecond

// filled says whether the operator, leader or standby, has read from Kubernetes what it works on.
func filled(ctx context.Context, caches cache.Cache) bool {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	return caches.WaitForCacheSync(ctx)
}

// serve runs the manager until the context ends. While its caches are being filled, controller-runtime does not notice that:
// nothing has begun yet then that would have to come to an end.
func serve(ctx context.Context, mgr ctrl.Manager) error {
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if !filled(context.WithoutCancel(ctx), mgr.GetCache()) {
		return nil
	}
	return <-ended
}

func restConfig(o *options) (*rest.Config, error) {
	load := ctrl.GetConfig
	if o.kubeconfig != "" {
		load = func() (*rest.Config, error) { return clientcmd.BuildConfigFromFlags("", o.kubeconfig) }
	}
	config, err := load()
	if err != nil {
		return nil, fmt.Errorf("no access to Kubernetes (--kubeconfig %q): %w", o.kubeconfig, err)
	}
	config.QPS = noLimit
	return config, nil
}

func managerOptions(o *options) ctrl.Options {
	return ctrl.Options{
		Scheme:                 controller.NewScheme(),
		Metrics:                metricsOptions(o),
		HealthProbeBindAddress: o.probeAddress,
		LeaderElection:         o.leaderElect,
		LeaderElectionID:       leaseName,
		LeaseDuration:          new(leaseDuration),
		RenewDeadline:          new(renewDeadline),
		RetryPeriod:            new(retryPeriod),
		// The process ends right after: the next leader need not wait for the lease to run out.
		LeaderElectionReleaseOnCancel: true,
		Cache:                         cached.Options(o.tenantNamespaces, o.watchNamespaces),
	}
}

func newLease(o *options, config *rest.Config) (*controller.Lease, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	identity := resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, o.namespace, leaseName, identity, config, renewDeadline)
	if err != nil {
		return nil, err
	}
	return &controller.Lease{Interface: lock, RenewDeadline: renewDeadline, Lost: func() {
		ctrl.Log.Error(controller.ErrNotLeader, "This process was the leader and ends at once: another one may be it now")
		os.Exit(1)
	}}, nil
}
