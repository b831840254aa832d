package tenant_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

func TestBudget_GivesTokensByClassFirst(t *testing.T) {
	crowded(t, perSecond(1, 5), 8, func(t *testing.T, c *crowd) {
		c.ask(in("team", "taker"), tenant.ClassResync)
		c.ask(in("team", "resync"), tenant.ClassResync)
		c.ask(in("team", "change"), tenant.ClassChange)
		c.ask(in("team", "another change"), tenant.ClassChange)
		c.ask(in("team", "revocation"), tenant.ClassRevocation)
		wantNames(t, c.waitFor(time.Minute), "taker", "revocation", "change", "another change", "resync")
	})
}

// A key that comes when a token is there does not get it before those who wait.
func TestBudget_NobodyOvertakesByAskingInTheRightMoment(t *testing.T) {
	crowded(t, perSecond(1, 5), 1, func(t *testing.T, c *crowd) {
		c.calls = 10 * time.Second // The one slot is taken, and tokens gather.
		c.ask(in("team", "slow"), tenant.ClassResync)
		c.ask(in("team", "first"), tenant.ClassChange)
		c.waitFor(5 * time.Second)
		c.ask(in("team", "second"), tenant.ClassChange)
		c.ask(in("team", "last"), tenant.ClassResync)
		c.waitFor(6 * time.Second)
		c.ask(in("team", "revocation"), tenant.ClassRevocation)
		wantNames(t, c.waitFor(time.Hour), "slow", "first", "revocation", "second", "last")
	})
	crowded(t, perSecond(1, 5), 8, func(t *testing.T, c *crowd) {
		c.comes = func(tenant.Key) time.Duration { return 100 * time.Millisecond }
		c.ask(in("team", "taker"), tenant.ClassChange)
		c.ask(in("team", "waiting"), tenant.ClassChange)
		c.waitFor(time.Second + 50*time.Millisecond) // It was called and is on its way.
		c.ask(in("team", "newcomer"), tenant.ClassRevocation)
		got := c.waitFor(time.Minute)
		wantNames(t, got, "taker", "waiting", "newcomer")
		if got[1].at != 1100*time.Millisecond {
			t.Errorf("who was called had its token after %s", got[1].at)
		}
	})
}

func TestBudget_NewcomerThatIsNextTakesTheTokenAtOnce(t *testing.T) {
	crowded(t, perSecond(1, 5), 8, func(t *testing.T, c *crowd) {
		c.waitFor(time.Hour)
		c.ask(in("team", "a"), tenant.ClassResync)
		if got := c.waitFor(0); len(got) != 1 || c.totalWakes() != 0 {
			t.Errorf("%d tokens after %d wakes, want one and none", len(got), c.totalWakes())
		}
	})
}

func TestBudget_AskingAgainMovesTheKeyToTheClassItNames(t *testing.T) {
	crowded(t, perSecond(1, 5), 8, func(t *testing.T, c *crowd) {
		c.ask(in("team", "taker"), tenant.ClassResync)
		c.ask(in("team", "raised"), tenant.ClassResync)
		c.ask(in("team", "lowered"), tenant.ClassRevocation)
		c.ask(in("team", "a"), tenant.ClassChange)
		c.ask(in("team", "b"), tenant.ClassRevocation)
		c.ask(in("team", "raised"), tenant.ClassRevocation)
		c.ask(in("team", "lowered"), tenant.ClassChange)
		// Their age is that of their first asking.
		wantNames(t, c.waitFor(time.Minute), "taker", "raised", "b", "lowered", "a")
	})
}

func TestBudget_WhoWasCalledForMoreThanItNowAsksWaitsAgain(t *testing.T) {
	crowded(t, perSecond(1, 5), 8, func(t *testing.T, c *crowd) {
		c.comes = func(tenant.Key) time.Duration { return 100 * time.Millisecond }
		c.ask(in("team", "taker"), tenant.ClassChange)
		c.ask(in("team", "edited"), tenant.ClassRevocation)
		c.ask(in("x", "change"), tenant.ClassChange)
		c.ask(in("y", "another"), tenant.ClassChange)
		c.ask(in("team", "revocation"), tenant.ClassRevocation)
		c.waitFor(time.Second + 50*time.Millisecond)
		c.ask(in("team", "edited"), tenant.ClassChange)
		got := c.waitFor(time.Minute)
		wantNames(t, got, "taker", "revocation", "change", "another", "edited")
		if got[1].at > 1200*time.Millisecond {
			t.Errorf("the token that was given up was taken only after %s", got[1].at)
		}
	})
}

func TestBudget_NamespacesTakeTurns(t *testing.T) {
	crowded(t, perSecond(1, 5), 8, func(t *testing.T, c *crowd) {
		c.ask(in("x", "taker"), tenant.ClassChange)
		for n := range 3 {
			c.ask(in("a", fmt.Sprint("a", n)), tenant.ClassChange)
		}
		c.ask(in("b", "b0"), tenant.ClassChange)
		c.ask(in("b", "b1"), tenant.ClassChange)
		c.ask(in("c", "c0"), tenant.ClassChange)
		c.waitFor(3500 * time.Millisecond) // a0, b0, c0
		c.ask(in("d", "d0"), tenant.ClassChange)
		c.ask(in("c", "c1"), tenant.ClassChange) // It left and comes back.
		wantNames(t, c.waitFor(time.Hour), "taker", "a0", "b0", "c0", "a1", "b1", "c1", "d0", "a2")
	})
}

// Between the two of them a namespace cannot gain by leaving, and does not lose by it.
func TestBudget_TurnOfANamespaceOutlastsItsLeaving(t *testing.T) {
	crowded(t, perSecond(1, 5), 8, func(t *testing.T, c *crowd) {
		c.ask(in("x", "taker"), tenant.ClassChange)
		c.ask(in("a", "a0"), tenant.ClassChange)
		c.ask(in("b", "b0"), tenant.ClassChange)
		c.ask(in("c", "c0"), tenant.ClassChange)
		c.budget.Forget(in("b", "b0"))
		c.giveUp(in("b", "b0"))
		c.ask(in("b", "b1"), tenant.ClassChange)
		c.waitFor(1500 * time.Millisecond)
		c.ask(in("a", "a1"), tenant.ClassChange)
		wantNames(t, c.waitFor(time.Minute), "taker", "a0", "b1", "c0", "a1")
	})
}

func TestBudget_SingleOfAnotherNamespaceIsNextButOneBehindABacklog(t *testing.T) {
	crowded(t, perSecond(10, 10), 8, func(t *testing.T, c *crowd) {
		c.backlog("big", 5000, tenant.ClassChange)
		c.waitFor(time.Minute)
		for n := range 20 {
			asked := time.Since(c.start)
			single := in("small", strconv.Itoa(n))
			c.ask(single, tenant.ClassChange)
			before := len(c.waitFor(0))
			got := c.waitFor(5 * time.Second)
			at := slices.IndexFunc(got, func(taken token) bool { return taken.key == single })
			if at < 0 || at > before+2 {
				t.Fatalf("single %d had token %d after asking", n, at-before)
			}
			if wait := got[at].at - asked; wait > 300*time.Millisecond {
				t.Errorf("single %d waited %s", n, wait)
			}
		}
	})
}

// An editing war in one namespace, at five times the rate, does not keep another's revocation waiting.
func TestBudget_RevocationIsAtMostThreeTokensLaterThanItsAsking(t *testing.T) {
	crowded(t, perSecond(10, 10), 8, func(t *testing.T, c *crowd) {
		for edit := range 500 {
			c.ask(in("noisy", strconv.Itoa(edit%7)), tenant.Class(edit%2))
			c.waitFor(20 * time.Millisecond)
			if edit%100 != 50 {
				continue
			}
			before := len(c.waitFor(0))
			revoked := in("quiet", strconv.Itoa(edit))
			c.ask(revoked, tenant.ClassRevocation)
			got := c.waitFor(500 * time.Millisecond)
			if at := slices.IndexFunc(got, func(taken token) bool { return taken.key == revoked }); at < 0 || at > before+3 {
				t.Errorf("the revocation had token %d after asking", at-before)
			}
		}
	})
}

func TestBudget_EveryTenthTokenGoesToTheOldest(t *testing.T) {
	crowded(t, perSecond(10, 10), 8, func(t *testing.T, c *crowd) {
		for _, name := range []string{"first", "second", "third"} {
			c.ask(in("team", name), tenant.ClassResync) // The first takes the one token that there is.
		}
		c.backlog("other", 40, tenant.ClassRevocation)
		got := names(c.waitFor(time.Minute))
		if slices.Index(got, "second") != 9 || slices.Index(got, "third") != 19 {
			t.Errorf("tokens went to %q", got)
		}
		if len(got) != 43 {
			t.Errorf("%d tokens, want 43", len(got))
		}
	})
}

// For an hour there are always more revocations than tokens.
func TestBudget_NobodyStarves(t *testing.T) {
	crowded(t, tenant.Limit{PerMinute: 60, Burst: 5}, 8, func(t *testing.T, c *crowd) {
		for n := range 100 {
			c.send(in(fmt.Sprint("team", n%9), fmt.Sprint("r", n)), errand{class: tenant.ClassRevocation, again: 1 << 30})
		}
		for n := range 5 {
			c.ask(in("quiet", fmt.Sprint("change", n)), tenant.ClassChange)
		}
		c.send(in("", "reader"), errand{class: tenant.ClassResync, page: true, again: 1 << 30})
		got := c.waitFor(time.Hour)
		if len(got) < 3600 {
			t.Errorf("%d tokens in an hour", len(got))
		}
		served := map[tenant.Class]int{}
		last := map[tenant.Key]time.Duration{}
		for _, taken := range got {
			served[taken.class]++
			if wait := taken.at - last[taken.key]; wait > 1100*time.Second { // Ten tokens for each that is older.
				t.Errorf("%s waited %s", taken.key, wait)
			}
			last[taken.key] = taken.at
		}
		for n := range 100 {
			key := in(fmt.Sprint("team", n%9), fmt.Sprint("r", n))
			if wait := time.Hour - last[key]; wait > 1100*time.Second {
				t.Errorf("%s has been waiting for %s", key, wait)
			}
		}
		if served[tenant.ClassChange] != 5 || served[tenant.ClassResync] < 3 {
			t.Errorf("tokens by class: %v", served)
		}
	})
}

// Nobody is woken in vain, and waiting costs nothing, however many wait.
func TestBudget_WakesOnlyWhoseTurnItIs(t *testing.T) {
	crowded(t, perSecond(10, 10), 8, func(t *testing.T, c *crowd) {
		c.backlog("team", 5000, tenant.ClassChange)
		c.waitFor(100 * time.Second)
		c.backlog("team", 5000, tenant.ClassResync) // Everybody asks again, or anew.
		got := c.waitFor(1000 * time.Second)
		if total := c.totalWakes(); total > len(got) || len(got) < 6000 {
			t.Errorf("%d wakes for %d tokens", total, len(got))
		}
	})
}
