package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// runCreate has the operator start with objects that are there already and an empty tenant.
func runCreate(ctx context.Context, b *bench, r *result) error {
	if b.operator != nil {
		return errors.New("the tenant is not empty any more")
	}
	n := b.sized(1000)
	if _, err := b.tenant(ctx, b.main); err != nil {
		return err
	}
	before, made, err := b.bare.createMany(ctx, b.main, n/10)
	if err != nil {
		return err
	}
	if _, err := b.bare.deleteMany(ctx, made); err != nil {
		return err
	}
	if err := b.apply(ctx, b.main, teamA, b.fresh(n)); err != nil {
		return err
	}
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	if err := b.startOperator(ctx); err != nil {
		return err
	}
	if err := b.allReady(ctx, teamA); err != nil {
		return err
	}
	log, err := span.end(ctx, r)
	if err != nil {
		return err
	}
	after, made, err := b.bare.createMany(ctx, b.main, n/10)
	if err != nil {
		return err
	}
	r.Floor = float64(n) * (before + after).Seconds() / 2
	r.callsAre(map[string]int{kindCreate: n, kindList: 1, kindToken: 1})
	r.is("409", statuses(log, http.StatusConflict), 0)
	_, err = b.bare.deleteMany(ctx, made)
	return err
}

func statuses(log []exchange, status int) int {
	count := 0
	for _, e := range log {
		if e.Status == status {
			count++
		}
	}
	return count
}

// growTo adds objects to those that are there.
func growTo(full int) row {
	run := func(ctx context.Context, b *bench, r *result) error {
		n := b.sized(full)
		if err := b.serve(ctx); err != nil {
			return err
		}
		if err := b.rest(ctx, b.main, longEnough); err != nil {
			return err
		}
		before := b.inMain()
		span, err := b.begin(ctx, b.main)
		if err != nil {
			return err
		}
		if err := b.grow(ctx, n); err != nil {
			return err
		}
		if _, err := span.end(ctx, r); err != nil {
			return err
		}
		r.is("POST", r.Calls[kindCreate], n-before)
		if full == 10000 && b.scale == 1 {
			r.atMost("RSS MiB", r.RSS, 220)
		}
		return nil
	}
	return row{fmt.Sprintf("grow-%d", full), fmt.Sprintf("create more, up to %d", full), unlimited, run}
}

// underLimit changes to the limit of the rows that are about it.
func (b *bench) underLimit(ctx context.Context, on *site) error {
	if err := b.limit(ctx, on, limitedRate*60, limitedBurst); err != nil {
		return err
	}
	return b.rest(ctx, on, longEnough)
}

const (
	limitedRate  = 10
	limitedBurst = 10
)

func runCreateLimited(ctx context.Context, b *bench, r *result) error {
	if err := b.serve(ctx); err != nil {
		return err
	}
	if err := b.underLimit(ctx, b.main); err != nil {
		return err
	}
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	n := b.sized(200)
	if err := b.applyReady(ctx, b.main, teamA, b.fresh(n)); err != nil {
		return err
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	r.Floor = float64(r.total()-limitedBurst) / limitedRate
	r.is("POST", r.Calls[kindCreate], n)
	r.atMost("s", r.Seconds, 1.05*r.Floor+1)
	r.is("429", r.Limited, 0)
	return nil
}

// runStrangers has somebody else use the tenant at half of its rate, in the same bucket.
func runStrangers(ctx context.Context, b *bench, r *result) error {
	if err := b.serve(ctx); err != nil {
		return err
	}
	if err := b.underLimit(ctx, b.main); err != nil {
		return err
	}
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	stop := b.repeat(ctx, limitedRate/2, func() error { return b.bare.lookUp(ctx, "stranger") })
	defer stop()
	n := b.sized(200)
	if err := b.applyReady(ctx, b.main, teamA, b.fresh(n)); err != nil {
		return err
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	left := float64(limitedRate) / 2
	r.Floor = float64(r.total()-limitedBurst) / left
	r.is("POST", r.Calls[kindCreate], n)
	r.atMost("ratio", r.Seconds/r.Floor, 1.5)
	r.atMost("share of 429", float64(r.Limited)/float64(max(r.total(), 1)), 0.02)
	return nil
}

// repeat does something so many times a second until stop is called, which waits for its end. What fails is tried again.
func (b *bench) repeat(ctx context.Context, perSecond int, do func() error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = do()
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// blockOf is how many grants in a row the operator makes before it is the bare client's turn.
const blockOf = 25

// runLatency applies one grant at a time.
func runLatency(ctx context.Context, b *bench, r *result) error {
	if err := b.serve(ctx); err != nil {
		return err
	}
	if err := b.rest(ctx, b.main, longEnough); err != nil {
		return err
	}
	var times, floors []time.Duration
	for len(times) < b.sized(300) {
		span, err := b.begin(ctx, b.main)
		if err != nil {
			return err
		}
		for _, name := range b.fresh(blockOf) {
			took, err := b.createOne(ctx, b.main, teamA, name)
			if err != nil {
				return err
			}
			times = append(times, took)
		}
		if _, err := span.end(ctx, r); err != nil {
			return err
		}
		for range blockOf {
			took, err := b.bareOne(ctx)
			if err != nil {
				return err
			}
			floors = append(floors, took)
		}
	}
	r.Latency, r.FloorLatency = latencyOf(times), latencyOf(floors)
	r.atMost("p50 above the bare client's", r.Latency.P50-r.FloorLatency.P50, 60)
	r.atMost("p99 above the bare client's", r.Latency.P99-r.FloorLatency.P99, 150)
	return nil
}

// createOne applies a ClientGrant, and says how long it took to become ready.
func (b *bench) createOne(ctx context.Context, on *site, namespace, name string) (time.Duration, error) {
	obj := grantOf(on, namespace, name)
	if err := on.register(ctx, obj.Spec.ClientRef.ID); err != nil {
		return 0, err
	}
	b.expected[namespace]++
	began := time.Now()
	if err := b.cluster.Client.Create(ctx, obj); err != nil {
		return 0, err
	}
	at, err := b.board.becomesReady(ctx, client.ObjectKeyFromObject(obj), obj.Generation, time.Minute)
	return at.Sub(began), err
}

// bareOne has the bare client do the same, with a look-up first, and clears up after it.
func (b *bench) bareOne(ctx context.Context) (time.Duration, error) {
	name := b.bare.name()
	if err := b.main.register(ctx, applicationOf(bareOnes, name)); err != nil {
		return 0, err
	}
	began := time.Now()
	obj, err := b.bare.store(ctx, name)
	if err != nil {
		return 0, err
	}
	if err := b.bare.lookUp(ctx, name); err != nil {
		return 0, err
	}
	if err := b.bare.create(ctx, obj); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, b.bare.delete(ctx, obj)
}
