package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// places are the three lists of patterns; each asks one rule with one pattern about one text.
var places = map[string]func(pattern, text string) ([]v1alpha1.AccessRule, policy.Question){
	"audience": func(pattern, text string) ([]v1alpha1.AccessRule, policy.Question) {
		return list(access("a", audiences(pattern))), ask(forAudience(text))
	},
	"scope": func(pattern, text string) ([]v1alpha1.AccessRule, policy.Question) {
		return list(access("a", scopes(pattern))), ask(withScopes(text))
	},
	"client": func(pattern, text string) ([]v1alpha1.AccessRule, policy.Question) {
		return list(access("a", clients(pattern))), ask(forClient(text))
	},
}

func TestPattern_IsComparedByteByByteFromEndToEnd(t *testing.T) {
	tests := map[string]struct {
		pattern, text string
		want          bool
	}{
		"the same":                                   {"read:users", "read:users", true},
		"another case":                               {"read:users", "Read:users", false},
		"another case of the pattern":                {"READ:*", "read:users", false},
		"a longer text":                              {"read:users", "read:users2", false},
		"a longer text before":                       {"read:users", "xread:users", false},
		"a shorter text":                             {"read:users", "read:user", false},
		"a space at the end of the text":             {"read:users", "read:users ", false},
		"a space at the end of the pattern":          {"read:users ", "read:users", false},
		"a slash at the end of the text":             {"https://api", "https://api/", false},
		"a star for a name":                          {"read:*", "read:users", true},
		"a star for nothing":                         {"read:*", "read:", true},
		"a star for a colon":                         {"read:*", "read:a:b", true},
		"a star for slashes":                         {"https://api.example.com/*", "https://api.example.com/a/b/", true},
		"a star for a line break":                    {"read:*", "read:a\nb", true},
		"a star for bytes that are no text":          {"read:*", "read:\xff", true},
		"a star for a star":                          {"read:*", "read:*", true},
		"a prefix that is not whole":                 {"read:*", "read", false},
		"a text that begins otherwise":               {"read:*", "reread:users", false},
		"a verb that begins alike":                   {"read:*", "reader:users", false},
		"a star before":                              {"*:users", "read:users", true},
		"a star before, and more behind":             {"*:users", "read:users:all", false},
		"a star in between":                          {"read:*:own", "read:users:own", true},
		"a star in between for nothing":              {"read:*own", "read:own", true},
		"ends that overlap":                          {"aba*ba", "aba", false},
		"ends that touch":                            {"aba*ba", "ababa", true},
		"two stars":                                  {"a*b*c", "axxbxxc", true},
		"two stars in the wrong order":               {"a*b*c", "axxcxxb", false},
		"two stars behind another start":             {"a*b*c", "xbxc", false},
		"a part that comes again later":              {"*ab*abc", "xabxababc", true},
		"a part between stars that is not there":     {"*z*", "abc", false},
		"a last part that the middle used":           {"a*b*b", "ab", false},
		"stars in a row":                             {"a**b", "ab", true},
		"stars in a row for something":               {"a***b", "axb", true},
		"nothing but stars":                          {"***", "anything", true},
		"a question mark is one":                     {"read?users", "read:users", false},
		"a question mark":                            {"read?users", "read?users", true},
		"brackets are no class":                      {"read[:x]users", "read:users", false},
		"brackets":                                   {"[a]*", "[a]b", true},
		"a dot is a dot":                             {"a.c", "abc", false},
		"a dot beside a star":                        {"a.*", "ab", false},
		"a backslash escapes nothing":                {`a\*`, "a*", false},
		"a backslash":                                {`a\*`, `a\b`, true},
		"a dollar is no end":                         {"a$", "a", false},
		"a caret is no start":                        {"^a", "a", false},
		"a plus repeats nothing":                     {"a+", "aa", false},
		"a bar is no choice":                         {"a|b", "a", false},
		"braces are no choice":                       {"{a,b}", "a", false},
		"a percent sign":                             {"%2A", "*", false},
		"composed and decomposed letters":            {"caf\u00e9", "cafe\u0301", false},
		"decomposed and composed letters":            {"cafe\u0301*", "caf\u00e9", false},
		"the same letters beyond ASCII":              {"caf\u00e9*", "caf\u00e9:x", true},
		"a letter of another script":                 {"read:*", "re\u0430d:users", false},
		"a full-width colon":                         {"read:*", "read\uff1ausers", false},
		"a full-width star is no star":               {"read:\uff0a", "read:users", false},
		"a star operator is no star":                 {"read:\u2217", "read:users", false},
		"the Kelvin sign is no K":                    {"K", "\u212a", false},
		"the Kelvin sign is no k":                    {"k*", "\u212a", false},
		"the long s is no s":                         {"users", "u\u017fers", false},
		"a dotless i":                                {"write:*", "wr\u0131te:users", false},
		"a sharp s is not two":                       {"stra\u00dfe", "strasse", false},
		"a letter with an invisible one":             {"read:users", "read:\u200busers", false},
		"a byte order mark":                          {"read:users", "\ufeffread:users", false},
		"a zero byte at the end":                     {"read:users", "read:users\x00", false},
		"half a letter of the pattern":               {"caf\xc3*", "caf\u00e9", true},
		"a byte is compared as a byte":               {"\xff", "\xfe", false},
		"bytes that are no text are not one another": {"\xff*", "\ufffd", false},
	}
	for name, test := range tests {
		for place, question := range places {
			t.Run(name+" as "+place, func(t *testing.T) {
				rules, asked := question(test.pattern, test.text)
				wantAllowed(t, rules, asked, test.want)
			})
		}
	}
}

func TestPattern_OneOfTheListIsEnough(t *testing.T) {
	wantAllowed(t, list(access("a", scopes("x", "read:*", "write:invoices"))), ask(withScopes("write:invoices", "read:a", "x")), true)
	wantAllowed(t, list(access("a", scopes("x", "read:*", "write:invoices"))), ask(withScopes("write:invoices", "write:a")), false)
	wantAllowed(t, list(access("a", scopes("x"))), ask(withScopes()), true)
	wantAllowed(t, list(access("a", audiences("x", "https://api.*"))), ask(), true)
	wantAllowed(t, list(access("a", clients("x", "ap*"))), ask(), true)
	wantAllowed(t, list(access("a", clients("x", "y"))), ask(), false)
}

// Nobody can store one any more; of one that is there already, nothing is to be read into.
func TestPattern_OfMoreThanThreeStarsAllowsNothing(t *testing.T) {
	for place, question := range places {
		t.Run(place, func(t *testing.T) {
			rules, asked := question("a*b*c*d", "abcd")
			wantAllowed(t, rules, asked, true)
			rules, asked = question("a*b*c*d*", "abcd")
			wantAllowed(t, rules, asked, false)
		})
	}
	wantAllowed(t, list(access("a", scopes("*a*a*a*b", "read:*"))), ask(withScopes("read:a")), true)
}

// A matcher that tries every place for every star would not end within the age of the universe.
func TestPattern_IsNeverSlow(t *testing.T) {
	many, asked := make([]string, 1000), make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("*aab%d*aac*", i)
		asked[i] = strings.Repeat("a", 275) + fmt.Sprintf("%05d", i)
	}
	rules := list(access("a", scopes(many...)), access("b", scopes(many...)), access("c", scopes(many...)))
	start := time.Now()
	wantAllowed(t, rules, ask(withScopes(asked...)), false)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}
