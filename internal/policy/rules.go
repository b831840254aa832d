// Package policy answers whether the access rules of an Auth0Tenant allow a grant. It is pure: nothing here reads a
// clock, a network or a cluster, and what becomes of a refused grant is for whoever asks to decide.
package policy

import (
	"slices"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// DefaultRule is the name, in messages, of the rule of an Auth0Tenant that has none.
const DefaultRule = "default"

// Rules are the access rules of one Auth0Tenant. They never change, and may be asked by several at once. The zero value
// allows nothing.
type Rules struct {
	rules  []rule
	system systemHosts
}

// rule is an access rule, read once.
type rule struct {
	name       string
	namespaces namespaces
	audiences  patterns
	scopes     patterns
	clientIDs  patterns
	allow      []v1alpha1.Right
}

// New reads the access rules of an Auth0Tenant in the given namespace; without any, one rule gives that namespace what
// spec.accessRules promises. The hosts, each with or without port, scheme and path, are those of the tenant itself:
// spec.domain, spec.managementAudience, and the token's aud and iss. Their APIs are system APIs. What the schema of
// Auth0Tenant would refuse allows nothing.
func New(rules []v1alpha1.AccessRule, tenantNamespace string, systemHosts ...string) *Rules {
	if len(rules) == 0 {
		rules = []v1alpha1.AccessRule{{
			Name:       DefaultRule,
			Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromSame},
			Allow:      []v1alpha1.Right{v1alpha1.RightAdoptExisting, v1alpha1.RightOrphan},
		}}
	}
	read := &Rules{system: newSystemHosts(systemHosts)}
	for i := range rules {
		read.rules = append(read.rules, readRule(&rules[i], tenantNamespace))
	}
	return read
}

func readRule(spec *v1alpha1.AccessRule, tenantNamespace string) rule {
	read := rule{name: spec.Name, namespaces: readNamespaces(spec.Namespaces, tenantNamespace), allow: spec.Allow}
	lists := [][]string{spec.Audiences, spec.Scopes, spec.ClientIDs}
	for i, list := range lists {
		if len(list) > 0 {
			continue
		}
		if spec.Namespaces.From != v1alpha1.NamespacesFromSame {
			// Without patterns there is no audience to match: such a rule allows nothing, a grant of no scopes and a
			// default grant included.
			return read
		}
		lists[i] = []string{"*"}
	}
	read.audiences, read.scopes, read.clientIDs = readPatterns(lists[0]), readPatterns(lists[1]), readPatterns(lists[2])
	return read
}

// Admits says whether any rule speaks of the namespace. To a namespace of which none does, the Auth0Tenant is not there.
// Labels are as in Question.
func (r *Rules) Admits(namespace string, labels map[string]string) bool {
	return slices.ContainsFunc(r.rules, func(one rule) bool { return one.namespaces.include(namespace, labels) })
}

// NeedsLabels says whether the answer may depend on the labels of a namespace. Where it does not, nobody needs to read
// the Namespace.
func (r *Rules) NeedsLabels() bool {
	return slices.ContainsFunc(r.rules, func(one rule) bool { return one.namespaces.selector != nil })
}
