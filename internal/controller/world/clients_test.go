package world

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

func testScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// countingReader counts what is read from it.
type countingReader struct {
	client.Reader
	reads int
}

func (r *countingReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	r.reads++
	return r.Reader.Get(ctx, key, obj, opts...)
}

func TestResolveClient_ReadsEachVersionOfAConfigMapOnce(t *testing.T) {
	ctx := context.Background()
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: "clients"}, Data: map[string]string{"id": "one"},
	}
	stored := fake.NewClientBuilder().WithScheme(testScheme(t)).WithObjects(configMap).Build()
	live := &countingReader{Reader: stored}
	r := New(&Gatherer{Cache: stored, Live: live})
	obj := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "billing", Name: "grant"}}
	obj.Spec.ClientRef.ConfigMapKeyRef = &v1alpha1.ConfigMapKeyReference{Name: "clients", Key: "id"}
	resolve := func(reader client.Reader, wantID, wantText string, wantReads int) {
		t.Helper()
		for range 3 {
			g := newGathering(r, reader)
			at, _ := clientAtOf(obj)
			clientID, told, err := g.clientID(ctx, at)
			if clientID != wantID || err != nil || (told != nil) != (wantText != "") ||
				told != nil && (!strings.Contains(told.Message, wantText) || strings.Contains(told.Message, "!")) {
				t.Errorf("resolved to %q, %v, error %v, want %q, %q", clientID, told, err, wantID, wantText)
			}
		}
		if live.reads != wantReads {
			t.Errorf("read %d times, want %d", live.reads, wantReads)
		}
	}
	set := func(data map[string]string) {
		t.Helper()
		configMap.Data, live.reads = data, 0
		if err := stored.Update(ctx, configMap); err != nil {
			t.Fatal(err)
		}
	}
	resolve(stored, "one", "", 1)
	set(map[string]string{"id": "two"})
	resolve(stored, "two", "", 1)
	resolve(live, "two", "", 4) // Live is live.
	set(map[string]string{"id": "not an ID!"})
	resolve(stored, "", "is not a client ID", 1)
	set(map[string]string{})
	resolve(stored, "", `has no key "id"`, 1)
	if err := stored.Delete(ctx, configMap); err != nil {
		t.Fatal(err)
	}
	resolve(stored, "", "does not exist", 1)
}
