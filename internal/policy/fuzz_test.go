package policy_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// covers is what a pattern says, in the plainest way: a star is nothing, or a byte and a star again.
func covers(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '*':
		return covers(pattern[1:], text) || text != "" && covers(pattern, text[1:])
	}
	return text != "" && text[0] == pattern[0] && covers(pattern[1:], text[1:])
}

func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"read:*", "read:users"}, {"a*b*c", "abcbc"}, {"aba*ba", "aba"}, {"*ab*abc*", "xabxababc"}, {"\xff*", "\xff\xc3"}, {"**", ""}, {"é*", "é"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		// A pattern with more stars allows nothing, and takes too long in the plain way.
		if len(text) > 24 || len(pattern) > 24 || strings.Count(pattern, "*") > 3 {
			return
		}
		want := covers(pattern, text)
		for place, question := range places {
			if place == "client" && text == "" || place == "audience" && isSystem(ruling(ownHost), text) {
				continue
			}
			rules, asked := question(pattern, text)
			wantAllowed(t, rules, asked, want)
		}
		// Regular expressions know characters, and no bytes.
		if utf8.ValidString(pattern) && utf8.ValidString(text) {
			all := regexp.MustCompile(`(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `\z`)
			if all.MatchString(text) != want {
				t.Errorf("%q and %q: two plain ways differ", pattern, text)
			}
		}
	})
}

// The choices from which FuzzDecide makes rules and questions: alike, and so often enough the same.
var (
	somePatterns   = []string{"*", "a", "a*", "*b", "ab", "b", "c*b"}
	someTexts      = []string{"a", "ab", "b", "cb", "A", "c"}
	someAudiences  = append([]string{managementAPI, "https://" + ownHost + "/me/"}, someTexts...)
	someNamespaces = []string{home, "a", "b"}
	someSources    = []v1alpha1.NamespacesFrom{
		v1alpha1.NamespacesFromSame, v1alpha1.NamespacesFromNames, v1alpha1.NamespacesFromAll, v1alpha1.NamespacesFromSelector, "Else",
	}
)

// choices turns bytes into choices; without bytes, the first is taken.
type choices []byte

func (c *choices) below(n int) int {
	if len(*c) == 0 {
		return 0
	}
	chosen := int((*c)[0]) % n
	*c = (*c)[1:]
	return chosen
}

// some takes up to two of the values, maybe none.
func some[V any](c *choices, values []V) []V {
	list := []V{}
	for range c.below(3) {
		list = append(list, values[c.below(len(values))])
	}
	return list
}

func (c *choices) rule(name string) v1alpha1.AccessRule {
	bits := c.below(256)
	rule := v1alpha1.AccessRule{
		Name:       name,
		Namespaces: v1alpha1.RuleNamespaces{From: someSources[c.below(len(someSources))], Names: some(c, someNamespaces)},
		Audiences:  some(c, append(slices.Clone(somePatterns), managementAPI)),
		Scopes:     some(c, somePatterns),
		ClientIDs:  some(c, somePatterns),
	}
	for i, right := range allRights {
		if bits>>i&1 == 1 {
			rule.Allow = append(rule.Allow, right)
		}
	}
	return rule
}

func (c *choices) question() policy.Question {
	question := ask(
		from(someNamespaces[c.below(len(someNamespaces))]), forAudience(someAudiences[c.below(len(someAudiences))]),
		forClient(someTexts[c.below(len(someTexts))]), withScopes(some(c, someTexts)...),
	)
	for _, edit := range []func(*policy.Question){
		withAllScopes, asDefault, forUsers, usage("allow"), anyOrganization(true), detailTypes("x"), usage("deny"), anyOrganization(false), detailTypes(), notAllScopes,
	} {
		if c.below(4) == 1 {
			edit(&question)
		}
	}
	question.Rights = some(c, []v1alpha1.Right{v1alpha1.RightAdoptExisting, v1alpha1.RightOrphan})
	return question
}

// permits is what the documentation says of one rule, word by word.
func permits(rule v1alpha1.AccessRule, q policy.Question) bool {
	same := rule.Namespaces.From == v1alpha1.NamespacesFromSame
	named := rule.Namespaces.From == v1alpha1.NamespacesFromNames && slices.Contains(rule.Namespaces.Names, q.Namespace)
	if !named && rule.Namespaces.From != v1alpha1.NamespacesFromAll && (!same || q.Namespace != home) {
		return false
	}
	for _, absent := range []*[]string{&rule.Audiences, &rule.Scopes, &rule.ClientIDs} {
		if len(*absent) == 0 && !same {
			return false
		} else if len(*absent) == 0 {
			*absent = []string{"*"}
		}
	}
	may := func(right v1alpha1.Right) bool { return slices.Contains(rule.Allow, right) }
	system := q.Identity.Audience == managementAPI || q.Identity.Audience == "https://"+ownHost+"/me/"
	one := func(patterns []string, text string, literally bool) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, text) && (!literally || !strings.Contains(p, "*")) })
	}
	if !one(rule.Audiences, q.Identity.Audience, system) || system && !may(v1alpha1.RightSystemAPI) {
		return false
	}
	if q.Identity.DefaultFor != "" {
		if !may(v1alpha1.RightDefaultFor) {
			return false
		}
	} else if !one(rule.ClientIDs, q.Identity.ClientID, false) {
		return false
	}
	if q.Fields.AllowAllScopes != nil && *q.Fields.AllowAllScopes {
		if system || !may(v1alpha1.RightAllScopes) {
			return false
		}
	} else if slices.ContainsFunc(q.Fields.Scope, func(scope string) bool { return !one(rule.Scopes, scope, system) }) {
		return false
	}
	if q.Identity.SubjectType == "user" && !may(v1alpha1.RightUserSubject) {
		return false
	}
	open := q.Fields.OrganizationUsage != nil && *q.Fields.OrganizationUsage == "allow" || q.Fields.AllowAnyOrganization != nil && *q.Fields.AllowAnyOrganization
	if open && !may(v1alpha1.RightAnyOrganization) || len(q.Fields.AuthorizationDetailsTypes) > 0 && !may(v1alpha1.RightAuthorizationDetails) {
		return false
	}
	return !slices.ContainsFunc(q.Rights, func(right v1alpha1.Right) bool { return !may(right) })
}

// FuzzDecide makes rules and a question from bytes, and compares the answer with that of the plainest reading.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0xff, 2, 0, 1, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 1, 1, 1, 1, 1, 1})
	f.Add([]byte{2, 0x80, 1, 1, 0, 2, 0, 7, 1, 1, 1, 0, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) { readPlainly(t, data) })
}

func TestDecide_SaysWhatThePlainestReadingSays(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	allowed, data := 0, make([]byte, 120)
	for range 50_000 {
		_, _ = random.Read(data)
		if readPlainly(t, data) {
			allowed++
		}
	}
	if allowed < 500 {
		t.Errorf("%d of 50000 questions are allowed: they tell little", allowed)
	}
}

// readPlainly compares the answer with that of the plainest reading, and returns it.
func readPlainly(t *testing.T, data []byte) bool {
	t.Helper()
	c := choices(data)
	var rules []v1alpha1.AccessRule
	for i := range 1 + c.below(3) {
		rules = append(rules, c.rule("rule-"+string(rune('a'+i))))
	}
	question := c.question()
	want := slices.IndexFunc(rules, func(rule v1alpha1.AccessRule) bool { return permits(rule, question) })
	decision := decide(t, rules, question)
	if decision.Allowed != (want >= 0) || want >= 0 && decision.Rule != rules[want].Name {
		t.Fatalf("%+v\n%+v\nby rule %d: %+v", rules, question, want, decision)
	}
	if strings.Contains(decision.ForUser, "rule-") || strings.Contains(decision.ForUser, "*") {
		t.Fatalf("the user is told of the rules: %s", decision.ForUser)
	}
	return decision.Allowed
}
