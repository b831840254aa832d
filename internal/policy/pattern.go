package policy

import (
	"slices"
	"strings"
)

// patterns are those of one list of a rule. They are compared with a text byte by byte, from end to end; "*" stands for
// any run of bytes, and nothing else is special. The zero value matches nothing.
type patterns struct {
	// literals have no "*". A rule may list a thousand, and a grant may ask for as many.
	literals map[string]struct{}
	// wild holds, for every other pattern, what stands between its stars.
	wild [][]string
}

func readPatterns(list []string) patterns {
	read := patterns{literals: map[string]struct{}{}}
	for _, pattern := range list {
		if strings.Contains(pattern, "*") {
			read.wild = append(read.wild, strings.Split(pattern, "*"))
		} else {
			read.literals[pattern] = struct{}{}
		}
	}
	return read
}

// match says whether a pattern matches the text; literally, whether one is the text.
func (p patterns) match(text string, literally bool) bool {
	if _, ok := p.literals[text]; ok {
		return true
	}
	return !literally && slices.ContainsFunc(p.wild, func(parts []string) bool { return matchParts(parts, text) })
}

// matchParts takes the first place for every part between two stars: if a later one would do, this one does. So nothing
// is tried twice.
func matchParts(parts []string, text string) bool {
	last := len(parts) - 1
	text, ok := strings.CutPrefix(text, parts[0])
	for _, part := range parts[1:last] {
		if !ok {
			return false
		}
		_, text, ok = strings.Cut(text, part)
	}
	return ok && strings.HasSuffix(text, parts[last])
}
