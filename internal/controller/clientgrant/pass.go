package clientgrant

import (
	"context"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
)

// pass is one reconciliation of one ClientGrant.
type pass struct{ teller }

func (r *Reconciler) newPass(ctx context.Context, key types.NamespacedName, stored *v1alpha1.ClientGrant, past *past) *pass {
	of := object{Reconciler: r, key: key, stored: stored, obj: stored.DeepCopy(), past: past, gone: isTombstone(key)}
	return &pass{teller{object: of, log: ctrl.LoggerFrom(ctx)}}
}

// errReleased ends a pass after which the object is no longer held by the operator.
var errReleased = &outcome.Outcome{Silent: true}

// mostSteps bounds one pass.
const mostSteps = 40

// run takes one step after the other until there is something to wait for, which it returns.
func (p *pass) run(ctx context.Context) error {
	for range mostSteps {
		if err := p.gather(ctx); err != nil {
			return err
		}
		if err := p.take(ctx, lifecycle.Next(p.world)); err != nil {
			return err
		}
	}
	return outcome.ErrStale
}

// gather brings the World up to date, from the cache.
func (p *pass) gather(ctx context.Context) (err error) {
	p.world, p.around, err = p.worlds.FromCache(ctx, p.stored, p.past.memory, p.gone)
	return err
}

// about are the grants that a step is about.
func (p *pass) about(s *lifecycle.Step) []grant.Identity {
	about := world.About(&p.world)
	for _, record := range []*grant.Record{s.Record, s.Replaces} {
		if record != nil && !slices.Contains(about, record.Identity) {
			about = append(about, record.Identity)
		}
	}
	return about
}

// gate lets a step through that follows, too, from what the API server has now: nothing is written on old knowledge.
func (p *pass) gate(ctx context.Context, s *lifecycle.Step) error {
	live, err := p.live(ctx)
	if err != nil {
		return err
	}
	now, around, err := p.worlds.FromServer(ctx, live, p.past.memory, p.gone)
	if err != nil {
		return err
	}
	again := lifecycle.Next(now)
	if !reflect.DeepEqual(again.Do, s.Do) || !reflect.DeepEqual(again.Record, s.Record) || !reflect.DeepEqual(again.Replaces, s.Replaces) ||
		!sameTenant(p.around.Tenant, around.Tenant) {
		return outcome.ErrStale
	}
	p.world, p.around = now, around
	return nil
}

func sameTenant(a, b *v1alpha1.Auth0Tenant) bool {
	return a == nil && b == nil || a != nil && b != nil && a.UID == b.UID
}

// live is the object as the API server has it. It must be the one of this pass, and of the generation that the memory is of.
func (p *pass) live(ctx context.Context) (*v1alpha1.ClientGrant, error) {
	live := &v1alpha1.ClientGrant{}
	err := p.Live.Get(ctx, client.ObjectKeyFromObject(p.stored), live)
	there := err == nil && live.UID == p.stored.UID
	switch {
	case client.IgnoreNotFound(err) != nil:
		return nil, err
	case there == p.gone || there && live.Generation != p.stored.Generation:
		return nil, outcome.ErrStale
	case p.gone:
		return p.stored, nil
	}
	return live, nil
}
