package controller

import (
	"context"
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
	asking map[grant.Identity]askers
	byKey  map[types.NamespacedName]grant.Identity
	// leaving are what those who ask for something else wait to give away.
	leaving map[types.NamespacedName]grant.Identity
	tenant  map[types.NamespacedName]types.NamespacedName
	// recorded are the identities that the key's records stood in the way of.
	recorded map[types.NamespacedName][]grant.Identity
}

func newClaims() *claims {
	return &claims{
		holder: map[grant.Identity]types.NamespacedName{},
		asking: map[grant.Identity]askers{},
		byKey:  map[types.NamespacedName]grant.Identity{}, leaving: map[types.NamespacedName]grant.Identity{},
		tenant: map[types.NamespacedName]types.NamespacedName{}, recorded: map[types.NamespacedName][]grant.Identity{},
	}
}

// ask notes that key wants the identity, and whether it could own it. Wanting another one than before gives the old one
// up; who waited for that is returned, and so is who has to know of a newcomer.
func (c *claims) ask(key types.NamespacedName, identity grant.Identity, eligible bool) (woken []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.byKey[key]; ok && old != identity {
		woken = c.drop(key, old)
	}
	c.byKey[key] = identity
	if !c.asking[identity].has(key, eligible) {
		woken = append(woken, c.besides(key, identity)...)
	}
	c.add(key, identity, eligible)
	return woken
}

// leave notes that key waits for another one to take the identity, whatever it asks for itself.
func (c *claims) leave(key types.NamespacedName, identity grant.Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.leaving[key]; ok && old != identity && c.byKey[key] != old {
		c.drop(key, old)
	}
	c.leaving[key] = identity
	c.add(key, identity, false)
}

func (c *claims) add(key types.NamespacedName, identity grant.Identity, eligible bool) {
	c.asking[identity] = c.asking[identity].with(key, eligible)
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
	return c.besides(key, identity)
}

// pass gives what somebody holds to key.
func (c *claims) pass(identity grant.Identity, key types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holder[identity] = key
}

func (c *claims) besides(key types.NamespacedName, identity grant.Identity) []types.NamespacedName {
	return slices.DeleteFunc(c.asking[identity].keys(), func(other types.NamespacedName) bool { return other == key })
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
		woken = append(woken, c.asking[identity].keys()...)
	}
	delete(c.recorded, key)
	if _, ok := c.byKey[key]; !ok {
		return append(woken, c.losers()...) // What else it stood in the way of is not known.
	}
	return append(woken, c.stop(key)...)
}

// rename makes what from held and waited for that of to: from is gone, and to could own nothing.
func (c *claims) rename(from, to types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, wanted := range []map[types.NamespacedName]grant.Identity{c.byKey, c.leaving} {
		identity, ok := wanted[from]
		if !ok {
			continue
		}
		delete(wanted, from)
		c.asking[identity] = c.asking[identity].without(from)
		wanted[to] = identity
		c.add(to, identity, false)
		if c.holder[identity] == from {
			c.holder[identity] = to
		}
	}
	delete(c.tenant, from)
	delete(c.recorded, from)
}

// abandon stops asking for what is not recorded, and returns who waited for that.
func (c *claims) abandon(key types.NamespacedName, recorded []grant.Identity) []types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	if identity, ok := c.byKey[key]; !ok || slices.Contains(recorded, identity) {
		return nil
	}
	return c.stop(key)
}

func (c *claims) stop(key types.NamespacedName) (woken []types.NamespacedName) {
	for _, wanted := range []map[types.NamespacedName]grant.Identity{c.byKey, c.leaving} {
		if identity, ok := wanted[key]; ok {
			delete(wanted, key)
			woken = append(woken, c.drop(key, identity)...)
		}
	}
	return woken
}

// losers returns who asks for an identity without holding it.
func (c *claims) losers() (keys []types.NamespacedName) {
	for identity, asking := range c.asking {
		for _, key := range asking.keys() {
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
	return c.asking[identity].keys()
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
	left := c.asking[identity].without(key)
	if c.asking[identity] = left; len(left) == 0 {
		delete(c.asking, identity)
	}
	return left.keys()
}

// claim makes sure that no other ClientGrant acts on the identity.
func (p *pass) claim(ctx context.Context) error {
	enforces := p.obj.Spec.Mode == v1alpha1.ModeEnforce
	p.wake(p.claims.ask(p.key, p.identity, enforces))
	if !enforces && !slices.Contains(recordedBy(p.obj), p.identity) {
		p.wake(p.claims.yield(p.key, p.identity))
	}
	owner, err := p.owner(ctx)
	if err != nil {
		return err
	}
	if owner != p.obj {
		return p.lost(ctx, owner)
	}
	if !enforces {
		return nil
	}
	if holder := p.claims.hold(p.key, p.identity); holder != p.key {
		return p.conflict(holder, false)
	}
	return nil
}

func (p *pass) wake(keys []types.NamespacedName) {
	for _, key := range keys {
		p.Queue.Add(key)
	}
}

// listen has whoever asks for the recorded grant wake this object, which may have to hand it over.
func (p *pass) listen() {
	if identity, ok := identityOf(p.record()); ok {
		p.wake(p.claims.ask(p.key, identity, false))
	}
}

// abandon gives up what a ClientGrant asks for without a record of it, so that another one may have it.
func (p *pass) abandon() {
	p.wake(p.claims.abandon(p.key, recordedBy(p.obj)))
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
	p.Queue.Add(client.ObjectKeyFromObject(owner)) // It may have waited for somebody to take the grant.
	return p.conflict(client.ObjectKeyFromObject(owner), !live.DeletionTimestamp.IsZero())
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
	p.wake(p.claims.yield(p.key, p.identity))
	return nil
}

// conflict says who owns the grant. Of another namespace no more is told than that the grant is not to be had.
func (p *pass) conflict(owner types.NamespacedName, ending bool) error {
	if owner.Namespace != p.obj.Namespace {
		return adoptionRefused()
	}
	name, gone := nameOf(owner)
	if ending || gone {
		s := waiting(v1alpha1.ReasonConflict, "ClientGrant %q owns this grant and is being deleted: this one takes it over.", name)
		s.working = true
		return s
	}
	return stalled(v1alpha1.ReasonConflict,
		"ClientGrant %q owns this grant: delete one of the two, or give them different clients, audiences or subject types.",
		name)
}

// Names of the indexes of the cache.
const (
	indexAbout      = "about"
	indexTenant     = "tenant"
	indexConfigMap  = "configMap"
	indexSecretName = "secret"
)

// about is what ClientGrants that record the identity or ask for it have in common. It leaves the tenant out, which not
// every spec tells.
func about(identity grant.Identity) string {
	return identity.SubjectType + " " + identity.DefaultFor + " " + identity.ClientID + " " + identity.Audience
}

// unresolved is the identity without whose it is, which is not known of a reference.
func unresolved(identity grant.Identity) grant.Identity {
	identity.ClientID, identity.DefaultFor = "", ""
	return identity
}

func indexClientGrants(mgr ctrl.Manager) error {
	indexes := map[string]func(*v1alpha1.ClientGrant) []string{
		// One index for both: nearly every object records what it asks for, and an entry that no other object shares takes
		// a kilobyte.
		indexAbout: func(obj *v1alpha1.ClientGrant) []string {
			values := []string{about(grant.Identity{
				ClientID: obj.Spec.ClientRef.ID, DefaultFor: obj.Spec.ClientRef.DefaultFor,
				SubjectType: string(obj.Spec.SubjectType), Audience: obj.Spec.Audience,
			})}
			for _, identity := range recordedBy(obj) {
				if value := about(identity); !slices.Contains(values, value) {
					values = append(values, value)
				}
			}
			return values
		},
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
