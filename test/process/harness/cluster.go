// Package harness runs the operator as a cluster does: as a process of its own that has nothing but the token of its
// service account, under the RBAC of config/rbac, with a real API server. The process tests and the demo share it.
package harness

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// Namespace is where config/default puts the operator.
const Namespace = "clientgrant-system"

// NamePrefix is what config/default puts before the names of config/rbac.
const NamePrefix = "clientgrant-"

// Account is the service account of config/rbac that the operator runs as.
const Account = "controller-manager"

// patience is how long etcd and the API server may take to start or to stop on a busy machine.
const patience = 2 * time.Minute

// Cluster is an API server with its etcd, with the CRDs, the operator's namespace and its RBAC, and without nodes.
type Cluster struct {
	// Config and Client are an administrator's.
	Config *rest.Config
	Client client.Client

	environment *envtest.Environment
}

// StartCluster starts a cluster from what is in the folder config of this repository. The names of its RBAC get the
// prefix: config/default has NamePrefix. The programs are those of KUBEBUILDER_ASSETS.
func StartCluster(ctx context.Context, folder, prefix string) (*Cluster, error) {
	ctrl.SetLogger(logr.Discard()) // What goes wrong is returned.
	c := &Cluster{environment: &envtest.Environment{
		CRDDirectoryPaths: []string{filepath.Join(folder, "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: patience, ControlPlaneStopTimeout: patience,
	}}
	if err := c.start(ctx, folder, prefix); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, folder, prefix string) error {
	var err error
	if c.Config, err = c.environment.Start(); err != nil {
		return fmt.Errorf("start the control plane: %w", err)
	}
	c.Config.QPS = -1 // Nobody else has to be spared here.
	if c.Client, err = client.New(c.Config, client.Options{Scheme: scheme()}); err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if err := c.Client.Create(ctx, namespace); err != nil {
		return err
	}
	objects, err := Manifests(filepath.Join(folder, "rbac"), "namespace: system", "namespace: "+Namespace)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := addPrefix(object, prefix); err != nil {
			return err
		}
		if err := c.Client.Create(ctx, object); err != nil {
			return fmt.Errorf("create the %s %s of config/rbac: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// addPrefix adds a prefix to the name of an object of config/rbac, and to the names that it binds.
func addPrefix(object *unstructured.Unstructured, prefix string) error {
	object.SetName(prefix + object.GetName())
	if role, found, err := unstructured.NestedString(object.Object, "roleRef", "name"); err != nil || !found {
		return err
	} else if err := unstructured.SetNestedField(object.Object, prefix+role, "roleRef", "name"); err != nil {
		return err
	}
	subjects, _, err := unstructured.NestedSlice(object.Object, "subjects")
	if err != nil {
		return err
	}
	for _, subject := range subjects {
		account := subject.(map[string]any)
		account["name"] = prefix + account["name"].(string)
	}
	return unstructured.SetNestedSlice(object.Object, subjects, "subjects")
}

// Stop ends the API server and its etcd.
func (c *Cluster) Stop() error { return c.environment.Stop() }

func scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // The types are compiled in: this cannot depend on anything outside.
		}
	}
	return scheme
}

// OperatorConfig is what a pod of the operator has: the server's address and authority, and a token of the service
// account.
func (c *Cluster) OperatorConfig(ctx context.Context, account string) (*rest.Config, error) {
	identity := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: account}}
	token := &authenticationv1.TokenRequest{}
	if err := c.Client.SubResource("token").Create(ctx, identity, token); err != nil {
		return nil, fmt.Errorf("get a token of the service account: %w", err)
	}
	config := rest.AnonymousClientConfig(c.Config)
	config.BearerToken = token.Status.Token
	return config, nil
}

// WriteKubeconfig writes a kubeconfig file for what config says.
func WriteKubeconfig(path string, config *rest.Config) error {
	const name = "clientgrants"
	file := clientcmdapi.NewConfig()
	file.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos[name] = &clientcmdapi.AuthInfo{
		Token: config.BearerToken, ClientCertificateData: config.CertData, ClientKeyData: config.KeyData,
	}
	file.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: Namespace}
	file.CurrentContext = name
	return clientcmd.WriteToFile(*file, path)
}
