package clientgrant

import (
	"context"
	"reflect"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
)

// about are the grants that a step is about.
func (p *pass) about(s *lifecycle.Step) []grant.Identity {
	return world.About(&p.world, s.Record, s.Replaces)
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
	p.world, p.around, p.editor = now, around, editorOf(live)
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
