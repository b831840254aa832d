package apivalidation_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// What kubectl explain shows is the documentation that most users see.
func TestSchema_EveryFieldIsExplainedByItsOwnName(t *testing.T) {
	eachField(t, func(path string, field apiextensionsv1.JSONSchemaProps) {
		name := path[strings.LastIndex(path, ".")+1:]
		if !strings.HasPrefix(field.Description, name) {
			t.Errorf("the description of %s does not begin with its name: %q", path, field.Description)
		}
	})
}

// Whoever is given a choice is told what it is between.
func TestSchema_EveryChoiceIsExplained(t *testing.T) {
	choices := 0
	eachField(t, func(path string, field apiextensionsv1.JSONSchemaProps) {
		values := field.Enum
		if field.Items != nil && field.Items.Schema != nil {
			values = append(values, field.Items.Schema.Enum...)
		}
		for _, value := range values {
			choices++
			if word := strings.Trim(string(value.Raw), `"`); !strings.Contains(field.Description, word) {
				t.Errorf("the description of %s does not tell of %s: %q", path, word, field.Description)
			}
		}
	})
	if choices < 30 {
		t.Errorf("only %d choices were found", choices)
	}
}

// A list that field managers share keeps what one of them ever listed: access that outlives its manifest.
func TestSchema_ListsOfAccessAreAtomic(t *testing.T) {
	sets := map[string]bool{"accessRules": true, "conditions": true}
	eachField(t, func(path string, field apiextensionsv1.JSONSchemaProps) {
		name := path[strings.LastIndex(path, ".")+1:]
		if field.Type != "array" || sets[name] {
			return
		}
		if field.XListType == nil || *field.XListType != "atomic" {
			t.Errorf("%s is not atomic", path)
		}
	})
}

// eachField visits the fields of spec and status of both kinds.
func eachField(t *testing.T, visit func(path string, field apiextensionsv1.JSONSchemaProps)) {
	t.Helper()
	g := NewWithT(t)
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "crd", "bases", "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).To(HaveLen(2))
	for _, file := range files {
		text, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		crd := &apiextensionsv1.CustomResourceDefinition{}
		g.Expect(yaml.UnmarshalStrict(text, crd)).To(Succeed())
		for _, part := range []string{"spec", "status"} {
			schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties[part]
			g.Expect(schema.Properties).NotTo(BeEmpty())
			fieldsBelow(crd.Spec.Names.Kind+"."+part, schema, visit)
		}
	}
}

func fieldsBelow(path string, schema apiextensionsv1.JSONSchemaProps, visit func(string, apiextensionsv1.JSONSchemaProps)) {
	for name, field := range schema.Properties {
		visit(path+"."+name, field)
		fieldsBelow(path+"."+name, field, visit)
		if field.Items != nil && field.Items.Schema != nil {
			fieldsBelow(path+"."+name, *field.Items.Schema, visit)
		}
	}
}
