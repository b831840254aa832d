package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// some returns the first so many objects of a namespace, in the order of their names.
func (b *bench) some(namespace string, count int) []client.ObjectKey {
	var keys []client.ObjectKey
	for key := range b.board.in(namespace) {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y client.ObjectKey) int {
		if x.Name < y.Name {
			return -1
		}
		return 1
	})
	return keys[:min(count, len(keys))]
}

// otherScopes differ from scopes in one of them.
func otherScopes() []string {
	return append(scopes()[1:], "write:accounts-00000")
}

// edit changes the spec of an object.
func (b *bench) edit(ctx context.Context, key client.ObjectKey, change func(*v1alpha1.ClientGrantSpec)) (*v1alpha1.ClientGrant, error) {
	obj := &v1alpha1.ClientGrant{}
	err := until(ctx, time.Minute, func() (bool, error) {
		if err := b.cluster.Client.Get(ctx, key, obj); err != nil {
			return false, err
		}
		change(&obj.Spec)
		return b.cluster.Client.Update(ctx, obj) == nil, nil
	})
	return obj, err
}

func runEdit(ctx context.Context, b *bench, r *result) error {
	if err := b.grow(ctx, b.sized(1000)); err != nil {
		return err
	}
	keys := b.some(teamA, b.sized(1000)/10)
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	err = parallel(len(keys), func(i int) error {
		obj, err := b.edit(ctx, keys[i], func(spec *v1alpha1.ClientGrantSpec) { spec.Scopes = otherScopes() })
		if err != nil {
			return err
		}
		_, err = b.board.becomesReady(ctx, keys[i], obj.Generation, time.Minute)
		return err
	})
	if err != nil {
		return err
	}
	if err := b.rest(ctx, b.main, longEnough); err != nil {
		return err
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	r.callsAre(map[string]int{kindChange: len(keys)})
	return nil
}

func runDrift(ctx context.Context, b *bench, r *result) error {
	n := b.sized(1000)
	if err := b.grow(ctx, n); err != nil {
		return err
	}
	keys := b.some(teamA, n)
	keys = keys[len(keys)-n/10:]
	err := parallel(len(keys), func(i int) error {
		held, _ := b.board.state(keys[i])
		return b.main.Call(ctx, http.MethodPatch, "grants/"+held.grantID, map[string]any{"scope": append(scopes(), "admin:everything")}, nil)
	})
	if err != nil {
		return err
	}
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	if err := b.refresh(ctx, b.main); err != nil {
		return err
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	r.callsAre(map[string]int{kindChange: len(keys), kindList: pagesFor(b.inMain())})
	return nil
}

func runDelete(ctx context.Context, b *bench, r *result) error {
	n := b.sized(1000)
	if err := b.grow(ctx, n); err != nil {
		return err
	}
	keys := b.some(teamA, n)
	_, made, err := b.bare.createMany(ctx, b.main, n/5)
	if err != nil {
		return err
	}
	before, err := b.bare.deleteMany(ctx, made[:n/10])
	if err != nil {
		return err
	}
	span, err := b.begin(ctx, b.main)
	if err != nil {
		return err
	}
	if err := b.remove(ctx, keys); err != nil {
		return err
	}
	if err := b.rest(ctx, b.main, longEnough); err != nil {
		return err
	}
	if _, err := span.end(ctx, r); err != nil {
		return err
	}
	after, err := b.bare.deleteMany(ctx, made[n/10:])
	if err != nil {
		return err
	}
	r.Floor = float64(len(keys)) * (before + after).Seconds() / 2
	r.is(kindDelete, r.Calls[kindDelete], len(keys))
	r.atMost("reads", float64(r.reads()), 20)
	r.is("other calls", r.total()-r.reads()-r.Calls[kindDelete], 0)
	return nil
}

// remove deletes objects and waits until they are gone.
func (b *bench) remove(ctx context.Context, keys []client.ObjectKey) error {
	err := parallel(len(keys), func(i int) error { return b.deleteObject(ctx, keys[i]) })
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := b.board.goes(ctx, key, longEnough); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) deleteObject(ctx context.Context, key client.ObjectKey) error {
	b.mu.Lock()
	b.expected[key.Namespace]--
	b.mu.Unlock()
	obj := &v1alpha1.ClientGrant{}
	obj.Namespace, obj.Name = key.Namespace, key.Name
	return b.cluster.Client.Delete(ctx, obj)
}
