package world

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

const (
	ownHost, customHost, otherHost = "acme.eu.auth0.com", "login.acme.com", "other.eu.auth0.com"
	theApp                         = "app"
)

// indexed is a cache of Auth0Tenants.
func indexed(t *testing.T, objects ...client.Object) client.Reader {
	t.Helper()
	made := fake.NewClientBuilder().WithScheme(testScheme(t)).WithObjects(objects...)
	for name, values := range cached.Auth0TenantIndexes {
		made.WithIndex(&v1alpha1.Auth0Tenant{}, name, func(obj client.Object) []string { return values(obj.(*v1alpha1.Auth0Tenant)) })
	}
	return made.Build()
}

// tenantOf is an Auth0Tenant that dials a domain and claims to be of a host.
func tenantOf(name, domain, claim string) *v1alpha1.Auth0Tenant {
	obj := &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "auth0", Name: name, UID: types.UID("uid of " + name)}}
	obj.Spec.Domain = domain
	if claim != domain {
		obj.Spec.ManagementAudience = "https://" + claim + "/api/v2/"
	}
	return obj
}

func accepting(obj *v1alpha1.Auth0Tenant, host string) *v1alpha1.Auth0Tenant {
	obj.Status.Accepted = &v1alpha1.AcceptedCredentials{ClientID: theApp, Host: host}
	return obj
}

// Whose application is protected follows from what was proven: by this process, or by an earlier one. What another one claims
// protects nothing; what an Auth0Tenant itself claims bounds its own ClientGrants.
func TestOperators_OnlyWhatIsProven(t *testing.T) {
	type operator struct{ domain, claim, accepted string } // accepted by which host; empty: by none
	proves := func(o operator) string {
		if o.accepted == o.claim {
			return o.claim
		}
		return o.domain
	}
	hosts := []string{ownHost, customHost, otherHost}
	for _, mine := range []operator{{ownHost, ownHost, ""}, {customHost, ownHost, ""}, {customHost, ownHost, ownHost}, {customHost, ownHost, customHost}} {
		for _, domain := range hosts {
			for _, claim := range hosts {
				for _, accepted := range []string{"", domain, claim} {
					theirs := operator{domain, claim, accepted}
					want := accepted != "" && (proves(theirs) == proves(mine) || proves(theirs) == mine.claim)
					for _, earlier := range []bool{false, true} {
						t.Run(fmt.Sprintf("%v beside %v, by an earlier process %v", mine, theirs, earlier), func(t *testing.T) {
							of, other := tenantOf("mine", mine.domain, mine.claim), tenantOf("other", domain, claim)
							if mine.accepted != "" {
								of.Status.Accepted = &v1alpha1.AcceptedCredentials{ClientID: "mine", Host: mine.accepted}
							}
							g := New(&Gatherer{Sessions: tenant.NewSessions(nil, nil, 1, time.Minute)})
							switch {
							case accepted == "":
							case earlier:
								accepting(other, proves(theirs))
							default:
								g.Sessions.SetOperator(budget.Key(client.ObjectKeyFromObject(other)),
									tenant.Operator{UID: string(other.UID), Host: proves(theirs), ClientID: theApp})
							}
							g.Cache = indexed(t, other)
							if got, err := g.operators(t.Context(), of); slices.Contains(got, theApp) != want || err != nil {
								t.Errorf("protected are %q, error %v, want %v", got, err, want)
							}
						})
					}
				}
			}
		}
	}
}

// An application that took the place of another one is newer than the cache.
func TestOperators_WhatThisProcessFoundOutIsNewer(t *testing.T) {
	other := accepting(tenantOf("other", ownHost, ownHost), ownHost)
	g := New(&Gatherer{Sessions: tenant.NewSessions(nil, nil, 1, time.Minute), Cache: indexed(t, other)})
	g.Sessions.SetOperator(budget.Key(client.ObjectKeyFromObject(other)), tenant.Operator{UID: string(other.UID), Host: ownHost, ClientID: "new"})
	if got, err := g.operators(t.Context(), tenantOf("mine", ownHost, ownHost)); !slices.Equal(got, []string{"new"}) || err != nil {
		t.Errorf("protected are %q, error %v", got, err)
	}
}

// A ClientGrant waits for those alone that may turn out to use its application in its tenant, and not for long.
func TestOperatorsKnown_WaitsForFewAndNotForLong(t *testing.T) {
	now := time.Now()
	named := func(clientID string) func(*Gatherer, *v1alpha1.Auth0Tenant) {
		return func(g *Gatherer, other *v1alpha1.Auth0Tenant) {
			g.Sessions.SetNamed(budget.Key(client.ObjectKeyFromObject(other)), string(other.UID), clientID)
		}
	}
	tests := map[string]struct {
		domain, claim string
		change        func(*Gatherer, *v1alpha1.Auth0Tenant)
		owns, known   bool
	}{
		"one of its host that nobody looked at": {domain: ownHost, claim: ownHost},
		"one of its host that names it":         {domain: ownHost, claim: ownHost, change: named(theApp)},
		"one of its host that names another":    {domain: ownHost, claim: ownHost, change: named("another"), known: true},
		"one of its host that names none":       {domain: ownHost, claim: ownHost, change: named(""), known: true},
		"one that claims to be of its host":     {domain: customHost, claim: ownHost},
		"one of another host":                   {domain: otherHost, claim: otherHost, known: true},
		"one that dials it and claims another":  {domain: ownHost, claim: otherHost},
		"itself ends":                           {domain: ownHost, claim: ownHost, owns: true, known: true},
		"one that may not be used": {domain: ownHost, claim: ownHost, known: true, change: func(g *Gatherer, _ *v1alpha1.Auth0Tenant) {
			g.Usable = func(*v1alpha1.Auth0Tenant) bool { return false }
		}},
		"one that was tried": {domain: ownHost, claim: ownHost, known: true, change: func(g *Gatherer, o *v1alpha1.Auth0Tenant) {
			g.Sessions.SetTried(budget.Key(client.ObjectKeyFromObject(o)), string(o.UID))
		}},
		"one that came later": {domain: ownHost, claim: ownHost, known: true, change: func(_ *Gatherer, o *v1alpha1.Auth0Tenant) {
			o.CreationTimestamp = metav1.NewTime(now.Add(2 * time.Second))
		}},
		"one that could have been tried long ago": {domain: ownHost, claim: ownHost, known: true, change: func(_ *Gatherer, o *v1alpha1.Auth0Tenant) {
			o.CreationTimestamp = metav1.NewTime(now.Add(-time.Minute))
		}},
		"an old one, after a start": {domain: ownHost, claim: ownHost, change: func(g *Gatherer, o *v1alpha1.Auth0Tenant) {
			o.CreationTimestamp, g.Start = metav1.NewTime(now.Add(-time.Minute)), time.Now
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			other := tenantOf("other", test.domain, test.claim)
			other.CreationTimestamp = metav1.NewTime(now)
			g := New(&Gatherer{
				Sessions: tenant.NewSessions(nil, nil, 1, time.Minute), Start: func() time.Time { return now.Add(-time.Hour) },
				Usable: func(*v1alpha1.Auth0Tenant) bool { return true },
			})
			if test.change != nil {
				test.change(g, other)
			}
			g.Cache = indexed(t, other)
			w := &lifecycle.World{Now: now, Start: g.Start(), Wanted: grant.Identity{ClientID: theApp}, Memory: lifecycle.Memory{Since: now}}
			if test.owns {
				w.Object = lifecycle.Object{Deleting: true, Record: &grant.Record{ID: "cgr_1"}}
			}
			if known, err := g.operatorsKnown(t.Context(), tenantOf("mine", ownHost, ownHost), w); known != test.known || err != nil {
				t.Errorf("known %v, error %v", known, err)
			}
		})
	}
}
