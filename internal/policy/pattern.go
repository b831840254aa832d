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

// mostStars bounds the stars of one pattern: each is one more search through the text, for every scope of every grant.
const mostStars = 3

func readPatterns(list []string) patterns {
	read := patterns{literals: map[string]struct{}{}}
	for _, pattern := range list {
		switch parts := strings.Split(pattern, "*"); {
		case len(parts) == 1:
			read.literals[pattern] = struct{}{}
		case len(parts) <= mostStars+1: // The schema refuses others.
			read.wild = append(read.wild, parts)
		}
	}
	return read
}

// Matcher says of a text whether one of the patterns, which are those of access rules, matches it.
func Matcher(list []string) func(text string) bool {
	read := readPatterns(list)
	return func(text string) bool { return read.match(text, false) }
}

// match says whether a pattern matches the text; literally, whether one is the text.
func (p patterns) match(text string, literally bool) bool {
	if _, ok := p.literals[text]; ok {
		return true
	}
	return !literally && slices.ContainsFunc(p.wild, func(parts []string) bool { return matchParts(parts, text) })
}

// matchParts takes the first place for every part between two stars: if a later one would do, this one does. So nothing
// is tried twice. The two ends are compared first: most patterns fail there, at the cost of a few bytes.
func matchParts(parts []string, text string) bool {
	last := len(parts) - 1
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	if text, ok = strings.CutSuffix(text, parts[last]); !ok {
		return false
	}
	for _, part := range parts[1:last] {
		if _, text, ok = strings.Cut(text, part); !ok {
			return false
		}
	}
	return true
}
