package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/cli"
)

const example = `  # Every grant of the tenant, who manages it, and what needs a look; without a cluster nobody knows who manages it.
  kubectl clientgrants audit --tenant clientgrant-system/main

  # Who can write invoices?
  kubectl clientgrants audit --tenant clientgrant-system/main --who-can https://invoices.example.com/ write:invoices

  # For a spreadsheet: every grant that no ClientGrant owns.
  kubectl clientgrants audit --tenant clientgrant-system/main --finding unmanaged -o csv > unmanaged.csv

  # For a pipeline: exit code 3 where a grant gives more than its manifest says, or no ClientGrant owns it.
  kubectl clientgrants audit --tenant clientgrant-system/main --fail-on wider,unmanaged -o json > audit.json`

// flags of the verb.
type flags struct {
	filter           Filter
	whoCan, format   string
	findings, failOn []string
	names            bool
}

// Command is the verb audit.
func Command(c *cli.Connection) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:   "audit [--who-can AUDIENCE [SCOPE]]",
		Short: "List what an Auth0 tenant grants to whom, who manages it, and what needs a look",
		Long: "List what an Auth0 tenant grants to whom, who manages it, and what needs a look.\n\n" +
			"Findings: unmanaged (no ClientGrant of the cluster owns the grant), wider (it gives more than its ClientGrant says), undefined (the API\n" +
			"does not define a scope), outlives (access that stays when the grant goes), ineffective (the grant gives no token). Patterns are those of\n" +
			"access rules: * stands for any run of characters.\n" +
			"Exit codes: 0 done, 1 error, 3 a row that is shown has a finding of --fail-on. Nothing is written to Auth0 or the cluster.",
		Example: example,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			return f.run(command.Context(), c)
		},
	}
	c.AddFlags(command.Flags())
	set := command.Flags()
	set.StringSliceVar(&f.filter.Clients, "client", nil, "show grants of these client IDs alone; patterns")
	set.StringSliceVar(&f.filter.Audiences, "audience", nil, "show grants for these APIs alone; patterns")
	set.StringSliceVar(&f.filter.Scopes, "scope", nil, "show grants that give one of these scopes; patterns")
	set.StringSliceVar(&f.findings, "finding", nil, "show grants with one of these findings alone: "+strings.Join(Kinds(), ", "))
	set.StringSliceVar(&f.failOn, "fail-on", nil, "end with exit code 3 if a grant that is shown has one of these findings")
	set.StringVar(&f.whoCan, "who-can", "", "show who can get a token for the API with this `audience`, with the scope that is the argument")
	set.StringVarP(&f.format, "output", "o", "table", strings.Join(formats(), ", "))
	set.BoolVar(&f.names, "names", true, "read applications and APIs, where the credentials allow it: names, undefined, outlives and ineffective")
	return command
}

// check reads what flags and arguments say together.
func (f *flags) check(args []string) (err error) {
	if !slices.Contains(formats(), f.format) {
		return fmt.Errorf("--output %q: must be one of %s", f.format, strings.Join(formats(), ", "))
	}
	if len(args) > 0 && f.whoCan == "" {
		return fmt.Errorf("a scope (%q) goes with --who-can AUDIENCE", args[0])
	}
	if f.whoCan != "" && len(f.filter.Audiences)+len(f.filter.Scopes) > 0 {
		return errors.New("--who-can says API and scope: leave --audience and --scope out")
	}
	if f.filter.Findings, err = kindsOf("finding", f.findings); err != nil {
		return err
	}
	if _, err := kindsOf("fail-on", f.failOn); err != nil {
		return err
	}
	if f.whoCan != "" {
		f.filter.Audiences, f.filter.Scopes = []string{f.whoCan}, args
	}
	return nil
}

func (f *flags) run(ctx context.Context, c *cli.Connection) error {
	read, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer read.Close()
	t := &Tenant{Host: read.Host}
	if t.Grants, err = read.Grants(ctx); err != nil {
		return err
	}
	if f.names {
		if t.Names, err = read.Names(ctx); err != nil {
			return err
		}
	}
	if t.Objects, t.Cluster, err = objects(ctx, c); err != nil {
		return err
	}
	rows := t.Rows()
	if f.whoCan != "" {
		rows = append(t.Policies(), rows...)
	}
	rows = f.filter.Of(rows)
	if err := Write(c.Streams.Out, f.format, t.Host, rows); err != nil {
		return err
	}
	f.tell(c, t, len(rows))
	failOn, _ := kindsOf("fail-on", f.failOn)
	if bad := slices.DeleteFunc(rows, func(r Row) bool { return !r.Has(failOn...) }); len(bad) > 0 {
		return &cli.ExitError{Code: cli.CodeRefused, Text: fmt.Sprintf("%d grants have a finding of --fail-on %s.", len(bad), strings.Join(f.failOn, ","))}
	}
	return nil
}

func (f *flags) tell(c *cli.Connection, t *Tenant, shown int) {
	c.Say("%d rows; %s holds %d grants.", shown, t.Host, len(t.Grants))
	if !t.Cluster {
		c.Say("Who manages them is not known: there is no cluster in the kubeconfig.")
	}
	if f.names && (t.Names.Applications == nil || t.Names.APIs == nil) {
		c.Say("Names and some findings are missing: they take read:clients and read:resource_servers.")
	}
}

// objects are the ClientGrants of the cluster, where the kubeconfig names one.
func objects(ctx context.Context, c *cli.Connection) ([]v1alpha1.ClientGrant, bool, error) {
	if !c.HasCluster() {
		return nil, false, nil
	}
	reader, err := c.Reader()
	if err != nil {
		return nil, false, err
	}
	list := &v1alpha1.ClientGrantList{}
	if err := reader.List(ctx, list); err != nil {
		return nil, false, fmt.Errorf("the ClientGrants of the cluster cannot be read: ask for the ClusterRole clientgrant-viewer, or give an empty --kubeconfig (%w)", err)
	}
	return list.Items, true, nil
}
