package lifecycle

import (
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

var (
	backoffBegan    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	backoffIdentity = grant.Identity{Tenant: "t", ClientID: "app", Audience: "x", SubjectType: "client"}
)

// backoffWorld is one in which a grant is to be created or, where the tenant holds one, to be changed, at the given time.
func backoffWorld(now time.Time, held *grant.Grant) World {
	w := World{
		Now: now, Start: backoffBegan, CallTimeout: 30 * time.Second, Wanted: backoffIdentity,
		Object: Object{Held: true, Mode: v1alpha1.ModeEnforce, Fields: grant.Fields{Scope: []string{"wanted"}}},
		Tenant: Tenant{
			Exists: true, Admits: true, Near: true, Host: "t", Mode: v1alpha1.ModeEnforce, Access: Open, OperatorsKnown: true,
			Interval: time.Hour,
			Decide: func(grant.Identity, grant.Fields, ...v1alpha1.Right) policy.Decision {
				return policy.Decision{Allowed: true}
			},
		},
		Seen: map[grant.Identity]Observation{backoffIdentity: {Grant: held, Began: now}},
	}
	body := grant.NewGrant(backoffIdentity, w.Object.Fields)
	w.Object.Record = &grant.Record{Identity: backoffIdentity, Sent: body.Hash()}
	w.Memory.Planned = body.Hash()
	if held != nil {
		w.Object.Record = &grant.Record{Identity: backoffIdentity, ID: held.ID}
	}
	return w
}

func heldGrant(scopes ...string) *grant.Grant {
	return &grant.Grant{ID: "cgr_1", ClientID: "app", Audience: "x", Fields: grant.Fields{Scope: scopes}}
}

// refuseOnce takes the next step, which Auth0 refuses, and returns the memory of it.
func refuseOnce(t *testing.T, w World, unknown bool) Memory {
	t.Helper()
	s := Next(w)
	switch s.Do.(type) {
	case Create, Change:
	default:
		t.Fatalf("the next step is %#v, told %+v", s.Do, s.Tell)
	}
	m := Learn(w, s, Answer{At: w.Now, Refused: status.Waiting(v1alpha1.ReasonRejected, "refused"), Unknown: unknown})
	m.Planned = w.Memory.Planned
	return m
}

func TestRefusal_HoldsAWriteBackForLongerAndLonger(t *testing.T) {
	for name, held := range map[string]*grant.Grant{"a creation": nil, "a change": heldGrant()} {
		for what, first := range map[bool]time.Duration{true: time.Minute, false: 10 * time.Minute} {
			now, memory, want := backoffBegan, backoffWorld(backoffBegan, held).Memory, first
			for n := range 20 {
				w := backoffWorld(now, held)
				w.Memory = memory
				memory = refuseOnce(t, w, what)
				for _, early := range []time.Duration{0, want / 2, want - 1} {
					w := backoffWorld(now.Add(early), held)
					w.Memory = memory
					if s := Next(w); !waits(&s) || s.Again != want-early || s.Tell.Reason != v1alpha1.ReasonRejected {
						t.Fatalf("%s, refusal %d: after %s the next step is %#v again in %s, want to wait %s", name, n+1, early, s.Do, s.Again, want-early)
					}
				}
				now, want = now.Add(want), min(2*want, 24*time.Hour)
			}
		}
	}
}

func TestRefusal_OfAnUnknownClientIsAStandstillAfterAnHour(t *testing.T) {
	now, memory := backoffBegan, backoffWorld(backoffBegan, nil).Memory
	for range 12 {
		w := backoffWorld(now, nil)
		w.Memory = memory
		memory = refuseOnce(t, w, true)
		w.Memory = memory
		s := Next(w)
		if want := now.Sub(backoffBegan) >= time.Hour; s.Tell.Stalled != want {
			t.Errorf("after %s it is stalled: %t", now.Sub(backoffBegan), s.Tell.Stalled)
		}
		now = now.Add(s.Again)
	}
}

func TestRefusal_EndsWithWhatItDependsOn(t *testing.T) {
	tests := map[string]struct {
		refused, now *grant.Grant
		change       func(*World)
		held         bool
	}{
		"nothing changed":               {heldGrant("a"), heldGrant("a"), nil, true},
		"the same in another order":     {heldGrant("a", "b"), heldGrant("b", "a"), nil, true},
		"there was none and is none":    {nil, nil, nil, true},
		"the grant changed":             {heldGrant("a"), heldGrant("b"), nil, false},
		"the spec changed":              {nil, nil, func(w *World) { w.Memory.Edited(w.Now) }, false},
		"somebody asked for a look":     {nil, nil, func(w *World) { w.Memory.Requested(w.Now) }, false},
		"its time came":                 {nil, nil, func(w *World) { w.Now = w.Now.Add(10 * time.Minute) }, false},
		"its time has not come":         {nil, nil, func(w *World) { w.Now = w.Now.Add(10*time.Minute - 1) }, true},
		"another identity is asked for": {nil, nil, func(w *World) { w.Memory.Refused[0].Identity.Audience = "y" }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// A change that only adds: what takes access away goes alone.
			w := backoffWorld(backoffBegan, test.refused)
			w.Object.Fields.Scope = append([]string{"wanted"}, "a", "b")
			if test.refused == nil {
				w.Object.Record.Sent = grant.NewGrant(backoffIdentity, w.Object.Fields).Hash()
				w.Memory.Planned = w.Object.Record.Sent
			}
			memory := refuseOnce(t, w, false)
			again := w
			again.Memory, again.Seen = memory, map[grant.Identity]Observation{backoffIdentity: {Grant: test.now, Began: w.Now}}
			if test.change != nil {
				test.change(&again)
			}
			if s := Next(again); waits(&s) != test.held {
				t.Errorf("the next step is %#v, told %+v", s.Do, s.Tell)
			}
		})
	}
}

func TestContested_AfterThreeCorrectionsInTenMinutes(t *testing.T) {
	tests := map[string]struct {
		apart []time.Duration
		later time.Duration
		want  bool
	}{
		"twice at once":                {[]time.Duration{0}, 0, false},
		"three times at once":          {[]time.Duration{0, 0}, 0, true},
		"three times in ten minutes":   {[]time.Duration{5 * time.Minute, 5 * time.Minute}, 0, true},
		"three times in more":          {[]time.Duration{5 * time.Minute, 5*time.Minute + 1}, 0, false},
		"again after a rest":           {[]time.Duration{0, 0, 11 * time.Minute}, 0, false},
		"again and again after a rest": {[]time.Duration{0, 0, 11 * time.Minute, 0, 0}, 0, true},
		"for as long as it may go on":  {[]time.Duration{0, 0}, 10*time.Minute - 1, true},
		"not when it has stopped":      {[]time.Duration{0, 0}, 10 * time.Minute, false},
		"every ten minutes":            {[]time.Duration{0, 0, 10 * time.Minute, 10 * time.Minute}, 0, false},
		"every thirty seconds":         {[]time.Duration{0, 0, 30 * time.Second, 30 * time.Second}, time.Minute, true},
		"slowly":                       {[]time.Duration{time.Hour, time.Hour, time.Hour}, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			now, memory := backoffBegan, Memory{}
			correct := func() {
				w := backoffWorld(now, heldGrant())
				w.Memory, w.Tenant.Refreshes = memory, memory.CorrectedIn+1 // Each after another look at the whole tenant.
				w.Memory.InPlace = backoffIdentity
				s := Next(w)
				if change, ok := s.Do.(Change); !ok || change.Cause != CauseDrift {
					t.Fatalf("the next step is %#v", s.Do)
				}
				memory = Learn(w, s, Answer{At: now, Held: heldGrant("wanted")})
			}
			correct()
			for _, apart := range test.apart {
				now = now.Add(apart)
				correct()
			}
			until, contested := memory.Contested(now.Add(test.later))
			if contested != test.want || contested && !until.Equal(now.Add(10*time.Minute)) {
				t.Errorf("contested %t until %s, want %t until %s", contested, until, test.want, now.Add(10*time.Minute))
			}
			if len(memory.Corrections) > contestedAfter {
				t.Errorf("%d corrections are kept", len(memory.Corrections))
			}
		})
	}
}

// A request that is repeated because the tenant said "not now" leaves nothing open: what is there after a conflict is for the
// adoption gate, though it equals the request.
func TestLearn_ARepeatedRequestThatWasAlwaysAnsweredMadeNothing(t *testing.T) {
	w := backoffWorld(backoffBegan, nil)
	for _, answer := range []Answer{
		{At: backoffBegan},
		{At: backoffBegan},
		{At: backoffBegan, Refused: status.Stalled(v1alpha1.ReasonRejected, "there is one"), Conflict: true},
	} {
		s := Next(w)
		if _, creates := s.Do.(Create); !creates {
			t.Fatalf("the next step is %#v", s.Do)
		}
		w.Memory = Learn(w, s, answer)
	}
	equal := heldGrant("wanted")
	w.Seen = map[grant.Identity]Observation{backoffIdentity: {Grant: equal, Began: w.Now}}
	s := Next(w)
	if write, withdraws := s.Do.(Write); !withdraws && s.Do != (Release{}) || withdraws && !write.Yields {
		t.Errorf("the next step is %#v with the record %+v, want the record to be withdrawn", s.Do, s.Record)
	}
	if len(s.Left) > 0 {
		t.Errorf("%v is told as left", s.Left)
	}
}
