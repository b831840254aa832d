package tenant_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// hang keeps reads without an answer, after the first few.
func (w *world) hang(after int) *sim.Injection {
	return w.Inject(sim.Fault{Method: http.MethodGet, Route: "/client-grants", Skip: after, Hang: true})
}

// wantReads compares the reads since the log was cleared.
func (w *world) wantReads(t *testing.T, want ...string) {
	t.Helper()
	if got := w.reads(); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestObserve_AnswersOnlyFromEvidenceThatIsYoungEnough(t *testing.T) {
	w := overTLS(t)
	app := identity("app")
	held := w.holds(app, "a", "b")
	asked := time.Now()
	w.pending(t, app, asked)
	seen := w.observe(t, app, asked)
	if seen.Grant == nil || seen.Grant.ID != held.ID || !slices.Equal(seen.Grant.Scope, held.Scope) || seen.Began.Before(asked) {
		t.Fatalf("saw %+v, begun %s after it was asked for", seen.Grant, seen.Began.Sub(asked))
	}
	calls := w.Requests("", "")
	for _, notBefore := range []time.Time{{}, asked, seen.Began} {
		if again := w.observe(t, app, notBefore); again != seen {
			t.Errorf("saw %+v instead of what is known", again)
		}
	}
	if got := w.Requests("", ""); got != calls {
		t.Errorf("made %d calls for what is known", got-calls)
	}
	w.DeleteGrant(held.ID)
	later := seen.Began.Add(1)
	w.pending(t, app, later)
	if again := w.observe(t, app, later); again.Grant != nil || again.Began.Before(later) {
		t.Errorf("saw %+v, begun %s after it was asked for", again.Grant, again.Began.Sub(later))
	}
}

func TestObserve_KnowsTheGrantsThatOneClientHas(t *testing.T) {
	w := overTLS(t)
	group := grant.Identity{Tenant: host, DefaultFor: "third_party_clients", Audience: "https://api/", SubjectType: "client"}
	user := identity("app")
	user.SubjectType = "user"
	ids := map[grant.Identity]string{
		identity("app"):      w.holds(identity("app"), "a").ID,
		identity("app", "x"): w.holds(identity("app", "x"), "b").ID,
		user:                 w.AddGrant(sim.Grant{ClientID: "app", Audience: user.Audience, SubjectType: "user"}).ID,
		group:                w.AddGrant(sim.Grant{DefaultFor: group.DefaultFor, Audience: group.Audience}).ID,
		identity("App"):      "",
		identity("app", "X"): "",
	}
	for of, id := range ids {
		if seen := w.observe(t, of, time.Now()); id == "" && seen.Grant != nil || id != "" && (seen.Grant == nil || seen.Grant.ID != id) {
			t.Errorf("the %s is %+v, want %q", of, seen.Grant, id)
		}
	}
}

func TestObserve_WaitsForATimeThatIsStillToCome(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		at := time.Now().Add(30 * time.Second)
		w.pending(t, identity("app"), at)
		advance(29 * time.Second)
		w.wantReads(t)
		advance(time.Second + 10*time.Millisecond)
		w.wantReads(t, "list")
		if w.woken.of(key("app")) != 1 {
			t.Error("it was not woken once")
		}
		if seen, err := w.session.Observe(key("app"), identity("app"), at, budget.ClassChange); err != nil || seen.Began.Before(at) {
			t.Errorf("saw %+v, error %v", seen, err)
		}
		advance(interval / 2)
		w.wantReads(t, "list")
	})
}

func TestObserve_JoinsTheLookUpOfItsClient(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.observe(t, identity("app", "0"), time.Time{})
		advance(time.Second)
		w.ClearLog()
		hang := w.hang(0)
		for _, name := range []string{"1", "2", "3"} { // The look-up that the first one starts serves them all.
			_, _ = w.session.Observe(key(name), identity("app", name), time.Time{}, budget.ClassChange)
			advance(time.Second)
		}
		for _, name := range []string{"4", "5"} { // These need one that begins later.
			_, _ = w.session.Observe(key(name), identity("app", name), time.Now(), budget.ClassChange)
		}
		w.wantReads(t)
		hang.Remove()
		advance(time.Second)
		w.wantReads(t, "app", "app")
		for _, name := range []string{"1", "2", "3", "4", "5"} {
			seen, err := w.session.Observe(key(name), identity("app", name), time.Time{}, budget.ClassChange)
			if w.woken.of(key(name)) == 0 || err != nil || seen.Grant != nil {
				t.Errorf("%s was woken %d times for %+v, error %v", name, w.woken.of(key(name)), seen, err)
			}
		}
	}, pages(1), fill(10))
}

// track makes the session look at the given clients' grants at every refresh, and returns their identities.
func (w *world) track(clients ...string) []grant.Identity {
	identities := make([]grant.Identity, 0, len(clients))
	for _, client := range clients {
		identities = append(identities, identity(client))
		w.session.Track(key(client), identity(client))
	}
	return identities
}

func TestObserve_ALoneCallerNeverWaitsForAWholeListing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 40)...)
		hang := w.hang(2)
		w.session.Refresh()
		advance(time.Second)
		w.wantReads(t, "list", "list on")
		w.pending(t, identity("app"), time.Now())
		hang.Remove()
		w.observe(t, identity("app"), time.Time{})
		if got := w.reads(); slices.Index(got, "app") != 3 {
			t.Errorf("read %q", got)
		}
		advance(time.Second)
		if got := w.reads(); len(got) != 32 || got[31] != "list on" {
			t.Errorf("the listing did not go on: %d reads", len(got))
		}
		w.ClearLog() // Now its length is known.
		hang = w.hang(2)
		w.session.Refresh()
		advance(time.Second)
		w.pending(t, identity("app"), time.Now())
		hang.Remove()
		w.observe(t, identity("app"), time.Now())
		if got := w.reads(); slices.Index(got, "app") != 3 {
			t.Errorf("read %q", got)
		}
	}, pages(10), fill(300), func(w *world) { w.holds(identity("app")) })
}

func TestObserve_NobodyWaitsForTheEndOfAListThatIsLongerThanItWas(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.observe(t, identity("other-000"), time.Time{})
		w.wantReads(t, "list", "other-000") // It is remembered that the list is long, not how long.
		w.track(clients(0, 40)...)
		w.ClearLog()
		hang := w.hang(5)
		w.session.Refresh()
		advance(time.Second)
		at := time.Now()
		w.pending(t, identity("other-001"), at)
		advance(time.Millisecond)
		w.pending(t, identity("other-002"), at)
		hang.Remove()
		w.observe(t, identity("other-001"), at)
		w.observe(t, identity("other-002"), at)
		if got := w.reads(); slices.Index(got, "other-001") != 6 || slices.Index(got, "other-002") != 7 {
			t.Errorf("read %q", got)
		}
	}, pages(1), fill(200))
}

func TestObserve_DoesNotBelieveAnAnswerAboutAnotherGrant(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.holds(identity("app"), "a")
		w.observe(t, identity("other-000"), time.Time{})
		w.Inject(sim.Fault{
			Method: http.MethodGet, Route: "/client-grants", Status: http.StatusOK,
			Body: `{"client_grants":[{"id":"cgr_x","client_id":"other-000","audience":"https://api/","scope":["stolen"]},
				{"id":"cgr_y","client_id":"app","audience":"https://API/","scope":["stolen"]},
				{"id":"cgr_z","client_id":"app","audience":"https://api/","subject_type":"user","scope":["stolen"]}]}`,
			Header: http.Header{"Content-Type": {"application/json"}},
		})
		if seen := w.observe(t, identity("app"), time.Now()); seen.Grant != nil {
			t.Errorf("saw %+v", seen.Grant)
		}
		if seen := w.observe(t, identity("other-000"), time.Time{}); seen.Grant == nil || len(seen.Grant.Scope) > 0 {
			t.Errorf("of another client it saw %+v", seen.Grant)
		}
	}, pages(1), fill(10))
}

func TestObserve_ShowsEveryGrantOfAnIdentity(t *testing.T) {
	for name, listing := range map[string]bool{"a listing": true, "a look-up": false} {
		t.Run(name, func(t *testing.T) {
			app, key := identity("app"), budget.Key{Namespace: "team", Name: "a"}
			var twins []string
			w := overTLS(t, func(w *world) {
				twin := sim.Grant{ClientID: app.ClientID, Audience: app.Audience, Scope: []string{"admin"}}
				twins = []string{w.holds(app, "a").ID, w.AddTwin(twin).ID, w.AddTwin(twin).ID}
				slices.Sort(twins)
				if listing {
					w.before = map[budget.Key][]grant.Identity{key: {app}}
				}
			})
			seen := w.observe(t, app, time.Time{})
			var ids []string
			for _, held := range seen.Grant.All() {
				ids = append(ids, held.ID)
			}
			if !slices.Equal(ids, twins) {
				t.Fatalf("saw %v of %v", ids, twins)
			}
			_ = w.session.Ready(key, budget.ClassChange)
			if _, err := w.session.Change(t.Context(), key, app, twins[1], grant.Fields{Scope: []string{}}); err != nil {
				t.Fatal(err)
			}
			if after, ok := w.session.Seen(app); !ok || len(after.Grant.All()) != 3 {
				t.Errorf("after a change it knows of %+v", after.Grant)
			}
		})
	}
}

// However many looks one namespace asks for, again and again, another one's waits for one of them.
func TestObserve_NamespacesTakeTurns(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.track(clients(0, 100)...)
		w.refresh(t)
		w.budget.SetLimit(budget.Limit{PerMinute: 60, Burst: 1})
		w.ClearLog()
		ask := func(namespace, name string, at time.Time) {
			_, _ = w.session.Observe(budget.Key{Namespace: namespace, Name: name}, identity(name), at, budget.ClassChange)
		}
		for _, name := range clients(0, 90) {
			ask("noisy", name, time.Now().Add(1))
		}
		advance(3 * time.Second)
		asked := time.Now()
		for _, name := range clients(90, 92) {
			ask("quiet", name, asked)
		}
		before := len(w.reads())
		for range 4 {
			for _, name := range clients(0, 90) {
				ask("noisy", name, time.Now().Add(1))
			}
			advance(time.Second)
		}
		quiet := func(read string) bool { return read == "other-090" || read == "other-091" }
		if got := w.reads()[before:]; !slices.ContainsFunc(got[:2], quiet) ||
			!slices.Contains(got[:4], "other-090") || !slices.Contains(got[:4], "other-091") {
			t.Errorf("read %q, and quiet asked for other-090 and other-091", got)
		}
	}, pages(1), fill(200))
}
