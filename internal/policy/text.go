package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

const (
	// textBytes bounds a text: it becomes a condition or an event.
	textBytes = 1024
	// listBytes and listNames bound the list of scopes within a text, so that the rest of it has room.
	listBytes = 600
	listNames = 20
)

// neededBy is the field of a ClientGrant that needs a right.
var neededBy = map[v1alpha1.Right]string{
	v1alpha1.RightAllScopes:            "spec.allowAllScopes",
	v1alpha1.RightAnyOrganization:      "spec.organizationUsage and spec.allowAnyOrganization",
	v1alpha1.RightUserSubject:          "spec.subjectType",
	v1alpha1.RightAuthorizationDetails: "spec.authorizationDetailsTypes",
	v1alpha1.RightDefaultFor:           "spec.clientRef.defaultFor",
	v1alpha1.RightAdoptExisting:        "spec.adoptionPolicy",
	v1alpha1.RightOrphan:               "spec.deletionPolicy",
	v1alpha1.RightSystemAPI:            "spec.audience",
}

// forUser goes by the rules that get furthest: the others would need more.
func (q *asked) forUser(all []shortfall) string {
	furthest := inNamespace
	for _, short := range all {
		furthest = max(furthest, short.part)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(short shortfall) bool { return short.part != furthest })
	var text string
	switch furthest {
	case inNamespace:
		return "No access rule of the Auth0Tenant speaks of this namespace."
	case inAudience:
		text = fmt.Sprintf("No access rule for this namespace covers spec.audience %q.", q.Identity.Audience)
	case inClient:
		text = "No access rule for this namespace that covers spec.audience covers the client of spec.clientRef."
	case inScopes:
		text = q.scopesForUser(all)
	default:
		text = q.rightsForUser(all)
	}
	return cut(text+q.aboutSystem()+" Change the spec, or ask the owner of the Auth0Tenant for a rule.", textBytes)
}

func (q *asked) scopesForUser(all []shortfall) string {
	if q.allScopes {
		return "No access rule can allow spec.allowAllScopes for this spec.audience."
	}
	const rules = "access rule for this namespace that covers spec.audience and spec.clientRef covers"
	missing := lackedByAll(q.scopes, all, func(short shortfall) []string { return short.scopes })
	if len(missing) == 0 {
		return "No single " + rules + " all of spec.scopes: each scope is covered by one, but rules do not add up."
	}
	return "No " + rules + " these of spec.scopes: " + quoted(missing, listBytes) + "."
}

func (q *asked) rightsForUser(all []shortfall) string {
	const rules = "access rule for this namespace that covers spec.audience, spec.clientRef and spec.scopes gives"
	missing := lackedByAll(q.rights, all, func(short shortfall) []v1alpha1.Right { return short.rights })
	if len(missing) == 0 {
		return "No single " + rules + " all of " + rightsAndFields(q.rights) + ": each is given by one, but rules do not add up."
	}
	return "No " + rules + " " + rightsAndFields(missing) + "."
}

// aboutSystem explains why a rule that seems to cover all does not. Nothing in it depends on the rules.
func (q *asked) aboutSystem() string {
	if !q.system {
		return ""
	}
	return " This audience may be one of Auth0's own APIs: only a rule that names it and each scope in full, and gives the right SystemAPI, allows it."
}

// forOwner tells the rules that get furthest first: of the others some may not fit in.
func (q *asked) forOwner(all []shortfall) string {
	text := fmt.Sprintf("No access rule allows namespace %s the %s.", strconv.Quote(q.Namespace), cut(q.Identity.String(), textBytes/3)) +
		q.aboutSystem()
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b shortfall) int { return cmp.Compare(b.part, a.part) })
	const more = " %d more rules fail, too."
	for i, short := range all {
		one := fmt.Sprintf(" Rule %q fails in %s.", short.rule, q.lacks(short))
		if len(text)+len(one)+len(more) > textBytes {
			text += fmt.Sprintf(more, len(all)-i)
			break
		}
		text += one
	}
	return cut(text, textBytes)
}

func (q *asked) lacks(short shortfall) string {
	switch short.part {
	case inNamespace:
		return "the namespace"
	case inAudience:
		return "the audience"
	case inClient:
		return "the client"
	case inScopes:
		if q.allScopes {
			return "all scopes, which no rule can allow for this audience"
		}
		return "the scopes " + quoted(short.scopes, textBytes/8)
	default:
		return rightsAndFields(short.rights)
	}
}

// lackedByAll returns those of the values that every rule lacks.
func lackedByAll[V comparable](values []V, all []shortfall, lacked func(shortfall) []V) []V {
	rules := map[V]int{}
	for _, short := range all {
		for _, value := range lacked(short) {
			rules[value]++
		}
	}
	return slices.DeleteFunc(slices.Clone(values), func(value V) bool { return rules[value] < len(all) })
}

func rightsAndFields(rights []v1alpha1.Right) string {
	texts := make([]string, 0, len(rights))
	for _, right := range rights {
		text := string(right)
		if field, ok := neededBy[right]; ok {
			text += " (" + field + ")"
		}
		texts = append(texts, text)
	}
	if len(texts) == 1 {
		return "the right " + texts[0]
	}
	return "the rights " + strings.Join(texts, ", ")
}

// quoted lists the first names, listNames at most and as many as the bytes hold, and counts the others. One is always
// told, cut if need be.
func quoted(names []string, bytes int) string {
	text := ""
	for i, name := range names {
		one := cut(strconv.Quote(name), bytes)
		if i == listNames || len(text)+len(one) > bytes {
			return fmt.Sprintf("%s and %d more", text, len(names)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += one
	}
	return text
}

// cut ends a text that is too long with an ellipsis, within the limit and never within a character.
func cut(text string, limit int) string {
	const ellipsis = "…"
	if len(text) <= limit {
		return text
	}
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
