package apivalidation_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// row is an object that the API server accepts or refuses. Specs are YAML that is laid over the base spec of the kind;
// null removes a field.
type row struct {
	name string
	// from is the spec that is stored first, where the row is an update.
	from string
	spec string
	// refused is part of the message; empty: accepted.
	refused string
}

func checkRows(t *testing.T, kind, base string, rows []row) {
	t.Helper()
	namespace := newNamespace(t, NewWithT(t))
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			object := manifest(g, kind, namespace, base, row.spec)
			save := func() error { return k8s.Create(t.Context(), object) }
			if row.from != "" {
				stored := manifest(g, kind, namespace, base, row.from)
				g.Expect(k8s.Create(t.Context(), stored)).To(Succeed())
				object.SetName(stored.GetName())
				object.SetResourceVersion(stored.GetResourceVersion())
				save = func() error { return k8s.Update(t.Context(), object) }
			}
			if row.refused == "" {
				g.Expect(save()).To(Succeed())
				return
			}
			g.Expect(save()).To(MatchError(ContainSubstring(row.refused)))
		})
	}
}

func manifest(g Gomega, kind, namespace, base, spec string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": overlay(parse(g, base), parse(g, spec))}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	object.SetNamespace(namespace)
	object.SetGenerateName("sample-")
	return object
}

func parse(g Gomega, text string) map[string]any {
	parsed := map[string]any{}
	g.Expect(yaml.Unmarshal([]byte(text), &parsed)).To(Succeed())
	return parsed
}

func overlay(base, over map[string]any) map[string]any {
	for key, value := range over {
		below, isObject := value.(map[string]any)
		under, wasObject := base[key].(map[string]any)
		switch {
		case value == nil:
			delete(base, key)
		case isObject && wasObject:
			base[key] = overlay(under, below)
		default:
			base[key] = value
		}
	}
	return base
}

// list is a YAML list of n times the same value.
func list(n int, value string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(`"`+value+`", `, n), ", ") + "]"
}

// long is a value of n characters.
func long(n int) string { return strings.Repeat("x", n) }
