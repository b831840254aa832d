package policy

import (
	"slices"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// Question is what somebody wants to do: a grant as it will be after the write (grant.Over), and what else it takes.
type Question struct {
	// Namespace of the ClientGrant.
	Namespace string
	// Labels of that namespace: nil where nobody knows them, empty where it has none.
	Labels map[string]string
	// Identity and Fields of the grant. Of its fields only the scopes are ever told, so these are the spec's.
	Identity grant.Identity
	Fields   grant.Fields
	// Rights that the action needs beside those that the grant needs: AdoptExisting, Orphan.
	Rights []v1alpha1.Right
}

// Decision is the answer. The zero value is a refusal.
type Decision struct {
	// Allowed says that one rule allows all of it.
	Allowed bool
	// Rule is the name of that rule, the first of several.
	Rule string
	// ForUser tells whoever can read the ClientGrant which part no rule covers. It holds nothing but what the spec says:
	// no rule, no pattern, no client ID, no value of the tenant. Empty where allowed; 1 KiB at most.
	ForUser string
	// ForOwner tells whoever can read the Auth0Tenant in which part each rule fails. Empty where allowed; 1 KiB at most.
	ForOwner string
}

// Decide says whether one rule allows all of it. Rules do not add up, and none denies.
func (r *Rules) Decide(question Question) Decision {
	asked := r.prepare(question)
	shortfalls := make([]shortfall, 0, len(r.rules))
	for i := range r.rules {
		short := r.rules[i].check(asked)
		if short.part == nowhere {
			return Decision{Allowed: true, Rule: short.rule}
		}
		shortfalls = append(shortfalls, short)
	}
	return Decision{ForUser: asked.forUser(shortfalls), ForOwner: asked.forOwner(shortfalls)}
}

// Needs are the rights that a rule has to give beside its patterns, to allow a grant with these fields.
func (r *Rules) Needs(identity grant.Identity, fields grant.Fields) []v1alpha1.Right {
	return r.prepare(Question{Identity: identity, Fields: fields}).rights
}

// asked is a question with what follows from it, whatever the rules say.
type asked struct {
	Question
	// system says that it is a system API: only literals count for its audience and scopes, and all scopes have none.
	system    bool
	allScopes bool
	// scopes that a rule has to cover: none where every scope is asked for.
	scopes []string
	// rights that a rule has to give, each once.
	rights []v1alpha1.Right
}

func (r *Rules) prepare(question Question) *asked {
	q := &asked{Question: question, system: r.system.mayHost(question.Identity.Audience)}
	fields := &question.Fields
	q.allScopes = fields.AllowAllScopes != nil && *fields.AllowAllScopes
	if !q.allScopes {
		q.scopes = grant.Distinct(fields.Scope)
	}
	need := func(right v1alpha1.Right, needed bool) {
		if needed && !slices.Contains(q.rights, right) {
			q.rights = append(q.rights, right)
		}
	}
	need(v1alpha1.RightAllScopes, q.allScopes)
	need(v1alpha1.RightAnyOrganization, fields.AllowAnyOrganization != nil && *fields.AllowAnyOrganization ||
		fields.OrganizationUsage != nil && *fields.OrganizationUsage != string(v1alpha1.OrganizationUsageDeny))
	need(v1alpha1.RightUserSubject, question.Identity.SubjectType != grant.SubjectTypeClient)
	need(v1alpha1.RightAuthorizationDetails, len(fields.AuthorizationDetailsTypes) > 0)
	need(v1alpha1.RightDefaultFor, question.Identity.DefaultFor != "")
	need(v1alpha1.RightSystemAPI, q.system)
	for _, right := range question.Rights {
		need(right, true)
	}
	return q
}

// part of a question, in the order in which a rule is asked about it.
type part int

const (
	inNamespace part = iota
	inAudience
	inClient
	inScopes
	inRights
	nowhere
)

// shortfall is the first part of a question in which a rule fails, and what it lacks there.
type shortfall struct {
	rule   string
	part   part
	scopes []string
	rights []v1alpha1.Right
}

func (r *rule) check(q *asked) shortfall {
	short := shortfall{rule: r.name, part: nowhere}
	switch {
	case !r.namespaces.include(q.Namespace, q.Labels):
		short.part = inNamespace
	case !r.audiences.match(q.Identity.Audience, q.system):
		short.part = inAudience
	case !r.hasClient(q.Identity):
		short.part = inClient
	case q.system && q.allScopes:
		short.part = inScopes
	default:
		short.scopes = slices.DeleteFunc(slices.Clone(q.scopes), func(scope string) bool { return r.scopes.match(scope, q.system) })
		short.rights = slices.DeleteFunc(slices.Clone(q.rights), func(right v1alpha1.Right) bool { return slices.Contains(r.allow, right) })
		if len(short.scopes) > 0 {
			short.part = inScopes
		} else if len(short.rights) > 0 {
			short.part = inRights
		}
	}
	return short
}

// hasClient leaves a default grant, which has no client, to the right DefaultFor.
func (r *rule) hasClient(identity grant.Identity) bool {
	if identity.ClientID == "" {
		return identity.DefaultFor != ""
	}
	return r.clientIDs.match(identity.ClientID, false)
}
