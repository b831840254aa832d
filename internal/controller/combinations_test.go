package controller_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// holding is what a spec says of a grant, or what a tenant holds of one. What is nil or empty is left out.
type holding struct {
	scopes []string
	all    *bool
	usage  string
	anyOrg *bool
	types  []string
}

// with returns what is in either of the two: they speak of different fields.
func (h holding) with(other holding) holding {
	if other.scopes != nil || other.all != nil {
		h.scopes, h.all = other.scopes, other.all
	}
	if other.usage != "" || other.anyOrg != nil {
		h.usage, h.anyOrg = other.usage, other.anyOrg
	}
	if other.types != nil {
		h.types = other.types
	}
	return h
}

// brings is what becomes of a grant that is there when a spec that says h is brought to it.
func (h holding) brings(there holding) holding {
	if h.all != nil && *h.all {
		there.all, there.scopes = h.all, nil
	} else {
		there.all, there.scopes = new(false), h.scopes
	}
	if h.usage != "" {
		there.usage = h.usage
	}
	switch {
	case h.anyOrg != nil:
		there.anyOrg = h.anyOrg
	case h.usage == "deny": // A tenant refuses deny where any organization is allowed.
		there.anyOrg = nil
	}
	if h.types != nil {
		there.types = h.types
	}
	return there
}

// access is what a grant gives, whatever the order of lists and whether a closed value is written or left out.
func (h holding) access() string {
	distinct := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	return fmt.Sprint(distinct(h.scopes), h.all != nil && *h.all, strings.Replace("usage "+h.usage, "usage deny", "usage ", 1),
		h.anyOrg != nil && *h.anyOrg, distinct(h.types))
}

// wider says whether a grant gives anything in what the spec leaves alone.
func (h holding) wider(there holding) bool {
	return h.usage == "" && there.usage != "" && there.usage != "deny" ||
		h.anyOrg == nil && h.usage != "deny" && there.anyOrg != nil && *there.anyOrg || h.types == nil && len(there.types) > 0
}

func (h holding) inSpec(s *v1alpha1.ClientGrantSpec) {
	s.Scopes, s.AllowAllScopes, s.AllowAnyOrganization, s.AuthorizationDetailsTypes = h.scopes, h.all, h.anyOrg, h.types
	if h.usage != "" {
		s.OrganizationUsage = new(v1alpha1.OrganizationUsage(h.usage))
	}
}

func (h holding) inTenant(g sim.Grant) sim.Grant {
	g.Scope, g.AllowAllScopes, g.OrganizationUsage = h.scopes, h.all, h.usage
	g.AllowAnyOrganization, g.AuthorizationDetailsTypes = h.anyOrg, h.types
	return g
}

func held(g sim.Grant) holding {
	return holding{scopes: g.Scope, all: g.AllowAllScopes, usage: g.OrganizationUsage, anyOrg: g.AllowAnyOrganization, types: g.AuthorizationDetailsTypes}
}

// The values of the fields, by groups that depend on each other. Only a user's grant has types, and only that of an
// application has organizations.
var (
	scopesInSpec = []holding{
		{scopes: []string{}},
		{scopes: []string{"a"}},
		{scopes: []string{"b", "a", "b"}},
		{all: new(true)},
		{scopes: []string{"a"}, all: new(false)},
	}
	scopesInTenant = []holding{
		{scopes: []string{}},
		{scopes: []string{"a"}, all: new(false)},
		{scopes: []string{"a", "b"}},
		{scopes: []string{"b", "c", "d"}},
		{all: new(true)},
	}
	organizations = []holding{
		{},
		{anyOrg: new(false)},
		{usage: "deny"},
		{usage: "deny", anyOrg: new(false)},
		{usage: "allow"},
		{usage: "allow", anyOrg: new(false)},
		{usage: "allow", anyOrg: new(true)},
		{usage: "require"},
		{usage: "require", anyOrg: new(false)},
		{usage: "require", anyOrg: new(true)},
	}
	details = []holding{{}, {types: []string{}}, {types: []string{"payment"}}, {types: []string{"transfer", "payment"}}}
)

const (
	// sometimes is how often hundreds of objects are looked at, and crowdPatience how long they may take on a busy machine.
	sometimes     = 500 * time.Millisecond
	crowdPatience = 5 * time.Minute
)

// combination is a ClientGrant, and the grant that is in the tenant before it; nil: there is none.
type combination struct {
	obj    *v1alpha1.ClientGrant
	spec   holding
	before *sim.Grant
}

// pairs are all pairs of what a spec says and what the tenant holds, nil being no grant. Of those of the second group,
// every n-th is taken with each pair of the first, another one each time.
func pairs(specs, tenants, others []holding, n int, take func(spec holding, there *holding)) {
	count := 0
	for _, spec := range specs {
		for _, more := range others {
			take(spec.with(more), nil)
		}
		for _, there := range tenants {
			count++
			for i := range len(others) * len(others) {
				if (i+count)%n == 0 {
					take(spec.with(others[i/len(others)]), new(there.with(others[i%len(others)])))
				}
			}
		}
	}
}

// combine makes combinations for a kind of identity.
type combine struct {
	remote *sim.Running
	tenant *v1alpha1.Auth0Tenant
	// clients are the values of references.
	clients *corev1.ConfigMap
	made    []combination
}

// identity adds a combination for a grant of that identity. Beside each one is a grant of an identity that differs in the
// subject type alone.
func (c *combine) identity(subject, defaultFor string, byReference bool) func(holding, *holding) {
	return func(spec holding, there *holding) {
		obj := grantFor(c.remote, c.tenant)
		grantee := obj.Spec.ClientRef.ID
		if defaultFor != "" {
			grantee, obj.Spec.ClientRef = "", v1alpha1.ClientReference{DefaultFor: defaultFor}
		} else if byReference {
			c.clients.Data[obj.Name] = grantee
			obj.Spec.ClientRef = v1alpha1.ClientReference{
				ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: c.clients.Name, Key: obj.Name},
			}
		}
		obj.Spec.SubjectType = v1alpha1.SubjectType(subject)
		spec.inSpec(&obj.Spec)
		identity := sim.Grant{ClientID: grantee, DefaultFor: defaultFor, Audience: obj.Spec.Audience, SubjectType: subject}
		beside := identity
		beside.SubjectType = map[string]string{"client": "user", "user": "client"}[subject]
		beside.Scope = []string{"beside"}
		c.remote.AddGrant(beside)
		made := combination{obj: obj, spec: spec}
		if there != nil {
			made.before = new(c.remote.AddGrant(there.inTenant(identity)))
		}
		c.made = append(c.made, made)
	}
}

// writesTo counts the writes to each grant, by its ID.
func writesTo(remote *sim.Running) map[string]int {
	writes := map[string]int{}
	for _, e := range remote.Log() {
		switch {
		case e.Route == routeGrants && e.Method == http.MethodPost:
			_, id, _ := strings.Cut(e.ResponseBody, `"id":"`)
			id, _, _ = strings.Cut(id, `"`)
			writes[id]++
		case e.Route == routeGrant && e.Method != http.MethodGet:
			writes[strings.TrimPrefix(e.Path, "/api/v2/client-grants/")]++
		}
	}
	return writes
}

// check compares what became of a combination with what had to.
func (c *combination) check(remote *sim.Running, obj *v1alpha1.ClientGrant, writes int) {
	GinkgoHelper()
	about := fmt.Sprintf("%s: the spec says %+v", obj.Name, obj.Spec)
	before, wanted := holding{}, 1
	if c.before != nil {
		before = held(*c.before)
		about += fmt.Sprintf(", the tenant held %+v", *c.before)
		if before.access() == c.spec.brings(before).access() {
			wanted = 0
		}
	}
	grant, ok := remote.Grant(obj.Status.GrantID)
	Expect(ok).To(BeTrue(), about)
	after := held(grant)
	Expect(after.access()).To(Equal(c.spec.brings(before).access()), about)
	Expect(writes).To(Equal(wanted), about)
	Expect(c.unmanaged(after)).To(Equal(c.unmanaged(before)), about)
	Expect(obj.Status.Drift != nil).To(Equal(c.spec.wider(before)), about)
	if c.before == nil {
		Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginCreated), about)
		return
	}
	Expect(obj.Status.Origin).To(Equal(v1alpha1.OriginAdopted), about)
	Expect(grant.ID).To(Equal(c.before.ID), about)
	if wanted == 0 {
		Expect(grant).To(Equal(*c.before), about)
	}
}

// unmanaged is what a grant holds in the fields that the spec leaves out, to the letter.
func (c *combination) unmanaged(there holding) holding {
	there.scopes, there.all = nil, nil
	if c.spec.usage != "" {
		there.usage = ""
	}
	if c.spec.anyOrg != nil || c.spec.usage == "deny" {
		there.anyOrg = nil
	}
	if c.spec.types != nil {
		there.types = nil
	}
	return there
}

// storedGrants are the ClientGrants of an Auth0Tenant, by their names.
func storedGrants(tenant *v1alpha1.Auth0Tenant) map[string]*v1alpha1.ClientGrant {
	GinkgoHelper()
	list, stored := &v1alpha1.ClientGrantList{}, map[string]*v1alpha1.ClientGrant{}
	Expect(k8s.List(ctx, list, client.MatchingFields{"spec.tenantRef.name": tenant.Name})).To(Succeed())
	for i := range list.Items {
		stored[list.Items[i].Name] = &list.Items[i]
	}
	return stored
}

// statesIn counts the ClientGrants of an Auth0Tenant by their Ready condition.
func statesIn(tenant *v1alpha1.Auth0Tenant) func() map[string]int {
	return func() map[string]int {
		count := map[string]int{}
		for _, obj := range storedGrants(tenant) {
			count[readyOf(obj)]++
		}
		return count
	}
}

var _ = Describe("Every combination of identity, fields and what is in the tenant first", func() {
	It("ends as the spec says with the fewest writes, what the spec leaves out untouched, and at rest", func() {
		remote := startTenant()
		tenant := readyTenant(remote, allowing(everyField...))
		c := &combine{remote: remote, tenant: tenant, clients: &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: unique("clients"), Namespace: namespace}, Data: map[string]string{},
		}}
		pairs(scopesInSpec, scopesInTenant, organizations, 25, c.identity("client", "", false))
		pairs(scopesInSpec, scopesInTenant, organizations[7:], 7, c.identity("client", "", true))
		pairs(scopesInSpec, scopesInTenant, details, 7, c.identity("user", "", false))
		pairs(scopesInSpec, scopesInTenant, details[:1], 1, c.identity("client", "third_party_clients", false))
		Expect(len(c.made)).To(BeNumerically(">=", 280))
		create(c.clients)
		others := besides(remote, c.made)
		for _, made := range c.made {
			create(made.obj)
		}
		settled := Equal(map[string]int{"True Available": len(c.made)})
		Eventually(statesIn(tenant)).WithTimeout(crowdPatience).WithPolling(sometimes).Should(settled)

		stored, writes := storedGrants(tenant), writesTo(remote)
		for i := range c.made {
			obj := stored[c.made[i].obj.Name]
			c.made[i].check(remote, obj, writes[obj.Status.GrantID])
			delete(writes, obj.Status.GrantID)
		}
		Expect(writes).To(BeEmpty(), "something else was written")
		Expect(besides(remote, c.made)).To(Equal(others))

		checkAtRest(remote, tenant, stored)
		checkRevoked(remote, tenant)
		Expect(remote.Grants()).To(ConsistOf(others))
	})
})

// besides are the grants of the tenant that no combination is about.
func besides(remote *sim.Running, made []combination) []sim.Grant {
	subjects := map[string]string{}
	for _, m := range made {
		subjects[m.obj.Spec.Audience] = string(m.obj.Spec.SubjectType)
	}
	return slices.DeleteFunc(remote.Grants(), func(g sim.Grant) bool { return subjects[g.Audience] == g.SubjectType })
}

// checkAtRest has every ClientGrant looked at once more, by the same process and by another one that knows no more than
// what it finds: nothing may come of it.
func checkAtRest(remote *sim.Running, tenant *v1alpha1.Auth0Tenant, stored map[string]*v1alpha1.ClientGrant) {
	GinkgoHelper()
	grants := remote.Grants()
	remote.ClearLog()
	resync(tenant)
	stop()
	request := unique("request")
	annotation := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.ReconcileRequestAnnotation, request)
	for _, obj := range stored {
		Expect(k8s.Patch(ctx, obj.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(annotation)))).To(Succeed())
	}
	startOperator()
	Eventually(func() (waiting []string) {
		for name, obj := range storedGrants(tenant) {
			if obj.Status.LastHandledReconcileAt != request {
				waiting = append(waiting, name)
			}
		}
		return waiting
	}).WithTimeout(crowdPatience).WithPolling(sometimes).Should(BeEmpty())
	expectOnlyReads(remote)
	Expect(remote.Grants()).To(Equal(grants))
	for name, obj := range storedGrants(tenant) {
		before := stored[name].Status
		before.LastHandledReconcileAt = request
		Expect(obj.Status).To(Equal(before))
		Expect(obj.Spec).To(Equal(stored[name].Spec))
	}
}

// checkRevoked deletes every ClientGrant of an Auth0Tenant.
func checkRevoked(remote *sim.Running, tenant *v1alpha1.Auth0Tenant) {
	GinkgoHelper()
	owned := len(storedGrants(tenant))
	remote.ClearLog()
	for _, obj := range storedGrants(tenant) {
		remove(obj)
	}
	Eventually(func() int { return len(storedGrants(tenant)) }).WithTimeout(crowdPatience).WithPolling(sometimes).Should(BeZero())
	Expect(remote.Requests(http.MethodDelete, routeGrant)).To(Equal(owned))
}
