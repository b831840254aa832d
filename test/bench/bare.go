package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// bareGroup is the API group of the bare client's objects: the same schema, at which the operator does not look.
const bareGroup = "bare.example.com"

// bare is a client that does what the operator does for a grant, and nothing else: the same calls to the tenant, the same
// reads and writes of an object of the same schema. What it takes is the floor.
type bare struct {
	cluster *harness.Cluster
	auth0   *auth0.Client
	tenant  client.ObjectKey
	host    string
	made    int
}

func newBare(ctx context.Context, b *bench) (*bare, error) {
	content, err := os.ReadFile(filepath.Join("config", "crd", "bases", "auth0.clientgrants.dev_clientgrants.yaml"))
	if err != nil {
		return nil, err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(content), v1alpha1.GroupVersion.Group, bareGroup)), crd); err != nil {
		return nil, err
	}
	crd.Spec.Names.ShortNames, crd.Spec.Names.Categories = nil, nil
	_, err = envtest.InstallCRDs(b.cluster.Config, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{crd}})
	if err != nil {
		return nil, err
	}
	transport, err := b.main.Transport()
	if err != nil {
		return nil, err
	}
	direct, err := auth0.New(auth0.Options{
		Domain: b.main.Domain, Audience: "https://" + b.main.Domain + "/api/v2/", RoundTripper: transport,
		Credentials: auth0.Credentials{ClientID: b.main.ClientID, ClientSecret: b.main.ClientSecret},
	})
	if err != nil {
		return nil, err
	}
	_, err = direct.ListPage(ctx, auth0.Filter{}, "") // The token is not part of what is measured.
	return &bare{
		cluster: b.cluster, auth0: direct, host: b.main.Domain, tenant: client.ObjectKey{Namespace: harness.Namespace, Name: b.main.name},
	}, err
}

// name of the next object.
func (f *bare) name() string {
	f.made++
	return fmt.Sprintf("bare-%05d", f.made)
}

// store makes an object.
func (f *bare) store(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": bareGroup + "/v1alpha1", "kind": "ClientGrant",
		"metadata": map[string]any{"namespace": bareOnes, "name": name},
		"spec": map[string]any{
			"tenantRef": map[string]any{"name": f.tenant.Name, "namespace": f.tenant.Namespace},
			"clientRef": map[string]any{"id": applicationOf(bareOnes, name)}, "audience": audience, "scopes": list(scopes()),
		},
	}}
	return obj, f.cluster.Client.Create(ctx, obj)
}

func list(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

// create makes the grant of an object: record, finalizer, the reads before the call, the call, the status.
func (f *bare) create(ctx context.Context, obj *unstructured.Unstructured) error {
	name := obj.GetName()
	identity := grant.Identity{
		Tenant: f.host, ClientID: applicationOf(bareOnes, name), Audience: audience, SubjectType: grant.SubjectTypeClient,
	}
	body := grant.NewGrant(identity, grant.Fields{Scope: scopes()})
	record := map[string]any{
		"origin": "Created", "tenant": f.host, "clientID": identity.ClientID, "audience": audience, "subjectType": "client", "sent": body.Hash(),
	}
	if err := f.patchStatus(ctx, obj, record); err != nil {
		return err
	}
	if err := f.patch(ctx, obj, map[string]any{"metadata": map[string]any{"finalizers": list([]string{v1alpha1.ClientGrantFinalizer})}}); err != nil {
		return err
	}
	if err := f.read(ctx, obj); err != nil {
		return err
	}
	held, err := f.auth0.Create(auth0.WithCorrelationID(ctx, strangers), body)
	if err != nil {
		return err
	}
	condition := map[string]any{
		"type": "Ready", "status": "True", "reason": "Available", "message": "The tenant holds what the spec asks for.",
		"observedGeneration": int64(1), "lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}
	return f.patchStatus(ctx, obj, map[string]any{
		"grantID": held.ID, "sent": nil, "observedGeneration": int64(1), "scopeCount": int64(len(held.Scope)), "conditions": []any{condition},
	})
}

// delete revokes the grant of an object and lets it go: a look-up is the proof.
func (f *bare) delete(ctx context.Context, obj *unstructured.Unstructured) error {
	if err := f.cluster.Client.Delete(ctx, obj); err != nil {
		return err
	}
	if err := f.read(ctx, obj); err != nil {
		return err
	}
	id, _, _ := unstructured.NestedString(obj.Object, "status", "grantID")
	if err := f.auth0.Delete(auth0.WithCorrelationID(ctx, strangers), id); err != nil {
		return err
	}
	return f.patch(ctx, obj, map[string]any{"metadata": map[string]any{"finalizers": nil}})
}

// lookUp asks for the grants of an object's application.
func (f *bare) lookUp(ctx context.Context, name string) error {
	_, err := f.auth0.ListPage(auth0.WithCorrelationID(ctx, strangers), auth0.Filter{Holder: grant.Holder{ClientID: applicationOf(bareOnes, name)}}, "")
	return err
}

// listAll reads every page of the tenant's list, and returns how many there are.
func (f *bare) listAll(ctx context.Context) (pages int, err error) {
	ctx = auth0.WithCorrelationID(ctx, strangers)
	for next := ""; ; pages++ {
		page, err := f.auth0.ListPage(ctx, auth0.Filter{}, next)
		if err != nil {
			return pages, err
		}
		if next = page.Next; next == "" {
			return pages + 1, nil
		}
	}
}

// read reads the object and its Auth0Tenant.
func (f *bare) read(ctx context.Context, obj *unstructured.Unstructured) error {
	if err := f.cluster.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
		return err
	}
	return f.cluster.Client.Get(ctx, f.tenant, &v1alpha1.Auth0Tenant{})
}

func (f *bare) patch(ctx context.Context, obj *unstructured.Unstructured, change map[string]any) error {
	before := obj.DeepCopy()
	for name, value := range change["metadata"].(map[string]any) {
		if value == nil {
			unstructured.RemoveNestedField(obj.Object, "metadata", name)
			continue
		}
		if err := unstructured.SetNestedField(obj.Object, value, "metadata", name); err != nil {
			return err
		}
	}
	return f.cluster.Client.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

func (f *bare) patchStatus(ctx context.Context, obj *unstructured.Unstructured, fields map[string]any) error {
	before := obj.DeepCopy()
	for name, value := range fields {
		if value == nil {
			unstructured.RemoveNestedField(obj.Object, "status", name)
			continue
		}
		if err := unstructured.SetNestedField(obj.Object, value, "status", name); err != nil {
			return err
		}
	}
	return f.cluster.Client.Status().Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// createMany says how long the bare client takes for one grant when it makes so many, as many at a time as the operator does,
// with the objects there before.
func (f *bare) createMany(ctx context.Context, on *site, count int) (each time.Duration, made []*unstructured.Unstructured, err error) {
	names := make([]string, count)
	for i := range names {
		names[i] = f.name()
	}
	made = make([]*unstructured.Unstructured, count)
	err = parallel(count, func(i int) error {
		if err := on.register(ctx, applicationOf(bareOnes, names[i])); err != nil {
			return err
		}
		obj, err := f.store(ctx, names[i])
		made[i] = obj
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	began := time.Now()
	err = parallel(count, func(i int) error { return f.create(ctx, made[i]) })
	return time.Since(began) / time.Duration(count), made, err
}

// deleteMany says how long it takes for one of the objects when it deletes them.
func (f *bare) deleteMany(ctx context.Context, objects []*unstructured.Unstructured) (each time.Duration, err error) {
	began := time.Now()
	err = parallel(len(objects), func(i int) error { return f.delete(ctx, objects[i]) })
	return time.Since(began) / time.Duration(max(len(objects), 1)), err
}
