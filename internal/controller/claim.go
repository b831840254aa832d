package controller

import (
	"context"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// claims says which ClientGrant may act on which identity. The lasting claim is the ownership record in the status;
// this one closes the time until a record is in the cache, and knows who waits.
type claims struct {
	mu     sync.Mutex
	holder map[grant.Identity]types.NamespacedName
	asking map[grant.Identity]map[types.NamespacedName]struct{}
	byKey  map[types.NamespacedName]grant.Identity
	tenant map[types.NamespacedName]types.NamespacedName
	// recorded are the identities that the key's records stood in the way of.
	recorded map[types.NamespacedName][]grant.Identity
}

func newClaims() *claims {
	return &claims{
		holder: map[grant.Identity]types.NamespacedName{},
		asking: map[grant.Identity]map[types.NamespacedName]struct{}{},
		byKey:  map[types.NamespacedName]grant.Identity{},
		tenant: map[types.NamespacedName]types.NamespacedName{}, recorded: map[types.NamespacedName][]grant.Identity{},
	}
}

// ask notes that key wants the identity. Wanting another one than before gives the old one up; who waited for that is
// returned.
func (c *claims) ask(key types.NamespacedName, identity grant.Identity) (woken []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.byKey[key]; ok && old != identity {
		woken = c.drop(key, old)
	}
	c.byKey[key] = identity
	if c.asking[identity] == nil {
		c.asking[identity] = map[types.NamespacedName]struct{}{}
	}
	c.asking[identity][key] = struct{}{}
	return woken
}

// hold gives the identity to key, unless another one holds it, whose name is returned.
func (c *claims) hold(key types.NamespacedName, identity grant.Identity) types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	holder, ok := c.holder[identity]
	if !ok {
		c.holder[identity], holder = key, key
	}
	return holder
}

func (c *claims) holds(key types.NamespacedName, identity grant.Identity) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holder[identity] == key
}

// yield gives up what key holds, but goes on asking for it. Who waited for that is returned.
func (c *claims) yield(key types.NamespacedName, identity grant.Identity) (waiting []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder[identity] != key {
		return nil
	}
	delete(c.holder, identity)
	return slices.DeleteFunc(slices.Collect(maps.Keys(c.asking[identity])), func(other types.NamespacedName) bool { return other == key })
}

// refersTo notes the Auth0Tenant of a ClientGrant.
func (c *claims) refersTo(key, tenant types.NamespacedName, recorded []grant.Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.recorded[key] = recorded; len(recorded) == 0 {
		delete(c.recorded, key)
	}
	c.tenant[key] = tenant
}

// release gives up what key holds and asks for, and returns who waited for that.
func (c *claims) release(key types.NamespacedName) []types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	var woken []types.NamespacedName
	for _, identity := range c.recorded[key] {
		woken = slices.AppendSeq(woken, maps.Keys(c.asking[identity]))
	}
	delete(c.recorded, key)
	identity, ok := c.byKey[key]
	if !ok {
		return append(woken, c.losers()...) // What else it stood in the way of is not known.
	}
	delete(c.byKey, key)
	return append(woken, c.drop(key, identity)...)
}

// losers returns who asks for an identity without holding it.
func (c *claims) losers() (keys []types.NamespacedName) {
	for identity, asking := range c.asking {
		for key := range asking {
			if c.holder[identity] != key {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// waitingFor returns who asks for the identity.
func (c *claims) waitingFor(identity grant.Identity) []types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.asking[identity]))
}

// tenantOf returns the Auth0Tenant that a ClientGrant that is gone has referred to.
func (c *claims) tenantOf(key types.NamespacedName) []types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	tenant, ok := c.tenant[key]
	delete(c.tenant, key)
	if !ok {
		return nil
	}
	return []types.NamespacedName{tenant}
}

func (c *claims) drop(key types.NamespacedName, identity grant.Identity) (waiting []types.NamespacedName) {
	if c.holder[identity] == key {
		delete(c.holder, identity)
	}
	delete(c.asking[identity], key)
	for other := range c.asking[identity] {
		waiting = append(waiting, other)
	}
	if len(waiting) == 0 {
		delete(c.asking, identity)
	}
	return waiting
}

// claim makes sure that no other ClientGrant acts on the identity: the one with the record does, else the oldest.
func (p *pass) claim(ctx context.Context) error {
	for _, waiting := range p.claims.ask(p.key, p.identity) {
		p.Queue.Add(waiting)
	}
	if p.obj.Spec.Mode != v1alpha1.ModeEnforce && p.record().Origin == "" {
		for _, waiting := range p.claims.yield(p.key, p.identity) {
			p.Queue.Add(waiting)
		}
	}
	owner, err := p.owner(ctx)
	if err != nil {
		return err
	}
	if owner != p.obj {
		return p.lost(ctx, owner)
	}
	if p.obj.Spec.Mode != v1alpha1.ModeEnforce {
		return nil
	}
	if holder := p.claims.hold(p.key, p.identity); holder != p.key {
		return p.conflict(holder)
	}
	return nil
}

// abandon gives up what a ClientGrant without a record asks for, so that another one may have it.
func (p *pass) abandon() {
	if p.record().Origin != "" {
		return
	}
	for _, waiting := range p.claims.release(p.key) {
		p.Queue.Add(waiting)
	}
}

// lost is the conflict with an owner that was found in the cache, unless that lags behind: the end of the owner's claim
// may have been told already.
func (p *pass) lost(ctx context.Context, owner *v1alpha1.ClientGrant) error {
	live := &v1alpha1.ClientGrant{}
	err := p.Live.Get(ctx, client.ObjectKeyFromObject(owner), live)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil || live.ResourceVersion != owner.ResourceVersion {
		return errStale
	}
	if err := p.giveWay(ctx); err != nil {
		return err
	}
	return p.conflict(client.ObjectKeyFromObject(owner))
}

// giveWay gives up the claim that an earlier pass holds, unless the record that it wrote is not in the cache yet: two
// objects that each take the other for the owner would wait for good.
func (p *pass) giveWay(ctx context.Context) error {
	if !p.claims.holds(p.key, p.identity) {
		return nil
	}
	live := &v1alpha1.ClientGrant{}
	if err := p.Live.Get(ctx, p.key, live); client.IgnoreNotFound(err) != nil {
		return err
	} else if err == nil && live.UID == p.stored.UID && live.ResourceVersion != p.stored.ResourceVersion {
		return errStale
	}
	for _, waiting := range p.claims.yield(p.key, p.identity) {
		p.Queue.Add(waiting)
	}
	return nil
}

// conflict says who owns the grant. Of another namespace no more is told than that the grant is not to be had.
func (p *pass) conflict(owner types.NamespacedName) error {
	if owner.Namespace != p.obj.Namespace {
		return adoptionRefused()
	}
	return stalled(v1alpha1.ReasonConflict,
		"ClientGrant %q owns this grant: delete one of the two, or give them different clients, audiences or subject types.",
		owner.Name)
}

// owner is the ClientGrant with the record of the identity, else the oldest one that asks for it and may have it.
func (p *pass) owner(ctx context.Context) (*v1alpha1.ClientGrant, error) {
	if mine, ok := identityOf(p.record()); ok && mine == p.identity {
		return p.obj, nil
	}
	recorded := &v1alpha1.ClientGrantList{}
	err := p.List(ctx, recorded, client.MatchingFields{indexRecord: p.identity.String()})
	if err != nil {
		return nil, err
	}
	for i := range recorded.Items {
		if other := &recorded.Items[i]; other.UID != p.obj.UID && slices.Contains(recordedBy(other), p.identity) {
			return other, nil
		}
	}
	return p.oldest(ctx)
}

// oldest is the oldest ClientGrant that asks for the identity and could act on it.
func (p *pass) oldest(ctx context.Context) (*v1alpha1.ClientGrant, error) {
	asking := &v1alpha1.ClientGrantList{}
	err := p.List(ctx, asking, client.MatchingFields{indexAsks: asksFor(p.obj)})
	if err != nil {
		return nil, err
	}
	oldest := p.obj
	for i := range asking.Items {
		other := &asking.Items[i]
		if other.UID == p.obj.UID || !other.DeletionTimestamp.IsZero() || other.Spec.Mode != v1alpha1.ModeEnforce ||
			!older(other, oldest) {
			continue
		}
		if holder, err := p.resolveClient(ctx, other); err == nil && holder == p.identity.Holder() {
			oldest = other
		}
	}
	return oldest, nil
}

func older(a, b *v1alpha1.ClientGrant) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.UID < b.UID
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// Names of the indexes of the cache.
const (
	indexRecord     = "record"
	indexAsks       = "asks"
	indexTenant     = "tenant"
	indexConfigMap  = "configMap"
	indexSecretName = "secret"
)

// asksFor is what ClientGrants that may ask for the same identity have in common.
func asksFor(obj *v1alpha1.ClientGrant) string {
	return tenantKey(obj).String() + " " + string(obj.Spec.SubjectType) + " " + obj.Spec.Audience
}

func indexClientGrants(mgr ctrl.Manager) error {
	indexes := map[string]func(*v1alpha1.ClientGrant) []string{
		indexRecord: func(obj *v1alpha1.ClientGrant) (values []string) {
			for _, identity := range recordedBy(obj) {
				values = append(values, identity.String())
			}
			return values
		},
		indexAsks:   func(obj *v1alpha1.ClientGrant) []string { return []string{asksFor(obj)} },
		indexTenant: func(obj *v1alpha1.ClientGrant) []string { return []string{tenantKey(obj).String()} },
		indexConfigMap: func(obj *v1alpha1.ClientGrant) []string {
			if ref := obj.Spec.ClientRef.ConfigMapKeyRef; ref != nil {
				return []string{obj.Namespace + "/" + ref.Name}
			}
			return nil
		},
	}
	for name, values := range indexes {
		extract := func(obj client.Object) []string {
			clientGrant, ok := obj.(*v1alpha1.ClientGrant)
			if !ok {
				return nil
			}
			return values(clientGrant)
		}
		if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.ClientGrant{}, name, extract); err != nil {
			return err
		}
	}
	return nil
}
