// Command kill ends the manager in a pod of this node by SIGKILL, as a node does that has run out of memory. It runs in a
// pod of its own that sees the processes of the node, as the user that the manager runs as.
//
//	kill NAME-OF-THE-POD
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%d arguments: name one pod", len(args))
	}
	programs, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return err
	}
	for _, program := range programs {
		name, err := os.ReadFile(program)
		if err != nil || string(name) != "manager\n" {
			continue // it has ended, or is another one
		}
		folder := filepath.Dir(program)
		environment, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil || !slices.Contains(fields(environment), "HOSTNAME="+args[0]) {
			continue
		}
		id, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			return err
		}
		return syscall.Kill(id, syscall.SIGKILL)
	}
	return fmt.Errorf("no manager of the pod %s runs here", args[0])
}

// fields are the variables of an environment as the kernel shows it.
func fields(environment []byte) []string {
	var all []string
	for field := range bytes.SplitSeq(environment, []byte{0}) {
		all = append(all, string(field))
	}
	return all
}
