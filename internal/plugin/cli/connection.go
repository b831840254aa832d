package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/remote"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// Connection finds the cluster and the Auth0 tenant that a verb is about. Credentials come from a file, from the environment or
// from the Secret of an Auth0Tenant; there is no flag for them, which every user of a machine could read.
type Connection struct {
	// Kube are the flags that every kubectl command has.
	Kube    *genericclioptions.ConfigFlags
	Streams genericiooptions.IOStreams
	// Agent is sent to Auth0 and to the API server.
	Agent string
	// Getenv and Transport are other than those of the process for tests.
	Getenv    func(string) string
	Transport http.RoundTripper

	tenant, file string
	perMinute    int
}

// NewConnection has the environment of the process.
func NewConnection(streams genericiooptions.IOStreams, version string) *Connection {
	return &Connection{
		Kube: genericclioptions.NewConfigFlags(true), Streams: streams, Agent: "kubectl-clientgrants/" + version, Getenv: os.Getenv,
	}
}

// AddFlags adds the flags that say which Auth0 tenant is read.
func (c *Connection) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&c.tenant, "tenant", "", "Auth0Tenant, as NAME or NAMESPACE/NAME")
	flags.StringVar(&c.file, "credentials", "",
		"`file` with domain, clientID and clientSecret or privateKey; default: AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET "+
			"in the environment, else the Secret of the Auth0Tenant")
	flags.IntVar(&c.perMinute, "requests-per-minute", 0,
		"share of the tenant's rate limit; default: spec.rateLimit of an Auth0Tenant that is read from the cluster, else 50")
}

// Namespace is that of -n, or of the kubeconfig's context.
func (c *Connection) Namespace() (string, error) {
	namespace, _, err := c.Kube.ToRawKubeConfigLoader().Namespace()
	return namespace, err
}

// TenantKey names the Auth0Tenant of --tenant.
func (c *Connection) TenantKey() (types.NamespacedName, error) {
	namespace, name, found := strings.Cut(c.tenant, "/")
	switch {
	case c.tenant == "":
		return types.NamespacedName{}, errors.New("name the Auth0Tenant: --tenant NAMESPACE/NAME")
	case !found:
		name = namespace
		own, err := c.Namespace()
		if err != nil {
			return types.NamespacedName{}, err
		}
		namespace = own
	}
	if name == "" || namespace == "" || strings.Contains(name, "/") {
		return types.NamespacedName{}, fmt.Errorf("--tenant %q names no Auth0Tenant: write NAME or NAMESPACE/NAME", c.tenant)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// Open connects to the Auth0 tenant.
func (c *Connection) Open(ctx context.Context) (*remote.Tenant, error) {
	of, credentials, source, err := c.credentials(ctx)
	if err != nil {
		return nil, err
	}
	limit := budget.Limit{PerMinute: defaultPerMinute, Burst: defaultBurst}
	if of.Spec.RateLimit.RequestsPerMinute > 0 {
		limit = budget.Limit{PerMinute: int(of.Spec.RateLimit.RequestsPerMinute), Burst: int(of.Spec.RateLimit.Burst)}
	}
	if c.perMinute < 0 {
		return nil, fmt.Errorf("--requests-per-minute %d: must not be negative", c.perMinute)
	}
	if c.perMinute > 0 {
		limit.PerMinute = c.perMinute
	}
	return remote.Open(ctx, remote.Options{
		Of: of, Credentials: credentials, Source: source, Limit: limit, UserAgent: c.Agent, Transport: c.Transport, Progress: c.progress,
	})
}

// What an Auth0Tenant gets that names no rate limit.
const (
	defaultPerMinute = 50
	defaultBurst     = 5
)

// credentials finds them, and where the tenant is.
func (c *Connection) credentials(ctx context.Context) (*v1alpha1.Auth0Tenant, auth0.Credentials, string, error) {
	switch {
	case c.file != "":
		of, found, err := c.fromFile(c.file)
		return of, found, c.file, err
	case c.Getenv(envDomain) != "":
		of, found, err := c.fromEnvironment()
		return of, found, "the environment", err
	}
	return c.fromCluster(ctx)
}

// Reader reads from the cluster.
func (c *Connection) Reader() (client.Reader, error) {
	config, err := c.Kube.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster can be reached: %w", err)
	}
	config.UserAgent = c.Agent
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	reader, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("the cluster cannot be reached: %w", err)
	}
	return reader, nil
}

func (c *Connection) fromCluster(ctx context.Context) (*v1alpha1.Auth0Tenant, auth0.Credentials, string, error) {
	fail := func(format string, args ...any) (*v1alpha1.Auth0Tenant, auth0.Credentials, string, error) {
		return nil, auth0.Credentials{}, "", fmt.Errorf(format, args...)
	}
	key, err := c.TenantKey()
	if err != nil {
		return fail("there are no credentials: set %s, %s and %s, give a file with --credentials, or name an Auth0Tenant of the cluster "+
			"with --tenant NAMESPACE/NAME", envDomain, envClientID, envClientSecret)
	}
	reader, err := c.Reader()
	if err != nil {
		return fail("%w", err)
	}
	of := &v1alpha1.Auth0Tenant{}
	if err := reader.Get(ctx, key, of); err != nil {
		return fail("%w", unreadable("Auth0Tenant", key, err))
	}
	secret := &corev1.Secret{}
	at := types.NamespacedName{Namespace: key.Namespace, Name: of.Spec.Credentials.SecretRef.Name}
	if err := reader.Get(ctx, at, secret); err != nil {
		return fail("%w", unreadable("Secret", at, err))
	}
	credentials, err := tenant.CredentialsOf(at.Name, secret.Data, of.Spec.Domain, string(of.Spec.Credentials.PrivateKeyAlgorithm))
	return of, credentials.Credentials, fmt.Sprintf("Secret %q in namespace %q", at.Name, at.Namespace), err
}

// unreadable says what to do where an object with the credentials cannot be read.
func unreadable(kind string, key types.NamespacedName, err error) error {
	const otherwise = "or set " + envDomain + ", " + envClientID + " and " + envClientSecret
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s %q does not exist in namespace %q: name another one with --tenant, %s", kind, key.Name, key.Namespace, otherwise)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not read %s %q in namespace %q: ask for a role, %s", kind, key.Name, key.Namespace, otherwise)
	}
	return fmt.Errorf("%s %q in namespace %q cannot be read: check the cluster, %s (%w)", kind, key.Name, key.Namespace, otherwise, err)
}

// tenantAt is an Auth0Tenant that no cluster has.
func tenantAt(domain, audience string) *v1alpha1.Auth0Tenant {
	return &v1alpha1.Auth0Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant"},
		Spec:       v1alpha1.Auth0TenantSpec{Domain: domain, ManagementAudience: audience},
	}
}

// HasCluster says whether the flags or the kubeconfig name a cluster.
func (c *Connection) HasCluster() bool {
	if c.Kube.APIServer != nil && *c.Kube.APIServer != "" {
		return true
	}
	config, err := c.Kube.ToRawKubeConfigLoader().RawConfig()
	return err == nil && len(config.Clusters) > 0
}
