package chart

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestBadValuesAreRefused asks for the part of the message that names the value and says what is wrong.
func TestBadValuesAreRefused(t *testing.T) {
	for _, row := range [][2]string{
		{"replicas=2", `additional properties 'replicas' not allowed`},
		{"image.name=x", `'/image': additional properties 'name' not allowed`},
		{"image.digest=latest", `'/image/digest': 'latest' does not match pattern`},
		{"image.tag=a:b", `'/image/tag': 'a:b' does not match pattern`},
		{"image.repository=", `'/image/repository': minLength: got 0, want 1`},
		{"image.pullPolicy=Sometimes", `'/image/pullPolicy': value must be one of '', 'Always', 'IfNotPresent', 'Never'`},
		{"replicaCount=-1", `'/replicaCount': minimum: got -1, want 0`},
		{"replicaCount=two", `'/replicaCount': got string, want integer`},
		{"crds.install=yes please", `'/crds/install': got string, want boolean`},
		{"watchNamespaces=billing", `'/watchNamespaces': got string, want array`},
		{"watchNamespaces={Billing}", `'/watchNamespaces/0': 'Billing' does not match pattern`},
		{"tenantNamespaces={a,a}", `'/tenantNamespaces': items at 0 and 1 are equal`},
		{"allowedDomains={https://acme.eu.auth0.com}", `'/allowedDomains/0': 'https://acme.eu.auth0.com' does not match pattern`},
		{"logLevel=trace", `'/logLevel': value must be one of '', 'debug', 'info', 'warn', 'error'`},
		{"strategy.type=Rolling", `'/strategy/type': value must be one of 'Recreate', 'RollingUpdate'`},
		{"commonLabels.team=1", `'/commonLabels/team': got number, want string`},
		{"metrics.port=80", `'/metrics/port': minimum: got 80, want 1,024`},
		{"metrics.port=8081", `'/metrics/port': 'not' failed`},
		{"podDisruptionBudget.minAvailable=half", `'/podDisruptionBudget/minAvailable': 'half' does not match pattern`},
		{"serviceMonitor.interval=fast", `'/serviceMonitor/interval': 'fast' does not match pattern`},
		{"extraArgs={workers=3}", `'/extraArgs/0': 'workers=3' does not match pattern`},
		{"livenessProbe.httpGet.path=/", `'/livenessProbe': additional properties 'httpGet' not allowed`},
		{"fullnameOverride=" + strings.Repeat("a", 41), `'/fullnameOverride'`},
		{"caBundle.key=a/b", `'/caBundle/key': 'a/b' does not match pattern`},
		{"replicaCount=2,leaderElection.enabled=false", `replicaCount is 2 and leaderElection.enabled is false, so that every pod would write to the tenants: set leaderElection.enabled to true, or replicaCount to 1`},
		{"strategy.type=RollingUpdate,leaderElection.enabled=false", `strategy.type is RollingUpdate and leaderElection.enabled is false`},
		{"podDisruptionBudget.minAvailable=1,podDisruptionBudget.maxUnavailable=1", `podDisruptionBudget.minAvailable is 1 and podDisruptionBudget.maxUnavailable is 1: set one of the two`},
		{"serviceAccount.create=false", `name the service account that the operator runs as`},
		{"serviceMonitor.enabled=true", `set metrics.enabled to true`},
		{"caBundle.configMapName=a,caBundle.secretName=b", `caBundle.configMapName is "a" and caBundle.secretName is "b": set one of the two`},
	} {
		set, message := row[0], row[1]
		t.Run(set, func(t *testing.T) {
			output, err := render(t, "--set", set)
			if err == nil {
				t.Fatalf("accepted:\n%s", output)
			}
			if !strings.Contains(err.Error(), message) {
				t.Errorf("want %s\nin %v", message, err)
			}
		})
	}
}

// TestSchemaAndValuesNameTheSame finds a value without a schema, and a schema of a value that is not documented.
func TestSchemaAndValuesNameTheSame(t *testing.T) {
	var schema, values map[string]any
	content, err := os.ReadFile(chart + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	if content, err = os.ReadFile(chart + "/values.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &values); err != nil {
		t.Fatal(err)
	}
	// What Kubernetes defines the fields of, what is empty by default, and what only parent charts set.
	free := []string{
		".strategy", ".resources", ".podSecurityContext", ".securityContext", ".livenessProbe", ".readinessProbe",
		".serviceMonitor.tlsConfig", ".dashboard.labels", ".global", ".enabled",
	}
	compare(t, "", schema, values, free)
}

func compare(t *testing.T, path string, schema, values map[string]any, free []string) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	for key, value := range values {
		property, ok := properties[key].(map[string]any)
		if !ok && !slices.Contains(free, path) {
			t.Errorf("values.schema.json does not know %s.%s", path, key)
		}
		if group, isGroup := value.(map[string]any); isGroup && ok && !slices.Contains(free, path+"."+key) {
			compare(t, path+"."+key, property, group, free)
		}
	}
	for key := range properties {
		if _, ok := values[key]; !ok && !slices.Contains(free, path+"."+key) {
			t.Errorf("values.yaml does not have %s.%s", path, key)
		}
	}
}
