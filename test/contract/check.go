package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// server is the base path of the description's routes.
const server = "/api/v2"

// check tells the report how an exchange contradicts the description.
func check(description *description, exchange *exchange, report *report) error {
	path, isManagement := strings.CutPrefix(exchange.Path, server)
	if !isManagement {
		report.skip(exchange.Method + " " + exchange.Path)
		return nil
	}
	operation := description.find(exchange.Method, path)
	if operation == nil {
		report.count(exchange.Method, "no such route")
		if answersFor(exchange) {
			report.violation(exchange, path, "route", "the description has no "+exchange.Method+" "+path)
		} else {
			report.wrongOnPurpose++
		}
		return nil
	}
	report.count(exchange.Method, operation.route)

	found, err := operation.checkRequest(exchange)
	if err != nil {
		return err
	}
	if len(found) > 0 && !answersFor(exchange) {
		report.wrongOnPurpose++
		found = nil
	}
	if exchange.Fault {
		report.faults++
	} else {
		inAnswer, err := operation.checkResponse(exchange)
		if err != nil {
			return err
		}
		found = append(found, inAnswer...)
	}
	for _, violation := range found {
		report.violation(exchange, operation.route, violation.part, violation.text)
	}
	return nil
}

// answersFor says whether a wrong request is a fault of the product or the simulator. A test that sends one on purpose
// has no correlation ID, and gets it refused.
func answersFor(exchange *exchange) bool {
	return exchange.CorrelationID != "" || succeeded(exchange)
}

func succeeded(exchange *exchange) bool { return exchange.Status >= 200 && exchange.Status < 300 }

// violation is one contradiction in one part of an exchange.
type violation struct {
	part string
	text string
}

func (o *operation) checkRequest(exchange *exchange) ([]violation, error) {
	found, err := o.checkParameters(exchange)
	if err != nil {
		return nil, err
	}
	mediaTypes, documented := o.bodySchemas("requestBody")
	switch {
	case exchange.RequestBody == "":
		return found, nil
	case !documented:
		return append(found, violation{"request body", "the description knows no body here"}), nil
	}
	inBody, err := o.checkBody("request body", exchange.RequestContentType, exchange.RequestBody, mediaTypes, "requestBody")
	return append(found, inBody...), err
}

func (o *operation) checkParameters(exchange *exchange) ([]violation, error) {
	query, err := url.ParseQuery(exchange.Query)
	if err != nil {
		return []violation{{"query", err.Error()}}, nil
	}
	parameters, err := o.parameters()
	if err != nil {
		return nil, err
	}
	var found []violation
	for _, parameter := range parameters {
		values, sent := query[parameter.name], query.Has(parameter.name)
		if parameter.in == "path" {
			values, sent = []string{o.segments[parameter.name]}, true
		} else {
			delete(query, parameter.name)
		}
		switch {
		case sent:
			found = append(found, causes(parameter.in+" parameter "+parameter.name, validate(parameter.schema, values))...)
		case parameter.required:
			found = append(found, violation{"query", "lacks the required parameter " + parameter.name})
		}
	}
	for name := range query {
		found = append(found, violation{"query", "the description has no parameter " + name})
	}
	return found, nil
}

// validate gives the text of a parameter the type that its schema asks for.
func validate(schema *jsonschema.Schema, values []string) error {
	resolved := schema
	for resolved.Ref != nil {
		resolved = resolved.Ref
	}
	if resolved.Types != nil && slices.Contains(resolved.Types.ToStrings(), "array") {
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = value
		}
		return schema.Validate(list)
	}
	if len(values) > 1 {
		return fmt.Errorf("sent %d times", len(values))
	}
	return schema.Validate(typed(resolved, values[0]))
}

func typed(schema *jsonschema.Schema, text string) any {
	if schema.Types == nil {
		return text
	}
	for _, name := range schema.Types.ToStrings() {
		switch name {
		case "integer", "number":
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				return json.Number(text)
			}
		case "boolean":
			if value, err := strconv.ParseBool(text); err == nil {
				return value
			}
		}
	}
	return text
}

func (o *operation) checkResponse(exchange *exchange) ([]violation, error) {
	status := strconv.Itoa(exchange.Status)
	mediaTypes, documented := o.bodySchemas("responses", status)
	switch {
	case !documented:
		return []violation{{"status", "the description has no answer " + status}}, nil
	case !succeeded(exchange):
		// The description has no schemas of errors.
		return nil, nil
	case len(mediaTypes) == 0 && exchange.ResponseBody != "":
		return []violation{{"response body", "the description has no body here"}}, nil
	case len(mediaTypes) == 0:
		return nil, nil
	}
	return o.checkBody("response body", exchange.ResponseContentType, exchange.ResponseBody, mediaTypes, "responses", status)
}

func (o *operation) checkBody(part, contentType string, text body, mediaTypes map[string]any, at ...string) ([]violation, error) {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil || mediaTypes[mediaType] == nil {
		return []violation{{part, fmt.Sprintf("the description knows no content type %q here", contentType)}}, nil
	}
	if mediaType != "application/json" {
		return []violation{{part, "only application/json can be checked, and not " + mediaType}}, nil
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return []violation{{part, "not JSON: " + err.Error()}}, nil
	}
	schema, err := o.schema(append(at, "content", mediaType, "schema")...)
	if err != nil {
		return nil, err
	}
	return causes(part, schema.Validate(value)), nil
}

// causes takes a validation error apart, so that an exception excuses one contradiction and not its neighbours. The
// branches of a choice belong together.
func causes(part string, err error) []violation {
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []violation{{part, err.Error()}}
	}
	if isChoice(invalid) || len(invalid.Causes) == 0 {
		return []violation{{part, invalid.Error()}}
	}
	var found []violation
	for _, cause := range invalid.Causes {
		found = append(found, causes(part, cause)...)
	}
	return found
}

func isChoice(err *jsonschema.ValidationError) bool {
	keywords := err.ErrorKind.KeywordPath()
	return len(keywords) > 0 && (keywords[0] == "oneOf" || keywords[0] == "anyOf")
}
