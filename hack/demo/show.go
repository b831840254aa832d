package main

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// lastLines is how much of the operator's log a failure shows.
const lastLines = 20

// showTenant says what the tenant holds.
func (t *story) showTenant(ctx context.Context) error {
	held, err := t.remote.show(ctx)
	if err == nil {
		fmt.Println("    tenant holds: " + held)
	}
	return err
}

func kindOf(object client.Object) string {
	if _, ok := object.(*v1alpha1.Auth0Tenant); ok {
		return "Auth0Tenant"
	}
	return "ClientGrant"
}

// describe says how an object is.
func describe(object client.Object) string {
	ready := readyOf(object)
	if ready == nil {
		return fmt.Sprintf("%s %s has no Ready condition yet", kindOf(object), object.GetName())
	}
	return fmt.Sprintf("%s %s: Ready=%s, %s: %s", kindOf(object), object.GetName(), ready.Status, ready.Reason, ready.Message)
}

// explain shows what helps to find out why a step did not come true.
func (t *story) explain(ctx context.Context) {
	fmt.Println("\nFAILED. This is how things are:")
	var objects []client.Object
	if t.tenant != nil {
		objects = append(objects, t.tenant)
	}
	if t.grant != nil {
		objects = append(objects, t.grant)
	}
	for _, object := range objects {
		if err := t.get(ctx, object); err != nil {
			fmt.Println("    " + err.Error())
			continue
		}
		fmt.Println("    " + describe(object))
	}
	lines := strings.Split(strings.TrimSpace(t.operator.Output()), "\n")
	fmt.Println("The last lines of the operator's log:")
	for _, line := range lines[max(len(lines)-lastLines, 0):] {
		fmt.Println("    " + line)
	}
}

// stay applies the samples once more, says how to connect, and waits for Ctrl-C.
func (s *stage) stay(ctx context.Context) error {
	fmt.Println("\nApplied config/samples once more, to try things out:")
	t := &story{stage: s}
	if err := t.apply(ctx); err != nil {
		return err
	}
	fmt.Printf(`
Everything keeps running until you press Ctrl-C. In another terminal:

    export KUBECONFIG=%[1]s
    kubectl -n %[2]s get auth0tenants,clientgrants -o wide
    kubectl -n %[2]s patch clientgrant %[3]s --type=merge -p '{"spec":{"mode":"Enforce"}}'
    kubectl -n %[2]s edit clientgrant %[3]s
    kubectl -n %[2]s annotate auth0tenant %[4]s --overwrite reconcile.fluxcd.io/requestedAt="$(date)"

The simulated tenant: domain %[5]s, certificate %[6]s. Look into it, and change it behind the operator's back:

    curl --cacert %[6]s https://%[5]s/_sim/state
    curl --cacert %[6]s https://%[5]s/_sim/log
    curl --cacert %[6]s -X DELETE https://%[5]s/_sim/grants/ID

The operator's log: %[7]s
`, s.file("kubeconfig"), harness.Namespace, t.grant.Name, t.tenant.Name, s.remote.Domain, s.remote.CAFile, s.log.Name())
	select {
	case <-ctx.Done():
		return nil
	case <-s.operator.Done():
	case <-s.simulator.Done():
	}
	return s.running()
}
