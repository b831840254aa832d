package lifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

func TestLearn_WhatIsInPlaceBelongsToAnIdentity(t *testing.T) {
	narrower := held(wanted, "cgr_1", scopes())
	tests := map[string]struct {
		do      Action
		answer  Answer
		inPlace grant.Identity
		counted int
	}{
		"a correction counts":          {Change{wanted, "cgr_1", scopes("read"), CauseDrift}, Answer{At: noon, Held: held(wanted, "cgr_1", scopes("read"))}, wanted, 1},
		"a violation does not":         {Change{wanted, "cgr_1", scopes(), CauseViolation}, Answer{At: noon, Held: narrower}, grant.Identity{}, 0},
		"an own deletion ends it":      {Delete{wanted, "cgr_1", CauseViolation}, Answer{At: noon}, grant.Identity{}, 0},
		"that of another grant leaves": {Delete{another, "cgr_2", CauseReplacement}, Answer{At: noon}, wanted, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := owner()
			w.Memory.InPlace = wanted
			m := Learn(w, Step{Do: test.do, Record: w.Object.Record}, test.answer)
			if m.InPlace != test.inPlace || len(m.Corrections) != test.counted {
				t.Errorf("in place is %v, after %d corrections", m.InPlace, len(m.Corrections))
			}
		})
	}
	w := owner()
	w.Memory.InPlace = wanted
	if m := Learn(w, Step{Do: Release{}}, Answer{}); m.InPlace != (grant.Identity{}) {
		t.Errorf("%v is in place although nothing is recorded", m.InPlace)
	}
}

func TestLearn_AnswersToACreateRequest(t *testing.T) {
	body := grant.NewGrant(wanted, scopes("read"))
	no := status.Stalled(v1alpha1.ReasonRejected, "no")
	tests := map[string]struct {
		planned string
		late    bool
		answer  Answer
		settled bool
	}{
		"refused, and the only one":               {body.Hash(), false, Answer{At: noon, Refused: no}, true},
		"refused after one without an answer":     {body.Hash(), true, Answer{At: noon, Refused: no}, false},
		"refused after one of an earlier process": {"", false, Answer{At: noon, Refused: no}, false},
		"without an answer":                       {body.Hash(), false, Answer{At: noon, Unanswered: true}, false},
		"failed for another reason, but answered": {body.Hash(), false, Answer{At: noon}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := owner()
			w.Memory.Planned = test.planned
			if test.late {
				w.Late[wanted] = noon
			}
			m := Learn(w, Step{Do: Create{wanted, body, CauseSpec}, Record: &grant.Record{Identity: wanted, Sent: body.Hash()}}, test.answer)
			if settled := m.Settled == body.Hash(); settled != test.settled || m.Planned != "" {
				t.Errorf("settled: %v", settled)
			}
		})
	}
}

func TestLearn_RefusalsAreHeldBackLongerAndLonger(t *testing.T) {
	w, s := owner(), Step{Do: Create{wanted, grant.NewGrant(wanted, scopes("read")), CauseSpec}}
	for _, unknown := range []bool{true, false} {
		w.Memory = Memory{}
		var pauses []time.Duration
		for range 4 {
			w.Memory = Learn(w, s, Answer{At: noon, Unknown: unknown, Refused: status.Waiting(v1alpha1.ReasonRejected, "no")})
			pauses = append(pauses, w.Memory.Refused[0].Until.Sub(noon))
		}
		first := map[bool]time.Duration{true: time.Minute, false: 10 * time.Minute}[unknown]
		if want := []time.Duration{first, 2 * first, 4 * first, 8 * first}; !slices.Equal(pauses, want) {
			t.Errorf("pauses of %v, wanted %v", pauses, want)
		}
	}
	w.Memory = Learn(w, Step{Do: Delete{wanted, "cgr_1", CauseDeletion}}, Answer{At: noon, Refused: status.Waiting(v1alpha1.ReasonRejected, "no")})
	if len(w.Memory.Refused) != 2 {
		t.Errorf("%d kinds of requests are held back, wanted 2", len(w.Memory.Refused))
	}
}

func TestLearn_DeletionsWithoutEffectPauseLongerAndLonger(t *testing.T) {
	w := owner()
	var pauses []time.Duration
	for range 5 {
		w.Memory = Learn(w, Step{Do: Delete{wanted, "cgr_1", CauseDeletion}}, Answer{At: noon})
		pauses = append(pauses, w.Memory.Deletions[0].Until.Sub(noon))
	}
	want := []time.Duration{2 * time.Second, 32 * time.Second, 512 * time.Second, 2 * time.Hour, 2 * time.Hour}
	if !slices.Equal(pauses, want) {
		t.Errorf("pauses of %v, wanted %v", pauses, want)
	}
	if w.Memory = Learn(w, Step{Do: Delete{wanted, "cgr_2", CauseDeletion}}, Answer{At: noon}); w.Memory.Deletions[0].Count != 1 {
		t.Error("a grant that was made again pauses for the deletion of the former one")
	}
}

func TestLearn_AReductionThatGoesAloneDropsNothing(t *testing.T) {
	w := owner()
	w.Object.Fields = scopes("read", "write")
	see(wanted, held(wanted, "cgr_1", scopes("read", "admin")))(&w)
	m := Learn(w, Step{Do: Change{wanted, "cgr_1", scopes("read"), CauseSpec}, Record: w.Object.Record},
		Answer{At: noon, Held: held(wanted, "cgr_1", scopes("read"))})
	if len(m.Dropped) > 0 || len(m.Refused) > 0 {
		t.Errorf("%q pass for dropped, %v for refused", m.Dropped, m.Refused)
	}
	m = Learn(w, Step{Do: Change{wanted, "cgr_1", scopes("read", "write"), CauseSpec}, Record: w.Object.Record},
		Answer{At: noon, Held: held(wanted, "cgr_1", scopes("read"))})
	if !slices.Equal(m.Dropped, []string{"write"}) {
		t.Errorf("%q pass for dropped", m.Dropped)
	}
}

func TestHeldUp_SaysHowToDoWithout(t *testing.T) {
	w := owner()
	told := HeldUp(w, *status.Waiting(v1alpha1.ReasonAPIUnavailable, "The tenant does not answer."))
	if told.Reason != v1alpha1.ReasonAPIUnavailable || !strings.Contains(told.Message, "deletionPolicy") {
		t.Errorf("%+v", told)
	}
	if told = HeldUp(w, *status.Waiting(v1alpha1.ReasonTenantNotReady, "Not ready.")); told.Reason != v1alpha1.ReasonDeletionBlocked {
		t.Errorf("%+v", told)
	}
	if told = NotRevoked(w, *status.Waiting(v1alpha1.ReasonRejected, "Auth0 said no.")); !told.Passing || !strings.Contains(told.Message, "Auth0 said no.") {
		t.Errorf("%+v", told)
	}
}
