package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// row is one scenario.
type row struct {
	name, what, settings string
	run                  func(context.Context, *bench, *result) error
}

// Settings of many rows.
const (
	unlimited = "20 ms, no limit"
	limited   = "20 ms, 10/s, burst 10"
)

// rows in the order in which they use each other's objects: the tenant grows from one to the next.
func rows() []row {
	return []row{
		{"create", "create 1,000 in an empty tenant", unlimited, runCreate},
		resyncOf(1000), restartOf(1000),
		{"edit", "edit 10 % of 1,000 specs", unlimited, runEdit},
		{"drift", "100 of 1,000 changed in the tenant behind our back", unlimited, runDrift},
		{"delete", "delete 1,000", unlimited, runDelete},
		{"create-limited", "create 200", limited, runCreateLimited},
		{"large", "10 managed in a tenant of 50,000", unlimited, runLarge},
		{"latency", "one grant applied, idle operator", unlimited, runLatency},
		{"strangers", "create 200 while the tenant's other users take half of the limit", limited, runStrangers},
		growTo(3000), resyncOf(3000), restartOf(3000),
		{"queue-deletion", "5,000 creates queued; 50 deletions one at a time", limited, runQueueDeletion},
		{"queue-namespace", "the same queue; another namespace's single create, 20 times", limited, runQueueNamespace},
		{"queue-tenant", "the same queue; another tenant's single create, 20 times", limited, runQueueTenant},
		{"flapping", "one namespace edits its scopes 50 times a second; another's revocation, 10 times", limited, runFlapping},
		growTo(10000), resyncOf(10000), restartOf(10000),
		{"restart-limited", "restart with 10,000 in sync", "20 ms, 50/min, burst 5", runRestartLimited},
		{"memory", "restart with 10,000 in a tenant of 20,000", unlimited, runMemory},
		{"noise", "strangers' noise: 5,000 ClientGrants and 500 Auth0Tenants; 20 revocations and 20 creations of others", unlimited, runNoise},
		{"hanging", "20 hanging tenants; another's single create, 20 times", unlimited, runHanging},
	}
}

// choose returns the rows with these names, separated by commas, or all.
func choose(names string) ([]row, error) {
	all := rows()
	if names == "" {
		return all, nil
	}
	var known []string
	for _, r := range all {
		known = append(known, r.name)
	}
	wanted := strings.Split(names, ",")
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no row %q: choose from %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(all, func(r row) bool { return !slices.Contains(wanted, r.name) }), nil
}

// pagesFor is how many calls a list of that many grants takes.
func pagesFor(grants int) int { return max((grants+99)/100, 1) }
