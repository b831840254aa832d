package export

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// Bounds of an Auth0Tenant's access rules.
const (
	mostRules     = 64
	mostAudiences = 256
	mostClients   = 1000
)

// nothing stands in a list of a rule that must not be empty and shall allow nothing: no scope and no client is called so.
const nothing = "none"

// Rule is an access rule that manifests need.
type Rule struct {
	Namespace string
	v1alpha1.AccessRule
	// Rights says that it gives more than the right to take over what is there.
	Rights bool
}

// need is what one access rule has to allow. apis is the API, or one of the lots of them that a rule can name.
type need struct{ namespace, apis, rights string }

// allow adds the access rules that the manifests need, and skips what no rule can allow, such as all scopes of a system API.
func (e *Export) allow(t Tenant) {
	if e.makeRules(); e.skipRefused(t) {
		e.makeRules()
	}
}

// makeRules makes one rule for each API that a namespace grants, with exactly the scopes and clients that it does. Where these are
// more than an Auth0Tenant takes, it makes one for each namespace.
func (e *Export) makeRules() {
	byNeed := e.needs(func(m Manifest) string { return m.Spec.Audience })
	if len(byNeed) > mostRules {
		byNeed = e.needs(e.lots())
	}
	e.Rules = nil
	for n, manifests := range byNeed {
		e.Rules = append(e.Rules, rulesFor(n, manifests)...)
	}
	slices.SortFunc(e.Rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), slices.Compare(a.Allow, b.Allow), slices.Compare(a.Audiences, b.Audiences),
			slices.Compare(a.ClientIDs, b.ClientIDs))
	})
	e.nameRules()
}

func (e *Export) needs(apis func(Manifest) string) map[need][]Manifest {
	found := map[need][]Manifest{}
	for _, m := range e.Manifests {
		n := need{m.Namespace, apis(m), joined(m.Rights)}
		found[n] = append(found[n], m)
	}
	return found
}

// lots says to which lot of APIs that of a manifest belongs: a rule can name so many and no more.
func (e *Export) lots() func(Manifest) string {
	audiences := make([]string, 0, len(e.Manifests))
	for _, m := range e.Manifests {
		audiences = append(audiences, m.Spec.Audience)
	}
	audiences = distinct(audiences)
	return func(m Manifest) string {
		at, _ := slices.BinarySearch(audiences, m.Spec.Audience)
		return strconv.Itoa(at / mostAudiences)
	}
}

// rulesFor is one rule, unless it would name more clients than a rule may.
func rulesFor(n need, manifests []Manifest) (rules []Rule) {
	var scopes []string
	audiences, clients := make([]string, 0, len(manifests)), make([]string, 0, len(manifests))
	rights := manifests[0].Rights
	for _, m := range manifests {
		audiences = append(audiences, m.Spec.Audience)
		scopes = append(scopes, m.Spec.Scopes...)
		clients = append(clients, cmp.Or(m.Spec.ClientRef.ID, nothing))
	}
	if slices.Contains(rights, v1alpha1.RightAllScopes) {
		scopes = []string{"*"}
	}
	if len(scopes) == 0 {
		scopes = []string{nothing}
	}
	for chunk := range slices.Chunk(distinct(clients), mostClients) {
		rules = append(rules, Rule{Namespace: n.namespace, Rights: len(rights) > 0, AccessRule: v1alpha1.AccessRule{
			Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: []string{n.namespace}},
			Audiences:  distinct(audiences), Scopes: distinct(scopes), ClientIDs: chunk,
			Allow: append([]v1alpha1.Right{v1alpha1.RightAdoptExisting}, rights...),
		}})
	}
	return rules
}

func distinct(values []string) []string { return grant.Distinct(slices.Sorted(slices.Values(values))) }

// ruleName is how long the readable part of a rule's name may be.
const ruleName = 48

// nameRules names each rule by namespace and API, and counts those that would be called alike.
func (e *Export) nameRules() {
	used := map[string]bool{}
	for i := range e.Rules {
		r := &e.Rules[i]
		name := r.Namespace
		if len(r.Audiences) == 1 {
			name += "-" + withoutScheme(r.Audiences[0])
		}
		name = slug(name, ruleName)
		r.Name = name
		for n := 2; used[r.Name]; n++ {
			r.Name = name + "-" + strconv.Itoa(n)
		}
		used[r.Name] = true
	}
}

// skipRefused asks the rules about every grant as it is, and says whether they refuse one.
func (e *Export) skipRefused(t Tenant) bool {
	read, before := policy.New(accessRules(e.Rules), "", t.SystemHosts...), len(e.Manifests)
	e.Manifests = slices.DeleteFunc(e.Manifests, func(m Manifest) bool {
		decision := read.Decide(policy.Question{
			Namespace: m.Namespace, Identity: m.identity, Fields: m.fields, Rights: []v1alpha1.Right{v1alpha1.RightAdoptExisting},
		})
		if !decision.Allowed {
			e.Skipped = append(e.Skipped, Skipped{m.identity, decision.ForUser})
		}
		return !decision.Allowed
	})
	return len(e.Manifests) < before
}

func accessRules(rules []Rule) []v1alpha1.AccessRule {
	found := make([]v1alpha1.AccessRule, 0, len(rules))
	for _, r := range rules {
		found = append(found, r.AccessRule)
	}
	return found
}
