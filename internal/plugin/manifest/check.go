// Package manifest knows what the API server would make of a ClientGrant or an Auth0Tenant, without one: unknown fields, defaults,
// the schema and the CEL rules of the CustomResourceDefinitions that this program was built with.
package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/config/crd"
)

// kind is what the API server knows of a kind.
type kind struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// kinds are read once: compiling the rules takes a while.
var kinds = sync.OnceValues(readKinds)

func readKinds() (map[string]*kind, error) {
	found := map[string]*kind{}
	files, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := crd.Bases.ReadFile(file)
		if err != nil {
			return nil, err
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, definition); err != nil {
			return nil, err
		}
		read, err := readKind(definition)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		found[definition.Spec.Names.Kind] = read
	}
	return found, nil
}

func readKind(definition *apiextensionsv1.CustomResourceDefinition) (*kind, error) {
	properties := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		definition.Spec.Versions[0].Schema.OpenAPIV3Schema, properties, nil); err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(properties)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(properties)
	if err != nil {
		return nil, err
	}
	return &kind{structural, validator, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// Check fills in the defaults of a ClientGrant or an Auth0Tenant, and says what the API server would refuse: one line that names
// field, value and what to do. The status is left out of it, as the API server does when it creates an object.
func Check(ctx context.Context, object *unstructured.Unstructured) error {
	known, err := kinds()
	if err != nil {
		return err
	}
	of := known[object.GetKind()]
	if of == nil || object.GetAPIVersion() != v1alpha1.GroupVersion.String() {
		return fmt.Errorf("%s %s is no kind of %s", object.GetAPIVersion(), object.GetKind(), v1alpha1.GroupVersion)
	}
	if wrong := utilvalidation.IsDNS1123Subdomain(object.GetName()); len(wrong) > 0 {
		return fmt.Errorf("metadata.name %q: %s", object.GetName(), strings.Join(wrong, "; "))
	}
	unknown := pruning.PruneWithOptions(object.Object, of.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if len(unknown) > 0 {
		return fmt.Errorf("unknown field %q: remove it, or correct its name", unknown[0])
	}
	delete(object.Object, "status")
	defaulting.Default(object.Object, of.structural)
	return of.refuses(ctx, object.Object)
}

func (k *kind) refuses(ctx context.Context, content map[string]any) error {
	wrong := validation.ValidateCustomResource(nil, content, k.schema)
	wrong = append(wrong, listtype.ValidateListSetsAndMaps(nil, k.structural, content)...)
	if len(wrong) == 0 { // The API server asks the rules of what has the right shape only.
		wrong, _ = k.rules.Validate(ctx, nil, k.structural, content, nil, celconfig.RuntimeCELCostBudget)
	}
	errs := make([]string, 0, len(wrong))
	for _, one := range wrong {
		errs = append(errs, one.Error())
	}
	if len(errs) == 0 {
		return nil
	}
	return errors.New(strings.Join(errs, "; "))
}
