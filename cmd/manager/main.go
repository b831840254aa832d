// Command manager is the operator: it makes Auth0 tenants hold the client grants that ClientGrant objects describe.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil || o == nil {
		return err
	}
	o.setLogger()
	mgr, err := newManager(o)
	if err != nil {
		return err
	}
	o.logStart()
	return serve(ctrl.SetupSignalHandler(), mgr)
}
