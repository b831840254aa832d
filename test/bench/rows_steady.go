package main

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// resyncOf measures one refresh of so many grants that are in sync, started by its interval.
func resyncOf(full int) row {
	run := func(ctx context.Context, b *bench, r *result) error {
		n := b.sized(full)
		if err := b.grow(ctx, n); err != nil {
			return err
		}
		pages, err := b.bareList(ctx, r)
		if err != nil {
			return err
		}
		interval := func(d time.Duration) error {
			return b.configure(ctx, b.main, func(obj *v1alpha1.Auth0Tenant) { obj.Spec.ResyncInterval = &metav1.Duration{Duration: d} })
		}
		if err := interval(30 * time.Second); err != nil {
			return err
		}
		if err := b.rest(ctx, b.main, longEnough); err != nil {
			return err
		}
		span, err := b.begin(ctx, b.main)
		if err != nil {
			return err
		}
		if err := b.listed(ctx, b.main, pages, 2*time.Minute); err != nil {
			return err
		}
		if err := b.rest(ctx, b.main, longEnough); err != nil {
			return err
		}
		if _, err := span.end(ctx, r); err != nil {
			return err
		}
		r.callsAre(map[string]int{kindList: pages})
		r.is("writes", r.written(), 0)
		if full == 10000 {
			r.atMost("CPU s", r.CPU, 5)
		}
		return interval(time.Hour)
	}
	return row{fmt.Sprintf("resync-%d", full), fmt.Sprintf("resync of %d in sync", full), unlimited, run}
}

// bareList has the bare client read the whole list: the floor. It returns the number of pages.
func (b *bench) bareList(ctx context.Context, r *result) (pages int, err error) {
	began := time.Now()
	pages, err = b.bare.listAll(ctx)
	r.Floor = time.Since(began).Seconds()
	return pages, err
}

// listed waits until the operator has asked for that many pages.
func (b *bench) listed(ctx context.Context, on *site, pages int, within time.Duration) error {
	return until(ctx, within, func() (bool, error) {
		log, err := on.log(ctx, false)
		lists := 0
		for _, e := range log {
			if e.kind() == kindList {
				lists++
			}
		}
		return lists >= pages, err
	})
}

// restartOf measures a new process with so many grants in sync.
func restartOf(full int) row {
	run := func(ctx context.Context, b *bench, r *result) error {
		if err := b.grow(ctx, b.sized(full)); err != nil {
			return err
		}
		pages, verified, err := b.restart(ctx, r, 2*time.Minute)
		if err != nil {
			return err
		}
		r.callsAre(map[string]int{kindList: pages, kindToken: 1})
		r.is("writes", r.written(), 0)
		r.atMost("s from leadership to verified", verified.Seconds(), 30)
		return nil
	}
	return row{fmt.Sprintf("restart-%d", full), fmt.Sprintf("restart with %d in sync", full), unlimited, run}
}

// restart replaces the process, and says how long after becoming the leader it has verified everything.
func (b *bench) restart(ctx context.Context, r *result, within time.Duration) (pages int, verified time.Duration, err error) {
	if pages, err = b.bareList(ctx, r); err != nil {
		return 0, 0, err
	}
	b.stopOperator()
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return 0, 0, err
	}
	if err := b.startOperator(ctx); err != nil {
		return 0, 0, err
	}
	if err := b.listed(ctx, b.main, pages, within); err != nil {
		return 0, 0, err
	}
	err = until(ctx, within, func() (bool, error) {
		now, err := b.operator.sample(ctx)
		return now.busy == 0, err
	})
	if err != nil {
		return 0, 0, err
	}
	done := time.Now()
	lease := &coordinationv1.Lease{}
	if err := b.cluster.Client.Get(ctx, client.ObjectKey{Namespace: harness.Namespace, Name: "clientgrant-operator"}, lease); err != nil {
		return 0, 0, err
	}
	if err := b.rest(ctx, b.main, longEnough); err != nil {
		return 0, 0, err
	}
	_, err = span.end(ctx, r)
	return pages, done.Sub(lease.Spec.AcquireTime.Time), err
}

// runRestartLimited restarts under the default limit: a listing takes at most half of it.
func runRestartLimited(ctx context.Context, b *bench, r *result) error {
	const perMinute, burst = 50, 5
	if err := b.grow(ctx, b.sized(10000)); err != nil {
		return err
	}
	pages := pagesFor(b.inMain())
	// The bare client measures nothing here: it would use up the limit.
	if err := b.limit(ctx, b.main, perMinute, burst); err != nil {
		return err
	}
	if err := b.rest(ctx, b.main, longEnough); err != nil {
		return err
	}
	b.stopOperator()
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	if err := b.startOperator(ctx); err != nil {
		return err
	}
	if err := b.listed(ctx, b.main, pages, longEnough); err != nil {
		return err
	}
	if err := b.rest(ctx, b.main, longEnough); err != nil {
		return err
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	r.Floor = float64(pages) / (perMinute / 2) * 60
	r.callsAre(map[string]int{kindList: pages, kindToken: 1})
	r.is("writes", r.written(), 0)
	r.is("429", r.Limited, 0)
	r.atMost("s", r.Seconds, 1.05*r.Floor)
	return nil
}

// runMemory fills the tenant with as many grants of others, and restarts.
func runMemory(ctx context.Context, b *bench, r *result) error {
	n := b.sized(10000)
	if err := b.grow(ctx, n); err != nil {
		return err
	}
	err := parallel(n, func(i int) error {
		return b.main.Call(ctx, "POST", "grants", map[string]any{
			"client_id": fmt.Sprintf("foreign-%024d", i), "audience": audience, "scope": scopes(),
		}, nil)
	})
	if err != nil {
		return err
	}
	pages, verified, err := b.restart(ctx, r, 5*time.Minute)
	if err != nil {
		return err
	}
	r.callsAre(map[string]int{kindList: pages, kindToken: 1})
	r.is("writes", r.written(), 0)
	r.atMost("s from leadership to verified", verified.Seconds(), 30)
	r.atMost("RSS MiB", r.RSS, 130)
	return nil
}

// runLarge manages a few grants in a tenant that holds many more.
func runLarge(ctx context.Context, b *bench, r *result) error {
	if err := b.serve(ctx); err != nil {
		return err
	}
	if _, err := b.tenant(ctx, b.large); err != nil {
		return err
	}
	if err := b.applyReady(ctx, b.large, elsewhere, b.fresh(10)); err != nil {
		return err
	}
	b.stopOperator()
	span, err := b.begin(ctx, b.large)
	if err != nil {
		return err
	}
	if err := b.startOperator(ctx); err != nil {
		return err
	}
	if err := b.listed(ctx, b.large, 1, time.Minute); err != nil {
		return err
	}
	if err := b.rest(ctx, b.large, longEnough); err != nil {
		return err
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	r.atMost("calls of the first pass", float64(r.total()), 20)
	again := &result{Calls: map[string]int{}, Writes: map[string]int{}}
	if span, err = b.begin(ctx, b.large); err != nil {
		return err
	}
	if err := b.refresh(ctx, b.large); err != nil {
		return err
	}
	if _, err := span.end(ctx, again); err != nil {
		return err
	}
	r.atMost("calls of a resync", float64(again.total()), 10)
	r.atLeast("calls of a resync", float64(again.total()), 1)
	return nil
}

// refresh has the operator look at everything in a tenant now, and waits until it has.
func (b *bench) refresh(ctx context.Context, on *site) error {
	asked := time.Now().Format(time.RFC3339Nano)
	err := b.configure(ctx, on, func(obj *v1alpha1.Auth0Tenant) {
		metav1.SetMetaDataAnnotation(&obj.ObjectMeta, v1alpha1.ReconcileRequestAnnotation, asked)
	})
	if err != nil {
		return err
	}
	err = until(ctx, longEnough, func() (bool, error) {
		obj, err := b.tenant(ctx, on)
		return err == nil && obj.Status.LastHandledReconcileAt == asked, err
	})
	if err != nil {
		return err
	}
	return b.rest(ctx, on, longEnough)
}
