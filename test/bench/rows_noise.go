package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// times is how often a victim's work is timed, without the noise and in it.
const timed = 20

// victims makes the grants that are revoked without the noise and in it.
func (b *bench) victims(ctx context.Context) ([]client.ObjectKey, error) {
	if err := b.serve(ctx); err != nil {
		return nil, err
	}
	if err := b.applyReady(ctx, b.main, single, b.fresh(2*timed)); err != nil {
		return nil, err
	}
	return b.some(single, 2*timed), nil
}

// timeRevocations deletes objects one at a time, and says how long each took to go.
func (b *bench) timeRevocations(ctx context.Context, keys []client.ObjectKey) ([]time.Duration, error) {
	var times []time.Duration
	for _, key := range keys {
		began := time.Now()
		if err := b.deleteObject(ctx, key); err != nil {
			return nil, err
		}
		if err := b.board.goes(ctx, key, time.Minute); err != nil {
			return nil, err
		}
		at, _ := b.board.isGone(key)
		times = append(times, at.Sub(began))
	}
	return times, nil
}

// timeCreations makes grants one at a time.
func (b *bench) timeCreations(ctx context.Context) ([]time.Duration, error) {
	var times []time.Duration
	for _, name := range b.fresh(timed) {
		took, err := b.createOne(ctx, b.main, single, name)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	return times, nil
}

// ofNobody is an API for which nobody asks but the stranger.
const ofNobody = "https://nobody.example.com/"

// runNoise has a stranger, whom no rule admits, ask for what others have, by thousands of ClientGrants and with Auth0Tenants of
// the same tenant, and edit them all the time. Without the noise he has and edits as many that are about nobody else.
func runNoise(ctx context.Context, b *bench, r *result) error {
	keys, err := b.victims(ctx)
	if err != nil {
		return err
	}
	if err := b.makeNoise(ctx, keys[timed:], b.sized(5000)); err != nil {
		return err
	}
	if err := b.rest(ctx, b.main, longEnough); err != nil {
		return err
	}
	defer b.repeat(ctx, 20, b.noiseEdit())()
	quiet, err := b.timeRevocations(ctx, keys[:timed])
	if err != nil {
		return err
	}
	quietCreations, err := b.timeCreations(ctx)
	if err != nil {
		return err
	}
	if err := b.aimNoise(ctx, b.sized(500)); err != nil {
		return err
	}
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	noisy, err := b.timeRevocations(ctx, keys[timed:])
	if err != nil {
		return err
	}
	noisyCreations, err := b.timeCreations(ctx)
	if err != nil {
		return err
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	r.Latency, r.FloorLatency = latencyOf(noisy), latencyOf(quiet)
	r.atMost("ms of the slowest revocation", r.Latency.Max, 3000)
	r.atMost("p50 of a revocation, times that without", r.Latency.P50/r.FloorLatency.P50, 1.2)
	r.atMost("p50 of a creation, times that without", latencyOf(noisyCreations).P50/latencyOf(quietCreations).P50, 1.2)
	return nil
}

// makeNoise makes the stranger's ClientGrants: half of them name a victim's application, half have it from a ConfigMap.
func (b *bench) makeNoise(ctx context.Context, victims []client.ObjectKey, count int) error {
	application := func(i int) string { return applicationOf(single, victims[i%len(victims)].Name) }
	for i := range victims {
		configMap := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: stranger, Name: fmt.Sprint("client-", i)}, Data: map[string]string{"id": application(i)},
		}
		if err := b.cluster.Client.Create(ctx, configMap); err != nil {
			return err
		}
	}
	names := b.fresh(count)
	return parallel(count, func(i int) error {
		obj := grantOf(b.main, stranger, names[i])
		obj.Spec.Audience, obj.Spec.ClientRef = ofNobody, v1alpha1.ClientReference{ID: application(i)}
		if i%2 == 0 {
			from := &v1alpha1.ConfigMapKeyReference{Name: fmt.Sprint("client-", i%len(victims)), Key: "id"}
			obj.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: from}
		}
		return b.cluster.Client.Create(ctx, obj)
	})
}

// aimNoise makes the stranger's ClientGrants ask for the victims' grants, and makes Auth0Tenants of their tenant.
func (b *bench) aimNoise(ctx context.Context, tenants int) error {
	err := parallel(tenants, func(i int) error {
		return b.cluster.Client.Create(ctx, &v1alpha1.Auth0Tenant{
			ObjectMeta: metav1.ObjectMeta{Namespace: stranger, Name: fmt.Sprint("main-", i)},
			Spec: v1alpha1.Auth0TenantSpec{
				Domain: b.main.Domain, Credentials: v1alpha1.Credentials{SecretRef: v1alpha1.SecretReference{Name: "main"}},
			},
		})
	})
	if err != nil {
		return err
	}
	mine := b.some(stranger, b.sized(5000))
	return parallel(len(mine), func(i int) error {
		_, err := b.edit(ctx, mine[i], func(spec *v1alpha1.ClientGrantSpec) { spec.Audience = audience })
		return err
	})
}

// noiseEdit changes one of the stranger's ClientGrants after the other.
func (b *bench) noiseEdit() func() error {
	mine, next := b.some(stranger, 1000), 0
	return func() error {
		obj := &v1alpha1.ClientGrant{}
		if err := b.cluster.Client.Get(context.Background(), mine[next%len(mine)], obj); err != nil {
			return err
		}
		next++
		obj.Spec.Scopes = scopes()[:1+next%3]
		return client.IgnoreNotFound(b.cluster.Client.Update(context.Background(), obj))
	}
}

// hangingTenants is how many tenants do not answer: half of them no write, the others not even a request for a token.
const hangingTenants = 20

// runHanging times the grants of another tenant while those of twenty tenants hang.
func runHanging(ctx context.Context, b *bench, r *result) error {
	if err := b.openHanging(ctx); err != nil {
		return err
	}
	if _, err := b.victims(ctx); err != nil {
		return err
	}
	quiet, err := b.timeCreations(ctx)
	if err != nil {
		return err
	}
	if err := b.hang(ctx); err != nil {
		return err
	}
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	noisy, err := b.timeCreations(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := b.tenant(ctx, b.hanging[hangingTenants]); err != nil {
		return err
	}
	newcomer := time.Since(began)
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	r.Latency, r.FloorLatency = latencyOf(noisy), latencyOf(quiet)
	r.atMost("ms of the slowest above that without", r.Latency.Max-r.FloorLatency.Max, 1000)
	r.atMost("ms until a further tenant can be used", float64(newcomer.Milliseconds()), 1000)
	return b.stillHanging(ctx)
}

// openHanging starts the tenants and one more, and the operator anew: it is to know where they are.
func (b *bench) openHanging(ctx context.Context) error {
	for i := range hangingTenants + 1 {
		site, err := b.openSite(ctx, fmt.Sprint("hanging-", i), 0)
		if err != nil {
			return err
		}
		b.hanging = append(b.hanging, site)
	}
	b.stopOperator()
	return b.trust()
}

// hang has each tenant hang with as many calls as it may have under way.
func (b *bench) hang(ctx context.Context) error {
	for i, site := range b.hanging[:hangingTenants] {
		fault := map[string]any{"method": http.MethodPost, "route": "/client-grants", "times": -1, "hang": true}
		if i%2 == 1 {
			fault["route"] = "/oauth/token"
		}
		if err := site.Call(ctx, http.MethodPost, "faults", fault, nil); err != nil {
			return err
		}
	}
	for _, site := range b.hanging[:hangingTenants] {
		if _, _, err := b.applyTenant(ctx, site); err != nil {
			return err
		}
		if err := b.apply(ctx, site, elsewhere, b.fresh(10)); err != nil {
			return err
		}
	}
	return until(ctx, time.Minute, func() (bool, error) { return b.hangs(ctx) })
}

// stillHanging fails where the calls came to their end before the row did.
func (b *bench) stillHanging(ctx context.Context) error {
	if hang, err := b.hangs(ctx); err != nil || !hang {
		return errors.Join(errors.New("the tenants did not hang to the end"), err)
	}
	return nil
}

// hangs says whether there are at least as many passes under way as the operator works on at once without a flag.
func (b *bench) hangs(ctx context.Context) (bool, error) {
	metrics, err := scrape(ctx, http.DefaultClient, b.operator.metrics, "controller_runtime_active_workers")
	under := 0.0
	for _, m := range metrics {
		if m.labels["controller"] == "clientgrant" {
			under += m.value
		}
	}
	return under >= 16, err
}
