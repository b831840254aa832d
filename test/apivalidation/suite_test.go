// Package apivalidation_test checks what a real API server makes of the generated CRDs: every rule of both kinds has an
// object that is accepted and one that is refused, with the message that its author gets to read.
package apivalidation_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// k8s talks to the API server that TestMain starts. It is strict: a misspelt field in a test is an error.
var k8s client.Client

// server is where that API server is.
var server *rest.Config

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	config, err := environment.Start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "start a control plane: %v\n", err)
		return 1
	}
	defer func() {
		if err := environment.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "stop the control plane: %v\n", err)
		}
	}()
	config.QPS = -1
	server = config
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			fmt.Fprintf(os.Stderr, "register kinds: %v\n", err)
			return 1
		}
	}
	plain, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		fmt.Fprintf(os.Stderr, "make a client: %v\n", err)
		return 1
	}
	k8s = client.WithFieldValidation(plain, metav1.FieldValidationStrict)
	return m.Run()
}

// newNamespace gives a test a namespace of its own, so that names never clash.
func newNamespace(t *testing.T, g Gomega) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "apivalidation-"}}
	g.Expect(k8s.Create(t.Context(), namespace)).To(Succeed())
	return namespace.Name
}
