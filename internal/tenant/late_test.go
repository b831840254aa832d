package tenant_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/budget"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// lost is a create request that has no answer.
var lost = sim.Fault{Method: http.MethodPost, Route: "/client-grants", Status: http.StatusBadGateway}

// createLost makes a create request that has no answer, and returns when it left.
func createLost(t *testing.T, w *world) (sent time.Time) {
	t.Helper()
	w.Inject(lost)
	sent = time.Now()
	if made, err := w.create(t, "a"); !auth0.Unanswered(err) {
		t.Fatalf("made %+v, error %v", made, err)
	}
	return sent
}

func wantLate(t *testing.T, session *tenant.Session, sent time.Time) {
	t.Helper()
	until, late := session.Late(app)
	if want := sent.Add(auth0.DefaultTimeout); !late || !until.Equal(want) {
		t.Errorf("late %v, until %s, want %s", late, until, want)
	}
}

func wantNotLate(t *testing.T, session *tenant.Session) {
	t.Helper()
	if until, late := session.Late(app); late {
		t.Errorf("late until %s, want no late create", until)
	}
}

func TestLate_CreateWithoutAnswerIsLateWhateverComesAfterIt(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		sent := createLost(t, w)
		wantLate(t, w.session, sent)
		advance(time.Second)
		w.Inject(sim.Fault{Method: http.MethodPost, Route: "/client-grants", Status: http.StatusNotFound})
		if _, err := w.create(t, "a"); !auth0.IsNotFound(err) {
			t.Fatal(err)
		}
		wantLate(t, w.session, sent)
		if _, err := w.create(t, "a"); err != nil {
			t.Fatal(err)
		}
		wantLate(t, w.session, sent)
		w.observe(t, app, time.Now())
		wantLate(t, w.session, sent)
		if until, late := w.session.Late(identity("app", "other")); late {
			t.Errorf("another identity is late until %s", until)
		}
	}, aClient)
}

func TestLate_LastsForTheTimeOutAfterItPassed(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		sent := createLost(t, w)
		advance(2*auth0.DefaultTimeout - time.Second)
		wantLate(t, w.session, sent)
		advance(time.Second)
		wantNotLate(t, w.session)
	}, aClient)
}

func TestLate_YoungestCreateCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		createLost(t, w)
		advance(20 * time.Second)
		wantLate(t, w.session, createLost(t, w))
	}, aClient)
}

func TestLate_OutlastsTheTracking(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.session.Track(key("former"), app)
		sent := createLost(t, w)
		w.session.Track(key("former"))
		wantLate(t, w.session, sent)
		w.session.Track(key("latter"), app)
		wantLate(t, w.session, sent)
	}, aClient)
}

func TestLate_AnswerAboutAnotherGrantMakesACreateLate(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.Inject(sim.Fault{
			Method: http.MethodPost, Route: "/client-grants", Status: http.StatusCreated, Header: http.Header{"Content-Type": {"application/json"}},
			Body: `{"id":"cgr_1","client_id":"app","audience":"https://API/","subject_type":"client","scope":["a"]}`,
		})
		sent := time.Now()
		if made, err := w.create(t, "a"); err == nil {
			t.Fatalf("made %+v", made)
		}
		wantLate(t, w.session, sent)
	}, aClient)
}

func TestLate_NothingElseMakesACreateLate(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests} {
			w.Inject(sim.Fault{Method: http.MethodPost, Route: "/client-grants", Status: status})
			if made, err := w.create(t, "a"); err == nil {
				t.Fatalf("made %+v", made)
			}
		}
		made, err := w.create(t, "a")
		if err != nil {
			t.Fatal(err)
		}
		w.Inject(sim.Fault{Method: http.MethodPatch, Status: http.StatusBadGateway})
		if _, err := w.session.Change(t.Context(), key("app"), app, made.ID, fields("b")); !auth0.Unanswered(err) {
			t.Fatal(err)
		}
		wantNotLate(t, w.session)
	}, aClient)
}

func TestLate_OutlastsTheSession(t *testing.T) {
	withSessions(t, func(t *testing.T, r *opened) {
		first := r.open(t, "one", limit)
		r.world.session = first
		sent := createLost(t, r.world)
		wantLate(t, r.open(t, "one", limit), sent)
		wantLate(t, r.open(t, "another", limit), sent)
		wantNotLate(t, r.open(t, "claiming", limit, func(c *tenant.Config) { c.Proven = "login.example.com" }))
	})
}

func TestSeen_TellsTheYoungestObservationWithoutACall(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		wantSeen := func(want *grant.Grant, known bool) {
			t.Helper()
			calls := w.Requests("", "")
			seen, ok := w.session.Seen(app)
			advance(time.Minute)
			if ok != known || (seen.Grant == nil) != (want == nil) || want != nil && seen.Grant.ID != want.ID {
				t.Errorf("seen %+v, known %v, want %+v, %v", seen.Grant, ok, want, known)
			}
			if got := w.Requests("", "") - calls; got != 0 {
				t.Errorf("made %d calls", got)
			}
		}
		wantSeen(nil, false)
		began := time.Now()
		w.observe(t, app, began)
		if seen, _ := w.session.Seen(app); seen.Began.Before(began) {
			t.Errorf("seen at %s, want %s or later", seen.Began, began)
		}
		wantSeen(nil, true)
		made, err := w.create(t, "a")
		if err != nil {
			t.Fatal(err)
		}
		wantSeen(&made, true)
		if _, err := w.session.Delete(t.Context(), key("app"), app, made.ID); err != nil {
			t.Fatal(err)
		}
		wantSeen(nil, false)
		w.observe(t, app, time.Time{})
		wantSeen(nil, true)
		w.session.Track(key("app"))
		wantSeen(nil, false)
	}, aClient)
}

func TestHealth_TellsAFailureUntilALookSucceeds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		outage := w.Inject(sim.Fault{Method: http.MethodGet, Route: "/client-grants", Status: http.StatusBadGateway, Times: -1})
		w.pending(t, app, time.Time{})
		advance(time.Minute)
		if health := w.session.Health(); health.Err == nil {
			t.Error("health has no error although each look failed")
		}
		w.session.Refresh()
		if _, err := w.create(t, "a"); err != nil {
			t.Fatal(err)
		}
		if health := w.session.Health(); health.Err == nil {
			t.Error("health has no error although no look succeeded")
		}
		outage.Remove()
		if _, err := w.session.Observe(key("app"), app, time.Now(), budget.ClassChange); err == nil {
			t.Error("a look that is to come has an answer")
		}
		advance(2 * time.Minute)
		if health := w.session.Health(); health.Err != nil {
			t.Errorf("health has error %v after a look that succeeded", health.Err)
		}
	}, aClient)
}
