package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// queue has thousands of creations wait for the limit of the tenant main.
func (b *bench) queue(ctx context.Context) error {
	if b.expected[crowd] > 0 {
		return nil
	}
	if err := b.serve(ctx); err != nil {
		return err
	}
	if err := b.applyReady(ctx, b.main, revoked, b.fresh(toRevoke+toRevokeBeside)); err != nil {
		return err
	}
	if err := b.applyReady(ctx, b.main, flapping, b.fresh(1)); err != nil {
		return err
	}
	if err := b.underLimit(ctx, b.main); err != nil {
		return err
	}
	if err := b.apply(ctx, b.main, crowd, b.fresh(b.sized(5000))); err != nil {
		return err
	}
	return until(ctx, longEnough, func() (bool, error) {
		all, _ := b.board.count(crowd)
		now, err := b.operator.sample(ctx)
		return all == b.expected[crowd] && now.queued < 20, err
	})
}

// How many objects are deleted one at a time.
const (
	toRevoke       = 50
	toRevokeBeside = 10
)

// queued fails where the queue came to its end before the row did.
func (b *bench) queued() error {
	if all, ready := b.board.count(crowd); ready == all {
		return fmt.Errorf("the queue of %d is at its end: use a larger -scale", all)
	}
	return nil
}

func runQueueDeletion(ctx context.Context, b *bench, r *result) error {
	if err := b.queue(ctx); err != nil {
		return err
	}
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	began := time.Now()
	asked, err := b.revokeOneByOne(ctx, b.some(revoked, toRevoke))
	if err != nil {
		return err
	}
	took := time.Since(began)
	log, err := span.end(ctx, r)
	if err != nil {
		return err
	}
	times := reached(log, asked)
	r.Latency = latencyOf(times)
	soon := 0
	for _, took := range times {
		if took <= time.Second {
			soon++
		}
	}
	r.Floor = float64(r.total()) / limitedRate
	r.is("DELETE", len(times), toRevoke)
	r.atMost("ms of the slowest", r.Latency.Max, 3000)
	r.atLeast("within 1 s", float64(soon), 48)
	r.atLeast("share of the budget", float64(r.total())/(took.Seconds()*limitedRate), 0.95)
	r.is("429", r.Limited, 0)
	return b.queued()
}

// revokeOneByOne deletes objects one at a time, and says when each deletion was asked for, by the ID of its grant.
func (b *bench) revokeOneByOne(ctx context.Context, keys []client.ObjectKey) (map[string]time.Time, error) {
	asked := map[string]time.Time{}
	for _, key := range keys {
		held, _ := b.board.state(key)
		asked[held.grantID] = time.Now()
		if err := b.deleteObject(ctx, key); err != nil {
			return nil, err
		}
		if err := b.board.goes(ctx, key, time.Minute); err != nil {
			return nil, err
		}
	}
	return asked, nil
}

// reached is how long after it was asked for each revocation reached the tenant.
func reached(log []exchange, asked map[string]time.Time) []time.Duration {
	var times []time.Duration
	for _, e := range log {
		if at, ok := asked[revokes(e)]; ok {
			times = append(times, e.Time.Sub(at))
		}
	}
	return times
}

// revokes is the ID of the grant that a call deletes; empty for another call.
func revokes(e exchange) string {
	if e.Method != http.MethodDelete {
		return ""
	}
	return e.Path[strings.LastIndexByte(e.Path, '/')+1:]
}

func runQueueNamespace(ctx context.Context, b *bench, r *result) error {
	if err := b.queue(ctx); err != nil {
		return err
	}
	return b.oneByOne(ctx, r, b.main, single, 5*time.Second)
}

func runQueueTenant(ctx context.Context, b *bench, r *result) error {
	if err := b.queue(ctx); err != nil {
		return err
	}
	if err := b.limit(ctx, b.other, limitedRate*60, limitedBurst); err != nil {
		return err
	}
	return b.oneByOne(ctx, r, b.other, elsewhere, 3*time.Second)
}

// oneByOne creates grants one at a time, each of which must be ready within a time.
func (b *bench) oneByOne(ctx context.Context, r *result, on *site, namespace string, within time.Duration) error {
	span, err := b.begin(ctx, on)
	if err != nil {
		return err
	}
	var times []time.Duration
	for _, name := range b.fresh(20) {
		took, err := b.createOne(ctx, on, namespace, name)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	r.Latency = latencyOf(times)
	r.atMost("ms of the slowest", r.Latency.Max, float64(within.Milliseconds()))
	r.is("429", r.Limited, 0)
	return b.queued()
}

// runFlapping has one namespace widen and narrow a grant all the time.
func runFlapping(ctx context.Context, b *bench, r *result) error {
	if err := b.queue(ctx); err != nil {
		return err
	}
	editor := b.some(flapping, 1)[0]
	edits := 0
	stop := b.repeat(ctx, 50, func() error {
		edits++
		obj := &v1alpha1.ClientGrant{}
		if err := b.cluster.Client.Get(ctx, editor, obj); err != nil {
			return err
		}
		obj.Spec.Scopes = scopes()[:1+edits%2]
		return b.cluster.Client.Update(ctx, obj)
	})
	defer stop()
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	asked, err := b.revokeOneByOne(ctx, b.some(revoked, toRevokeBeside))
	if err != nil {
		return err
	}
	log, err := span.end(ctx, r)
	if err != nil {
		return err
	}
	r.Latency = latencyOf(reached(log, asked))
	most := 0
	for _, e := range log {
		if at, ok := asked[revokes(e)]; ok {
			most = max(most, between(log, at, e.Time))
		}
	}
	r.is("DELETE", len(reached(log, asked)), len(asked))
	r.atLeast("changes by the editor", float64(r.Calls[kindChange]), 1)
	r.atMost("tokens before the revocation", float64(most), 3)
	return b.queued()
}

// between counts the calls in a span of time.
func between(log []exchange, from, to time.Time) int {
	count := 0
	for _, e := range log {
		if e.kind() != kindToken && e.Time.After(from) && e.Time.Before(to) {
			count++
		}
	}
	return count
}
