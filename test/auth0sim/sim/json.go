package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// kind is the type of a JSON value, named as the API's validation messages name it.
type kind string

const (
	kindNull    kind = "null"
	kindBoolean kind = "boolean"
	kindNumber  kind = "number"
	kindString  kind = "string"
	kindArray   kind = "array"
	kindObject  kind = "object"
)

// value is a JSON value that keeps the order of an object's members: answers have a fixed order of fields, and the
// order of problems in a validation message follows the order of the members that were sent.
type value struct {
	kind    kind
	text    string // the characters of a string, the literal of a number
	truth   bool
	items   []value
	members []member
}

// member is one name and value of an object.
type member struct {
	name  string
	value value
}

// parseJSON reads exactly one JSON value.
func parseJSON(data []byte) (value, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	v, err := decodeValue(decoder)
	if err != nil {
		return value{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return value{}, errors.New("more than one JSON value")
	}
	return v, nil
}

func decodeValue(decoder *json.Decoder) (value, error) {
	token, err := decoder.Token()
	if err != nil {
		return value{}, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return decodeObject(decoder)
		}
		return decodeArray(decoder)
	case string:
		return stringValue(t), nil
	case bool:
		return booleanValue(t), nil
	case json.Number:
		return value{kind: kindNumber, text: t.String()}, nil
	default:
		return value{kind: kindNull}, nil
	}
}

func decodeObject(decoder *json.Decoder) (value, error) {
	object := value{kind: kindObject}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return value{}, err
		}
		v, err := decodeValue(decoder)
		if err != nil {
			return value{}, err
		}
		object.set(name.(string), v) // the decoder guarantees that a name is a string
	}
	_, err := decoder.Token()
	return object, err
}

func decodeArray(decoder *json.Decoder) (value, error) {
	array := value{kind: kindArray, items: []value{}}
	for decoder.More() {
		v, err := decodeValue(decoder)
		if err != nil {
			return value{}, err
		}
		array.items = append(array.items, v)
	}
	_, err := decoder.Token()
	return array, err
}

func stringValue(s string) value { return value{kind: kindString, text: s} }

func booleanValue(b bool) value { return value{kind: kindBoolean, truth: b} }

func numberValue(n int) value { return value{kind: kindNumber, text: strconv.Itoa(n)} }

func stringsValue(list []string) value {
	array := value{kind: kindArray, items: make([]value, 0, len(list))}
	for _, s := range list {
		array.items = append(array.items, stringValue(s))
	}
	return array
}

// objectValue builds an object from name, value, name, value …; each value is a value, string, bool, int or []string.
func objectValue(pairs ...any) value {
	object := value{kind: kindObject}
	for i := 0; i < len(pairs); i += 2 {
		object.set(pairs[i].(string), valueOf(pairs[i+1]))
	}
	return object
}

func valueOf(x any) value {
	switch x := x.(type) {
	case value:
		return x
	case string:
		return stringValue(x)
	case bool:
		return booleanValue(x)
	case int:
		return numberValue(x)
	case []string:
		return stringsValue(x)
	default:
		panic(fmt.Sprintf("sim: no JSON value for %T", x))
	}
}

// get returns the member with that name.
func (v value) get(name string) (value, bool) {
	for _, m := range v.members {
		if m.name == name {
			return m.value, true
		}
	}
	return value{}, false
}

// text returns the string member with that name, or "".
func (v value) textOf(name string) string {
	m, _ := v.get(name)
	if m.kind != kindString {
		return ""
	}
	return m.text
}

// truthOf returns the boolean member with that name, or false.
func (v value) truthOf(name string) bool {
	m, _ := v.get(name)
	return m.kind == kindBoolean && m.truth
}

// strings returns the strings in an array; it is never nil.
func (v value) strings() []string {
	list := make([]string, 0, len(v.items))
	for _, item := range v.items {
		list = append(list, item.text)
	}
	return list
}

// set replaces the member with that name, or appends it.
func (v *value) set(name string, x value) {
	for i := range v.members {
		if v.members[i].name == name {
			v.members[i].value = x
			return
		}
	}
	v.members = append(v.members, member{name, x})
}

// remove takes the member with that name away.
func (v *value) remove(name string) {
	v.members = slices.DeleteFunc(v.members, func(m member) bool { return m.name == name })
}

// clone returns an object whose members can be changed without changing v.
func (v value) clone() value {
	v.members = slices.Clone(v.members)
	return v
}

// merge overwrites members with those of patch; a null removes one.
func (v *value) merge(patch value) {
	for _, m := range patch.members {
		if m.value.kind == kindNull {
			v.remove(m.name)
			continue
		}
		v.set(m.name, m.value)
	}
}

// typeName is the type as validation messages name it: a whole number is an integer.
func (v value) typeName() string {
	if v.kind == kindNumber {
		if f, err := strconv.ParseFloat(v.text, 64); err == nil && f == math.Trunc(f) {
			return "integer"
		}
	}
	return string(v.kind)
}

// display is the value as validation messages quote it: strings bare, everything else as JSON.
func (v value) display() string {
	if v.kind == kindString || v.kind == kindNumber {
		return v.text
	}
	return string(encode(v))
}

// MarshalJSON writes the members in their order.
func (v value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case kindString:
		return encode(v.text), nil
	case kindBoolean:
		return strconv.AppendBool(nil, v.truth), nil
	case kindNumber:
		return []byte(v.text), nil
	case kindArray:
		parts := make([]string, 0, len(v.items))
		for _, item := range v.items {
			parts = append(parts, string(encode(item)))
		}
		return []byte("[" + strings.Join(parts, ",") + "]"), nil
	case kindObject:
		parts := make([]string, 0, len(v.members))
		for _, m := range v.members {
			parts = append(parts, string(encode(m.name))+":"+string(encode(m.value)))
		}
		return []byte("{" + strings.Join(parts, ",") + "}"), nil
	default:
		return []byte("null"), nil
	}
}

// encode is json.Marshal as a server that is no Go program would do it: <, > and & are written as they are.
func encode(x any) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(x); err != nil {
		panic("sim: " + err.Error()) // nothing that the simulator encodes can fail
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}
