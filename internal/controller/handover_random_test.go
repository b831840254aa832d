package controller_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// rivals are a few ClientGrants about the same two APIs, and what was done to them.
type rivals struct {
	remote  *sim.Running
	random  *rand.Rand
	pattern *v1alpha1.ClientGrant
	apis    []string
	steps   []string

	mu sync.Mutex
	// live are those that are not deleted; since is when each of them was changed last.
	live, ending []*v1alpha1.ClientGrant
	since        map[string]time.Time
}

// settledFor is how long the operator may be unaware of a change under load.
const settledFor = time.Second

func (r *rivals) step(size int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	scopes := [][]string{{"a"}, {"a", "b"}, {"c"}, {}}[r.random.IntN(4)]
	mode := []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeEnforce, v1alpha1.ModeSuspend, v1alpha1.ModeObserve}[r.random.IntN(4)]
	api := r.apis[min(r.random.IntN(4), 1)*r.random.IntN(2)]
	if len(r.live) < size && (len(r.live) == 0 || r.random.IntN(3) == 0) {
		obj := twin(r.pattern, scoped(scopes...), about(api))
		if r.random.IntN(2) == 0 {
			refusing(obj)
		}
		r.live, r.since[obj.Name] = append(r.live, obj), time.Now()
		r.steps = append(r.steps, fmt.Sprint("create ", obj.Name, api, scopes))
		return k8s.Create(ctx, obj)
	}
	i := r.random.IntN(len(r.live))
	obj := r.live[i]
	what := r.random.IntN(6)
	if what == 0 {
		r.live, r.ending = slices.Delete(r.live, i, i+1), append(r.ending, obj)
		r.steps = append(r.steps, "delete "+obj.Name)
		return k8s.Delete(ctx, obj)
	}
	patch := map[string]any{"scopes": scopes}
	switch {
	case what == 1:
		patch = map[string]any{"audience": api}
	case what < 4:
		patch = map[string]any{"mode": mode}
	}
	text, err := json.Marshal(map[string]any{"spec": patch})
	if err != nil {
		return err
	}
	r.since[obj.Name] = time.Now()
	r.steps = append(r.steps, obj.Name+string(text))
	return k8s.Patch(ctx, obj, client.RawPatch("application/merge-patch+json", text))
}

// wants names a ClientGrant that has asked for the API's grant for a while, and could own it.
func (r *rivals) wants(audience string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, obj := range r.live {
		if obj.Spec.Mode == v1alpha1.ModeEnforce && obj.Spec.Audience == audience && time.Since(r.since[obj.Name]) > settledFor {
			return obj.Name
		}
	}
	return ""
}

// clear deletes those that are left.
func (r *rivals) clear() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.live
	r.live, r.ending = nil, append(r.ending, left...)
	for _, obj := range left {
		if err := client.IgnoreNotFound(k8s.Delete(ctx, obj)); err != nil {
			return err
		}
	}
	return nil
}

// free lets those go that were deleted in mode Observe, which waits for good.
func (r *rivals) free() error {
	for _, obj := range r.ending {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"mode":"Enforce"}}`))
		if err := client.IgnoreNotFound(k8s.Patch(ctx, obj, patch)); err != nil {
			return err
		}
	}
	return nil
}

// trouble says what is not as it must be in the end; empty where all is.
func (r *rivals) trouble() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, obj := range r.ending {
		if !gone(obj)() {
			return obj.Name + " is not gone: " + readyOf(obj)
		}
	}
	for _, obj := range r.live {
		state := conditionOf(obj)()
		if obj.Spec.Mode == v1alpha1.ModeEnforce && state != "True Available" && state != "False Conflict" ||
			obj.Spec.Mode == v1alpha1.ModeSuspend && state != "False Suspended" ||
			obj.Spec.Mode == v1alpha1.ModeEnforce && state == "True Available" && obj.Status.Replaces != nil {
			return obj.Name + " is " + state
		}
	}
	for _, api := range r.apis {
		if trouble := r.troubleWith(api); trouble != "" {
			return trouble
		}
	}
	return ""
}

func (r *rivals) troubleWith(audience string) string {
	var owners, asking []*v1alpha1.ClientGrant
	for _, obj := range r.live {
		replaces := obj.Status.Replaces
		if obj.Status.Origin != "" && obj.Status.Audience == audience || replaces != nil && replaces.Audience == audience {
			owners = append(owners, obj)
		}
		if obj.Spec.Mode == v1alpha1.ModeEnforce && obj.Spec.Audience == audience {
			asking = append(asking, obj)
		}
	}
	held, exists := r.remote.FindGrant(r.pattern.Spec.ClientRef.ID, audience, "client")
	switch {
	case len(owners) > 1:
		return audience + " has several owners"
	case len(owners) == 0 && len(asking) > 0:
		return audience + " has no owner"
	case len(owners) == 1 && owners[0].Spec.Mode != v1alpha1.ModeEnforce &&
		(owners[0].Status.GrantID == "" || len(owners[0].Finalizers) == 0):
		return "" // Paused before it had the answer, or before it had taken over.
	case exists != (len(owners) == 1):
		return fmt.Sprintf("%s exists: %t, owners: %d", audience, exists, len(owners))
	case exists && readyOf(owners[0]) == "True Available" && !sameScopes(held.Scope, owners[0].Spec.Scopes):
		return fmt.Sprintf("%s has %v instead of %v", audience, held.Scope, owners[0].Spec.Scopes)
	case exists && slices.Contains(asking, owners[0]) && readyOf(owners[0]) != "True Available":
		return owners[0].Name + " owns it and is " + readyOf(owners[0])
	}
	return ""
}

func sameScopes(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

var _ = Describe("ClientGrants of one identity, in any order of events", func() {
	It("have one owner in the end, one grant at most, and none is deleted that is asked for", func() {
		const orders, batch = 200, 40
		remote := startTenant()
		tenant := readyTenant(remote)
		seed := uint64(GinkgoRandomSeed())
		GinkgoWriter.Printf("The seed is %d.\n", seed)
		var mu sync.Mutex
		byAPI, wrong := map[string]*rivals{}, []string{}
		audienceOf := func(id string) string {
			held, _ := remote.Grant(id)
			return held.Audience
		}
		onRequest(remote, func(q *http.Request) {
			if q.Method != http.MethodDelete {
				return
			}
			audience := audienceOf(q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:])
			mu.Lock()
			defer mu.Unlock()
			if r := byAPI[audience]; r != nil {
				if name := r.wants(audience); name != "" {
					wrong = append(wrong, fmt.Sprintf("the grant of %s is deleted, which %s asks for: %q", audience, name, r.steps))
				}
			}
		})
		for start := 0; start < orders; start += batch {
			var running sync.WaitGroup
			for number := start; number < start+batch; number++ {
				r := &rivals{
					remote: remote, random: rand.New(rand.NewPCG(seed, uint64(number))),
					pattern: grantFor(remote, tenant), since: map[string]time.Time{},
				}
				r.pattern.Spec.Mode, r.pattern.Spec.SubjectType = v1alpha1.ModeEnforce, v1alpha1.SubjectTypeClient
				r.apis = []string{r.pattern.Spec.Audience, anotherAPI(remote)}
				mu.Lock()
				byAPI[r.apis[0]], byAPI[r.apis[1]] = r, r
				mu.Unlock()
				running.Go(func() {
					defer GinkgoRecover()
					for range 10 {
						Expect(r.step(2 + number%2)).To(Succeed())
						time.Sleep(time.Duration([]int{0, 5, 60, 400}[r.random.IntN(4)]) * time.Millisecond)
					}
					Expect(r.free()).To(Succeed())
					Eventually(r.trouble).WithTimeout(3*patience).WithPolling(5*moment).Should(BeEmpty(), "seed %d, order %d: %q", seed, number, r.steps)
					Expect(r.clear()).To(Succeed())
					Expect(r.free()).To(Succeed())
					Eventually(r.trouble).WithTimeout(3*patience).WithPolling(5*moment).Should(BeEmpty(), "seed %d, order %d, its end: %q", seed, number, r.steps)
				})
			}
			for range 3 {
				requestNow(tenant)
				time.Sleep(awhile)
			}
			running.Wait()
		}
		Expect(wrong).To(BeEmpty())
		Expect(remote.GrantCount()).To(BeZero())
		expectNothingTwice(remote)
	})
})

// expectNothingTwice says that each grant that was made was deleted before the next one of its kind was asked for.
func expectNothingTwice(remote *sim.Running) {
	GinkgoHelper()
	made := map[string]string{}
	for _, e := range remote.Log() {
		switch {
		case e.Method == http.MethodPost && e.Route == routeGrants:
			answer := map[string]any{}
			Expect(json.Unmarshal([]byte(e.ResponseBody), &answer)).To(Succeed())
			Expect(e.Status).To(Equal(http.StatusCreated))
			audience := fmt.Sprint(answer["audience"])
			Expect(made[audience]).To(BeEmpty())
			made[audience] = fmt.Sprint(answer["id"])
		case e.Method == http.MethodDelete:
			for audience, id := range made {
				if strings.HasSuffix(e.Path, id) {
					delete(made, audience)
				}
			}
		}
	}
}
