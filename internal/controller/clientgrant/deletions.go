package clientgrant

import (
	"cmp"
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/controller/outcome"
	"github.com/clientgrants/clientgrant-operator/internal/controller/world"
)

// countDeletion counts a DELETE call in the status of its Auth0Tenant before it is made, so that a restart changes nothing.
func (p *pass) countDeletion(ctx context.Context) error {
	of := p.around.Tenant
	if of.Spec.DeletionLimit == nil {
		return nil
	}
	live := &v1alpha1.Auth0Tenant{}
	if err := p.Live.Get(ctx, client.ObjectKeyFromObject(of), live); err != nil {
		return err
	}
	before, now := live.DeepCopy(), metav1.Now()
	if _, from, err := p.worlds.DeletionsFrom(ctx, live, p.key.Namespace, now.Time); err != nil || from.After(now.Time) {
		return cmp.Or(err, outcome.ErrStale)
	}
	if d := live.Status.Deletions; d == nil || now.Sub(d.Since.Time) >= world.DeletionWindow || d.Since.After(now.Time) {
		live.Status.Deletions = &v1alpha1.DeletionCount{Since: now}
	}
	live.Status.Deletions.Count++
	if err := p.Status().Patch(ctx, live, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	p.worlds.Deleted(live, p.key.Namespace)
	return nil
}
