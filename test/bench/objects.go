package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// audience is the API of all grants.
const audience = "https://api.example.com/"

// longEnough is for what takes its time on a busy machine and is no figure of any row.
const longEnough = 25 * time.Minute

// scopes are five of 20 characters each.
func scopes() []string {
	list := make([]string, 5)
	for i := range list {
		list[i] = fmt.Sprintf("read:accounts-%06d", i)
	}
	return list
}

// grantOf is a ClientGrant for an application of its own.
func grantOf(on *site, namespace, name string) *v1alpha1.ClientGrant {
	return &v1alpha1.ClientGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.ClientGrantSpec{
			TenantRef: v1alpha1.TenantReference{Name: on.name, Namespace: harness.Namespace},
			ClientRef: v1alpha1.ClientReference{ID: applicationOf(namespace, name)}, Audience: audience, Scopes: scopes(),
		},
	}
}

// applicationOf is a client ID of 32 characters.
func applicationOf(namespace, name string) string {
	id := namespace + "-" + name
	return strings.Repeat("0", max(32-len(id), 0)) + id
}

// parallel does something for every number below count, a few at a time.
func parallel(count int, do func(i int) error) error {
	const workers = 8
	errs := make([]error, workers)
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for i := worker; i < count && errs[worker] == nil; i += workers {
				errs[worker] = do(i)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// register makes the tenant know an application.
func (s *site) register(ctx context.Context, application string) error {
	return s.Call(ctx, http.MethodPost, "clients", map[string]any{"client_id": application, "name": application}, nil)
}

// apply makes ClientGrants and the applications that they are for.
func (b *bench) apply(ctx context.Context, on *site, namespace string, names []string) error {
	b.expected[namespace] += len(names)
	return parallel(len(names), func(i int) error {
		obj := grantOf(on, namespace, names[i])
		if err := on.register(ctx, obj.Spec.ClientRef.ID); err != nil {
			return err
		}
		return b.cluster.Client.Create(ctx, obj)
	})
}

// applyReady makes ClientGrants and waits until they are ready.
func (b *bench) applyReady(ctx context.Context, on *site, namespace string, names []string) error {
	if err := b.apply(ctx, on, namespace, names); err != nil {
		return err
	}
	return b.allReady(ctx, namespace)
}

// fresh returns names that no object had before.
func (b *bench) fresh(count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("grant-%05d", b.made)
		b.made++
	}
	return names
}

// inMain is how many ClientGrants there are for the tenant main.
func (b *bench) inMain() int {
	total := 0
	for namespace, count := range b.expected {
		if namespace != elsewhere {
			total += count
		}
	}
	return total
}

// grow makes ClientGrants until the tenant main has that many, without a limit, and waits until all are ready.
func (b *bench) grow(ctx context.Context, to int) error {
	if err := b.serve(ctx); err != nil {
		return err
	}
	if err := b.apply(ctx, b.main, teamA, b.fresh(max(to-b.inMain(), 0))); err != nil {
		return err
	}
	for namespace := range b.expected {
		if err := b.allReady(ctx, namespace); err != nil {
			return err
		}
	}
	return nil
}

// allReady waits until every object of a namespace is ready, and the operator at rest.
func (b *bench) allReady(ctx context.Context, namespace string) error {
	err := until(ctx, longEnough, func() (bool, error) {
		all, ready := b.board.count(namespace)
		return all == b.expected[namespace] && ready == all, b.operator.running()
	})
	if err != nil {
		all, ready := b.board.count(namespace)
		return fmt.Errorf("%d of %d ClientGrants in %s are ready: %w", ready, all, namespace, err)
	}
	return b.rest(ctx, b.main, longEnough)
}

// serve makes sure that the operator runs and serves the tenant main without a limit.
func (b *bench) serve(ctx context.Context) error {
	if b.operator == nil {
		if err := b.startOperator(ctx); err != nil {
			return err
		}
	}
	return b.limit(ctx, b.main, mostPerMinute, mostBurst)
}

// limit sets what the operator may ask of a tenant, and the tenant's own limit: the same rate with a little more at once. The
// Auth0Tenant is made if there is none.
func (b *bench) limit(ctx context.Context, on *site, perMinute, burst int) error {
	if _, err := b.tenant(ctx, on); err != nil {
		return err
	}
	if on.perMinute == perMinute && on.burst == burst {
		return nil
	}
	on.perMinute, on.burst = perMinute, burst
	settings := map[string]any{"rate_limit": map[string]any{"limit": burst + 2, "per_second": float64(perMinute) / 60}}
	if err := on.Call(ctx, http.MethodPatch, "settings", settings, nil); err != nil {
		return err
	}
	return b.configure(ctx, on, func(obj *v1alpha1.Auth0Tenant) {
		obj.Spec.RateLimit = v1alpha1.RateLimit{RequestsPerMinute: int32(perMinute), Burst: int32(burst)}
	})
}

// configure changes an Auth0Tenant and waits until the operator has taken that in.
func (b *bench) configure(ctx context.Context, on *site, change func(*v1alpha1.Auth0Tenant)) error {
	obj, err := b.tenant(ctx, on)
	if err != nil {
		return err
	}
	err = until(ctx, time.Minute, func() (bool, error) {
		if err := b.cluster.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return false, err
		}
		change(obj)
		return b.cluster.Client.Update(ctx, obj) == nil, nil
	})
	if err != nil {
		return err
	}
	return b.tenantReady(ctx, obj)
}

// tenant returns the Auth0Tenant, which it makes if there is none, and waits until an operator that runs can use it.
func (b *bench) tenant(ctx context.Context, on *site) (*v1alpha1.Auth0Tenant, error) {
	obj, made, err := b.applyTenant(ctx, on)
	if err != nil || !made || b.operator == nil {
		return obj, err
	}
	return obj, b.tenantReady(ctx, obj)
}

// applyTenant returns the Auth0Tenant, and says whether it made it.
func (b *bench) applyTenant(ctx context.Context, on *site) (obj *v1alpha1.Auth0Tenant, made bool, err error) {
	obj = &v1alpha1.Auth0Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: harness.Namespace, Name: on.name}}
	err = b.cluster.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj)
	if client.IgnoreNotFound(err) != nil || err == nil {
		return obj, false, err
	}
	secret := &corev1.Secret{
		ObjectMeta: obj.ObjectMeta, StringData: map[string]string{"clientID": on.ClientID, "clientSecret": on.ClientSecret},
	}
	if err := b.cluster.Client.Create(ctx, secret); err != nil {
		return nil, false, err
	}
	obj.Spec = v1alpha1.Auth0TenantSpec{
		Domain: on.Domain, Credentials: v1alpha1.Credentials{SecretRef: v1alpha1.SecretReference{Name: on.name}},
		RateLimit: v1alpha1.RateLimit{RequestsPerMinute: int32(on.perMinute), Burst: int32(on.burst)},
		AccessRules: []v1alpha1.AccessRule{{
			Name: "all", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: admitted()},
			Audiences: []string{"*"}, Scopes: []string{"*"}, ClientIDs: []string{"*"},
		}},
		ResyncInterval: &metav1.Duration{Duration: time.Hour},
	}
	return obj, true, b.cluster.Client.Create(ctx, obj)
}

func (b *bench) tenantReady(ctx context.Context, obj *v1alpha1.Auth0Tenant) error {
	return until(ctx, time.Minute, func() (bool, error) {
		if err := b.cluster.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return false, err
		}
		ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == obj.Generation, nil
	})
}
