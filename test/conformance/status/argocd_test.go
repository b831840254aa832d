package status_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const requestedAt = "reconcile.fluxcd.io/requestedAt"

// settings are what config/argocd adds to the ConfigMap argocd-cm.
func settings(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "argocd", "argocd-cm.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	patch := struct{ Data map[string]string }{}
	if err := yaml.UnmarshalStrict(text, &patch); err != nil {
		t.Fatal(err)
	}
	return patch.Data
}

// setting is the one of that name for an object's kind.
func setting(t *testing.T, name string, object *unstructured.Unstructured) string {
	t.Helper()
	kind := object.GroupVersionKind()
	text := settings(t)["resource.customizations."+name+"."+kind.Group+"_"+kind.Kind]
	if text == "" {
		t.Fatalf("there is no %s for %s", name, kind)
	}
	return text
}

func TestArgoCD_HealthOfEveryState(t *testing.T) {
	for name, s := range states(t) {
		t.Run(name, func(t *testing.T) {
			health, message := healthOf(t, s.object)
			if want := s.health(); health != want {
				t.Errorf("health is %s, want %s:\n%v", health, want, s.object.Object["status"])
			}
			if ready, _ := conditionsOf(s.object)["Ready"]["message"].(string); !s.behind && !strings.Contains(message, ready) {
				t.Errorf("the message %q does not tell %q", message, ready)
			}
			contested, _ := conditionsOf(s.object)["Contested"]["message"].(string)
			if !s.behind && !strings.Contains(message, contested) {
				t.Errorf("the message %q does not tell %q", message, contested)
			}
		})
		t.Run(name+", edited", func(t *testing.T) {
			if health, _ := healthOf(t, s.edited()); health != "Progressing" {
				t.Errorf("health is %s, want Progressing", health)
			}
		})
	}
}

func (s state) health() string {
	if s.deleting || s.behind {
		return "Progressing"
	}
	return map[outcome]string{ready: "Healthy", waiting: "Progressing", paused: "Suspended", stalled: "Degraded"}[s.outcome]
}

func healthOf(t *testing.T, object *unstructured.Unstructured) (health, message string) {
	t.Helper()
	result, ok := run(t, setting(t, "health", object), object, false).(map[string]any)
	if !ok {
		t.Fatal("the health script returns no table")
	}
	health, _ = result["status"].(string)
	message, _ = result["message"].(string)
	return health, message
}

// actions are those of a kind: which may be used, and their scripts.
type actions struct {
	Discovery   string `json:"discovery.lua"`
	Definitions []struct {
		Name   string `json:"name"`
		Action string `json:"action.lua"`
	} `json:"definitions"`
}

func actionsOf(t *testing.T, object *unstructured.Unstructured) actions {
	t.Helper()
	var found actions
	if err := yaml.UnmarshalStrict([]byte(setting(t, "actions", object)), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestArgoCD_ActionsOfEveryState(t *testing.T) {
	allowed := map[string]map[string]bool{
		"Enforce": {"reconcile": true, "suspend": true, "resume": false},
		"Observe": {"reconcile": true, "suspend": false, "resume": false},
		"Suspend": {"reconcile": false, "suspend": false, "resume": true},
	}
	for name, s := range states(t) {
		t.Run(name, func(t *testing.T) {
			mode, _, _ := unstructured.NestedString(s.object.Object, "spec", "mode")
			found := actionsOf(t, s.object)
			discovered, _ := run(t, found.Discovery, s.object, false).(map[string]any)
			got := map[string]bool{}
			for _, definition := range found.Definitions {
				entry, _ := discovered[definition.Name].(map[string]any)
				got[definition.Name] = entry["disabled"] == false
			}
			if !reflect.DeepEqual(got, allowed[mode]) || len(discovered) != len(got) {
				t.Errorf("in mode %s the actions are %v, want %v", mode, got, allowed[mode])
			}
			annotated := s.object.DeepCopy()
			annotated.SetAnnotations(map[string]string{"example.com/owner": "billing"})
			for _, definition := range found.Definitions {
				checkAction(t, definition.Name, definition.Action, s.object)
				checkAction(t, definition.Name, definition.Action, annotated)
			}
		})
	}
}

// checkAction has the action change what it is for, and nothing else.
func checkAction(t *testing.T, name, script string, object *unstructured.Unstructured) {
	t.Helper()
	result, ok := run(t, script, object, true).(map[string]any)
	if !ok {
		t.Fatalf("%s returns no object", name)
	}
	changed := &unstructured.Unstructured{Object: result}
	want := &unstructured.Unstructured{Object: run(t, "return obj", object, false).(map[string]any)}
	switch name {
	case "reconcile":
		value := changed.GetAnnotations()[requestedAt]
		if at, err := time.Parse(time.RFC3339, value); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("reconcile asks at %q, which is not now", value)
		}
		annotations := map[string]string{}
		maps.Copy(annotations, want.GetAnnotations())
		annotations[requestedAt] = value
		want.SetAnnotations(annotations)
	case "suspend", "resume":
		mode := map[string]string{"suspend": "Suspend", "resume": "Enforce"}[name]
		if err := unstructured.SetNestedField(want.Object, mode, "spec", "mode"); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("action %q is not expected", name)
	}
	if !reflect.DeepEqual(changed.Object, want.Object) {
		t.Errorf("%s makes\n%v\nwant\n%v", name, changed.Object, want.Object)
	}
}

// run runs a script over an object as Argo CD does: with the libraries base, table and package, and, for actions, with
// what tells the time of the library os.
func run(t *testing.T, script string, object *unstructured.Unstructured, withTime bool) any {
	t.Helper()
	engine := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer engine.Close()
	libraries := map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable}
	for _, name := range []string{lua.LoadLibName, lua.BaseLibName, lua.TabLibName} {
		engine.Push(engine.NewFunction(libraries[name]))
		engine.Push(lua.LString(name))
		engine.Call(1, 0)
	}
	if withTime {
		engine.PreloadModule(lua.OsLibName, openTime)
	}
	engine.SetGlobal("obj", toLua(engine, object.Object))
	if err := engine.DoString(script); err != nil {
		t.Fatal(err)
	}
	return fromLua(engine.Get(-1))
}

// openTime is the library os without what reaches out of the engine.
func openTime(engine *lua.LState) int {
	lua.OpenOs(engine)
	whole, ok := engine.Get(-1).(*lua.LTable)
	if !ok {
		engine.RaiseError("the library os is no table")
	}
	safe := engine.NewTable()
	for _, name := range []string{"time", "date"} {
		safe.RawSetString(name, whole.RawGetString(name))
	}
	engine.Push(safe)
	return 1
}

func toLua(engine *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case []any:
		list := engine.NewTable()
		for _, entry := range v {
			list.Append(toLua(engine, entry))
		}
		return list
	case map[string]any:
		table := engine.NewTable()
		for key, entry := range v {
			table.RawSetString(key, toLua(engine, entry))
		}
		return table
	}
	return lua.LNil
}

func fromLua(value lua.LValue) any {
	switch v := value.(type) {
	case lua.LBool:
		return bool(v)
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return float64(v)
	case *lua.LTable:
		if v.Len() > 0 {
			list := []any{}
			v.ForEach(func(_, entry lua.LValue) { list = append(list, fromLua(entry)) })
			return list
		}
		table := map[string]any{}
		v.ForEach(func(key, entry lua.LValue) { table[key.String()] = fromLua(entry) })
		return table
	}
	return nil
}
