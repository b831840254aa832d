// Package audit lists what an Auth0 tenant grants to whom, who manages it, and what about it needs a look.
package audit

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/ownership"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/remote"
)

// Tenant is what was read.
type Tenant struct {
	Host   string
	Grants []grant.Grant
	Names  remote.Names
	// Objects are the ClientGrants of the cluster; Cluster says whether they were read.
	Objects []v1alpha1.ClientGrant
	Cluster bool
}

// Who manages a grant, where no ClientGrant does.
const (
	managerSystem    = "system"
	managerNone      = "unmanaged"
	managerUnknown   = "unknown"
	managerAPIPolicy = "API policy"
)

// Row is one grant, with the names that the JSON form of an audit has.
type Row struct {
	ClientID        string   `json:"clientID,omitempty"`
	Client          string   `json:"client,omitempty"`
	DefaultFor      string   `json:"defaultFor,omitempty"`
	Audience        string   `json:"audience"`
	API             string   `json:"api,omitempty"`
	SubjectType     string   `json:"subjectType"`
	Scopes          []string `json:"scopes"`
	AllScopes       bool     `json:"allScopes"`
	Organizations   string   `json:"organizations"`
	AnyOrganization bool     `json:"anyOrganization"`
	// ManagedBy is NAMESPACE/NAME of a ClientGrant, system, unmanaged, unknown where no cluster was asked, or API policy.
	ManagedBy string `json:"managedBy"`
	GrantID   string `json:"grantID,omitempty"`
	// TokenLifetime is how long a token lives that was issued before access ended, in seconds; 0 where nobody knows.
	TokenLifetime int       `json:"tokenLifetime,omitempty"`
	Findings      []Finding `json:"findings"`
}

// Finding is something about a grant that needs a look.
type Finding struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

// Kind of a finding, as --fail-on names it.
type Kind string

// The kinds of findings.
const (
	// KindUnmanaged: no ClientGrant of the cluster owns the grant.
	KindUnmanaged Kind = "unmanaged"
	// KindWider: the grant gives more than the ClientGrant that owns it says.
	KindWider Kind = "wider"
	// KindUndefined: the API does not define a scope.
	KindUndefined Kind = "undefined"
	// KindOutlives: the access, or part of it, stays when the grant goes.
	KindOutlives Kind = "outlives"
	// KindIneffective: the grant gives no token.
	KindIneffective Kind = "ineffective"
)

// Kinds are all of them.
func Kinds() []string {
	return []string{string(KindUnmanaged), string(KindWider), string(KindUndefined), string(KindOutlives), string(KindIneffective)}
}

// Rows are the grants of a tenant, in an order that depends on nothing but them.
func (t *Tenant) Rows() []Row {
	owners := t.owners()
	rows := make([]Row, 0, len(t.Grants))
	for _, held := range t.Grants {
		rows = append(rows, t.row(held, owners[held.Identity(t.Host)]))
	}
	slices.SortFunc(rows, func(a, b Row) int { return remote.Compare(a.identity(), b.identity()) })
	return rows
}

// Policies are what APIs give to every application by their own policy, without a grant.
func (t *Tenant) Policies() (rows []Row) {
	for _, api := range t.Names.APIs {
		if api.Policies.User.Policy == policyAllowAll {
			rows = append(rows, Row{
				Client: "every first-party application", Audience: api.Identifier, API: api.Name, SubjectType: "user", Scopes: []string{},
				AllScopes: true, ManagedBy: managerAPIPolicy, TokenLifetime: api.TokenLifetime, Findings: []Finding{},
			})
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return remote.Compare(a.identity(), b.identity()) })
	return rows
}

func (r *Row) identity() grant.Identity {
	return grant.Identity{ClientID: r.ClientID, DefaultFor: r.DefaultFor, Audience: r.Audience, SubjectType: r.SubjectType}
}

// owners are the ClientGrants that record a grant and hold it with their finalizer.
func (t *Tenant) owners() map[grant.Identity]*v1alpha1.ClientGrant {
	found := map[grant.Identity]*v1alpha1.ClientGrant{}
	for i := range t.Objects {
		obj := &t.Objects[i]
		if !world.HasFinalizer(obj) {
			continue
		}
		for _, identity := range ownership.Identities(obj) {
			found[identity] = obj
		}
	}
	return found
}

func (t *Tenant) row(held grant.Grant, owner *v1alpha1.ClientGrant) Row {
	identity, api := held.Identity(t.Host), t.Names.APIs[held.Audience]
	r := Row{
		ClientID: held.ClientID, Client: t.Names.Applications[held.ClientID].Name, DefaultFor: held.DefaultFor, Audience: held.Audience,
		API: api.Name, SubjectType: identity.SubjectType, AllScopes: is(held.AllowAllScopes), GrantID: held.ID,
		Organizations: string(v1alpha1.OrganizationUsageDeny), AnyOrganization: is(held.AllowAnyOrganization),
		TokenLifetime: api.TokenLifetime, Scopes: append([]string{}, grant.Distinct(slices.Sorted(slices.Values(held.Scope)))...),
		Findings: []Finding{},
	}
	if held.OrganizationUsage != nil {
		r.Organizations = *held.OrganizationUsage
	}
	switch {
	case held.IsSystem:
		r.ManagedBy = managerSystem
	case !t.Cluster:
		r.ManagedBy = managerUnknown
	case owner != nil:
		r.ManagedBy = client.ObjectKeyFromObject(owner).String()
		r.wider(held, owner, identity)
	default:
		r.ManagedBy = managerNone
		r.find(KindUnmanaged, "no ClientGrant owns it")
	}
	if !held.IsSystem {
		t.examine(&r, held)
	}
	return r
}

func is(flag *bool) bool { return flag != nil && *flag }

func (r *Row) find(kind Kind, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{kind, fmt.Sprintf(format, args...)})
}

// wider compares with what the owner's spec asks for now. Of a grant that the spec does not name any more everything is too much.
func (r *Row) wider(held grant.Grant, owner *v1alpha1.ClientGrant, identity grant.Identity) {
	asked := ownership.Asked(owner)
	another := asked.ClientID != "" && asked.ClientID != identity.ClientID || asked.DefaultFor != identity.DefaultFor
	if another || asked.Audience != identity.Audience || asked.SubjectType != identity.SubjectType {
		r.find(KindWider, "the ClientGrant names another grant by now")
		return
	}
	fields := world.Desired(&owner.Spec)
	more := grant.Narrow(fields, held)
	var parts []string
	if !more.Empty() {
		d := grant.Describe(more, held)
		parts = append(parts, append(d.Removed, d.Fields...)...)
	}
	if parts = append(parts, grant.Wider(fields, held)...); len(parts) > 0 {
		r.find(KindWider, "the ClientGrant does not ask for %s", strings.Join(parts, ", "))
	}
}

// What an API may say of applications without a grant of their own.
const (
	policyAllowAll = "allow_all"
	policyDenyAll  = "deny_all"
)

// examine says what the API and the application make of the grant, as far as they were read.
func (t *Tenant) examine(r *Row, held grant.Grant) {
	user := r.SubjectType != grant.SubjectTypeClient
	if api, known := t.Names.APIs[held.Audience]; known {
		r.againstAPI(api, user)
	} else if t.Names.APIs != nil && len(t.Names.APIs) < remote.MostAPIs {
		r.find(KindIneffective, "the tenant has no such API")
	}
	application, known := t.Names.Applications[held.ClientID]
	switch {
	case held.ClientID == "" || t.Names.Applications == nil:
	case !known:
		r.find(KindIneffective, "the tenant has no such application")
	default:
		if !user && !slices.Contains(application.GrantTypes, "client_credentials") {
			r.find(KindIneffective, "the application may not use the grant type client_credentials")
		}
		if application.FirstParty != nil && !*application.FirstParty {
			t.againstDefault(r)
		}
	}
}

func (r *Row) againstAPI(api auth0.API, user bool) {
	policy := api.Policies.Client.Policy
	if user {
		policy = api.Policies.User.Policy
	}
	switch policy {
	case policyAllowAll:
		r.find(KindOutlives, "the API's own policy gives this access to every first-party application")
	case policyDenyAll:
		r.find(KindIneffective, "the API's own policy refuses every token")
	}
	defined := make([]string, 0, len(api.Scopes))
	for _, scope := range api.Scopes {
		defined = append(defined, scope.Value)
	}
	if undefined := grant.Without(r.Scopes, defined); len(undefined) > 0 {
		r.find(KindUndefined, "the API does not define %s", strings.Join(undefined, ", "))
	}
}

// againstDefault tells of the default grant that a third-party application gets when its own goes.
func (t *Tenant) againstDefault(r *Row) {
	const group = "third_party_clients"
	for _, other := range t.Grants {
		if other.DefaultFor == group && other.Audience == r.Audience && other.Identity("").SubjectType == r.SubjectType {
			r.find(KindOutlives, "without it the default grant of %s holds for this application", group)
		}
	}
}
