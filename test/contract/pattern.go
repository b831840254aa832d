package main

import (
	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// pattern is a regular expression of JSON Schema, which are those of ECMAScript: Go's own refuse some of them.
type pattern regexp2.Regexp

func compilePattern(text string) (jsonschema.Regexp, error) {
	compiled, err := regexp2.Compile(text, regexp2.ECMAScript)
	if err != nil {
		return nil, err
	}
	return (*pattern)(compiled), nil
}

// MatchString implements [jsonschema.Regexp].
func (p *pattern) MatchString(text string) bool {
	matched, err := (*regexp2.Regexp)(p).MatchString(text)
	return err == nil && matched
}

func (p *pattern) String() string { return (*regexp2.Regexp)(p).String() }
