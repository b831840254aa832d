package world

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/cached"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/lifecycle"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// oddValues are what somebody may write where a text is expected, of objects stored under an older schema, too.
var oddValues = []string{
	"", "/", "a/b", ".", "..", "../../x", "%", "a%b", "%2F", " ", "a b", "a\nb", "\x00", "\x7f", "*", "-", "\u202e", "\u00e4\u00f6\u00fc", "\u65e5\u672c\u8a9e", "\U0001f600",
	strings.Repeat("x", 600), strings.Repeat("/", 253), "\xff\xfe",
}

// each calls back with the path of every text in a value, and how to set it: fields, elements and keys of maps; what is absent is
// added.
func each(path string, v reflect.Value, tell func(path string, set func(string))) {
	switch v.Kind() {
	case reflect.String:
		tell(path, v.SetString)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		each(path, v.Elem(), tell)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !skipped[v.Type()] {
				each(path+"."+v.Type().Field(i).Name, v.Field(i), tell)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			each(path+"[]", v.Index(0), tell)
		}
	case reflect.Map:
		tell(path+"[key]", func(text string) {
			of := reflect.MakeMap(v.Type())
			of.SetMapIndex(reflect.ValueOf(text).Convert(v.Type().Key()), reflect.Zero(v.Type().Elem()))
			v.Set(of)
		})
	default: // Numbers and truths hold no text.
	}
}

var skipped = map[reflect.Type]bool{
	reflect.TypeFor[metav1.Time](): true, reflect.TypeFor[metav1.ManagedFieldsEntry](): true, reflect.TypeFor[metav1.OwnerReference](): true,
}

// variants are an object with an odd value in one place, for each place and value. The places that fixed names are left as they are.
func variants[T client.Object](base func() T, fixed ...string) map[string]func() T {
	found := map[string]func() T{}
	each("", reflect.ValueOf(base()).Elem(), func(path string, _ func(string)) {
		for _, name := range fixed {
			if strings.HasPrefix(path, name) {
				return
			}
		}
		for _, value := range oddValues {
			found[fmt.Sprintf("%s = %.20q", path, value)] = func() T {
				obj := base()
				// Only the place that is meant is filled: what is optional elsewhere stays absent.
				scratch := reflect.New(reflect.TypeOf(obj).Elem())
				each("", scratch.Elem(), func(at string, set func(string)) {
					if at == path {
						set(value)
					}
				})
				overlay(reflect.ValueOf(obj).Elem(), scratch.Elem(), "", path)
				return obj
			}
		}
	})
	return found
}

// overlay copies the place at a path.
func overlay(to, from reflect.Value, at, path string) {
	switch to.Kind() {
	case reflect.Struct:
		for i := range to.NumField() {
			if name := at + "." + to.Type().Field(i).Name; path == name || strings.HasPrefix(path, name+".") || strings.HasPrefix(path, name+"[") {
				overlay(to.Field(i), from.Field(i), name, path)
			}
		}
	case reflect.Pointer:
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		overlay(to.Elem(), from.Elem(), at, path)
	default:
		to.Set(from)
	}
}

// indexing collects the indexes of the cache.
type indexing struct {
	ctrl.Manager
	client.FieldIndexer
	builder *fake.ClientBuilder
}

func (i indexing) GetFieldIndexer() client.FieldIndexer { return i }

func (i indexing) GetCache() cache.Cache { return informers{} }

func (i indexing) GetClient() client.Client { return nil }

// informers has none, as a cache of several namespaces has not one for all of them.
type informers struct{ cache.Cache }

func (informers) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return nil, nil
}

func (i indexing) IndexField(_ context.Context, obj client.Object, field string, values client.IndexerFunc) error {
	i.builder.WithIndex(obj, field, values)
	return nil
}

// serverOf holds these objects, and answers names that none can have as client-go does: with an error that is no answer.
func serverOf(t *testing.T, objects ...client.Object) client.Reader {
	t.Helper()
	builder := fake.NewClientBuilder().WithScheme(testScheme(t)).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if key.Name == "" || strings.ContainsAny(key.Name+key.Namespace, "/%") || strings.Trim(key.Name, ".") == "" || strings.Trim(key.Namespace, ".") == "" {
				return fmt.Errorf("invalid resource name %q", key)
			}
			return c.Get(ctx, key, obj, opts...)
		},
	})
	if _, err := cached.IndexClientGrants(indexing{builder: builder}); err != nil {
		t.Fatal(err)
	}
	if err := cached.IndexAuth0Tenants(indexing{builder: builder}); err != nil {
		t.Fatal(err)
	}
	stored := builder.Build()
	for _, obj := range objects {
		_ = stored.Create(t.Context(), obj) // What no API server stores is no stranger.
	}
	return stored
}

// reader tells the cache and the API server apart. It keeps the lists of Auth0Tenants, which cost the most.
type reader struct {
	client.Reader
	lists map[string]v1alpha1.Auth0TenantList
}

func newReader(of client.Reader) *reader { return &reader{of, map[string]v1alpha1.Auth0TenantList{}} }

func (r *reader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	tenants, is := list.(*v1alpha1.Auth0TenantList)
	if !is {
		return r.Reader.List(ctx, list, opts...)
	}
	asked := fmt.Sprint(opts)
	known, listed := r.lists[asked]
	if !listed {
		if err := r.Reader.List(ctx, &known, opts...); err != nil {
			return err
		}
		r.lists[asked] = known
	}
	*tenants = known
	return nil
}

const strangersHost = "acme.auth0.com"

func victim() *v1alpha1.ClientGrant {
	obj := &v1alpha1.ClientGrant{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team", Name: "reader", UID: "victim", Generation: 1, Finalizers: []string{v1alpha1.ClientGrantFinalizer},
	}}
	obj.Spec = v1alpha1.ClientGrantSpec{
		TenantRef: v1alpha1.TenantReference{Name: "main", Namespace: "auth0"}, ClientRef: v1alpha1.ClientReference{ID: "app"},
		Audience: "https://api/", SubjectType: v1alpha1.SubjectTypeClient, Scopes: []string{"read"}, Mode: v1alpha1.ModeEnforce,
		AdoptionPolicy: v1alpha1.AdoptionPolicyAdopt, DeletionPolicy: v1alpha1.DeletionPolicyDelete,
	}
	obj.Status.OwnershipRecord = v1alpha1.OwnershipRecord{
		Origin: v1alpha1.OriginCreated, Tenant: strangersHost, ClientID: "app", Audience: "https://api/", SubjectType: "client", GrantID: "cgr_1",
	}
	return obj
}

func victimsTenant() *v1alpha1.Auth0Tenant {
	return &v1alpha1.Auth0Tenant{
		ObjectMeta: metav1.ObjectMeta{Namespace: "auth0", Name: "main", UID: "tenant"},
		Spec: v1alpha1.Auth0TenantSpec{
			Domain: strangersHost, Mode: v1alpha1.ModeEnforce,
			AccessRules: []v1alpha1.AccessRule{{
				Name: "team", Namespaces: v1alpha1.RuleNamespaces{From: v1alpha1.NamespacesFromNames, Names: []string{"team"}},
				Audiences: []string{"*"}, Scopes: []string{"*"}, ClientIDs: []string{"*"},
			}},
		},
	}
}

// decides is what an owner does next in each of its situations, where these others are.
func decides(t *testing.T, others ...client.Object) map[string]lifecycle.Step {
	t.Helper()
	stored := serverOf(t, append([]client.Object{victimsTenant()}, others...)...)
	sessions := tenant.NewSessions(func(budget.Key) {}, func(budget.Key) {}, 1, time.Minute)
	defer sessions.CloseAll()
	for _, obj := range others {
		sessions.SetTried(budget.Key(client.ObjectKeyFromObject(obj)), string(obj.GetUID()))
	}
	start := time.Now().Add(-time.Hour)
	g := New(&Gatherer{
		Cache: newReader(stored), Live: newReader(stored), Sessions: sessions, Start: func() time.Time { return start },
		About: cached.AboutBy(stored), Usable: func(*v1alpha1.Auth0Tenant) bool { return true },
		Gone: func(grant.Identity) []*v1alpha1.ClientGrant { return nil },
	})
	now := metav1.Now()
	situations := map[string]func(*v1alpha1.ClientGrant){
		"an edit":       func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"write"} },
		"a replacement": func(o *v1alpha1.ClientGrant) { o.Spec.ClientRef.ID = "another" },
		"a revocation":  func(o *v1alpha1.ClientGrant) { o.DeletionTimestamp = &now },
	}
	steps := map[string]lifecycle.Step{}
	for name, change := range situations {
		obj := victim()
		change(obj)
		for _, gather := range []func(context.Context, *v1alpha1.ClientGrant, lifecycle.Memory, bool) (lifecycle.World, Around, error){g.FromCache, g.FromServer} {
			w, _, err := gather(t.Context(), obj, lifecycle.Memory{Since: start, DeletedAt: start}, false)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			w.Now, w.Tenant.Access, w.Tenant.OperatorsKnown = start, lifecycle.Open, true
			for i := range w.Rivals {
				if r := &w.Rivals[i]; r.Same {
					r.Known, r.Usable, r.Untried = true, true, false
				}
			}
			for _, id := range []string{"app", "another"} {
				identity := grant.Identity{Tenant: strangersHost, ClientID: id, Audience: "https://api/", SubjectType: "client"}
				w.Seen[identity] = lifecycle.Observation{Began: start.Add(time.Minute)}
				if id == "app" {
					w.Seen[identity] = lifecycle.Observation{Began: start.Add(time.Minute), Grant: &grant.Grant{
						ID: "cgr_1", ClientID: id, Audience: "https://api/", SubjectType: "client", Fields: grant.Fields{Scope: []string{"read"}},
					}}
				}
			}
			s := lifecycle.Next(w)
			if before, ok := steps[name]; ok && !reflect.DeepEqual(before, s) {
				t.Fatalf("%s: %T by the cache, %T by the API server", name, before.Do, s.Do)
			}
			steps[name] = s
		}
	}
	return steps
}

// TestWorld_NoStrangerChangesWhatAnOwnerDoes writes every sort of text into every field of what somebody else may make.
func TestWorld_NoStrangerChangesWhatAnOwnerDoes(t *testing.T) {
	alone := decides(t)
	for name, want := range map[string]string{"an edit": "lifecycle.Change", "a replacement": "lifecycle.Write", "a revocation": "lifecycle.Delete"} {
		if got := fmt.Sprintf("%T", alone[name].Do); got != want {
			t.Fatalf("%s: the owner alone does %s", name, got)
		}
	}
	stranger := func() *v1alpha1.ClientGrant { // Older than the victim, about the same, and admitted by nobody.
		obj := victim()
		obj.Namespace, obj.UID, obj.Finalizers, obj.Status = "stranger", "stranger", nil, v1alpha1.ClientGrantStatus{}
		return obj
	}
	byReference := func() *v1alpha1.ClientGrant {
		obj := stranger()
		obj.Spec.ClientRef = v1alpha1.ClientReference{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "clients", Key: "id"}}
		return obj
	}
	near := func() *v1alpha1.ClientGrant { // In the victim's namespace, which its tenant admits.
		obj := byReference()
		obj.Namespace = "team"
		obj.Name = "another"
		return obj
	}
	// None of many changes anything: one that does is looked for alone.
	compare := func(t *testing.T, strangers map[string][]client.Object) {
		t.Helper()
		var all []client.Object
		for _, others := range strangers {
			for _, obj := range others {
				all = append(all, obj.DeepCopyObject().(client.Object))
			}
		}
		if reflect.DeepEqual(decides(t, all...), alone) {
			return
		}
		for odd, others := range strangers {
			for name, s := range decides(t, others...) {
				if !reflect.DeepEqual(s, alone[name]) {
					t.Errorf("%s: %s: %#v instead of %#v", odd, name, s.Do, alone[name].Do)
				}
			}
		}
		t.Error("together they change what the owner does")
	}
	told := []string{ // By the API server, or by the operator alone.
		".Status", ".TypeMeta", ".ObjectMeta.ResourceVersion", ".ObjectMeta.GenerateName", ".ObjectMeta.Namespace", ".ObjectMeta.UID", ".ObjectMeta.SelfLink",
	}
	for kind, base := range map[string]func() *v1alpha1.ClientGrant{"a stranger": stranger, "a stranger by reference": byReference, "one near by reference": near} {
		t.Run(kind, func(t *testing.T) {
			strangers := map[string][]client.Object{}
			for name, obj := range variants(base, told...) {
				strangers[name] = []client.Object{distinct(obj(), base(), len(strangers))}
			}
			if len(strangers) < 400 {
				t.Errorf("only %d strangers were made", len(strangers))
			}
			compare(t, strangers)
		})
	}
	configMap := func() *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "clients"}, Data: map[string]string{"id": "nobody"}}
	}
	t.Run("a ConfigMap", func(t *testing.T) {
		strangers := map[string][]client.Object{}
		for i, value := range oddValues {
			of, obj := configMap(), distinct(near(), near(), i)
			of.Name, of.Data["id"] = obj.GetName(), value
			obj.(*v1alpha1.ClientGrant).Spec.ClientRef.ConfigMapKeyRef.Name = of.Name
			strangers[fmt.Sprintf("the value %.20q", value)] = []client.Object{of, obj}
		}
		compare(t, strangers)
	})
	theirs := func() *v1alpha1.Auth0Tenant {
		obj := victimsTenant()
		obj.Namespace, obj.Name, obj.UID = "strangers", "main", "theirs"
		obj.Spec.Domain = "other.auth0.com"
		return obj
	}
	through := func() *v1alpha1.ClientGrant {
		obj := stranger()
		obj.Spec.TenantRef.Namespace = "strangers"
		return obj
	}
	t.Run("an Auth0Tenant", func(t *testing.T) {
		strangers := map[string][]client.Object{}
		for name, obj := range variants(theirs, told...) {
			of, user := distinct(obj(), theirs(), len(strangers)), distinct(through(), through(), len(strangers))
			user.(*v1alpha1.ClientGrant).Spec.TenantRef.Name = of.GetName()
			strangers[name] = []client.Object{of, user}
		}
		compare(t, strangers)
	})
}

// distinct gives an object a name, unless that is what is odd in it, and a UID of its own.
func distinct(obj, base client.Object, number int) client.Object {
	if obj.GetName() == base.GetName() {
		obj.SetName(fmt.Sprintf("%s-%d", base.GetName(), number))
	}
	obj.SetUID(types.UID(fmt.Sprintf("%s-%d", base.GetUID(), number)))
	return obj
}
