package budget_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/budget"
)

func TestBudget_GivesTokensByClassFirst(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.ask(in("team", "taker"), budget.ClassResync)
		c.ask(in("team", "resync"), budget.ClassResync)
		c.ask(in("team", "change"), budget.ClassChange)
		c.ask(in("team", "another change"), budget.ClassChange)
		c.ask(in("team", "revocation"), budget.ClassRevocation)
		wantNames(t, c.waitFor(time.Minute), "taker", "revocation", "change", "another change", "resync")
	})
}

// A key that asks when a token is there does not get it before the waiting ones.
func TestBudget_NoKeyOvertakesByAskingInTheRightMoment(t *testing.T) {
	withCallers(t, perSecond(1, 5), 1, func(t *testing.T, c *callers) {
		c.calls = 10 * time.Second // The one slot is taken, and tokens gather.
		c.ask(in("team", "slow"), budget.ClassResync)
		c.ask(in("team", "first"), budget.ClassChange)
		c.waitFor(5 * time.Second)
		c.ask(in("team", "second"), budget.ClassChange)
		c.ask(in("team", "last"), budget.ClassResync)
		c.waitFor(6 * time.Second)
		c.ask(in("team", "revocation"), budget.ClassRevocation)
		wantNames(t, c.waitFor(time.Hour), "slow", "first", "revocation", "second", "last")
	})
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.comes = func(budget.Key) time.Duration { return 100 * time.Millisecond }
		c.ask(in("team", "taker"), budget.ClassChange)
		c.ask(in("team", "waiting"), budget.ClassChange)
		c.waitFor(time.Second + 50*time.Millisecond) // It is granted and on its way.
		c.ask(in("team", "newcomer"), budget.ClassRevocation)
		got := c.waitFor(time.Minute)
		wantNames(t, got, "taker", "waiting", "newcomer")
		if got[1].at != 1100*time.Millisecond {
			t.Errorf("the granted key had its token after %s", got[1].at)
		}
	})
}

func TestBudget_NewcomerThatIsNextTakesTheTokenAtOnce(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.waitFor(time.Hour)
		c.ask(in("team", "a"), budget.ClassResync)
		if got := c.waitFor(0); len(got) != 1 || c.totalWakes() != 0 {
			t.Errorf("%d tokens after %d wakes, want one and none", len(got), c.totalWakes())
		}
	})
}

func TestBudget_AskingAgainMovesTheKeyToTheClassItNames(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.ask(in("team", "taker"), budget.ClassResync)
		c.ask(in("team", "raised"), budget.ClassResync)
		c.ask(in("team", "lowered"), budget.ClassRevocation)
		c.ask(in("team", "a"), budget.ClassChange)
		c.ask(in("team", "b"), budget.ClassRevocation)
		c.ask(in("team", "raised"), budget.ClassRevocation)
		c.ask(in("team", "lowered"), budget.ClassChange)
		// Their age is that of their first asking.
		wantNames(t, c.waitFor(time.Minute), "taker", "raised", "b", "lowered", "a")
	})
}

func TestBudget_KeyThatAsksForALessUrgentClassThanItWasGrantedWaitsAgain(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.comes = func(budget.Key) time.Duration { return 100 * time.Millisecond }
		c.ask(in("team", "taker"), budget.ClassChange)
		c.ask(in("team", "edited"), budget.ClassRevocation)
		c.ask(in("x", "change"), budget.ClassChange)
		c.ask(in("y", "another"), budget.ClassChange)
		c.ask(in("team", "revocation"), budget.ClassRevocation)
		c.waitFor(time.Second + 50*time.Millisecond)
		c.ask(in("team", "edited"), budget.ClassChange)
		got := c.waitFor(time.Minute)
		wantNames(t, got, "taker", "revocation", "change", "another", "edited")
		if got[1].at > 1200*time.Millisecond {
			t.Errorf("the token that was given up was taken only after %s", got[1].at)
		}
	})
}

func TestBudget_NamespacesTakeTurns(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.ask(in("x", "taker"), budget.ClassChange)
		for n := range 3 {
			c.ask(in("a", fmt.Sprint("a", n)), budget.ClassChange)
		}
		c.ask(in("b", "b0"), budget.ClassChange)
		c.ask(in("b", "b1"), budget.ClassChange)
		c.ask(in("c", "c0"), budget.ClassChange)
		c.waitFor(3500 * time.Millisecond) // a0, b0, c0
		c.ask(in("d", "d0"), budget.ClassChange)
		c.ask(in("c", "c1"), budget.ClassChange) // It left and comes back.
		wantNames(t, c.waitFor(time.Hour), "taker", "a0", "b0", "c0", "a1", "b1", "c1", "d0", "a2")
	})
}

// A namespace neither gains nor loses by leaving the queue and coming back.
func TestBudget_TurnOfANamespaceOutlastsItsLeaving(t *testing.T) {
	withCallers(t, perSecond(1, 5), 8, func(t *testing.T, c *callers) {
		c.ask(in("x", "taker"), budget.ClassChange)
		c.ask(in("a", "a0"), budget.ClassChange)
		c.ask(in("b", "b0"), budget.ClassChange)
		c.ask(in("c", "c0"), budget.ClassChange)
		c.budget.Forget(in("b", "b0"))
		c.giveUp(in("b", "b0"))
		c.ask(in("b", "b1"), budget.ClassChange)
		c.waitFor(1500 * time.Millisecond)
		c.ask(in("a", "a1"), budget.ClassChange)
		wantNames(t, c.waitFor(time.Minute), "taker", "a0", "b1", "c0", "a1")
	})
}

func TestBudget_SingleOfAnotherNamespaceIsNextButOneBehindABacklog(t *testing.T) {
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.backlog("big", 5000, budget.ClassChange)
		c.waitFor(time.Minute)
		for n := range 20 {
			asked := time.Since(c.start)
			single := in("small", strconv.Itoa(n))
			c.ask(single, budget.ClassChange)
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
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		for edit := range 500 {
			c.ask(in("noisy", strconv.Itoa(edit%7)), budget.Class(edit%2))
			c.waitFor(20 * time.Millisecond)
			if edit%100 != 50 {
				continue
			}
			before := len(c.waitFor(0))
			revoked := in("quiet", strconv.Itoa(edit))
			c.ask(revoked, budget.ClassRevocation)
			got := c.waitFor(500 * time.Millisecond)
			if at := slices.IndexFunc(got, func(taken token) bool { return taken.key == revoked }); at < 0 || at > before+3 {
				t.Errorf("the revocation had token %d after asking", at-before)
			}
		}
	})
}

func TestBudget_EveryTenthTokenGoesToTheOldest(t *testing.T) {
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		for _, name := range []string{"first", "second", "third"} {
			c.ask(in("team", name), budget.ClassResync) // The first takes the one token that there is.
		}
		c.backlog("other", 40, budget.ClassRevocation)
		got := names(c.waitFor(time.Minute))
		if slices.Index(got, "second") != 9 || slices.Index(got, "third") != 19 {
			t.Errorf("tokens went to %q", got)
		}
		if len(got) != 43 {
			t.Errorf("%d tokens, want 43", len(got))
		}
	})
}

// There are more revocations than tokens for an hour.
func TestBudget_NoKeyStarves(t *testing.T) {
	withCallers(t, budget.Limit{PerMinute: 60, Burst: 5}, 8, func(t *testing.T, c *callers) {
		for n := range 100 {
			c.send(in(fmt.Sprint("team", n%9), fmt.Sprint("r", n)), errand{class: budget.ClassRevocation, again: 1 << 30})
		}
		for n := range 5 {
			c.ask(in("quiet", fmt.Sprint("change", n)), budget.ClassChange)
		}
		c.send(in("", "reader"), errand{class: budget.ClassResync, page: true, again: 1 << 30})
		got := c.waitFor(time.Hour)
		if len(got) < 3600 {
			t.Errorf("%d tokens in an hour", len(got))
		}
		served := map[budget.Class]int{}
		last := map[budget.Key]time.Duration{}
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
		if served[budget.ClassChange] != 5 || served[budget.ClassResync] < 3 {
			t.Errorf("tokens by class: %v", served)
		}
	})
}

// No key is woken in vain, however many wait.
func TestBudget_WakesOnlyGrantedKeys(t *testing.T) {
	withCallers(t, perSecond(10, 10), 8, func(t *testing.T, c *callers) {
		c.backlog("team", 5000, budget.ClassChange)
		c.waitFor(100 * time.Second)
		c.backlog("team", 5000, budget.ClassResync) // Every key asks again, or anew.
		got := c.waitFor(1000 * time.Second)
		if total := c.totalWakes(); total > len(got) || len(got) < 6000 {
			t.Errorf("%d wakes for %d tokens", total, len(got))
		}
	})
}
