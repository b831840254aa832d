// Package controller sets the two reconcilers up: Auth0Tenant to a session with proven credentials, ClientGrant to a grant in
// the tenant.
package controller

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/controller/auth0tenant"
	"github.com/clientgrants/clientgrant-operator/internal/controller/clientgrant"
	"github.com/clientgrants/clientgrant-operator/internal/metrics"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/internal/wake"
)

// Settings say how the operator works in one installation.
type Settings struct {
	// Installation says which Auth0Tenants may be used.
	Installation auth0tenant.Installation
	// Namespaces are those whose ClientGrants are managed; none means all.
	Namespaces []string
	// Guard refuses writes to a tenant while the operator is not surely the leader; nil where there is no leader.
	Guard func() error
	// UserAgent of the requests to Auth0.
	UserAgent string
	// Workers is the number of ClientGrants that are reconciled at once.
	Workers int
	// CallTimeout bounds one call to Auth0. A request without an answer is waited for as long before its grant counts as absent.
	CallTimeout time.Duration
}

// mostSlots is how many calls to one host are under way at once.
const mostSlots = 8

// NewScheme knows the kinds that the operator reads and writes.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // The types are compiled in: this cannot depend on anything outside.
		}
	}
	return scheme
}

// SetUp registers the two reconcilers, which wake each other by their queues, and ends their sessions with the manager.
func SetUp(mgr ctrl.Manager, settings Settings) error {
	grants, tenants := &wake.Queue{}, &wake.Queue{}
	sessions, err := newSessions(mgr, grants, settings.CallTimeout)
	if err != nil {
		return err
	}
	if err := mgr.Add(&metrics.States{Objects: mgr.GetClient(), Sessions: sessions}); err != nil {
		return err
	}
	installation := settings.Installation
	installation.Namespaced = len(settings.Namespaces) > 0
	recorder := mgr.GetEventRecorder("clientgrant-operator")
	clientGrants := &clientgrant.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: recorder,
		Sessions: sessions, Guard: settings.Guard, Workers: settings.Workers, Namespaced: installation.Namespaced,
		TenantNamespaces: installation.TenantNamespaces, TenantHosts: installation.TenantHosts(), Usable: installation.Allows,
		Queue: grants, Tenants: tenants,
	}
	err = (&auth0tenant.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Sessions: sessions, Installation: installation, Namespaces: settings.Namespaces,
		Guard: settings.Guard, UserAgent: settings.UserAgent, Events: recorder, Queue: tenants, Grants: grants,
		Pending: clientGrants.Pending, Begin: clientGrants.Begin,
	}).SetupWithManager(mgr)
	if err != nil {
		return err
	}
	return clientGrants.SetupWithManager(mgr)
}

// newSessions makes the sessions' registry, which ends with the manager.
func newSessions(mgr ctrl.Manager, grants *wake.Queue, callTimeout time.Duration) (*tenant.Sessions, error) {
	sessions := tenant.NewSessions(
		func(key budget.Key) { grants.Add(types.NamespacedName(key)) },
		func(key budget.Key) { grants.AddTurn(types.NamespacedName(key)) }, mostSlots, callTimeout)
	return sessions, mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		sessions.CloseAll()
		return nil
	}))
}
