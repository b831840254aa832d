package world

import (
	"context"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// permission is what the access rules of an Auth0Tenant say about one namespace. The zero value allows nothing.
type permission struct {
	rules     *policy.Rules
	namespace string
	// labels of the namespace; nil where no rule asks for them, or nobody knows them.
	labels map[string]string
	// since is when this process saw it change last.
	since time.Time
	// operators are the applications that the operator itself uses.
	operators []string
}

func (p permission) admits() bool { return p.rules.Admits(p.namespace, p.labels) }

// decide asks for a grant as it will be, and for further rights. The applications whose credentials an operator uses get
// nothing: whoever could widen their access would own the tenant.
func (p permission) decide(identity grant.Identity, fields grant.Fields, rights ...v1alpha1.Right) policy.Decision {
	if p.rules == nil {
		return policy.Decision{}
	}
	if identity.ClientID != "" && slices.Contains(p.operators, identity.ClientID) {
		const why = "spec.clientRef names the application whose credentials an operator uses; it cannot be granted anything."
		return policy.Decision{ForUser: why, ForOwner: why}
	}
	return p.rules.Decide(policy.Question{
		Namespace: p.namespace, Labels: p.labels, Identity: identity, Fields: fields, Rights: rights,
	})
}

// permission reads the rules of an Auth0Tenant, and the labels of the namespace that they ask for.
func (g *gathering) permission(ctx context.Context, of *v1alpha1.Auth0Tenant, namespace string) (permission, error) {
	by := asker{of.UID, namespace}
	if known, ok := g.allowed[by]; ok {
		return known, nil
	}
	hosts := append([]string{of.Spec.Domain, of.APIIdentifier()}, g.TenantHosts...)
	if session := g.sessionOf(of); session != nil {
		hosts = append(hosts, session.Config().SystemHosts...)
	}
	may := permission{rules: g.rules.compiled(of, hosts), namespace: namespace}
	var err error
	if may.operators, err = g.operators(ctx, of); err != nil {
		return may, err
	}
	if may.labels, err = g.labels(ctx, may.rules, namespace); err != nil {
		return may, err
	}
	may.since = g.rules.changed(of, may, g.Start())
	g.allowed[by] = may
	return may, nil
}

// labels reads the labels of a namespace if a rule asks for them and Namespaces can be read: the cache would wait for one
// until the operator's end. They are nil where nobody knows them.
func (g *gathering) labels(ctx context.Context, rules *policy.Rules, namespace string) (map[string]string, error) {
	if g.Namespaced || !rules.NeedsLabels() {
		return nil, nil
	}
	found := cached.MetadataOf("Namespace")
	err := g.reader.Get(ctx, types.NamespacedName{Name: namespace}, found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if found.Labels == nil {
		return map[string]string{}, err
	}
	return found.Labels, err
}

// rules remembers the compiled rules of each Auth0Tenant, and since when they say what they say about each namespace.
type rules struct {
	byTenant, byNamespace *cache.LRUExpireCache
}

const (
	rememberedRules    = 2000
	rememberedSince    = 20000
	rulesRememberedFor = 24 * time.Hour
)

func newRules() rules {
	return rules{cache.NewLRUExpireCache(rememberedRules), cache.NewLRUExpireCache(rememberedSince)}
}

type compiledRules struct {
	generation int64
	hosts      []string
	rules      *policy.Rules
}

// compiled returns the rules of an Auth0Tenant, compiled once for each generation.
func (r rules) compiled(of *v1alpha1.Auth0Tenant, hosts []string) *policy.Rules {
	if value, ok := r.byTenant.Get(of.UID); ok {
		if known, ok := value.(compiledRules); ok && known.generation == of.Generation && slices.Equal(known.hosts, hosts) {
			return known.rules
		}
	}
	made := policy.New(of.Spec.AccessRules, of.Namespace, hosts...)
	r.byTenant.Add(of.UID, compiledRules{of.Generation, hosts, made}, rulesRememberedFor)
	return made
}

type permittedSince struct {
	generation int64
	labels     map[string]string
	since      time.Time
}

// changed is when what the rules say about a namespace was seen to change last; at the start where it never was.
func (r rules) changed(of *v1alpha1.Auth0Tenant, may permission, start time.Time) time.Time {
	key := asker{of.UID, may.namespace}
	now := permittedSince{of.Generation, may.labels, start}
	if value, ok := r.byNamespace.Get(key); ok {
		known, _ := value.(permittedSince)
		if known.generation == now.generation && maps.Equal(known.labels, now.labels) {
			return known.since
		}
		now.since = time.Now()
	}
	r.byNamespace.Add(key, now, rulesRememberedFor)
	return now.since
}
