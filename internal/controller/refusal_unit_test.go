package controller

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

var refusedIdentity = grant.Identity{ClientID: "app", Audience: "x", SubjectType: "client"}

// passOf is a pass with a memory and an identity, and nothing else.
func passOf() *pass { return &pass{memory: &memory{}, identity: refusedIdentity} }

func holding(scopes ...string) *grant.Grant {
	return &grant.Grant{ID: "cgr_1", ClientID: "app", Audience: "x", Fields: grant.Fields{Scope: scopes}}
}

// waits are how long writes are held back that are refused again and again, each one tried as soon as it may be.
func waits(t *testing.T, p *pass, err error, seen *grant.Grant, count int) []time.Duration {
	t.Helper()
	var found []time.Duration
	for range count {
		if held := p.heldBack(p.identity, seen); held != nil {
			t.Fatalf("it is held back: %v", held)
		}
		s, ok := errors.AsType[*state](p.refused(err, seen))
		if !ok {
			t.Fatalf("%v is not told as a state", err)
		}
		found = append(found, s.after)
		for _, part := range []time.Duration{0, s.after / 2, s.after - s.after/2 - 1} {
			time.Sleep(part)
			if p.heldBack(p.identity, seen) == nil {
				t.Fatalf("it is not held back for %s", s.after)
			}
		}
		time.Sleep(time.Nanosecond)
	}
	return found
}

func TestRefused_HoldsWritesBackForLongerAndLonger(t *testing.T) {
	tests := map[string]struct {
		err   error
		first time.Duration
	}{
		"an unknown client or API, which may appear any minute": {answered(404, ""), time.Minute},
		"a refusal, which needs somebody to act":                {answered(400, ""), 10 * time.Minute},
		"a limit of the plan":                                   {answered(403, "too_many_entities"), 10 * time.Minute},
		"a conflict":                                            {answered(409, ""), 10 * time.Minute},
	}
	for name, test := range tests {
		for what, seen := range map[string]*grant.Grant{"a creation": nil, "a change": holding("a")} {
			t.Run(name+", "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					want := test.first
					for n, got := range waits(t, passOf(), test.err, seen, 40) {
						if got != want {
							t.Fatalf("refusal %d: %s, want %s", n+1, got, want)
						}
						want = min(2*want, 24*time.Hour)
					}
				})
			})
		}
	}
}

func TestRefused_AnUnknownClientIsAStandstillAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passOf()
		for range 12 {
			start := p.memory.refusal
			since := time.Duration(0)
			if start != nil {
				since = time.Since(start.since)
			}
			s, _ := errors.AsType[*state](p.refused(answered(404, ""), nil))
			if s.stalled != (since >= time.Hour) {
				t.Errorf("after %s it is stalled: %v", since, s.stalled)
			}
			if told, _ := errors.AsType[*state](p.heldBack(p.identity, nil)); told.stalled != s.stalled || told.message != s.message {
				t.Errorf("while it is held back it is told as %+v", told)
			}
			time.Sleep(s.after)
		}
	})
}

func TestRefused_LeavesToOthersWhatPassesByItself(t *testing.T) {
	for name, err := range map[string]error{
		"the rate limit":       answered(429, ""),
		"no token":             tenant.ErrParked,
		"a server error":       answered(502, ""),
		"no answer":            &auth0.TransportError{Sent: true},
		"refused credentials":  answered(401, ""),
		"a missing scope":      answered(403, "insufficient_scope"),
		"a look under way":     tenant.ErrPending,
		"a change meanwhile":   errStale,
		"the API server's own": errors.New("etcd"),
	} {
		t.Run(name, func(t *testing.T) {
			p := passOf()
			if got := p.refused(err, nil); !errors.Is(got, err) || p.memory.refusal != nil {
				t.Errorf("told as %v, held back: %+v", got, p.memory.refusal)
			}
		})
	}
}

func TestHeldBack_EndsWithWhatItDependsOn(t *testing.T) {
	tests := map[string]struct {
		refused, now *grant.Grant
		change       func(*pass)
		held         bool
	}{
		"nothing changed":               {holding("a"), holding("a"), nil, true},
		"the same in another order":     {holding("a", "b"), holding("b", "a"), nil, true},
		"there was none and is none":    {nil, nil, nil, true},
		"the grant changed":             {holding("a"), holding("b"), nil, false},
		"the grant vanished":            {holding("a"), nil, nil, false},
		"a grant appeared":              {nil, holding("a"), nil, false},
		"another identity is asked for": {nil, nil, func(p *pass) { p.identity.Audience = "y" }, false},
		"the memory was cleared":        {nil, nil, func(p *pass) { p.memory.refusal = nil }, false},
		"its time came":                 {nil, nil, func(*pass) { time.Sleep(10 * time.Minute) }, false},
		"its time has not come":         {nil, nil, func(*pass) { time.Sleep(10*time.Minute - 1) }, true},
		"the time was taken back":       {nil, nil, func(p *pass) { p.memory.refusal.until = time.Time{} }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := passOf()
				_ = p.refused(answered(400, ""), test.refused)
				if test.change != nil {
					test.change(p)
				}
				if held := p.heldBack(p.identity, test.now); (held != nil) != test.held {
					t.Errorf("held back: %v", held)
				}
			})
		})
	}
}

func TestHeldBack_TellsHowLongStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passOf()
		first, _ := errors.AsType[*state](p.refused(answered(400, ""), nil))
		time.Sleep(4 * time.Minute)
		again, _ := errors.AsType[*state](p.heldBack(p.identity, nil))
		if again.after != 6*time.Minute || again.message != first.message || first.after != 10*time.Minute {
			t.Errorf("told %s, then %s", first.after, again.after)
		}
	})
}

func TestRefused_OfAnotherIdentityStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passOf()
		waits(t, p, answered(400, ""), nil, 5)
		p.identity.Audience = "y"
		if got := waits(t, p, answered(400, ""), nil, 1); got[0] != 10*time.Minute {
			t.Errorf("the first wait is %s", got[0])
		}
	})
}
