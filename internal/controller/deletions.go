package controller

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// deletionWindow is the time that spec.deletionLimit speaks of.
const deletionWindow = time.Hour

// countDeletion counts a DELETE call in the status of its Auth0Tenant before it is made, so that a restart changes
// nothing, or says that the limit is reached.
func (p *pass) countDeletion(ctx context.Context) error {
	if p.tenant.Spec.DeletionLimit == nil {
		return nil
	}
	live := &v1alpha1.Auth0Tenant{}
	if err := p.Live.Get(ctx, client.ObjectKeyFromObject(p.tenant), live); err != nil {
		return err
	}
	before, now := live.DeepCopy(), metav1.Now()
	if d := live.Status.Deletions; d == nil || now.Sub(d.Since.Time) >= deletionWindow || d.Since.After(now.Time) {
		live.Status.Deletions = &v1alpha1.DeletionCount{Since: now}
	}
	counted := live.Status.Deletions
	if limit := *p.tenant.Spec.DeletionLimit; counted.Count >= limit {
		return p.deletionHeld(limit, counted.Since.Add(deletionWindow))
	}
	counted.Count++
	return p.Status().Patch(ctx, live, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

func (p *pass) deletionHeld(limit int32, until time.Time) error {
	text := fmt.Sprintf("The Auth0Tenant's spec.deletionLimit of %d in an hour is used up", limit)
	if p.abroad() {
		text = "The Auth0Tenant's limit of deletions is used up"
	}
	s := waiting(v1alpha1.ReasonDeletionHeld, "%s: the grant is revoked later. %s", text, p.howToRelease())
	s.after = time.Until(until)
	return s
}
