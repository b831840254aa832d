package export

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// Desk decides about the ClientGrants of a Cluster as the operator would, over tenants whose grants were read before.
type Desk struct {
	*Cluster
	// Now is the time of every decision.
	Now time.Time
	// held are the grants of each host that was read.
	held     map[string]map[grant.Identity]*grant.Grant
	sessions *tenant.Sessions
	gatherer *world.Gatherer
}

// NewDesk makes a desk; Close ends it.
func NewDesk(cluster *Cluster, now time.Time) *Desk {
	d := &Desk{
		Cluster: cluster, Now: now, held: map[string]map[grant.Identity]*grant.Grant{},
		sessions: tenant.NewSessions(func(budget.Key) {}, func(budget.Key) {}, 1, time.Minute),
	}
	d.gatherer = world.New(&world.Gatherer{
		Cache: cluster, Live: cluster, Sessions: d.sessions, Start: func() time.Time { return now }, About: cluster.About,
		Usable: func(*v1alpha1.Auth0Tenant) bool { return true },
		Gone:   func(grant.Identity) []*v1alpha1.ClientGrant { return nil },
	})
	return d
}

// Close ends the sessions.
func (d *Desk) Close() { d.sessions.CloseAll() }

// Reached says that an Auth0Tenant's credentials work: operator is the application of its Secret, empty where that is not known,
// systemHosts are what its token names as the tenant's own, and held what the tenant holds. The client is never asked for anything.
func (d *Desk) Reached(of *v1alpha1.Auth0Tenant, client *auth0.Client, operator string, systemHosts []string, held []grant.Grant) {
	key, host := keyOf(of), of.CanonicalHost()
	d.Known(of, operator)
	d.sessions.Open(key, tenant.Config{Name: string(of.UID), Host: host, Proven: host, SystemHosts: systemHosts, Interval: of.ResyncInterval()},
		budget.Limit{PerMinute: 1, Burst: 1}, client, nil, func() {})
	d.held[host] = map[grant.Identity]*grant.Grant{}
	for _, one := range held {
		d.held[host][one.Identity(host)] = &one
	}
}

// Known says which application an Auth0Tenant uses; empty: nobody told.
func (d *Desk) Known(of *v1alpha1.Auth0Tenant, operator string) {
	d.sessions.SetOperator(keyOf(of), tenant.Operator{UID: string(of.UID), Host: of.CanonicalHost(), ClientID: operator})
}

func keyOf(of *v1alpha1.Auth0Tenant) budget.Key { return budget.Key(client.ObjectKeyFromObject(of)) }

// World is what the operator would decide on for a ClientGrant.
func (d *Desk) World(ctx context.Context, obj *v1alpha1.ClientGrant, memory lifecycle.Memory) (lifecycle.World, error) {
	w, _, err := d.gatherer.FromCache(ctx, obj, memory, false)
	if err != nil {
		return w, err
	}
	w.Now = d.Now
	for _, identity := range world.About(&w) {
		if known, ok := d.held[identity.Tenant]; ok {
			w.Seen[identity] = lifecycle.Observation{Grant: known[identity], Began: d.Now}
		}
	}
	return w, nil
}
