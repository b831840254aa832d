// Command auth0sim runs an Auth0 tenant in memory, over HTTPS, for trying things out and for tests of whole programs.
// It prints how to reach it, one name=value a line, and runs until it is interrupted. See package sim for what it
// knows and for its endpoints under /_sim/.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// sampleAudience is the API that a new tenant has, so that a grant can be made at once.
const sampleAudience = "https://things.example.com/"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "auth0sim:", err)
		os.Exit(2)
	}
}

// arguments are the program's flags.
type arguments struct {
	options        sim.Options
	caFile         string
	privateKeyFile string
	burst          int
	rate           float64
	seed           int
}

func parse(args []string, out io.Writer) (arguments, error) {
	var a arguments
	flags := flag.NewFlagSet("auth0sim", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is told once, by main
	flags.StringVar(&a.options.Listen, "listen", "127.0.0.1:0", "address to listen on; port 0 means a free one")
	flags.StringVar(&a.caFile, "ca-file", "", "file for the certificate to trust; default: one in a temporary folder")
	flags.Func("host", "further name or address for the certificate; may be repeated", func(host string) error {
		a.options.Hosts = append(a.options.Hosts, host)
		return nil
	})
	flags.Float64Var(&a.rate, "rate", 0, "requests a second that the rate limit refills; 0 means no rate limit")
	flags.IntVar(&a.burst, "burst", 10, "requests at once that the rate limit allows, with -rate")
	flags.DurationVar(&a.options.Settings.Latency, "latency", 0, "how long every answer takes at least, such as 50ms")
	flags.IntVar(&a.seed, "seed", 0, "number of clients with a grant each that the tenant starts with")
	flags.StringVar(&a.options.ClientID, "client-id", "", "ID of the management client; default: random")
	flags.StringVar(&a.options.ClientSecret, "client-secret", "", "secret of the management client; default: random")
	flags.StringVar(&a.options.ManagementAudience, "management-audience", "",
		"identifier of the Management API; default: from the address")
	flags.StringVar(&a.privateKeyFile, "private-key-file", "",
		"PEM file with the RSA key, private or public, that the management client's assertions are checked with")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(out)
			flags.PrintDefaults()
		}
		return a, err
	}
	return a, a.check(flags.Args())
}

// check refuses what the flag package lets pass.
func (a *arguments) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q: there are only flags", rest[0])
	case a.rate < 0:
		return errors.New("-rate must not be negative")
	case a.burst < 1:
		return errors.New("-burst must be at least 1")
	case a.options.Settings.Latency < 0:
		return errors.New("-latency must not be negative")
	case a.seed < 0:
		return errors.New("-seed must not be negative")
	}
	if a.rate > 0 {
		a.options.Settings.RateLimit = sim.RateLimit{Limit: a.burst, PerSecond: a.rate}
	}
	a.options.Admin = true
	return nil
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	a, err := parse(args, out)
	if err != nil {
		return err
	}
	if a.privateKeyFile != "" {
		if err := a.readKey(); err != nil {
			return fmt.Errorf("-private-key-file: %w", err)
		}
	}
	tenant, err := sim.StartTLS(a.options)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	defer tenant.Close()
	caFile, remove, err := writeCA(a.caFile, tenant.CAPEM())
	if err != nil {
		return fmt.Errorf("-ca-file: %w", err)
	}
	defer remove()
	app := seed(tenant.Server, a.seed)
	fmt.Fprintf(out, "domain=%s\nca_file=%s\nclient_id=%s\nclient_secret=%s\naudience=%s\n",
		tenant.Domain(), caFile, tenant.ClientID(), tenant.ClientSecret(), tenant.ManagementAudience())
	fmt.Fprintf(out, "app_client_id=%s\napp_client_secret=%s\napi_audience=%s\n", app.ID, app.Secret, sampleAudience)
	<-ctx.Done()
	return nil
}

func (a *arguments) readKey() error {
	data, err := os.ReadFile(a.privateKeyFile)
	if err != nil {
		return err
	}
	a.options.ClientPublicKey, err = sim.ParsePublicKey(data)
	return err
}

// writeCA writes the certificate to path, or to a temporary folder that remove removes.
func writeCA(path string, certificate []byte) (file string, remove func(), err error) {
	remove = func() {}
	if path == "" {
		folder, err := os.MkdirTemp("", "auth0sim-")
		if err != nil {
			return "", nil, err
		}
		path, remove = filepath.Join(folder, "ca.pem"), func() { _ = os.RemoveAll(folder) }
	}
	if err := os.WriteFile(path, certificate, 0o600); err != nil {
		remove()
		return "", nil, err
	}
	return path, remove, nil
}

// seed gives the tenant an API, an application without a grant, and n applications with one.
func seed(tenant *sim.Server, n int) sim.Client {
	scopes := []string{"read:things", "write:things"}
	tenant.AddAPI(sim.API{Identifier: sampleAudience, Name: "Sample API", Scopes: scopes})
	app := tenant.AddClient(sim.Client{Name: "Sample application", AppType: "non_interactive"})
	for i := range n {
		c := tenant.AddClient(sim.Client{Name: fmt.Sprintf("Application %d", i+1), AppType: "non_interactive"})
		tenant.AddGrant(sim.Grant{ClientID: c.ID, Audience: sampleAudience, Scope: scopes[:1]})
	}
	return app
}
