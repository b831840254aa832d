// Package status_test has the tools that read a status judge one object of every state that the reconcilers' suite
// produces: kstatus, which Flux and many others use, and Argo CD's health scripts and actions from config/argocd. What they
// have to make of a state follows from its reason alone, as the table of reasons below says it.
package status_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// outcome is what a reason says to whoever waits for an object.
type outcome int

const (
	// ready: it is as its spec says.
	ready outcome = iota
	// waiting: it becomes ready by itself.
	waiting
	// paused: it waits until somebody sets its mode.
	paused
	// stalled: it stays as it is until somebody changes something.
	stalled
	// either: waiting, or stalled where the condition Stalled says so.
	either
)

// outcomes is the table of reasons.
var outcomes = map[string]outcome{
	"Available": ready, "Observed": ready,
	"Suspended": paused, "WouldChange": paused,
	"Progressing": waiting, "RateLimited": waiting, "APIUnavailable": waiting, "DeletionHeld": waiting, "DeletionBlocked": waiting,
	// Of a ClientGrant.
	"TenantNotReady": waiting, "ClientNotResolved": waiting,
	"NotPermitted": stalled, "AdoptionRefused": stalled, "SystemGrant": stalled, "ScopesDropped": stalled,
	"Rejected": either, // Waiting for an hour, where Auth0 does not know the client or the API.
	"Conflict": either, // Waiting, where the owner is being deleted.
	// Of an Auth0Tenant.
	"SecretNotFound": waiting, "InUse": waiting,
	"SecretForbidden": stalled, "InvalidCredentials": stalled, "InsufficientScope": stalled, "AudienceMismatch": stalled,
	"RulesUnsupported": stalled, "DomainNotAllowed": stalled, "NamespaceNotAllowed": stalled,
}

// state is an object as the API server held it, with what follows from it.
type state struct {
	object           *unstructured.Unstructured
	reason           string
	deleting, behind bool
	outcome          outcome
}

func states(t *testing.T) map[string]state {
	t.Helper()
	folder := os.Getenv("STATUS_LOG_DIR")
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if folder == "" || len(files) == 0 {
		t.Fatalf("STATUS_LOG_DIR %q holds no states: run make conformance", folder)
	}
	all := map[string]state{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(text); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		s, err := stateOf(object)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = s
	}
	return all
}

func stateOf(object *unstructured.Unstructured) (state, error) {
	observed, _, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err != nil {
		return state{}, err
	}
	s := state{
		object: object, outcome: waiting, deleting: object.GetDeletionTimestamp() != nil, behind: observed != object.GetGeneration(),
	}
	found := conditionsOf(object)
	if s.reason, _ = found["Ready"]["reason"].(string); s.reason == "" {
		return s, nil
	}
	var known bool
	if s.outcome, known = outcomes[s.reason]; !known {
		return s, fmt.Errorf("reason %q is not in the table", s.reason)
	}
	if s.outcome == either {
		if s.outcome = waiting; found["Stalled"]["status"] == "True" {
			s.outcome = stalled
		}
	}
	return s, nil
}

func conditionsOf(object *unstructured.Unstructured) map[string]map[string]any {
	list, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	found := map[string]map[string]any{}
	for _, entry := range list {
		if condition, ok := entry.(map[string]any); ok {
			if kind, ok := condition["type"].(string); ok {
				found[kind] = condition
			}
		}
	}
	return found
}

// unseen are the reasons that the reconcilers' suite does not bring about.
var unseen = []string{
	"RulesUnsupported", // Of an operator that reads nothing cluster-scoped.
	"SecretForbidden",  // Of one that lacks a Role.
}

func TestStates_OfEveryReasonAreJudged(t *testing.T) {
	seen := map[string]bool{}
	deleted, isNew := false, false
	for _, s := range states(t) {
		seen[s.reason] = true
		deleted = deleted || s.deleting
		isNew = isNew || s.reason == "" && s.behind
	}
	for _, reason := range reasons(t) {
		if _, known := outcomes[reason]; !known {
			t.Errorf("reason %s is not in the table", reason)
		}
		if !seen[reason] && !slices.Contains(unseen, reason) {
			t.Errorf("no state with reason %s was seen", reason)
		}
	}
	if !deleted || !isNew {
		t.Errorf("seen: an object that is being deleted %t, a new one %t", deleted, isNew)
	}
}

// reasons are those that the API names.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "..", "api", "v1alpha1", "names.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Reason") {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found[value] = true
		}
		return true
	})
	if len(found) < 20 {
		t.Fatalf("only %d reasons were found", len(found))
	}
	return slices.Sorted(maps.Keys(found))
}

// edited is a copy of the state's object with a spec that the operator has not seen yet.
func (s state) edited() *unstructured.Unstructured {
	changed := s.object.DeepCopy()
	changed.SetGeneration(s.object.GetGeneration() + 1)
	return changed
}
