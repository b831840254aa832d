package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// fillIn writes config/samples into the stage's folder, with the three values that a user fills in.
func (s *stage) fillIn() error {
	return harness.Fill(filepath.Join("config", "samples"), s.file("samples"), "YOUR-TENANT.eu.auth0.com", s.remote.Domain,
		"YOUR_CLIENT_ID", s.remote.ClientID, "YOUR_CLIENT_SECRET", s.remote.ClientSecret)
}

// invitation says what runs, how to reach it, and what to do with it.
const invitation = `
Everything keeps running until you press Ctrl-C. In another terminal:

    export KUBECONFIG=%[1]s/kubeconfig

Steps 1 and 2 of the Quick start in README.md are done. Step 3, with the samples filled in:

    kubectl apply -k %[1]s/samples
    kubectl -n %[2]s get auth0tenants,clientgrants

Steps 4 and 5 work as they stand. Step 6 is Ctrl-C. The values to fill in by hand, to try wrong ones too:

    the tenant's domain                %[3]s
    the operator's application         client ID     %[4]s
                                       client secret %[5]s
    an application to grant access to  exampleBillingClient
    an API                             https://api.example.com/ with read:users, write:users, admin:everything

What the tenant holds, and every request that it was sent:

    export CURL_CA_BUNDLE=%[1]s/ca.pem SIM=https://%[3]s/_sim
    curl $SIM/state
    curl "$SIM/log?bodies=false"

Change the tenant as somebody else would, and make it misbehave:

    curl $SIM/clients -d '{"client_id":"mine"}'
    curl $SIM/apis -d '{"identifier":"https://mine.example.com/","scopes":["read:mine"]}'
    curl $SIM/grants -d '{"client_id":"mine","audience":"https://mine.example.com/","scope":["read:mine"]}'
    curl -X PATCH $SIM/grants/ID -d '{"scope":["read:users","admin:everything"]}'
    curl -X DELETE $SIM/grants/ID
    curl $SIM/faults -d '{"status":503}'; curl -X DELETE $SIM/faults
    curl -X PATCH $SIM/settings -d '{"latency":"500ms"}'
    curl -X PATCH $SIM/settings -d '{"rate_limit":{"limit":2,"per_second":0.8}}'
    curl -X PATCH $SIM/settings -d '{"granted_scopes":["read:client_grants"]}'
    curl -X POST $SIM/tokens/expire

    kubectl -n %[2]s annotate auth0tenant main --overwrite reconcile.fluxcd.io/requestedAt="$(date +%%s)"

The last one has the operator refresh now instead of at the next interval. Its metrics and its log:

    curl http://%[6]s/metrics
    tail -f %[7]s

What is missing here: nodes, and the controllers of Kubernetes. A Deployment starts no pod. A deleted namespace stays
Terminating, and nothing deletes the ClientGrants in it: delete them yourself, and their access is revoked.
`

// stay says how to go on, and waits for Ctrl-C.
func (s *stage) stay(ctx context.Context) error {
	fmt.Printf(invitation, s.folder, harness.Namespace, s.remote.Domain, s.remote.ClientID, s.remote.ClientSecret, s.metrics, s.log.Name())
	select {
	case <-ctx.Done():
		return nil
	case <-s.operator.Done():
	case <-s.simulator.Done():
	}
	return s.running()
}
