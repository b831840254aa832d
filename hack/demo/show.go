package main

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
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
