package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// fieldOwner is who applies the samples.
const fieldOwner = "demo"

// story is what is told: the two objects of config/samples, and what happens to them.
type story struct {
	*stage
	tenant *v1alpha1.Auth0Tenant
	grant  *v1alpha1.ClientGrant
	// samples are all that was applied.
	samples []*unstructured.Unstructured
	// manifest is the ClientGrant as the user has it in a file.
	manifest *unstructured.Unstructured
}

// tell tells the story, and takes away what it applied; its error is the first step that did not come true.
func (s *stage) tell(ctx context.Context) error {
	t := &story{stage: s}
	if err := s.fillIn(); err != nil {
		return err
	}
	steps := []struct {
		title string
		do    func(context.Context) error
	}{
		{"Applied config/samples: a Secret, an Auth0Tenant, and a ClientGrant in mode Observe", t.apply},
		{"Set the mode of the ClientGrant to Enforce", t.enforce},
		{"Edited its scopes: read:users write:users", t.edit},
		{"Somebody changed the grant in the tenant: read:users admin:everything", t.interfere},
		{"Deleted the ClientGrant", t.remove},
	}
	for i, step := range steps {
		fmt.Printf("\n%d/%d %s\n", i+1, len(steps), step.title)
		err := step.do(ctx)
		if err == nil {
			err = t.showTenant(ctx)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			t.explain(ctx)
			return fmt.Errorf("step %d did not come true: %w", i+1, err)
		}
	}
	fmt.Println("\nEvery step came true.")
	return t.clear(ctx)
}

// apply applies the samples that fillIn wrote.
func (t *story) apply(ctx context.Context) error {
	objects, err := harness.Manifests(t.file("samples"))
	if err != nil {
		return err
	}
	t.samples = objects
	for _, object := range objects {
		key := metav1.ObjectMeta{Namespace: object.GetNamespace(), Name: object.GetName()}
		switch object.GetKind() {
		case "Auth0Tenant":
			t.tenant = &v1alpha1.Auth0Tenant{ObjectMeta: key}
		case "ClientGrant":
			t.grant, t.manifest = &v1alpha1.ClientGrant{ObjectMeta: key}, object
		}
		if err := t.store(ctx, object); err != nil {
			return err
		}
	}
	if t.tenant == nil || t.grant == nil {
		return errors.New("config/samples lack an Auth0Tenant or a ClientGrant")
	}
	if err := t.reaches(ctx, t.tenant, metav1.ConditionTrue, v1alpha1.ReasonAvailable); err != nil {
		return err
	}
	return t.reaches(ctx, t.grant, metav1.ConditionFalse, v1alpha1.ReasonWouldChange)
}

func (t *story) enforce(ctx context.Context) error {
	if err := t.get(ctx, t.grant); err != nil {
		return err
	}
	scopes := append([]string{"write:users", "admin:everything"}, t.grant.Spec.Scopes...)
	if err := t.remote.add(ctx, t.grant.Spec.ClientRef.ID, t.grant.Spec.Audience, scopes); err != nil {
		return err
	}
	if err := t.set(ctx, string(v1alpha1.ModeEnforce), "spec", "mode"); err != nil {
		return err
	}
	return t.holds(ctx, t.grant.Spec.Scopes...)
}

func (t *story) edit(ctx context.Context) error {
	if err := t.set(ctx, []any{"read:users", "write:users"}, "spec", "scopes"); err != nil {
		return err
	}
	return t.holds(ctx, "read:users", "write:users")
}

// interfere changes the grant behind the operator's back, and asks it to look now instead of at the next interval.
func (t *story) interfere(ctx context.Context) error {
	if err := t.remote.change(ctx, t.grant.Status.GrantID, "read:users", "admin:everything"); err != nil {
		return err
	}
	if err := t.showTenant(ctx); err != nil {
		return err
	}
	request := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.ReconcileRequestAnnotation, time.Now().Format(time.RFC3339Nano))
	if err := t.cluster.Client.Patch(ctx, t.tenant, client.RawPatch("application/merge-patch+json", []byte(request))); err != nil {
		return err
	}
	fmt.Println("    Asked the Auth0Tenant for a refresh, by the annotation " + v1alpha1.ReconcileRequestAnnotation)
	return t.holds(ctx, "read:users", "write:users")
}

func (t *story) remove(ctx context.Context) error {
	if err := t.cluster.Client.Delete(ctx, t.grant); err != nil {
		return err
	}
	err := t.until(ctx, func(ctx context.Context) (bool, error) {
		err := t.get(ctx, t.grant)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return err
	}
	fmt.Println("    The object is gone.")
	if held, err := t.remote.grants(ctx); err != nil || len(held) > 0 {
		return errors.Join(err, errors.New("the tenant still holds a grant"))
	}
	return nil
}

// clear deletes what is left of the samples, so that whoever goes on begins with an empty cluster.
func (t *story) clear(ctx context.Context) error {
	for _, object := range slices.Backward(t.samples) {
		if err := client.IgnoreNotFound(t.cluster.Client.Delete(ctx, object)); err != nil {
			return err
		}
	}
	return t.until(ctx, func(ctx context.Context) (bool, error) {
		err := t.get(ctx, t.tenant)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}

// store applies an object on the server's side, as kubectl apply --server-side does.
func (t *story) store(ctx context.Context, object *unstructured.Unstructured) error {
	return t.cluster.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner(fieldOwner))
}

// set changes a field of the ClientGrant's manifest and applies it.
func (t *story) set(ctx context.Context, value any, fields ...string) error {
	if err := unstructured.SetNestedField(t.manifest.Object, value, fields...); err != nil {
		return err
	}
	return t.store(ctx, t.manifest)
}

func (t *story) get(ctx context.Context, object client.Object) error {
	return t.cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
}

// holds waits until the ClientGrant is ready and the tenant holds its grant with these scopes.
func (t *story) holds(ctx context.Context, scopes ...string) error {
	err := t.until(ctx, func(ctx context.Context) (bool, error) {
		if err := t.get(ctx, t.grant); err != nil {
			return false, err
		}
		ready := readyOf(t.grant)
		if ready == nil || ready.Status != metav1.ConditionTrue || t.grant.Status.GrantID == "" {
			return false, nil
		}
		return t.remote.holds(ctx, t.grant.Status.GrantID, scopes...)
	})
	if err != nil {
		return fmt.Errorf("ClientGrant %s is not Ready with the scopes %s: %w", t.grant.Name, strings.Join(scopes, " "), err)
	}
	fmt.Printf("    ClientGrant %s is Ready; its grant is %s\n", t.grant.Name, t.grant.Status.GrantID)
	return nil
}

// reaches waits until the Ready condition of an object has that status and reason.
func (t *story) reaches(ctx context.Context, object client.Object, status metav1.ConditionStatus, reason string) error {
	err := t.until(ctx, func(ctx context.Context) (bool, error) {
		if err := t.get(ctx, object); err != nil {
			return false, err
		}
		ready := readyOf(object)
		return ready != nil && ready.Status == status && ready.Reason == reason, nil
	})
	if err != nil {
		return fmt.Errorf("%s %s does not come to %s: %w", kindOf(object), object.GetName(), reason, err)
	}
	fmt.Println("    " + describe(object))
	return nil
}

// readyOf is the Ready condition of an object, nil where it does not speak of the object's generation.
func readyOf(object client.Object) *metav1.Condition {
	var conditions []metav1.Condition
	switch o := object.(type) {
	case *v1alpha1.Auth0Tenant:
		conditions = o.Status.Conditions
	case *v1alpha1.ClientGrant:
		conditions = o.Status.Conditions
	}
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != object.GetGeneration() {
		return nil
	}
	return ready
}
