// Package plugin is kubectl clientgrants: it exports and audits client grants, and writes neither to Auth0 nor to a cluster.
package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/clientgrants/clientgrant-operator/internal/plugin/audit"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/cli"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/export"
)

// Run runs the program and returns its exit code.
func Run(ctx context.Context, version string, streams genericiooptions.IOStreams, args ...string) int {
	return run(ctx, cli.NewConnection(streams, version), version, args)
}

func run(ctx context.Context, c *cli.Connection, version string, args []string) int {
	root := command(c, version) //nolint:contextcheck // cobra hands the context of ExecuteContext to the verb
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		text := "error: " + err.Error()
		if exit, ok := errors.AsType[*cli.ExitError](err); ok {
			text = exit.Text
		}
		if text != "" {
			c.Say("%s", text)
		}
	}
	return cli.Code(err)
}

func command(c *cli.Connection, version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-clientgrants",
		Short: "Move in without a write, and see what an Auth0 tenant grants to whom",
		Long: "kubectl clientgrants reads client grants from an Auth0 tenant and ClientGrants from a cluster.\n" +
			"It writes to neither: from its transport only GET and the token request leave.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl clientgrants"},
		Args: func(root *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no verb %q: see %s --help", args[0], root.CommandPath())
			}
			return nil
		},
		RunE: func(root *cobra.Command, _ []string) error { return root.Help() },
	}
	root.SetOut(c.Streams.Out)
	root.SetErr(c.Streams.ErrOut)
	c.Kube.AddFlags(root.PersistentFlags())
	root.AddCommand(export.Command(c), audit.Command(c))
	return root
}
