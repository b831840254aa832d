package tenant_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// app is a client that the simulated tenant of a write test knows.
var app = identity("app")

// aClient makes the tenant know the client and the API of app.
func aClient(w *world) {
	w.AddClient(sim.Client{ID: app.ClientID})
	w.AddAPI(sim.API{Identifier: app.Audience})
}

func (w *world) create(t *testing.T, scopes ...string) (grant.Grant, error) {
	t.Helper()
	return w.session.Create(t.Context(), key("app"), app, grant.NewGrant(app, fields(scopes...)))
}

// known fails the test unless the session knows the scopes of app's grant without a call; nil where there is none.
func (w *world) known(t *testing.T, scopes []string) {
	t.Helper()
	calls := w.Requests("", "")
	seen, err := w.session.Observe(key("app"), app, time.Time{}, budget.ClassChange)
	switch {
	case err != nil:
		t.Errorf("nothing is known: %v", err)
	case (seen.Grant == nil) != (scopes == nil), scopes != nil && !slices.Equal(seen.Grant.Scope, scopes):
		t.Errorf("known is %+v, want scopes %q", seen.Grant, scopes)
	}
	if got := w.Requests("", "") - calls; got != 0 {
		t.Errorf("made %d calls", got)
	}
}

func TestWrite_IsKnownFromItsAnswer(t *testing.T) {
	w := overTLS(t, aClient)
	w.observe(t, app, time.Time{})
	w.known(t, nil)
	before := time.Now()
	made, err := w.create(t, "b", "a")
	if err != nil || made.Identity(host) != app || !slices.Equal(made.Scope, []string{"b", "a"}) {
		t.Fatalf("made %+v, error %v", made, err)
	}
	w.known(t, []string{"b", "a"})
	if seen, err := w.session.Observe(key("app"), app, before, budget.ClassChange); err != nil || seen.Grant.ID != made.ID {
		t.Errorf("the answer is no evidence of the time after it was asked for: %v", err)
	}
	changed, err := w.session.Change(t.Context(), key("app"), app, made.ID, fields("c"))
	if err != nil || !slices.Equal(changed.Scope, []string{"c"}) {
		t.Fatalf("changed to %+v, error %v", changed, err)
	}
	w.known(t, []string{"c"})
	if held, _ := w.Grant(made.ID); !slices.Equal(held.Scope, []string{"c"}) {
		t.Errorf("the tenant holds %+v", held)
	}
}

func TestWrite_ADeletionLeavesNothingKnownUntilALookThatBeganAfterIt(t *testing.T) {
	w := overTLS(t, aClient)
	w.observe(t, app, time.Time{})
	made, err := w.create(t, "a")
	if err != nil {
		t.Fatal(err)
	}
	answered, err := w.session.Delete(t.Context(), key("app"), app, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.pending(t, app, time.Time{})
	if seen := w.observe(t, app, time.Time{}); seen.Grant != nil || seen.Began.Before(answered) {
		t.Errorf("saw %+v, begun %s after the answer", seen.Grant, seen.Began.Sub(answered))
	}
}

// A read that hangs after it was answered in the tenant shows what was there before a write that came meanwhile.
func TestWrite_IsNotUndoneByALookThatBeganBefore(t *testing.T) {
	writes := map[string]struct {
		write func(*testing.T, *world) error
		held  bool
	}{
		"a creation": {func(t *testing.T, w *world) error { _, err := w.create(t, "a"); return err }, true},
		"a deletion": {func(t *testing.T, w *world) error {
			held, _ := w.FindGrant("app", app.Audience, "client")
			_, err := w.session.Delete(t.Context(), key("app"), app, held.ID)
			return err
		}, false},
		"a creation without an answer": {func(t *testing.T, w *world) error {
			w.Inject(sim.Fault{Method: http.MethodPost, After: true, Drop: true})
			if _, err := w.create(t, "a"); !auth0.Unanswered(err) {
				return errors.New("it was answered")
			}
			return nil
		}, true},
	}
	for name, test := range writes {
		for what, tracked := range map[string][]string{"look-up": nil, "listing": clients(0, 20)} {
			t.Run(name+", "+what, func(t *testing.T) {
				inBubble(t, func(t *testing.T, w *world) {
					if !test.held {
						w.holds(app, "a")
					}
					w.observe(t, app, time.Time{})
					w.track(tracked...)
					advance(time.Second)
					stale := w.Inject(sim.Fault{Method: http.MethodGet, Route: "/client-grants", After: true, Hang: true})
					w.session.Refresh()
					advance(time.Second)
					if err := test.write(t, w); err != nil {
						t.Fatal(err)
					}
					advance(time.Second)
					stale.Remove()
					advance(time.Second)
					if seen := w.observe(t, app, time.Time{}); (seen.Grant != nil) != test.held {
						t.Errorf("saw %+v", seen.Grant)
					}
				}, aClient, pages(10), fill(20))
			})
		}
	}
}

func TestWrite_WhatMayHaveHadAnEffectIsLookedAtAgain(t *testing.T) {
	faults := map[string]sim.Fault{
		"a lost answer":              {After: true, Drop: true},
		"a broken connection":        {Drop: true},
		"a server error":             {Status: http.StatusBadGateway},
		"a server error afterwards":  {Status: http.StatusInternalServerError, After: true},
		"a conflict":                 {Status: http.StatusConflict},
		"an answer that is not JSON": {Status: http.StatusCreated, Body: "<html>", Header: http.Header{"Content-Type": {"text/html"}}},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			w := overTLS(t, aClient)
			w.observe(t, app, time.Time{})
			fault.Method = http.MethodPost
			w.Inject(fault)
			if made, err := w.create(t, "a"); err == nil {
				t.Fatalf("made %+v", made)
			}
			w.pending(t, app, time.Time{})
			if seen := w.observe(t, app, time.Time{}); (seen.Grant != nil) != fault.After {
				t.Errorf("saw %+v", seen.Grant)
			}
		})
	}
}

func TestWrite_WhatSurelyHadNoEffectCostsNoLook(t *testing.T) {
	faults := map[string]sim.Fault{
		"the rate limit":                       {Method: http.MethodPost, Route: "/client-grants", Status: http.StatusTooManyRequests},
		"a token that is not accepted":         {Method: http.MethodPost, Route: "/client-grants", Status: http.StatusUnauthorized},
		"a missing scope":                      {Method: http.MethodPost, Route: "/client-grants", Status: http.StatusForbidden, Body: `{"errorCode":"insufficient_scope"}`},
		"a refusal":                            {Method: http.MethodPost, Route: "/client-grants", Status: http.StatusBadRequest},
		"a limit of the plan":                  {Method: http.MethodPost, Route: "/client-grants", Status: http.StatusForbidden, Body: `{"errorCode":"too_many_entities"}`},
		"an unknown client or API":             {Method: http.MethodPost, Route: "/client-grants", Status: http.StatusNotFound},
		"no token because of the credentials":  {Route: "/oauth/token", Status: http.StatusUnauthorized},
		"no token because of the rate limit":   {Route: "/oauth/token", Status: http.StatusTooManyRequests},
		"no token because the endpoint is out": {Route: "/oauth/token", Status: http.StatusServiceUnavailable},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			w := overTLS(t, aClient)
			w.observe(t, app, time.Time{})
			if fault.Route == "/oauth/token" {
				w.session.Update(w.config, w.newClient(t))
			}
			w.Inject(fault)
			if made, err := w.create(t, "a"); err == nil {
				t.Fatalf("made %+v", made)
			}
			w.known(t, nil)
		})
	}
}

func TestWrite_AChangeOfAGrantThatIsNotFoundIsLookedAtAgain(t *testing.T) {
	w := overTLS(t, aClient)
	held := w.holds(app, "a")
	w.observe(t, app, time.Time{})
	w.DeleteGrant(held.ID)
	if _, err := w.session.Change(t.Context(), key("app"), app, held.ID, fields("b")); !auth0.IsNotFound(err) {
		t.Fatalf("error %v", err)
	}
	w.pending(t, app, time.Time{})
	if seen := w.observe(t, app, time.Time{}); seen.Grant != nil {
		t.Errorf("saw %+v", seen.Grant)
	}
}

func TestWrite_DoesNotBelieveAnAnswerAboutAnotherGrant(t *testing.T) {
	w := overTLS(t, aClient)
	held := w.holds(app, "a")
	w.observe(t, app, time.Time{})
	other := func(status int, method string) sim.Fault {
		return sim.Fault{
			Method: method, Status: status, Header: http.Header{"Content-Type": {"application/json"}},
			Body: `{"id":"` + held.ID + `","client_id":"app","audience":"https://API/","subject_type":"client","scope":["a"]}`,
		}
	}
	w.Inject(other(http.StatusOK, http.MethodPatch))
	if got, err := w.session.Change(t.Context(), key("app"), app, held.ID, fields("b")); !errors.Is(err, tenant.ErrOtherGrant) || got.ID != "" {
		t.Errorf("changed to %+v, error %v", got, err)
	}
	w.pending(t, app, time.Time{})
	w.observe(t, app, time.Time{})
	w.Inject(other(http.StatusCreated, http.MethodPost))
	if got, err := w.create(t, "b"); !errors.Is(err, tenant.ErrOtherGrant) || got.ID != "" {
		t.Errorf("made %+v, error %v", got, err)
	}
	w.pending(t, app, time.Time{})
}

func TestWrite_IsRefusedWhereTheTenantIsOnlyObserved(t *testing.T) {
	w := overTLS(t, aClient, func(w *world) { w.config.ReadOnly = true })
	held := w.holds(app, "a")
	w.observe(t, app, time.Time{})
	_, created := w.create(t, "a")
	_, changed := w.session.Change(t.Context(), key("app"), app, held.ID, fields())
	_, deleted := w.session.Delete(t.Context(), key("app"), app, held.ID)
	for what, err := range map[string]error{"creating": created, "changing": changed, "deleting": deleted} {
		if !errors.Is(err, tenant.ErrReadOnly) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if w.Requests(method, "/client-grants")+w.Requests(method, "/client-grants/{id}") > 0 {
			t.Errorf("a %s was sent", method)
		}
	}
	w.known(t, []string{"a"})
}

func TestReady_WakesWhoWaitsForAToken(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		if err := w.session.Ready(key("a"), budget.ClassChange); err != nil {
			t.Fatal(err)
		}
		w.budget.StartCall(key("a"))
		start := time.Now()
		if err := w.session.Ready(key("b"), budget.ClassChange); !errors.Is(err, tenant.ErrParked) {
			t.Fatalf("error %v", err)
		}
		w.woken.await(t, key("b"), 1)
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("woken after %s", got)
		}
		if err := w.session.Ready(key("b"), budget.ClassChange); err != nil {
			t.Error(err)
		}
	}, func(w *world) { w.limit = budget.Limit{PerMinute: 30, Burst: 1} })
}
