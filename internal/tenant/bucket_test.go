package tenant_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/tenant"
)

// given says when each caller got its token, in this order.
type given struct {
	mu    sync.Mutex
	who   []string
	when  []time.Time
	start time.Time
}

func (g *given) note(caller string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.who, g.when = append(g.who, caller), append(g.when, time.Now())
}

// fetch takes a token as callers do: asking again when told to, late by the given time.
func (g *given) fetch(bucket *tenant.Bucket, caller string, late time.Duration) {
	for {
		wait := bucket.Take(caller)
		if wait == 0 {
			g.note(caller)
			return
		}
		time.Sleep(wait + late)
	}
}

// after is how long after the start the n-th token was given, in milliseconds.
func (g *given) after(n int) int64 {
	return g.when[n].Sub(g.start).Round(time.Millisecond).Milliseconds()
}

func inTime(t *testing.T, test func(t *testing.T, g *given)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, &given{start: time.Now()}) })
}

func TestBucket_StartsWithOneTokenAndGivesTheRestAtItsRateInTheOrderOfAsking(t *testing.T) {
	inTime(t, func(t *testing.T, g *given) {
		bucket := tenant.NewBucket(60, 5)
		callers := []string{"e", "a", "d", "b", "c", "f"}
		for _, caller := range callers {
			go g.fetch(bucket, caller, 0)
			synctest.Wait()
		}
		advance(time.Minute)
		if !slices.Equal(g.who, callers) {
			t.Errorf("got %q, want %q", g.who, callers)
		}
		for n := range callers {
			if g.after(n) != int64(n)*1000 {
				t.Errorf("token %d after %d ms", n, g.after(n))
			}
		}
	})
}

func TestBucket_HoldsItsSizeAfterAQuietTimeAndNoMore(t *testing.T) {
	inTime(t, func(t *testing.T, _ *given) {
		bucket := tenant.NewBucket(60, 5)
		advance(time.Hour)
		for n := range 5 {
			if wait := bucket.Take(strconv.Itoa(n)); wait != 0 {
				t.Fatalf("token %d only after %s", n, wait)
			}
		}
		if wait := bucket.Take("5"); wait.Round(time.Millisecond) != time.Second {
			t.Errorf("one more after %s, want 1s", wait)
		}
	})
}

func TestBucket_TellsTheSameTimeToWhoeverAsksAgain(t *testing.T) {
	inTime(t, func(t *testing.T, _ *given) {
		bucket := tenant.NewBucket(60, 1)
		bucket.Take("first")
		if a, b := bucket.Take("a"), bucket.Take("b"); a.Round(time.Millisecond) != time.Second || b.Round(time.Millisecond) != 2*time.Second {
			t.Fatalf("told %s and %s", a, b)
		}
		advance(400 * time.Millisecond)
		for range 3 {
			if b, a := bucket.Take("b"), bucket.Take("a"); a.Round(time.Millisecond) != 600*time.Millisecond || b.Round(time.Millisecond) != 1600*time.Millisecond {
				t.Fatalf("told %s and %s", a, b)
			}
		}
	})
}

func TestBucket_StopHoldsEveryoneForAMinuteAtMost(t *testing.T) {
	tests := map[string]struct{ until, want time.Duration }{
		"a time in the past is none":                   {-time.Hour, 0},
		"a few seconds":                                {7 * time.Second, 7 * time.Second},
		"a clock that is far off stops it no longer":   {24 * time.Hour, time.Minute},
		"a later stop is not shortened by a newer one": {30 * time.Second, 30 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, g *given) {
				bucket := tenant.NewBucket(plenty, 1000)
				bucket.Stop(time.Now().Add(test.until))
				bucket.Stop(time.Now().Add(min(test.until, time.Second)))
				g.fetch(bucket, "a", 0)
				if got := time.Duration(g.after(0)) * time.Millisecond; got != test.want {
					t.Errorf("the token came after %s, want %s", got, test.want)
				}
			})
		})
	}
}

func TestBucket_AfterAStopNobodyComesInGreaterNumberThanItsSize(t *testing.T) {
	inTime(t, func(t *testing.T, g *given) {
		bucket := tenant.NewBucket(60, 2)
		want := make([]string, 0, 40)
		for n := range 40 { // Half of them ask before the stop, half of them while it lasts.
			if n == 20 {
				bucket.Stop(time.Now().Add(time.Minute))
			}
			want = append(want, strconv.Itoa(n))
			go g.fetch(bucket, want[n], 0)
			synctest.Wait()
		}
		advance(time.Hour)
		slices.Sort(g.who[1:3]) // These two come at the same moment.
		if !slices.Equal(g.who, want) {
			t.Errorf("got %q", g.who)
		}
		for n := 3; n < len(want); n++ { // One before the stop, two at its end, and then one a second.
			if at := int64(60_000 + (n-2)*1000); g.after(n) != at {
				t.Errorf("token %d after %d ms, want %d", n, g.after(n), at)
			}
		}
	})
}

func TestBucket_WhoStaysAwayDoesNotHoldUpTheOthers(t *testing.T) {
	inTime(t, func(t *testing.T, g *given) {
		bucket := tenant.NewBucket(60, 1)
		bucket.Take("first")
		for n := range 10 {
			bucket.Take(fmt.Sprint("gone ", n))
		}
		go g.fetch(bucket, "a", 0)
		synctest.Wait()
		advance(15 * time.Second)
		if len(g.who) != 1 || g.after(0) > 12_000 {
			t.Fatalf("the one behind them got %v", g.when)
		}
		if wait := bucket.Take("gone 9"); wait != 0 {
			t.Errorf("the last of them waits %s although there is a token", wait)
		}
	})
}

func TestBucket_WhoIsLateKeepsItsPlaceForAMinute(t *testing.T) {
	inTime(t, func(t *testing.T, _ *given) {
		bucket := tenant.NewBucket(6, 1) // One token in ten seconds.
		bucket.Take("first")
		bucket.Take("late")
		advance(30 * time.Second)
		if wait := bucket.Take("b"); wait != 0 {
			t.Fatalf("b waits %s", wait)
		}
		bucket.Take("c")
		if wait := bucket.Take("late"); wait.Round(time.Millisecond) != 10*time.Second {
			t.Errorf("the late one is told %s, want the next token", wait)
		}
		if wait := bucket.Take("c"); wait.Round(time.Millisecond) != 20*time.Second {
			t.Errorf("c is told %s, want the token after that", wait)
		}
		advance(2 * time.Minute)
		if wait := bucket.Take("d"); wait != 0 {
			t.Fatalf("d waits %s", wait)
		}
		bucket.Take("e")
		if wait := bucket.Take("c"); wait.Round(time.Millisecond) != 20*time.Second {
			t.Errorf("one that was forgotten is told %s, want a new place", wait)
		}
	})
}

func TestBucket_AnotherLimitHoldsAtOnce(t *testing.T) {
	inTime(t, func(t *testing.T, g *given) {
		bucket := tenant.NewBucket(1, 1)
		bucket.Take("first")
		for n := range 100 {
			bucket.Take(fmt.Sprint("waits ", n))
		}
		bucket.SetLimit(60, 3)
		g.fetch(bucket, "new", 0)
		if g.after(0) > 1000 {
			t.Errorf("a newcomer waits %d ms for those who were told a late time", g.after(0))
		}
		advance(time.Minute)
		got := 0
		for bucket.Take(fmt.Sprint("burst ", got)) == 0 {
			got++
		}
		if got != 3 {
			t.Errorf("%d at once, want the new size of 3", got)
		}
		bucket.SetLimit(60, 3)
		if wait := bucket.Take("burst 3"); wait.Round(time.Millisecond) != time.Second {
			t.Errorf("the same limit again changed the wait to %s", wait)
		}
	})
}

// Whatever callers, stops and changes come: in no span of time more tokens are given than the bucket holds and its rate
// adds, and none during a stop; and everybody gets one.
func TestBucket_NeverGivesMoreThanSizeAndRate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		perMinute := rapid.SampledFrom([]int{1, 7, 50, 600}).Draw(rt, "perMinute")
		burst := rapid.IntRange(1, 8).Draw(rt, "burst")
		callers := rapid.IntRange(1, 60).Draw(rt, "callers")
		stops := rapid.SliceOfN(rapid.IntRange(0, 90), 0, 3).Draw(rt, "stops")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		var got *given
		var stopped []span
		inTime(t, func(_ *testing.T, g *given) {
			got = g
			bucket := tenant.NewBucket(perMinute, burst)
			for n := range callers {
				late := time.Duration(max(random.IntN(7000)-2000, 0)) * time.Millisecond
				go g.fetch(bucket, strconv.Itoa(n), late)
				advance(time.Duration(random.IntN(3000)) * time.Millisecond)
				if n < len(stops) {
					length := time.Duration(stops[n]) * time.Second
					bucket.Stop(time.Now().Add(length))
					stopped = append(stopped, span{time.Now(), time.Now().Add(min(length, time.Minute))})
				}
			}
			advance(48 * time.Hour)
		})
		if len(got.when) != callers {
			rt.Fatalf("%d of %d callers got a token", len(got.when), callers)
		}
		for first, from := range got.when {
			if slices.ContainsFunc(stopped, func(s span) bool { return from.After(s.from) && from.Before(s.to) }) {
				rt.Fatalf("a token was given during a stop")
			}
			for last := first; last < len(got.when); last++ {
				length := got.when[last].Sub(from)
				if most := float64(burst) + length.Minutes()*float64(perMinute) + 0.001; float64(last-first+1) > most {
					rt.Fatalf("%d tokens in %s, want %.1f at most", last-first+1, length, most)
				}
			}
		}
	})
}

type span struct{ from, to time.Time }
