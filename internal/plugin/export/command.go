package export

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/cli"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/manifest"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/remote"
)

const example = `  # Every grant of the tenant, to look at; credentials from the environment, no cluster needed.
  export AUTH0_DOMAIN=acme.eu.auth0.com AUTH0_CLIENT_ID=... AUTH0_CLIENT_SECRET=...
  kubectl clientgrants export --tenant clientgrant-system/main

  # A folder for Git, in mode Observe; a file sends clients and APIs to namespaces.
  echo 'namespaces: [{namespace: billing, clientIDs: ["Zk3*"], audiences: ["https://users.*"]}]' > grants.map.yaml
  kubectl clientgrants export --tenant clientgrant-system/main --mode Observe --map grants.map.yaml --dir grants

  # The same with names and namespaces from Terraform, and what lets Terraform forget the grants.
  terraform show -json > state.json
  kubectl clientgrants export --tenant clientgrant-system/main --mode Observe --from-terraform state.json --dir grants`

// flags of the verb.
type flags struct {
	mode, mapping, state, folder string
	names                        bool
}

// Command is the verb export.
func Command(c *cli.Connection) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:   "export --tenant NAMESPACE/NAME",
		Short: "Write every grant of an Auth0 tenant as a ClientGrant manifest",
		Long: "Write every grant of an Auth0 tenant, but those of Auth0 itself, as a ClientGrant manifest.\n\n" +
			"Without --dir the manifests go to standard output, but those that need a right: they are counted.\n" +
			"Exit codes: 0 done, 1 error. Nothing is written to Auth0 or the cluster.",
		Example: example,
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return f.run(command.Context(), c) },
	}
	c.AddFlags(command.Flags())
	command.Flags().StringVar(&f.mode, "mode", "", "spec.mode of the manifests: Observe, Enforce or Suspend; default: left out, which is Enforce")
	command.Flags().StringVar(&f.mapping, "map", "", "`file` that says which clients and APIs go to which namespace; the others go to that of -n")
	command.Flags().StringVar(&f.state, "from-terraform", "", "`file` with the output of terraform show -json, for names and namespaces")
	command.Flags().StringVar(&f.folder, "dir", "", "new `folder` for manifests, access rules and kustomizations")
	command.Flags().BoolVar(&f.names, "names", true, "add the names of applications and APIs as comments, where the credentials allow to read them")
	return command
}

func (f *flags) run(ctx context.Context, c *cli.Connection) error {
	o, err := f.options(c)
	if err != nil {
		return err
	}
	read, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer read.Close()
	grants, err := read.Grants(ctx)
	if err != nil {
		return err
	}
	t := Tenant{Host: read.Host, SystemHosts: read.SystemHosts, Own: read.ClientID}
	if f.names {
		if t.Names, err = read.Names(ctx); err != nil {
			return err
		}
	}
	e, err := Build(ctx, grants, t, o)
	if err != nil {
		return err
	}
	if err := f.write(c.Streams.Out, e, o.State); err != nil {
		return err
	}
	f.tell(ctx, c, e, o, t.Names)
	return nil
}

func (f *flags) options(c *cli.Connection) (Options, error) {
	o := Options{Mode: v1alpha1.Mode(f.mode)}
	switch o.Mode {
	case "", v1alpha1.ModeEnforce, v1alpha1.ModeObserve, v1alpha1.ModeSuspend:
	default:
		return o, fmt.Errorf("--mode %q: must be Observe, Enforce or Suspend", f.mode)
	}
	key, err := c.TenantKey()
	if err != nil {
		return o, err
	}
	o.Ref = v1alpha1.TenantReference{Name: key.Name, Namespace: key.Namespace}
	if o.Namespace, err = c.Namespace(); err != nil {
		return o, err
	}
	if wrong := validation.IsDNS1123Label(o.Namespace); len(wrong) > 0 {
		return o, fmt.Errorf("--namespace %q: %s", o.Namespace, wrong[0])
	}
	return o, f.readFiles(c, &o)
}

// readFiles reads what the flags name.
func (f *flags) readFiles(c *cli.Connection, o *Options) error {
	if f.mapping != "" {
		text, err := c.ReadFile(f.mapping)
		if err == nil {
			o.Places, err = ReadPlaces(f.mapping, text)
		}
		if err != nil {
			return err
		}
	}
	if f.state == "" {
		return nil
	}
	text, err := c.ReadFile(f.state)
	if err == nil {
		o.State, err = ReadState(f.state, text)
	}
	return err
}

func (f *flags) write(out io.Writer, e *Export, state *State) error {
	if f.folder != "" {
		return Write(f.folder, e.Files(state))
	}
	var plain []Manifest
	for _, m := range e.Manifests {
		if len(m.Rights) == 0 {
			plain = append(plain, m)
		}
	}
	_, err := io.WriteString(out, stream(plain))
	return err
}

// tell sums up what was written, and names all that was not.
func (f *flags) tell(ctx context.Context, c *cli.Connection, e *Export, o Options, names remote.Names) {
	rights := 0
	for _, m := range e.Manifests {
		if len(m.Rights) > 0 {
			rights++
		}
	}
	where := "left out: --dir writes them, with the access rules that they need"
	if f.folder != "" {
		where = "in " + fileRights + " of their namespaces"
	}
	c.Say("%d manifests; %d more need a right and are %s.", len(e.Manifests)-rights, rights, where)
	for _, s := range e.Skipped {
		c.Say("No manifest for the %s: %s", s.Identity, s.Why)
	}
	if err := fits(ctx, e); err != nil {
		c.Say("The access rules are more than one Auth0Tenant takes; write wider ones, or use several: %v", err)
	}
	if f.names && (names.Applications == nil || names.APIs == nil) {
		c.Say("Names are missing: they take read:clients and read:resource_servers.")
	}
	if o.State == nil {
		return
	}
	for _, address := range o.State.gone(e) {
		c.Say("Terraform's %s has no manifest: the tenant does not hold it, or see above.", address)
	}
	for _, address := range o.State.hanging(e) {
		c.Say("Terraform's %s names a grant that is exported: give it the grant's ID from elsewhere before Terraform forgets the grant.", address)
	}
}

// fits says why the access rules do not fit in one Auth0Tenant.
func fits(ctx context.Context, e *Export) error {
	if len(e.Rules) == 0 {
		return nil
	}
	of := &v1alpha1.Auth0Tenant{}
	of.Name, of.Spec.Domain, of.Spec.Credentials.SecretRef.Name = "tenant", "acme.auth0.com", "secret"
	of.Spec.AccessRules = accessRules(e.Rules)
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(of)
	if err != nil {
		return err
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Auth0Tenant"))
	return manifest.Check(ctx, object)
}
