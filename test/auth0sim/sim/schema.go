package sim

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// schema is the part of JSON Schema that the simulated endpoints use. Problems are worded as z-schema words them (the
// validator whose messages the Management API shows), and listed in its order: what concerns a value before what
// concerns its members, members and names from the last to the first.
type schema struct {
	types         []kind
	description   string
	enum          []value
	minLength     int
	maxLength     int
	minimum       *int
	maximum       *int
	minProperties int
	required      []string
	properties    []property
	closed        bool // no other properties
	items         *schema
	maxItems      int
	uniqueItems   bool
	format        string
	matches       func(string) bool // what format demands
}

// property is one named property of an object.
type property struct {
	name   string
	schema *schema
}

// problem is one thing that is wrong with a value.
type problem struct {
	message     string
	path        string
	description string
}

// kindInteger is a type that a schema can ask for; the kind of the value is kindNumber.
const kindInteger kind = "integer"

// check lists what is wrong with v at path; the root has the empty path.
func (s *schema) check(path string, v value) []problem {
	problems := s.checkType(path, v)
	problems = append(problems, s.checkObject(path, v)...)
	problems = append(problems, s.checkScalar(path, v)...)
	problems = append(problems, s.checkArray(path, v)...)
	for i := range slices.Backward(v.items) {
		if s.items != nil {
			problems = append(problems, s.items.check(path+"["+strconv.Itoa(i)+"]", v.items[i])...)
		}
	}
	for _, m := range slices.Backward(v.members) {
		if p := s.property(m.name); p != nil {
			problems = append(problems, p.check(join(path, m.name), m.value)...)
		}
	}
	return problems
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (s *schema) property(name string) *schema {
	for _, p := range s.properties {
		if p.name == name {
			return p.schema
		}
	}
	return nil
}

func (s *schema) problem(path, message string) problem {
	return problem{message, path, s.description}
}

func (s *schema) checkType(path string, v value) []problem {
	if len(s.types) == 0 || slices.Contains(s.types, v.kind) || slices.Contains(s.types, kind(v.typeName())) {
		return nil
	}
	names := make([]string, 0, len(s.types))
	for _, t := range s.types {
		names = append(names, string(t))
	}
	return []problem{s.problem(path, "Expected type "+strings.Join(names, ",")+" but found type "+v.typeName())}
}

func (s *schema) checkObject(path string, v value) []problem {
	if v.kind != kindObject {
		return nil
	}
	var problems []problem
	if n := len(v.members); n < s.minProperties {
		problems = append(problems, s.problem(path,
			"Too few properties defined ("+strconv.Itoa(n)+"), minimum "+strconv.Itoa(s.minProperties)))
	}
	for _, name := range slices.Backward(s.required) {
		if _, ok := v.get(name); !ok { // recorded without the description
			problems = append(problems, problem{message: "Missing required property: " + name, path: path})
		}
	}
	var unknown []string
	for _, m := range slices.Backward(v.members) {
		if s.closed && s.property(m.name) == nil {
			unknown = append(unknown, m.name)
		}
	}
	if len(unknown) > 0 {
		problems = append(problems, s.problem(path, "Additional properties not allowed: "+strings.Join(unknown, ",")))
	}
	return problems
}

func (s *schema) checkScalar(path string, v value) []problem {
	var problems []problem
	if len(s.enum) > 0 && !slices.ContainsFunc(s.enum, v.equals) {
		problems = append(problems, s.problem(path, "No enum match for: "+v.display()))
	}
	if v.kind == kindString {
		problems = append(problems, s.checkString(path, v.text)...)
	}
	if v.kind == kindNumber {
		problems = append(problems, s.checkNumber(path, v.text)...)
	}
	return problems
}

func (s *schema) checkString(path, text string) []problem {
	var problems []problem
	length := utf8.RuneCountInString(text)
	if length < s.minLength {
		problems = append(problems, s.problem(path,
			"String is too short ("+strconv.Itoa(length)+" chars), minimum "+strconv.Itoa(s.minLength)))
	}
	if s.maxLength > 0 && length > s.maxLength {
		problems = append(problems, s.problem(path,
			"String is too long ("+strconv.Itoa(length)+" chars), maximum "+strconv.Itoa(s.maxLength)))
	}
	if s.matches != nil && !s.matches(text) {
		problems = append(problems, s.problem(path,
			"Object didn't pass validation for format "+s.format+": "+text))
	}
	return problems
}

func (s *schema) checkNumber(path, text string) []problem {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	var problems []problem
	if s.minimum != nil && number < float64(*s.minimum) {
		problems = append(problems, s.problem(path, "Value "+text+" is less than minimum "+strconv.Itoa(*s.minimum)))
	}
	if s.maximum != nil && number > float64(*s.maximum) {
		problems = append(problems, s.problem(path, "Value "+text+" is greater than maximum "+strconv.Itoa(*s.maximum)))
	}
	return problems
}

func (s *schema) checkArray(path string, v value) []problem {
	if s.maxItems > 0 && len(v.items) > s.maxItems {
		return []problem{s.problem(path,
			"Array is too long ("+strconv.Itoa(len(v.items))+"), maximum "+strconv.Itoa(s.maxItems))}
	}
	if !s.uniqueItems {
		return nil
	}
	for i := range v.items {
		for j := range i {
			if v.items[i].equals(v.items[j]) {
				return []problem{s.problem(path,
					"Array items are not unique (indexes "+strconv.Itoa(j)+" and "+strconv.Itoa(i)+")")}
			}
		}
	}
	return nil
}

func (v value) equals(other value) bool {
	return v.kind == other.kind && v.text == other.text && v.truth == other.truth
}

// describe joins problems into the message of a 400: each is a sentence of its own, with " (also) " between them.
// What is "Payload", "Query" or "Path".
func describe(what string, problems []problem) string {
	sentences := make([]string, 0, len(problems))
	for _, p := range problems {
		sentence := what + " validation error: '" + p.message + "'"
		if p.path != "" {
			sentence += " on property " + p.path
			if p.description != "" {
				sentence += " (" + p.description + ")"
			}
		}
		sentences = append(sentences, sentence+".")
	}
	return strings.Join(sentences, " (also) ")
}
