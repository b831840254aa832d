package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// resource is the name under which the schema compiler knows the description.
const resource = "openapi.json"

// description is an OpenAPI 3.1 description. Its schemas are compiled when they are needed: the whole description has
// thousands.
type description struct {
	paths    map[string]any
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// operation is one method of one route of the description.
type operation struct {
	description *description
	route       string
	method      string
	content     map[string]any
	// segments are the decoded values of the path's placeholders.
	segments map[string]string
}

func loadDescription(file string) (*description, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	document, err := jsonschema.UnmarshalJSON(opened)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return newDescription(document)
}

func newDescription(document any) (*description, error) {
	root, _ := document.(map[string]any)
	version, _ := root["openapi"].(string)
	paths, _ := root["paths"].(map[string]any)
	if !strings.HasPrefix(version, "3.1") || len(paths) == 0 {
		return nil, errors.New("not an OpenAPI 3.1 description with paths")
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseRegexpEngine(compilePattern)
	if err := compiler.AddResource(resource, document); err != nil {
		return nil, err
	}
	return &description{paths: paths, compiler: compiler, compiled: map[string]*jsonschema.Schema{}}, nil
}

// find returns the operation of a method and an escaped path, or nil.
func (d *description) find(method, path string) *operation {
	for route, item := range d.paths {
		segments, ok := match(route, path)
		if !ok {
			continue
		}
		item, _ := item.(map[string]any)
		content, _ := item[strings.ToLower(method)].(map[string]any)
		if content != nil {
			return &operation{description: d, route: route, method: method, content: content, segments: segments}
		}
	}
	return nil
}

// match compares before it decodes: the identifier of an API holds slashes.
func match(route, path string) (map[string]string, bool) {
	templates, parts := strings.Split(route, "/"), strings.Split(path, "/")
	if len(templates) != len(parts) {
		return nil, false
	}
	segments := map[string]string{}
	for i, template := range templates {
		decoded, err := url.PathUnescape(parts[i])
		if err != nil {
			return nil, false
		}
		name, isPlaceholder := strings.CutPrefix(template, "{")
		switch {
		case isPlaceholder && decoded != "":
			segments[strings.TrimSuffix(name, "}")] = decoded
		case template != decoded:
			return nil, false
		}
	}
	return segments, true
}

// schema compiles what stands at a path below the operation.
func (o *operation) schema(path ...string) (*jsonschema.Schema, error) {
	location := strings.Builder{}
	location.WriteString(resource + "#")
	for _, token := range append([]string{"paths", o.route, strings.ToLower(o.method)}, path...) {
		location.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(token)))
	}
	if known := o.description.compiled[location.String()]; known != nil {
		return known, nil
	}
	schema, err := o.description.compiler.Compile(location.String())
	if err == nil {
		o.description.compiled[location.String()] = schema
	}
	return schema, err
}

// parameter is a documented parameter of the path or the query.
type parameter struct {
	name     string
	in       string
	required bool
	schema   *jsonschema.Schema
}

func (o *operation) parameters() ([]parameter, error) {
	list, _ := o.content["parameters"].([]any)
	parameters := make([]parameter, 0, len(list))
	for i, entry := range list {
		entry, _ := entry.(map[string]any)
		schema, err := o.schema("parameters", strconv.Itoa(i), "schema")
		if err != nil {
			return nil, err
		}
		read := parameter{schema: schema}
		read.name, _ = entry["name"].(string)
		read.in, _ = entry["in"].(string)
		read.required, _ = entry["required"].(bool)
		parameters = append(parameters, read)
	}
	return parameters, nil
}

// bodySchemas says which media types a body may have, below requestBody or responses/STATUS. ok is false where the
// description does not know such a body.
func (o *operation) bodySchemas(path ...string) (mediaTypes map[string]any, ok bool) {
	at := any(o.content)
	for _, token := range path {
		object, _ := at.(map[string]any)
		at = object[token]
	}
	object, ok := at.(map[string]any)
	mediaTypes, _ = object["content"].(map[string]any)
	return mediaTypes, ok
}
