// Package export turns the grants of an Auth0 tenant into ClientGrant manifests.
package export

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/manifest"
	"github.com/clientgrants/clientgrant-operator/internal/plugin/remote"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// Tenant is what is known of the tenant beside its grants.
type Tenant struct {
	// Host and SystemHosts are those of remote.Tenant.
	Host        string
	SystemHosts []string
	// Own is the application whose credentials are used: nothing can be granted to it through a ClientGrant of its tenant.
	Own   string
	Names remote.Names
}

// Options say what the manifests shall be.
type Options struct {
	// Ref is the Auth0Tenant that they name.
	Ref v1alpha1.TenantReference
	// Mode is left out where empty.
	Mode v1alpha1.Mode
	// Namespace is where a grant goes that nothing else sends elsewhere.
	Namespace string
	// Places and State say where grants go, and what they are called there.
	Places Places
	State  *State
}

// Export is what the grants of a tenant become.
type Export struct {
	// Manifests are in the order of namespace and name.
	Manifests []Manifest
	Rules     []Rule
	Skipped   []Skipped
}

// Manifest is the ClientGrant of one grant.
type Manifest struct {
	Namespace, Name string
	Spec            v1alpha1.ClientGrantSpec
	// Rights are those that no pattern of an access rule gives; none for most grants.
	Rights []v1alpha1.Right
	// Comment is what people call the grant; empty where nobody knows.
	Comment string
	// Address is that of the grant in a Terraform state; empty where it is in none.
	Address string

	identity grant.Identity
	fields   grant.Fields
}

// Skipped is a grant that no manifest can describe.
type Skipped struct {
	grant.Identity
	Why string
}

// Build makes the manifests. They depend on each grant alone: another one that comes or goes changes none of them.
func Build(ctx context.Context, grants []grant.Grant, t Tenant, o Options) (*Export, error) {
	e := &Export{}
	system := policy.New(nil, "", t.SystemHosts...)
	for _, held := range grants {
		m, why := manifestOf(held, t, o)
		if why == "" {
			m.Rights = system.Needs(m.identity, m.fields)
			slices.Sort(m.Rights)
			why = refused(ctx, m)
		}
		if why != "" {
			e.Skipped = append(e.Skipped, Skipped{held.Identity(t.Host), why})
			continue
		}
		e.Manifests = append(e.Manifests, *m)
	}
	slices.SortFunc(e.Manifests, func(a, b Manifest) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	if err := unique(e.Manifests); err != nil {
		return nil, err
	}
	e.allow(t)
	slices.SortFunc(e.Skipped, func(a, b Skipped) int { return remote.Compare(a.Identity, b.Identity) })
	return e, nil
}

// manifestOf describes a grant, or says why there is no manifest of it.
func manifestOf(held grant.Grant, t Tenant, o Options) (*Manifest, string) {
	switch {
	case held.IsSystem:
		return nil, "it belongs to Auth0 itself"
	case held.ClientID != "" && held.ClientID == t.Own:
		return nil, "it is that of the application whose credentials are used here"
	}
	m := &Manifest{identity: held.Identity(t.Host), fields: held.Fields, Comment: title(t.Names, held)}
	m.Spec = v1alpha1.ClientGrantSpec{
		TenantRef: o.Ref, Audience: held.Audience, Mode: o.Mode,
		ClientRef: v1alpha1.ClientReference{ID: held.ClientID, DefaultFor: held.DefaultFor},
	}
	if m.identity.SubjectType != grant.SubjectTypeClient {
		m.Spec.SubjectType = v1alpha1.SubjectType(m.identity.SubjectType)
	}
	setFields(&m.Spec, held.Fields)
	m.Namespace, m.Name = o.Places.namespaceOf(m.identity), nameOf(m.identity)
	if r := o.State.find(m.identity); r != nil {
		m.Name, m.Address = r.name, r.address
		m.Namespace = cmp.Or(m.Namespace, r.namespace)
	}
	m.Namespace = cmp.Or(m.Namespace, o.Namespace)
	return m, ""
}

// setFields sets what the grant gives. A closed value is left out: it means the same as an absent one, and Auth0 shows now this and
// now that. A flag for organizations without their use gives nothing, and no manifest can say it.
func setFields(spec *v1alpha1.ClientGrantSpec, held grant.Fields) {
	if held.AllowAllScopes != nil && *held.AllowAllScopes {
		spec.AllowAllScopes = held.AllowAllScopes
	} else {
		spec.Scopes = append([]string{}, grant.Distinct(slices.Sorted(slices.Values(held.Scope)))...)
	}
	if usage := held.OrganizationUsage; usage != nil && *usage != string(v1alpha1.OrganizationUsageDeny) {
		spec.OrganizationUsage = new(v1alpha1.OrganizationUsage(*usage))
		if held.AllowAnyOrganization != nil && *held.AllowAnyOrganization {
			spec.AllowAnyOrganization = held.AllowAnyOrganization
		}
	}
	if len(held.AuthorizationDetailsTypes) > 0 {
		spec.AuthorizationDetailsTypes = grant.Distinct(slices.Sorted(slices.Values(held.AuthorizationDetailsTypes)))
	}
}

// refused is what the API server would say against a manifest.
func refused(ctx context.Context, m *Manifest) string {
	text, err := json.Marshal(m.document())
	if err != nil {
		return err.Error()
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		return err.Error()
	}
	if err := manifest.Check(ctx, object); err != nil {
		return err.Error()
	}
	return ""
}

// unique fails where two grants would be one object: the second would take the place of the first.
func unique(sorted []Manifest) error {
	for i := 1; i < len(sorted); i++ {
		if a, b := &sorted[i-1], &sorted[i]; a.Namespace == b.Namespace && a.Name == b.Name {
			return fmt.Errorf("two grants would both be %s/%s: send the %s or the %s to another namespace with --map",
				a.Namespace, a.Name, a.identity, b.identity)
		}
	}
	return nil
}

// needing are the manifests of a namespace that need a right, or those that do not.
func (e *Export) needing(namespace string, right bool) (found []Manifest) {
	for _, m := range e.Manifests {
		if m.Namespace == namespace && (len(m.Rights) > 0) == right {
			found = append(found, m)
		}
	}
	return found
}

func (e *Export) namespaces() (found []string) {
	for _, m := range e.Manifests {
		if len(found) == 0 || found[len(found)-1] != m.Namespace {
			found = append(found, m.Namespace)
		}
	}
	return found
}

func joined(rights []v1alpha1.Right) string {
	names := make([]string, 0, len(rights))
	for _, right := range rights {
		names = append(names, string(right))
	}
	return strings.Join(names, ", ")
}
